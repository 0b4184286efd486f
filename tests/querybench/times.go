package main

import (
	"slices"
	"time"
)

// times are measured durations of the same thing.
type times []time.Duration

// quantile is the value that a share of them does not exceed: the nearest rank.
func (t times) quantile(share float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	rank := int(share*float64(len(sorted))+0.999999) - 1
	return sorted[max(0, min(rank, len(sorted)-1))]
}

func (t times) median() time.Duration { return t.quantile(0.5) }
func (t times) p95() time.Duration    { return t.quantile(0.95) }

// timed measures one call.
func timed(do func() error) (time.Duration, error) {
	begun := time.Now()
	err := do()
	return time.Since(begun), err
}
