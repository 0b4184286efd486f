package main

import (
	"context"
	"time"
)

// step is how much later each dashboard with caches is than the one before, in the time that it shows.
const step = 5 * time.Second

// dashboardAt is the range that the dashboard shows the n-th time. It begins where the windows of a minute do, or later: for what they lack, all of it would
// be shown at an hour.
func (b *bench) dashboardAt(n int) timeRange {
	now := alignUp(b.events.to, tierMiddle) + int64(n)*step.Milliseconds()
	return timeRange{from: now - b.span.Milliseconds(), to: now, interval: tierMiddle}
}

// dashboardTimes are what was measured of one dashboard: each panel, all of them one after another, and all in one request.
type dashboardTimes struct {
	panels          [4]times
	apart, together times
	cpu             cpuTimes // of all that were asked for apart
}

// asker carries out one request with the questions of a panel, or of all.
type asker func(...question) error

// askApart asks for the panels one after another. forget comes before each, outside of the time.
func (t *dashboardTimes) askApart(ask asker, forget func() error, counts bool) error {
	var sum time.Duration
	for i, q := range dashboard {
		if err := forget(); err != nil {
			return err
		}
		took, err := timed(func() error { return ask(q) })
		if err != nil {
			return err
		}
		sum += took
		if counts {
			t.panels[i] = append(t.panels[i], took)
		}
	}
	if counts {
		t.apart = append(t.apart, sum)
	}
	return nil
}

// askTogether asks for all panels at once.
func (t *dashboardTimes) askTogether(ask asker, forget func() error, counts bool) error {
	if err := forget(); err != nil {
		return err
	}
	took, err := timed(func() error { return ask(dashboard...) })
	if err == nil && counts {
		t.together = append(t.together, took)
	}
	return err
}

// methods are how a dashboard is asked for.
var methods = []func(t *dashboardTimes, ask asker, forget func() error, counts bool) error{(*dashboardTimes).askApart, (*dashboardTimes).askTogether}

// dashboardResult is the dashboard over the rollups, in their order, and over the raw documents, without caches and with them.
type dashboardResult struct {
	cold, warm       []*dashboardTimes
	rawCold, rawWarm *dashboardTimes
	searches         searchCounts // of one dashboard without caches
}

// dashboards measures the dashboard over all rollups in turn, so that what else the machine does falls on all, and then over the raw documents.
func (b *bench) dashboards(ctx context.Context) error {
	if b.raw {
		if err := b.compareAnswers(ctx); err != nil {
			return err
		}
	}
	r := &dashboardResult{rawCold: &dashboardTimes{}, rawWarm: &dashboardTimes{}}
	for range b.rollups {
		r.cold, r.warm = append(r.cold, &dashboardTimes{}), append(r.warm, &dashboardTimes{})
	}
	var err error
	if r.searches, err = b.countSearches(ctx); err != nil {
		return err
	}
	if err := b.profiled(func() error { return b.dashboardsCold(ctx, r.cold) }); err != nil {
		return err
	}
	for method := range methods {
		if err := b.dashboardsWarm(ctx, r.warm, method); err != nil {
			return err
		}
	}
	if b.raw {
		if err := b.dashboardsRaw(ctx, r.rawCold, func() error { return b.server.forget(ctx) }); err != nil {
			return err
		}
		if err := b.dashboardsRaw(ctx, r.rawWarm, keep); err != nil {
			return err
		}
	}
	b.report.addDashboards(b, r)
	return nil
}

// keep forgets nothing.
func keep() error { return nil }

// warmUp is how many repeats come before those that count, so that both programs are compiled and their files are in memory.
func warmUp(repeats int) int { return repeats/5 + 1 }

// dashboardsCold asks without any cache: each dashboard asks an instance of the data source that was just made, which has to connect and to read the catalog.
func (b *bench) dashboardsCold(ctx context.Context, all []*dashboardTimes) error {
	forget := func() error { return b.server.forget(ctx) }
	done := b.progress.count("dashboards without caches", int64((b.repeats+warmUp(b.repeats))*len(b.rollups)))
	for n := -warmUp(b.repeats); n < b.repeats; n++ {
		for i, k := range b.rollups {
			for method, askAll := range methods {
				d, err := openDatasource(ctx, b.url, k.prefix, false)
				if err != nil {
					return err
				}
				used, err := b.cpuOf(ctx, func() error { return askAll(all[i], d.asker(ctx, b.dashboardAt(max(n, 0)%12)), forget, n >= 0) })
				d.dispose()
				if err != nil {
					return err
				}
				if n >= 0 && method == 0 {
					all[i].cpu.add(used)
				}
			}
			done.add(1)
		}
	}
	done.done()
	return nil
}

// dashboardsWarm asks as in operation: one instance, all caches, the time going on, and long enough between two for the catalog to be read again.
func (b *bench) dashboardsWarm(ctx context.Context, all []*dashboardTimes, method int) error {
	var instances []*datasource
	defer func() {
		for _, d := range instances {
			d.dispose()
		}
	}()
	for _, k := range b.rollups {
		d, err := openDatasource(ctx, b.url, k.prefix, true)
		if err != nil {
			return err
		}
		instances = append(instances, d)
	}
	tick := time.NewTicker(max(b.pace, 1))
	defer tick.Stop()
	repeats := b.warmRepeats + warmUp(b.warmRepeats)
	done := b.progress.count("dashboards with caches", int64(repeats*len(b.rollups)))
	for n := range repeats {
		for i := range b.rollups {
			counts := n >= warmUp(b.warmRepeats)
			used, err := b.cpuOf(ctx, func() error { return methods[method](all[i], instances[i].asker(ctx, b.dashboardAt(n)), keep, counts) })
			if err != nil {
				return err
			}
			if counts && method == 0 {
				all[i].cpu.add(used)
			}
			done.add(1)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	done.done()
	return nil
}

// dashboardsRaw asks the raw documents, one panel after another.
func (b *bench) dashboardsRaw(ctx context.Context, all *dashboardTimes, forget func() error) error {
	repeats := b.rawRepeats + warmUp(b.rawRepeats)
	done := b.progress.count("dashboards of the raw documents", int64(repeats))
	for n := range repeats {
		ask := func(questions ...question) error {
			for _, q := range questions {
				if _, err := b.server.msearch(ctx, rawIndex, q.raw(b.dashboardAt(n))); err != nil {
					return err
				}
			}
			return nil
		}
		counts := n >= warmUp(b.rawRepeats)
		used, err := b.cpuOf(ctx, func() error { return all.askApart(ask, forget, counts) })
		if err != nil {
			return err
		}
		if counts {
			all.cpu.add(used)
		}
		done.add(1)
	}
	done.done()
	return nil
}

// countSearches counts what one dashboard without caches sends, one panel after another.
func (b *bench) countSearches(ctx context.Context) (searchCounts, error) {
	p, err := startProxy(b.url)
	if err != nil {
		return searchCounts{}, err
	}
	defer p.close()
	d, err := openDatasource(ctx, p.url, b.largest().prefix, false)
	if err != nil {
		return searchCounts{}, err
	}
	defer d.dispose()
	err = (&dashboardTimes{}).askApart(d.asker(ctx, b.dashboardAt(0)), keep, false)
	return p.counts(), err
}
