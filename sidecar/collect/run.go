package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

const (
	// MinPeriod is the shortest time between two samples.
	MinPeriod = 100 * time.Millisecond
	// MaxProcesses is the largest number of processes that a sample names.
	MaxProcesses = 100
	// maxHostLength is the length of a domain name.
	maxHostLength = 253
)

// Options say what Run collects.
type Options struct {
	// Host is the name that events carry. Default: the machine's host name.
	Host string
	// Period between two samples, MinPeriod or more.
	Period time.Duration
	// Processes is how many of the busiest processes a sample names, 0 to MaxProcesses.
	Processes int
	// Logger hears of sources that fail. Default: slog's.
	Logger *slog.Logger
}

func (o *Options) complete() error {
	if o.Period < MinPeriod {
		return fmt.Errorf("the period between two samples is %s: %s or more is allowed", o.Period, MinPeriod)
	}
	if o.Processes < 0 || o.Processes > MaxProcesses {
		return fmt.Errorf("the number of processes is %d: 0 to %d is allowed", o.Processes, MaxProcesses)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	var err error
	o.Host, err = HostName(o.Host)
	return err
}

// HostName gives the name that events carry: the configured one, or the machine's where that is empty.
func HostName(configured string) (string, error) {
	if len(configured) > maxHostLength {
		return "", fmt.Errorf("the host name is %d bytes long: up to %d are allowed", len(configured), maxHostLength)
	}
	if configured != "" {
		return strings.ToValidUTF8(configured, "\ufffd"), nil
	}
	name, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("read the machine's host name (set collect.host to name it yourself): %w", err)
	}
	return name, nil
}

// Run takes a sample every period and hands each event, keyed by the host's name, to produce, which then owns the slices. It returns nil when ctx is
// done, and the error where the options are not allowed or produce fails. Samples keep to multiples of the period from the start on; while a sample or
// produce takes longer, periods are left out and logged, not made up for.
func Run(ctx context.Context, opts Options, produce func(ctx context.Context, key, value []byte) error) error {
	if err := opts.complete(); err != nil {
		return err
	}
	return run(ctx, opts, NewSampler(opts.Host, opts.Processes, opts.Logger), produce)
}

func run(ctx context.Context, opts Options, sampler *Sampler, produce func(ctx context.Context, key, value []byte) error) error {
	clock := schedule{start: time.Now(), period: opts.Period}
	if _, err := sampler.Sample(ctx, clock.start); err != nil { // what the first rates compare with
		return withoutCancellation(ctx, err)
	}
	slow := false
	for {
		wait, missed := clock.next(time.Now())
		if missed > 0 && !slow {
			opts.Logger.Warn("sampling or sending took longer than the period; periods are left out", "period", opts.Period, "left_out", missed)
		}
		slow = missed > 0
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		events, err := sampler.Sample(ctx, time.Now())
		if err != nil {
			return withoutCancellation(ctx, err)
		}
		for i := range events {
			value, err := events[i].encode()
			if err != nil {
				return err
			}
			if err := produce(ctx, []byte(opts.Host), value); err != nil {
				return withoutCancellation(ctx, err)
			}
		}
	}
}

// withoutCancellation turns the errors that the end of ctx causes into nil.
func withoutCancellation(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// schedule holds samples to multiples of the period.
type schedule struct {
	start  time.Time
	period time.Duration
	ticks  int64
}

// next gives the time to wait until the next tick, and how many ticks have gone by unused.
func (s *schedule) next(now time.Time) (wait time.Duration, missed int64) {
	elapsed := now.Sub(s.start)
	tick := int64(elapsed/s.period) + 1
	missed = max(0, tick-s.ticks-1)
	s.ticks = tick
	return time.Duration(tick)*s.period - elapsed, missed
}
