package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Step is one part of a run, which passes or fails by itself.
type Step struct {
	Name string
	// After names steps of other lanes that must have ended before, however they ended.
	After []string
	// Needs names steps that must have passed before: otherwise this one is not run.
	Needs []string
	// Stream prints the step's output line by line as it comes, not all of it at the end. At most one step of those that
	// run at the same time should, or nobody can tell their lines apart.
	Stream bool
	// Run does the work, and writes what a reader should see of it to out. It returns early when ctx is done.
	Run func(ctx context.Context, out io.Writer) error
}

// Lane is a list of steps that run one after the other. Lanes run side by side.
type Lane []Step

// ErrFailed says that a step failed or was not run. What failed was printed.
var ErrFailed = errors.New("not all steps passed")

type outcome struct {
	step  Step
	ended chan struct{}
	// The rest is readable once ended is closed.
	passed, ran bool
	took        time.Duration
}

type run struct {
	outcomes map[string]*outcome
	started  time.Time

	mu  sync.Mutex // held while writing to out
	out io.Writer
}

// Run runs the lanes to their ends, prints what each step wrote and, as the last line, which steps passed and how long they
// took. A step that fails does not keep others from running that do not need it. Run returns ErrFailed where any did, and
// the cause where ctx was done.
func Run(ctx context.Context, out io.Writer, lanes ...Lane) error {
	r := &run{outcomes: map[string]*outcome{}, out: out, started: time.Now()}
	for _, lane := range lanes {
		for _, step := range lane {
			if r.outcomes[step.Name] != nil {
				return fmt.Errorf("two steps are named %q", step.Name)
			}
			r.outcomes[step.Name] = &outcome{step: step, ended: make(chan struct{})}
		}
	}
	if err := r.checkNames(); err != nil {
		return err
	}
	var running sync.WaitGroup
	for _, lane := range lanes {
		running.Go(func() {
			for _, step := range lane {
				r.do(ctx, r.outcomes[step.Name])
			}
		})
	}
	running.Wait()
	passed := r.summarize(lanes)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if !passed {
		return ErrFailed
	}
	return nil
}

func (r *run) checkNames() error {
	for _, o := range r.outcomes {
		for _, name := range append(append([]string(nil), o.step.After...), o.step.Needs...) {
			if r.outcomes[name] == nil {
				return fmt.Errorf("step %q waits for %q, which there is not", o.step.Name, name)
			}
		}
	}
	return nil
}

func (r *run) do(ctx context.Context, o *outcome) {
	defer close(o.ended)
	for _, name := range o.step.After {
		<-r.outcomes[name].ended
	}
	for _, name := range o.step.Needs {
		needed := r.outcomes[name]
		<-needed.ended
		if !needed.passed {
			r.print(fmt.Sprintf("--- %s: not run, since %s did not pass\n", o.step.Name, name))
			return
		}
	}
	if ctx.Err() != nil {
		return
	}
	r.print("=== " + o.step.Name + "\n")
	o.ran = true
	output := &lines{run: r, through: o.step.Stream}
	start := time.Now()
	err := o.step.Run(ctx, output)
	o.took, o.passed = time.Since(start), err == nil
	word := "passed"
	if err != nil {
		word = "FAILED: " + err.Error()
	}
	r.print(output.rest() + fmt.Sprintf("--- %s (%s): %s\n", o.step.Name, round(o.took), word))
}

func (r *run) print(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = io.WriteString(r.out, text)
}

func (r *run) summarize(lanes []Lane) (passed bool) {
	var good, bad, unrun []string
	for _, lane := range lanes {
		for _, step := range lane {
			o := r.outcomes[step.Name]
			name := fmt.Sprintf("%s %s", step.Name, round(o.took))
			switch {
			case o.passed:
				good = append(good, name)
			case o.ran:
				bad = append(bad, name)
			default:
				unrun = append(unrun, step.Name)
			}
		}
	}
	var text strings.Builder
	passed = len(bad)+len(unrun) == 0
	if passed {
		text.WriteString("all steps passed")
	} else {
		text.WriteString("NOT ALL STEPS PASSED")
	}
	fmt.Fprintf(&text, " in %s", round(time.Since(r.started)))
	for _, list := range []struct {
		word  string
		steps []string
	}{{"failed", bad}, {"not run", unrun}, {"passed", good}} {
		if len(list.steps) > 0 {
			fmt.Fprintf(&text, "; %s: %s", list.word, strings.Join(list.steps, ", "))
		}
	}
	r.print(text.String() + "\n")
	return passed
}

func round(d time.Duration) time.Duration {
	if d > 10*time.Second {
		return d.Round(time.Second)
	}
	return d.Round(100 * time.Millisecond)
}

// lines passes whole lines through to the run's output, or keeps all for its end.
type lines struct {
	run     *run
	through bool

	mu   sync.Mutex
	kept bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept.Write(p)
	if !l.through {
		return len(p), nil
	}
	if end := bytes.LastIndexByte(l.kept.Bytes(), '\n'); end >= 0 {
		l.run.print(string(l.kept.Next(end + 1)))
	}
	return len(p), nil
}

// rest takes what was not printed, ended by a newline where there is anything.
func (l *lines) rest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.kept.String()
	l.kept.Reset()
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
