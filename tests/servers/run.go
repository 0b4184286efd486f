package servers

import (
	"bytes"
	"context"
	"os/exec"

	"github.com/tidemark/tidemark/tests/process"
)

// runBounded runs a tool of a server's to its end, or kills it when ctx is done, and returns what it printed.
func runBounded(ctx context.Context, command *exec.Cmd, user *process.User) ([]byte, error) {
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	running, err := process.Start(command, user)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = running.Kill() })
	defer stop()
	if err := running.Wait(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return output.Bytes(), err
	}
	return output.Bytes(), nil
}
