package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func step(name string, err error, needs ...string) Step {
	return Step{Name: name, Needs: needs, Run: func(_ context.Context, out io.Writer) error {
		_, _ = fmt.Fprintf(out, "output of %s", name)
		return err
	}}
}

func TestFailedStepStopsOnlyWhatNeedsIt(t *testing.T) {
	var out strings.Builder
	err := Run(t.Context(), &out,
		Lane{step("bad", errors.New("broken")), step("next", nil)},
		Lane{step("needs", nil, "bad"), step("needs more", nil, "needs"), step("other", nil)},
	)
	if !errors.Is(err, ErrFailed) {
		t.Errorf("error %v, want %v", err, ErrFailed)
	}
	for _, want := range []string{
		"output of bad\n--- bad (0s): FAILED: broken\n", "output of next\n", "output of other\n",
		"--- needs: not run, since bad did not pass\n",
		"; failed: bad 0s; not run: needs, needs more; passed: next 0s, other 0s\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "output of needs") {
		t.Errorf("a step ran whose need failed:\n%s", &out)
	}
}

func TestSummaryIsTheLastLineAndHasTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		slow := func(name string, d time.Duration) Step {
			return Step{Name: name, Run: func(context.Context, io.Writer) error { <-time.After(d); return nil }}
		}
		if err := Run(t.Context(), &out, Lane{slow("a", 61*time.Second), slow("b", 1500*time.Millisecond)}, Lane{slow("c", time.Second)}); err != nil {
			t.Fatal(err)
		}
		if want := "\nall steps passed in 1m3s; passed: a 1m1s, b 1.5s, c 1s\n"; !strings.HasSuffix(out.String(), want) {
			t.Errorf("output does not end with %q:\n%s", want, &out)
		}
	})
}

func TestStepWaitsForThoseBeforeItEvenIfTheyFail(t *testing.T) {
	var out strings.Builder
	_ = Run(t.Context(), &out, Lane{{Name: "late", After: []string{"early"}, Run: step("late", nil).Run}}, Lane{step("early", errors.New("broken"))})
	early, late := strings.Index(out.String(), "--- early"), strings.Index(out.String(), "=== late")
	if early < 0 || late < early {
		t.Errorf("the step did not wait, or did not run:\n%s", &out)
	}
}

func TestStreamedOutputComesInWholeLines(t *testing.T) {
	var out strings.Builder
	streamed := Step{Name: "s", Stream: true, Run: func(_ context.Context, w io.Writer) error {
		for _, part := range []string{"a", "b\nc", "\nend"} {
			_, _ = io.WriteString(w, part)
			if text := out.String(); !strings.HasSuffix(text, "\n") {
				t.Errorf("half a line is printed: %q", text)
			}
		}
		if !strings.Contains(out.String(), "\nab\nc\n") {
			t.Errorf("lines are kept back: %q", &out)
		}
		return nil
	}}
	if err := Run(t.Context(), &out, Lane{streamed}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\nend\n--- s") {
		t.Errorf("the last line is lost: %q", &out)
	}
}

func TestCancelledRunEndsItsProgramsAndSaysWhy(t *testing.T) {
	why := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	starting := Step{Name: "sleep", Run: func(ctx context.Context, out io.Writer) error {
		cancel(why)
		return command("sleep", "600")(ctx, out)
	}}
	var out strings.Builder
	if err := Run(ctx, &out, Lane{starting, step("next", nil)}); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
	if !strings.Contains(out.String(), "not run: next") {
		t.Errorf("steps go on after the end:\n%s", &out)
	}
}

func TestLanesThatCannotWorkAreRefused(t *testing.T) {
	for name, lanes := range map[string][]Lane{
		"same name twice": {{step("a", nil)}, {step("a", nil)}},
		"unknown need":    {{step("a", nil, "b")}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := Run(t.Context(), io.Discard, lanes...); err == nil || errors.Is(err, ErrFailed) {
				t.Errorf("error %v does not say what is wrong with the lanes", err)
			}
		})
	}
}

func TestMissingToolsAreReportedTogether(t *testing.T) {
	missing := tool{name: "no-such-tool", install: "the first"}
	old := tool{name: "go", args: []string{"version"}, oldest: 1 << 20, install: "the second"}
	err := checkTools(t.Context(), false, missing, old, tool{name: "go", args: []string{"version"}, oldest: 1},
		tool{name: "printf", args: []string{`\033[1mtool 3.8.7\033[m`}, oldest: 3})
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "the first") || !strings.Contains(lines[1], "the second") {
		t.Errorf("want one line for each tool that does not do, got:\n%v", err)
	}
}

func TestFuzzTargetsAreReadFromTheListing(t *testing.T) {
	listing := "FuzzA\nFuzzB\nok  \texample.org/one\t0.004s\n?   \texample.org/none\t[no test files]\n" +
		"ok  \texample.org/two\t0.003s\nFuzzC\nok  \texample.org/three\t0.01s\n"
	got := fmt.Sprint(fuzzTargets(listing))
	if want := "[{example.org/one FuzzA} {example.org/one FuzzB} {example.org/three FuzzC}]"; got != want {
		t.Errorf("targets %s, want %s", got, want)
	}
}
