package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maxSkew is how much the clocks of viewers differ from the right time, both ways.
	maxSkew = 2 * time.Second
	// lag is how long after their end the windows of the finest tier are written.
	lag = 2 * time.Second
	// firstRefreshes is how many refreshes of each viewer are not counted: the first one finds no cache.
	firstRefreshes = 2
)

// watched is what was measured of viewers.
type watched struct {
	mu        sync.Mutex
	panels    times
	refreshes times
	counts    searchCounts
	over      time.Duration
}

// watchDashboard has viewers look at the dashboard in real time while windows of the largest rollup are written.
func (b *bench) watchDashboard(ctx context.Context) error {
	k := b.largest()
	live := &liveWriter{bench: b, rollup: k}
	if err := live.catchUp(ctx); err != nil {
		return err
	}
	p, err := startProxy(b.url)
	if err != nil {
		return err
	}
	defer p.close()
	d, err := openDatasource(ctx, p.url, k.prefix, true)
	if err != nil {
		return err
	}
	defer d.dispose()

	watching, stop := context.WithCancel(ctx)
	defer stop()
	group, watching := errgroup.WithContext(watching)
	group.Go(func() error { return live.run(watching) })
	w := &watched{}
	count := time.Now().Add((firstRefreshes + 1) * b.every)
	end := count.Add(b.watch)
	for range b.viewers {
		group.Go(func() error { return b.view(watching, d, w, count, end) })
	}
	group.Go(func() error {
		defer stop()
		if !pause(watching, time.Until(count)) {
			return nil
		}
		p.restart()
		b.progress.say("%d viewers look for %s", b.viewers, b.watch)
		if !pause(watching, time.Until(end)) {
			return nil
		}
		w.counts, w.over = p.counts(), b.watch
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.report.addViewers(b, w)
	return nil
}

// view is one viewer, whose clock is not quite right and who began to look at any moment.
func (b *bench) view(ctx context.Context, d *datasource, w *watched, count, end time.Time) error {
	skew := time.Duration((2*rand.Float64() - 1) * float64(maxSkew))
	if !pause(ctx, time.Duration(rand.Float64()*float64(b.every))) {
		return nil
	}
	tick := time.NewTicker(b.every)
	defer tick.Stop()
	for time.Now().Before(end) {
		now := time.Now().Add(skew).UnixMilli()
		r := timeRange{from: now - b.span.Milliseconds(), to: now, interval: tierMiddle}
		counts := time.Now().After(count)
		took, err := timed(func() error { return b.refresh(ctx, d, r, w, counts) })
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if counts {
			w.mu.Lock()
			w.refreshes = append(w.refreshes, took)
			w.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}

// refresh asks for all panels at the same time, a request each, as a browser does.
func (b *bench) refresh(ctx context.Context, d *datasource, r timeRange, w *watched, counts bool) error {
	var group errgroup.Group
	for _, q := range dashboard {
		group.Go(func() error {
			took, err := timed(func() error { return d.asker(ctx, r)(q) })
			if err == nil && counts {
				w.mu.Lock()
				w.panels = append(w.panels, took)
				w.mu.Unlock()
			}
			return err
		})
	}
	return group.Wait()
}

// pause waits, and reports whether the time passed before the context ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
