package health

import (
	"context"
	"errors"
	"time"
)

// MinPeriod is the shortest time between two events of a partition.
const MinPeriod = time.Second

// Options say what Run tells.
type Options struct {
	// Sidecar is the name that events carry.
	Sidecar string
	// Period between two events of a partition, MinPeriod or more.
	Period time.Duration
	// Sample tells what was counted.
	Sample func() Sample
}

// Run hands the events of every period to produce, which then owns the slices, until ctx is done. While produce waits, periods are left out, and what was
// counted meanwhile is in the next one.
//
// It looks in the middle of each period of the clock, so that every window that is a multiple of the period long has the same number of events, however late
// a sample is taken.
func Run(ctx context.Context, opts Options, produce func(ctx context.Context, key, value []byte) error) error {
	meter := NewMeter(opts.Sidecar)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(untilNext(time.Now(), opts.Period)):
		}
		for _, e := range meter.Events(time.Now(), opts.Sample()) {
			value, err := e.encode()
			if err != nil {
				return err
			}
			if err := produce(ctx, e.key(), value); err != nil {
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

// untilNext is the time to wait until the middle of a period.
func untilNext(now time.Time, period time.Duration) time.Duration {
	return period - time.Duration((now.UnixNano()+int64(period/2))%int64(period))
}
