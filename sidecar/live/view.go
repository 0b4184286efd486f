package live

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
)

const (
	// tellDelay is how long after its end a bucket is told: what was counted at its end is on its way.
	tellDelay = 400 * time.Millisecond
	// lookEvery is how often a view takes what came, and correctEvery how often it tells changes of buckets that were told, apart from when new ones end.
	lookEvery    = 200 * time.Millisecond
	correctEvery = 800 * time.Millisecond
	// heartbeatEvery is how long nothing is told at most.
	heartbeatEvery = 5 * time.Second
)

// view is one query's rows of the last minutes, for all who subscribed to it.
type view struct {
	hub    *Hub
	query  Query
	stream string
	shape  wire.Shape
	inbox  inbox
	stop   context.CancelFunc
	built  chan struct{} // closed when the view is made, or will not be

	mu       sync.Mutex
	table    *table
	selector *selector
	outlets  map[Encoding]*outlet
	// floor is the first time (ms) from when on the table has everything that it was given.
	floor         int64
	rows, bytes   int64 // of the table, as the hub counts them
	from, through int64 // as told last
	missing       []string
	toldAt        time.Time
	correctedAt   time.Time
	waiting       bool   // for correctEvery to pass
	ended         string // why the view ended

	// Under the hub's lock: how many subscribers it is kept for, and when the last left.
	subscribed int
	emptyAt    time.Time
}

// run makes the view and keeps it until the context ends, or nobody has subscribed to it for a while.
func (v *view) run(ctx context.Context) {
	defer v.inbox.close()
	defer v.end("nobody reads it")
	v.build(ctx)
	for {
		now := v.hub.opts.Now()
		timer := time.NewTimer(now.Truncate(lookEvery).Add(lookEvery).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			v.tick(v.hub.opts.Now())
			if v.hub.expire(v, v.hub.opts.Now()) {
				return
			}
		}
	}
}

// build makes the view of what the log holds. Few are made at a time, since that takes a while.
func (v *view) build(ctx context.Context) {
	defer close(v.built)
	select {
	case v.hub.building <- struct{}{}:
		defer func() { <-v.hub.building }()
	case <-ctx.Done():
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.rebuild(v.hub.opts.Now())
}

func (v *view) rebuild(now time.Time) {
	v.table, v.selector = newTable(&v.shape, v.hub.opts.MaxKeys), newSelector(&v.query, &v.shape)
	v.floor, v.from = math.MinInt64, math.MinInt64
	v.inbox.read(v.hub.opts.Log)
	batches, _ := v.inbox.take()
	v.apply(batches, now)
	v.advance(now)
	v.table.changes(v.from, v.through) // all of it is told by a snapshot
	v.toldAt = now
}

// tick takes what came and tells what changed.
func (v *view) tick(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.table == nil || v.ended != "" {
		return
	}
	batches, rewritten := v.inbox.take()
	if rewritten {
		v.rebuild(now)
		v.tellSnapshot()
		return
	}
	silent := now.Sub(v.toldAt) >= heartbeatEvery
	if len(batches) == 0 && !silent && !v.waiting && v.through == v.lastEnd(now) {
		return
	}
	v.apply(batches, now)
	from, through, missing := v.from, v.through, v.missing
	v.advance(now)
	moved := v.through != through || v.from > from && v.from > ceiling(v.oldest(now), v.query.Interval) || !slices.Equal(missing, v.missing)
	if v.waiting = !moved && !silent && now.Sub(v.correctedAt) < correctEvery; v.waiting {
		return
	}
	rows, buckets, cut := v.table.changes(v.from, v.through)
	b := wire.Batch{Note: v.note(wire.Update, now), Rows: rows}
	b.Cut = cut
	if !moved && len(buckets) == 0 {
		if !silent {
			return
		}
		b.Kind = wire.Heartbeat
	}
	v.tell(b)
	v.toldAt = now
	if !moved {
		v.correctedAt = now
	}
	for _, start := range buckets {
		v.hub.metrics.delay.Observe(float64(now.UnixMilli()-start-v.query.Interval) / 1000)
	}
}

func (v *view) note(kind wire.Kind, now time.Time) wire.Note {
	return wire.Note{Kind: kind, Sent: now.UnixMilli(), From: v.from, Through: v.through, Missing: v.missing}
}

// lastEnd is the end of the last bucket to tell of.
func (v *view) lastEnd(now time.Time) int64 {
	return floor(now.Add(-tellDelay).UnixMilli(), v.query.Interval)
}

func (v *view) oldest(now time.Time) int64 { return now.Add(-v.hub.opts.History).UnixMilli() }

// advance moves the ends of what is told: on one side to what is complete and kept, on the other to the buckets that ended.
func (v *view) advance(now time.Time) {
	interval := v.query.Interval
	v.through = v.lastEnd(now)
	complete := max(v.hub.opts.Log.CompleteFrom(v.stream), v.oldest(now), v.floor)
	v.from = max(v.from, ceiling(complete, interval)) // what was dropped does not come back
	v.missing = v.hub.missing(v.stream, now)
	for start := range v.table.buckets {
		if start < v.from {
			v.table.remove(start)
		}
	}
	v.limit()
}

// account tells the hub how much there is.
func (v *view) account(rows, bytes int64) {
	v.hub.rows.Add(rows - v.rows)
	v.hub.bytes.Add(bytes - v.bytes)
	v.rows, v.bytes = rows, bytes
}

// limit drops the oldest buckets while all views together take too much memory and this one more than its share.
func (v *view) limit() {
	v.account(int64(v.table.rows), v.table.bytes)
	most := v.hub.opts.MaxBytes
	if v.hub.bytes.Load() <= most {
		return
	}
	share := most / max(1, v.hub.viewCount.Load())
	for _, start := range v.table.starts(math.MinInt64, math.MaxInt64) {
		if v.table.bytes <= share || v.hub.bytes.Load() <= most {
			break
		}
		v.table.remove(start)
		v.account(int64(v.table.rows), v.table.bytes)
		v.floor = max(v.floor, start+v.query.Interval)
		v.from = max(v.from, v.floor)
	}
}

// apply adds the rows of batches.
func (v *view) apply(batches []*Batch, now time.Time) {
	oldest, latest := floor(v.oldest(now), v.query.Interval), now.Add(v.hub.opts.History).UnixMilli()
	kept := func(start int64) bool { return start >= oldest && start >= v.from && start < latest }
	cut := func(start, events int64) {
		if kept(start) && events > 0 {
			v.hub.metrics.cut.Add(float64(events))
			b := v.table.bucket(start)
			b.cut += events
			b.cutTold = false
		}
	}
	for _, b := range batches {
		if b.Stream != v.stream {
			continue
		}
		for i := range b.Parts {
			part := &b.Parts[i]
			if part.Rollup != v.query.Rollup {
				continue
			}
			if b.Newest != math.MinInt64 {
				cut(floor(b.Newest, v.query.Interval), part.Cut)
			}
			err := v.selector.read(part.Rows, func(r *wire.Row) {
				if kept(r.Start) && !v.table.add(r) {
					v.hub.metrics.cut.Add(float64(r.Count))
				}
			}, cut)
			if err != nil { // what it told is missing
				v.hub.unreadable(b, part.Rollup, err)
				v.floor = max(v.floor, after(b.Newest))
			}
		}
	}
}
