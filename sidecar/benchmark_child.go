package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// newBenchSidecarCommand runs `tidemark run` until its input ends: so it ends with the process that started it, whatever happens to that one.
func newBenchSidecarCommand() *cobra.Command {
	var path, profile string
	c := &cobra.Command{
		Use: "sidecar", Hidden: true, Short: "Run the sidecar of a benchmark", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			stop, err := startProfile(profile)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			ctx, cancel := context.WithCancel(context.WithoutCancel(c.Context())) // Ctrl-C in a terminal reaches every process
			defer cancel()
			go func() { // until the input ends, which is when this process does
				_, _ = io.Copy(io.Discard, c.InOrStdin())
				cancel()
			}()
			if code := execute(ctx, []string{"run", "--log-format", "json", "--config", path}, c.OutOrStdout(), c.ErrOrStderr()); code != 0 {
				return fmt.Errorf("tidemark run ended with exit status %d", code)
			}
			return nil
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&profile, "profile", "", "the file for a CPU profile (default: none)")
	return c
}

// startProfile writes a CPU profile of this process to a file until stop is called. Without a name it does nothing.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write a CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("write a CPU profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

// childProcess is another process of this executable. It ends when its input does.
type childProcess struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	said   lastLines
	ended  chan struct{}
	failed error // readable once ended is closed
}

// endTimeout is how long a process may take to end in order: a sidecar finishes what it writes.
const endTimeout = 15 * time.Second

// startChild starts this executable with other arguments, and more variables. line gets each line of its output, from a goroutine that ends with the process.
func startChild(ctx context.Context, name string, variables []string, line func([]byte), arguments ...string) (*childProcess, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this executable: %w", err)
	}
	// The context's end is no reason to kill it: it has to end in order.
	command := exec.CommandContext(context.WithoutCancel(ctx), executable, arguments...) //nolint:gosec // it is this very program
	p := &childProcess{name: name, cmd: command, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), variables...)
	p.cmd.Stderr = &p.said
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			line(lines.Bytes())
		}
		p.failed = errors.Join(lines.Err(), p.cmd.Wait())
	}()
	return p, nil
}

// stop ends the process, and kills it where it takes too long. It returns why the process failed, if it did.
func (p *childProcess) stop() error {
	_ = p.in.Close() // it may have ended before
	timer := time.NewTimer(endTimeout)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end within %s", p.name, endTimeout)
	}
	return p.failure()
}

// failure is why the process ended by itself; it has ended.
func (p *childProcess) failure() error {
	if p.failed == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: it said\n%s", p.name, p.failed, p.said.String())
}

// endedEarly is the error of a process that ended while it was needed.
func (p *childProcess) endedEarly() error {
	if err := p.failure(); err != nil {
		return err
	}
	return fmt.Errorf("%s ended by itself: it said\n%s", p.name, p.said.String())
}

// peakBytes is the largest resident memory that the process had, or 0 where the system does not tell.
func (p *childProcess) peakBytes() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	var kilobytes int64
	if _, err := fmt.Sscan(after, &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}

// lastLines keeps the end of what is written to it.
type lastLines struct {
	mu   sync.Mutex
	text []byte
}

const keptText = 8 << 10

func (l *lastLines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, text...)
	if len(l.text) > 2*keptText {
		l.text = bytes.Clone(l.text[len(l.text)-keptText:])
	}
	return len(text), nil
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.text[max(0, len(l.text)-keptText):]))
}
