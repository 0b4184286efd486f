// Package process starts the programs that tests need, and makes sure that none of them outlives the test: each gets a
// process group of its own, which ends as a whole, and on Linux the kernel ends it when its parent is gone, even if that
// was killed.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// User is the account that a program runs as.
type User struct {
	UID, GID uint32
}

// Process is a started program and everything that it started itself.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // readable once done is closed
}

// Start runs cmd, as another user when user is not nil, which needs root. It takes over cmd, SysProcAttr included. The
// caller ends the process by Stop or Kill.
func Start(cmd *exec.Cmd, user *User) (*Process, error) {
	prepare(cmd, user)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The kernel's parent is a thread, not a process: the child lives only as long as the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the number of the process, and on Unix of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process and returns what exec.Cmd.Wait does.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Kill ends the process and all that it started at once, as a crash or a power cut would, and waits until it is gone. To
// kill an ended process is no error.
func (p *Process) Kill() error {
	err := signalGroup(p.cmd.Process, os.Kill)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill process %d: %w", p.PID(), err)
	}
	<-p.done
	return nil
}

// Stop asks the process to end (SIGTERM) and kills it when it has not after grace. It waits until the process is gone.
// Its exit status is not an error of Stop: see Wait.
func (p *Process) Stop(grace time.Duration) error {
	if err := signalGroup(p.cmd.Process, terminate); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(fmt.Errorf("stop process %d: %w", p.PID(), err), p.Kill())
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	return p.Kill()
}

// Pause stops the process where it is, with its connections open, until Resume. It fails where the system cannot do that.
func (p *Process) Pause() error {
	if err := pauseGroup(p.cmd.Process); err != nil {
		return fmt.Errorf("pause process %d: %w", p.PID(), err)
	}
	return nil
}

// Resume lets a paused process go on.
func (p *Process) Resume() error {
	if err := resumeGroup(p.cmd.Process); err != nil {
		return fmt.Errorf("resume process %d: %w", p.PID(), err)
	}
	return nil
}
