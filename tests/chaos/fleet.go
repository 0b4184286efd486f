package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tidemark/tidemark/tests/process"
)

// leaveGrace is how long a sidecar may take to end in order: it gives its work 6 s, and then leaves the group.
const leaveGrace = 30 * time.Second

// listenAfter is how long after its start a sidecar may take to listen to signals: one that comes before ends it like any other process.
const listenAfter = time.Second

// fleet is the sidecars.
type fleet struct {
	binary, dir string
	kafka       string
	store       string
	journal     *journal
	members     [residents + guests]member

	mu      sync.Mutex
	version int // of the configuration
}

// member is one sidecar, which runs or does not.
type member struct {
	mu      sync.Mutex // held for as long as a start or an end takes
	process *process.Process
	began   time.Time // of the process
	// expected is closed before the process is ended by the test.
	expected chan struct{}
}

func (f *fleet) logPath(i int) string { return filepath.Join(f.dir, fmt.Sprintf("sidecar-%d.log", i)) }

// start starts sidecar i with the present version of the configuration.
func (f *fleet) start(i int) error {
	m := &f.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		return nil
	}
	log, err := os.OpenFile(f.logPath(i), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of sidecar %d: %w", i, err)
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(f.binary, "run", "--log-level", "debug", "--config", f.configurationPath(f.configured()))
	command.Stdout, command.Stderr = log, log
	started, err := process.Start(command, nil)
	if err != nil {
		return err
	}
	expected := make(chan struct{})
	m.process, m.expected, m.began = started, expected, time.Now()
	go func() {
		<-started.Done()
		select {
		case <-expected:
		default:
			f.journal.fail("sidecar %d (process %d) ended by itself: %v; the end of its log:\n%s", i, started.PID(), started.Wait(), f.tail(i))
		}
	}()
	f.journal.say("sidecar %d started, process %d", i, started.PID())
	return nil
}

// take gives the process of sidecar i to someone who ends it; nil where it does not run.
func (m *member) take() *process.Process {
	p := m.process
	if p != nil {
		close(m.expected)
	}
	m.process = nil
	return p
}

func (f *fleet) kill(i int) error {
	m := &f.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.take()
	if p == nil {
		return nil
	}
	f.journal.say("sidecar %d killed", i)
	return p.Kill()
}

// leave ends sidecar i in order. It must end in time, and with status 0.
func (f *fleet) leave(i int) error {
	m := &f.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.take()
	if p == nil {
		return nil
	}
	f.journal.say("sidecar %d is told to end", i)
	begin := time.Now()
	early := begin.Sub(m.began) < listenAfter
	if err := p.Stop(leaveGrace); err != nil {
		return err
	}
	took := time.Since(begin)
	switch err := p.Wait(); {
	case err == nil:
	case early && took < leaveGrace:
		f.journal.say("sidecar %d ended before it listened to signals: %v", i, err)
		return nil
	default:
		f.journal.fail("sidecar %d, told to end, ended after %.1f s with %v (after %s it is killed); the end of its log:\n%s", i, took.Seconds(), err, leaveGrace, f.tail(i))
		return nil
	}
	f.journal.say("sidecar %d ended after %.1f s", i, took.Seconds())
	return nil
}

func (f *fleet) freeze(i int) error {
	m := &f.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process == nil {
		return nil
	}
	f.journal.say("sidecar %d frozen", i)
	return m.process.Pause()
}

func (f *fleet) thaw(i int) error {
	m := &f.members[i]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process == nil {
		return nil
	}
	f.journal.say("sidecar %d goes on", i)
	return m.process.Resume()
}

func (f *fleet) configurationPath(version int) string {
	return filepath.Join(f.dir, fmt.Sprintf("configuration-%d.json", version))
}

// configure makes later starts use another version of the configuration.
func (f *fleet) configure(version int) error {
	if err := writeConfiguration(f.configurationPath(version), f.kafka, f.store, version); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version = version
	return nil
}

// configured is the version of the configuration that starts use.
func (f *fleet) configured() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

// close kills whatever runs.
func (f *fleet) close() {
	for i := range f.members {
		_ = f.kill(i)
	}
}

// tail gives the last lines of a sidecar's log.
func (f *fleet) tail(i int) string {
	text, err := os.ReadFile(f.logPath(i))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
