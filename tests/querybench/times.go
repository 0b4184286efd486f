package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/shirou/gopsutil/v3/process"
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

// cpuTimes are the CPU times of Elasticsearch and of this process. They are nearly the same on a machine that is busy with other things, which durations
// are not.
type cpuTimes struct{ elastic, own time.Duration }

func (c *cpuTimes) add(o cpuTimes) {
	c.elastic += o.elastic
	c.own += o.own
}

// cpuOf measures what something uses. Both clocks tick every few milliseconds, so that only sums of many are exact.
func (b *bench) cpuOf(ctx context.Context, do func() error) (cpuTimes, error) {
	before, err := b.cpuNow(ctx)
	if err != nil {
		return cpuTimes{}, err
	}
	if err := do(); err != nil {
		return cpuTimes{}, err
	}
	after, err := b.cpuNow(ctx)
	return cpuTimes{elastic: after.elastic - before.elastic, own: after.own - before.own}, err
}

func (b *bench) cpuNow(ctx context.Context) (cpuTimes, error) {
	elastic, err := b.server.cpu(ctx)
	if err != nil {
		return cpuTimes{}, err
	}
	self, err := process.NewProcessWithContext(ctx, int32(os.Getpid()))
	if err != nil {
		return cpuTimes{}, fmt.Errorf("find this process: %w", err)
	}
	own, err := cpuOfProcess(ctx, self)
	return cpuTimes{elastic: elastic, own: own}, err
}

func cpuOfProcess(ctx context.Context, p *process.Process) (time.Duration, error) {
	used, err := p.TimesWithContext(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", p.Pid, err)
	}
	return time.Duration((used.User + used.System) * float64(time.Second)), nil
}
