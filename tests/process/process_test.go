//go:build linux

package process_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidemark/tidemark/tests/process"
)

// parentEnv makes the test binary a parent that starts a child, prints its number and waits to be killed.
const parentEnv = "TIDEMARK_TEST_PROCESS_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) == "" {
		os.Exit(m.Run())
	}
	child, err := process.Start(exec.Command("sleep", "600"), nil)
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(strconv.Itoa(child.PID()) + "\n")
	_ = child.Wait()
}

func TestChildEndsWhenItsParentIsKilled(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	await(t, "the child is gone", func() bool { return gone(child) })
}

func TestKillEndsTheWholeGroup(t *testing.T) {
	output, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
	command.Stdout = input
	p, err := process.Start(command, nil)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	grandchild, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	await(t, "the grandchild is gone", func() bool { return gone(grandchild) })
	if err := p.Kill(); err != nil {
		t.Errorf("kill an ended process: %v", err)
	}
}

func TestStopKillsWhatDoesNotListen(t *testing.T) {
	command := exec.Command("sh", "-c", "trap '' TERM; while :; do sleep 600; done")
	p, err := process.Start(command, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("the process still runs after Stop")
	}
}

func TestPausedProcessGoesOnAfterResume(t *testing.T) {
	p, err := process.Start(exec.Command("sleep", "600"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	await(t, "the process is stopped", func() bool { return state(p.PID()) == "T" })
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	await(t, "the process goes on", func() bool { return state(p.PID()) == "S" })
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestStartNamesWhatIsMissing(t *testing.T) {
	if _, err := process.Start(exec.Command("no-such-program"), nil); err == nil || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("error %v does not name the program", err)
	}
}

// gone is true also for a process that has ended and waits for its parent to notice.
func gone(pid int) bool {
	return syscall.Kill(pid, 0) != nil || state(pid) == "Z" || state(pid) == ""
}

func state(pid int) string {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	letter, _, _ := strings.Cut(rest, " ")
	return letter
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after 10 s it is not so that %s", what)
		}
	}
}
