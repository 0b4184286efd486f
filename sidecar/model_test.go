package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const (
	// modelRuns is the environment variable that sets how many seeds each test of the model takes, modelSeed the one that sets the first.
	modelRuns = "TIDEMARK_MODEL_RUNS"
	modelSeed = "TIDEMARK_MODEL_SEED"
	// foundOut is what a test of the model says of a run that is not exact.
	foundOut = "differences between what was written and what was to be"
)

// TestModelCountsEveryEventOnce lets members of a group read logs, take over from each other, fail and be forgotten at random, over a store that is slow,
// away, or loses requests and answers, with idle partitions and definitions that change. In the end the documents hold every event once.
func TestModelCountsEveryEventOnce(t *testing.T) {
	runModel(t, modelOptions{barriers: true, length: 60 * time.Second}, 200)
}

// TestModelMakesTheSameDocuments does the same without idle partitions and changes of definitions, so that the logs alone decide: in the end the documents
// are those of a run in which nothing fails.
func TestModelMakesTheSameDocuments(t *testing.T) {
	runModel(t, modelOptions{length: 40 * time.Second}, 100)
}

// runModel makes a run for each seed.
func runModel(t *testing.T, options modelOptions, runs int) {
	t.Helper()
	if testing.Short() {
		runs /= 10
	}
	runs, first := fromEnvironment(t, modelRuns, runs), fromEnvironment(t, modelSeed, 1)
	if os.Getenv(modelSeed) != "" && os.Getenv(modelRuns) == "" {
		runs = 1
	}
	modelStreams() // outside of the bubbles
	for seed := first; seed < first+runs; seed++ {
		var w *world
		var wrong []string
		synctest.Test(t, func(*testing.T) {
			w = newWorld(uint64(seed), options)
			wrong = w.run()
		})
		if os.Getenv("TRACE") != "" {
			t.Log(seed, "\n"+strings.Join(w.trace, "\n"))
		}
		if len(wrong) > 0 {
			t.Logf("what happened:\n%s", strings.Join(w.trace, "\n"))
			t.Fatalf("seed %d: %d %s (%s=%d go test -count=100 -failfast -run '^%s$' ./sidecar repeats it):\n%s",
				seed, len(wrong), foundOut, modelSeed, seed, t.Name(), strings.Join(wrong[:min(len(wrong), 8)], "\n"))
		}
	}
}

// pass lets the bubble's time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the time is a bubble's
}

func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
