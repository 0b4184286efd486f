package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asCommand makes the test's binary be the command, so that a test can have it as a process of its own, and kill it.
const asCommand = "TIDEMARK_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// process is a sidecar in a process of its own.
type process struct {
	command *exec.Cmd
	log     *syncBuffer
}

func (b *bench) spawn(configuration string) *process {
	b.t.Helper()
	executable, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	p := &process{command: exec.CommandContext(b.t.Context(), executable, "run", "--log-level", "debug", "--config", configuration), log: &syncBuffer{}}
	p.command.Env = append(os.Environ(), asCommand+"=1")
	p.command.Stdout, p.command.Stderr = p.log, p.log
	if err := p.command.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		p.kill()
		if b.t.Failed() {
			b.t.Logf("log of process %d:\n%s", p.command.Process.Pid, tail(p.log.String()))
		}
	})
	return p
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// awaitLog waits until the process has logged a text so often.
func (p *process) awaitLog(t *testing.T, text string, times int) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); strings.Count(p.log.String(), text) < times; <-ticker.C {
		if time.Now().After(limit) {
			t.Fatalf("%q was not logged %d times", text, times)
		}
	}
}

// TestKilledSidecarsCountEveryEventOnce kills processes while windows are being written, lets others take over, and stops one for longer than the group
// waits, so that it goes on when its partitions are another's.
func TestKilledSidecarsCountEveryEventOnce(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure("max_keys", "max_keys", "groupings: [[host], []]", "groupings: [[host], []]\n        max_keys: 11")
		rnd := rand.New(rand.NewPCG(11, 5))
		for round := range int64(3) {
			b.produce(round*60, 2_000)
			p := b.spawn(configuration)
			p.awaitLog(t, "window closed", 3+rnd.IntN(20))
			p.kill()
		}
		stopped := b.spawn(configuration)
		stopped.awaitLog(t, "window closed", 5)
		if err := stopped.command.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		b.produce(180, 1_000)
		run := b.start(configuration) // gets the partitions when the session of the one that is stopped has ended
		var got int64
		run.eventually(func() bool {
			got = total(b.documents("total"))
			return got == total(b.truth)
		}, func() string { return fmt.Sprintf("documents hold %d events, %d were produced", got, total(b.truth)) })
		if err := stopped.command.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		b.produce(240, 1_000)
		b.awaitWithOverflow(run)
		run.end()
	})
}

func TestSuccessorOfAKilledSidecarSaysThatItWaitsForTheGroup(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.produce(0, 600)
		killed := b.spawn(configuration)
		killed.awaitLog(t, "offset committed", testPartitions)
		killed.kill()
		run := b.start(configuration)
		code, body := 0, ""
		run.eventually(func() bool {
			code, body = run.get("/readyz")
			return code == http.StatusServiceUnavailable && strings.Contains(body, "to divide its partitions, since 20")
		}, func() string { return fmt.Sprintf("readyz %d: %s", code, body) })
		run.eventually(func() bool {
			code, body = run.get("/readyz")
			return code == http.StatusOK
		}, func() string { return fmt.Sprintf("readyz %d: %s", code, body) })
		b.await(run)
		run.end()
	})
}

// awaitWithOverflow waits until every grouping holds all events, for a rollup with more keys than it keeps.
func (b *bench) awaitWithOverflow(run *running) {
	b.t.Helper()
	var sums [3]int64
	run.eventually(func() bool {
		for i, grouping := range []string{"host,path", "host", "total"} {
			sums[i] = total(b.documents(grouping))
		}
		n := total(b.truth)
		return sums == [3]int64{n, n, n}
	}, func() string {
		return fmt.Sprintf("the groupings hold %v events, %d were produced", sums, total(b.truth))
	})
}
