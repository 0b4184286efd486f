package process

import (
	"errors"
	"os"
	"os/exec"
)

// Windows has no signal that asks a process to end.
var terminate = os.Kill

func prepare(*exec.Cmd, *User) {}

func signalGroup(p *os.Process, sig os.Signal) error { return p.Signal(sig) }

func pauseGroup(*os.Process) error  { return errors.ErrUnsupported }
func resumeGroup(*os.Process) error { return errors.ErrUnsupported }
