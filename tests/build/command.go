package build

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/tidemark/tidemark/tests/process"
)

// command returns a step's work: it runs a program, and ends it with all that it started when ctx is done.
func command(name string, args ...string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, out io.Writer) error { return execute(ctx, out, nil, name, args...) }
}

// execute runs a program with additions to the environment ("NAME=value") and its output to out.
func execute(ctx context.Context, out io.Writer, environment []string, name string, args ...string) error {
	return executeIn(ctx, out, "", environment, name, args...)
}

// executeIn runs a program as execute does, in a folder.
func executeIn(ctx context.Context, out io.Writer, dir string, environment []string, name string, args ...string) error {
	program := exec.Command(name, args...)
	program.Dir = dir
	program.Stdout, program.Stderr = out, out
	program.Env = append(os.Environ(), environment...)
	running, err := process.Start(program, nil)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = running.Kill() })
	defer stop()
	if err := running.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return nil
}
