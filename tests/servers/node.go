package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidemark/tidemark/tests/process"
)

const (
	// startTimeout bounds a server's start, on a machine that does much else at the time.
	startTimeout = 5 * time.Minute
	// stopGrace is how long a server may take to stop in good order.
	stopGrace = 15 * time.Second
	// probeEvery is how often a starting server is asked whether it is ready.
	probeEvery = 100 * time.Millisecond
	// tailBytes is how much of a log is shown when a server does not come up.
	tailBytes = 6000
)

// node is one server with its files. Its methods may be called from several goroutines.
type node struct {
	name    string // for people: "Kafka"
	dir     string
	user    *process.User
	command func() *exec.Cmd
	ready   func(ctx context.Context) error

	mu      sync.Mutex
	process *process.Process // nil while the server is not running
}

// newDir makes the folder of a node's files.
func newDir(name string) (string, error) {
	dir, err := os.MkdirTemp("", "tidemark-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for %s: %w", name, err)
	}
	return dir, nil
}

func (n *node) logPath() string { return filepath.Join(n.dir, "output.log") }

// start runs the server and waits until it answers.
func (n *node) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.logPath(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", n.name, err)
	}
	defer func() { _ = log.Close() }()
	command := n.command()
	command.Stdout, command.Stderr = log, log
	n.process, err = process.Start(command, n.user)
	if err != nil {
		return err
	}
	if err := n.await(ctx); err != nil {
		err = fmt.Errorf("%s did not come up: %w; the end of its log %s:\n%s", n.name, err, n.logPath(), n.LogTail())
		return errors.Join(err, n.end((*process.Process).Kill))
	}
	return nil
}

func (n *node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %v", startTimeout))
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	var last error
	for {
		if last = n.ready(ctx); last == nil {
			return nil
		}
		select {
		case <-n.process.Done():
			return fmt.Errorf("it ended: %w", n.process.Wait())
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case <-tick.C:
		}
	}
}

func (n *node) end(how func(*process.Process) error) error {
	if n.process == nil {
		return nil
	}
	err := how(n.process)
	n.process = nil
	if err != nil {
		return fmt.Errorf("end %s: %w", n.name, err)
	}
	return nil
}

// Stop ends the server in good order, or by force when it takes longer than 15 s, and keeps its files for Restart. It does
// nothing where the server is not running.
func (n *node) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.end(func(p *process.Process) error { return p.Stop(stopGrace) })
}

// Kill ends the server at once, as a crash would, and keeps its files for Restart. It does nothing where the server is not
// running.
func (n *node) Kill() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.end((*process.Process).Kill)
}

// Restart starts the server again at the same address with the files that it had, after stopping it if it still runs, and
// waits until it answers.
func (n *node) Restart(ctx context.Context) error {
	if err := n.Stop(); err != nil {
		return err
	}
	return n.start(ctx)
}

// Pause freezes the server, with its connections open, until Resume: what a client sees of a long garbage collection.
func (n *node) Pause() error { return n.running((*process.Process).Pause) }

// Resume lets a paused server go on.
func (n *node) Resume() error { return n.running((*process.Process).Resume) }

func (n *node) running(do func(*process.Process) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return fmt.Errorf("%s is not running", n.name)
	}
	return do(n.process)
}

// Close kills the server and removes its files.
func (n *node) Close() error { return errors.Join(n.Kill(), os.RemoveAll(n.dir)) }

// Log returns the path of the file that holds what the server printed, over all its starts. Close removes it.
func (n *node) Log() string { return n.logPath() }

// LogTail returns the last lines of the server's log, a few kilobytes at most.
func (n *node) LogTail() string {
	file, err := os.Open(n.logPath())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil && info.Size() > tailBytes {
		_, _ = file.Seek(-tailBytes, io.SeekEnd)
	}
	tail, err := io.ReadAll(io.LimitReader(file, tailBytes))
	if err != nil {
		return err.Error()
	}
	if _, whole, ok := bytes.Cut(tail, []byte("\n")); ok && len(tail) == tailBytes {
		tail = whole
	}
	return string(tail)
}
