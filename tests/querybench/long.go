package main

import "context"

// longRanges measures a long range of the largest rollup, each question without caches and with them.
func (b *bench) longRanges(ctx context.Context) error {
	k := b.largest()
	cold, warm := make([]times, len(longRange)), make([]times, len(longRange))
	done := b.progress.count("long ranges", 0)
	cached, err := openDatasource(ctx, b.url, k.prefix, true)
	if err != nil {
		return err
	}
	defer cached.dispose()
	for n := -warmUp(b.repeats); n < b.repeats; n++ {
		for i, q := range longRange {
			if err := b.server.forget(ctx); err != nil {
				return err
			}
			d, err := openDatasource(ctx, b.url, k.prefix, false)
			if err != nil {
				return err
			}
			took, err := timed(func() error { return d.asker(ctx, b.longRangeAt(max(n, 0)))(q) })
			d.dispose()
			if err != nil {
				return err
			}
			if n >= 0 {
				cold[i] = append(cold[i], took)
			}
		}
		done.add(1)
	}
	// Those with caches come after those without: nothing that these clear is what they measure.
	repeats := b.warmRepeats + warmUp(b.warmRepeats)
	for n := range repeats {
		for i, q := range longRange {
			took, err := timed(func() error { return cached.asker(ctx, b.longRangeAt(n))(q) })
			if err != nil {
				return err
			}
			if n >= warmUp(b.warmRepeats) {
				warm[i] = append(warm[i], took)
			}
		}
		done.add(1)
	}
	done.done()
	b.report.addLong(b, cold, warm)
	return nil
}

// longRangeAt is the range that is shown the n-th time.
func (b *bench) longRangeAt(n int) timeRange {
	now := alignUp(b.events.to, tierCoarse) + int64(n)*step.Milliseconds()
	return timeRange{from: now - b.long.Milliseconds(), to: now, interval: tierCoarse}
}
