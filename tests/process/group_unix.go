//go:build unix

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

var terminate os.Signal = syscall.SIGTERM

func prepare(cmd *exec.Cmd, user *User) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if user != nil {
		attr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	endWithParent(attr)
	cmd.SysProcAttr = attr
}

func signalGroup(p *os.Process, sig os.Signal) error {
	number, ok := sig.(syscall.Signal)
	if !ok {
		return errors.ErrUnsupported
	}
	err := syscall.Kill(-p.Pid, number)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func pauseGroup(p *os.Process) error  { return signalGroup(p, syscall.SIGSTOP) }
func resumeGroup(p *os.Process) error { return signalGroup(p, syscall.SIGCONT) }
