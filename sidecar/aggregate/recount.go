package aggregate

import (
	"cmp"
	"math"
	"slices"
)

// Recount counts again what of a partition's log is sealed, from the log alone and without the watermarks that decided at the time: an event's window is
// all that matters. Every event before the offset of a committed state is sealed; of those after it, the ones whose windows closed by the state's
// SealedThrough, which the state's watermark tells. What is sealed will not be written again by the partition's owner, so a recount can go on beside it.
//
// The events of one window make one document for each key, with one exception: events that came after the present definitions had taken over, for windows
// that had closed by then, stay corrections, since the ledger counts them apart from what was documented before.
//
// With dedupe an event counts once, however late it comes again, while the owner counts a repetition that comes when its window has closed: for how long a
// window was open depends on barriers too, which the log does not tell. Repetitions gives what the owner may have counted besides.
//
// It is not safe for concurrent use.
type Recount struct {
	plan     *Plan
	state    State
	chosen   []bool // nil: all rollups
	from, to int64
	maxRows  int

	watermark int64
	documents []int64
	windows   map[windowKey]*Window
	repeated  map[*Window]*Window
	rows      int
	sample    sample
}

// NewRecount counts the windows that start in [from, to), in milliseconds, of the rollups of which chosen is true; nil chooses all. Where these hold more
// than maxRows keys, the later ones are left out: see End. With maxRows 0 the events are only counted: see Documented. The state must match the plan.
func NewRecount(plan *Plan, s State, chosen []bool, from, to int64, maxRows int) *Recount {
	return &Recount{
		plan: plan, state: s, chosen: chosen, from: max(from, s.From), to: to, maxRows: maxRows, watermark: s.Watermark,
		documents: make([]int64, len(plan.Rollups)), windows: map[windowKey]*Window{}, repeated: map[*Window]*Window{},
	}
}

// Done reports whether no record from the given offset on can be sealed.
func (c *Recount) Done(position int64) bool {
	return position >= c.state.Offset && c.watermark >= c.state.SealedThrough
}

// End is the end of what is counted: the given one, or an earlier one where the keys were too many.
func (c *Recount) End() int64 { return c.to }

// Documented is how many events of the windows counted the documents of the i-th rollup hold.
func (c *Recount) Documented(i int) int64 { return c.documents[i] }

// Add counts one record. Offsets grow from call to call.
func (c *Recount) Add(r Record) {
	read := c.plan.read(r)
	if read.timed && read.kept {
		for i, compiled := range c.plan.Rollups {
			start := compiled.Definition.Window.Start(read.time)
			switch {
			case i < len(c.chosen) && !c.chosen[i], start < c.from, start >= c.to, c.earlier(compiled, r.Offset, start), !c.sealed(compiled, r.Offset, start):
				continue
			case compiled.where != nil && !compiled.where.Match(c.plan.Event):
				continue
			}
			c.documents[i]++
			if c.maxRows > 0 {
				c.count(i, compiled, r, start)
			}
		}
	}
	if read.timed && r.Offset >= c.state.Offset {
		c.watermark = max(c.watermark, read.time-c.plan.Lateness)
	}
}

// earlier reports whether the event is not this lineage's, or in documents of earlier definitions whose windows do not fit into the present ones.
func (c *Recount) earlier(r *Rollup, offset, start int64) bool {
	return offset < c.state.SinceOffset && (c.state.Since == Never || start+r.Definition.Window.Milliseconds() > c.state.Since)
}

// sealed reports whether the owner has written what holds the event.
func (c *Recount) sealed(r *Rollup, offset, start int64) bool {
	if offset < c.state.Offset {
		return true
	}
	length := r.Definition.Window.Milliseconds()
	closing := start + length
	if closing <= c.watermark {
		closing = r.Definition.Window.Start(c.watermark) + length
	}
	return closing <= c.state.SealedThrough
}

func (c *Recount) count(i int, r *Rollup, record Record, start int64) {
	key := windowKey{rollup: i, start: start, arrived: Never}
	if start+r.Definition.Window.Milliseconds() <= c.state.Since && record.Offset >= c.state.SinceOffset {
		key.arrived = r.Definition.Window.Start(c.state.Since)
	}
	w := c.windows[key]
	if w == nil {
		w = newWindow(r, key, &checkpoint{offset: c.state.SinceOffset})
		c.windows[key] = w
	}
	if c.plan.repeats(w) {
		if c.repeated[w] == nil {
			c.repeated[w] = newWindow(r, key, w.opened)
		}
		w = c.repeated[w]
	}
	before := w.Keys()
	c.sample.read(r, c.plan.Event, record)
	w.add(&c.sample)
	if c.rows += w.Keys() - before; c.rows > c.maxRows {
		c.shrink()
	}
}

// shrink leaves out the later windows until at most half of the room is taken, but never the first ones.
func (c *Recount) shrink() {
	starts := map[int64]int{}
	for key, w := range c.windows {
		starts[key.start] += w.Keys()
		if again := c.repeated[w]; again != nil {
			starts[key.start] += again.Keys()
		}
	}
	if len(starts) == 1 {
		c.maxRows = math.MaxInt
		return
	}
	order := make([]int64, 0, len(starts))
	for start := range starts {
		order = append(order, start)
	}
	slices.Sort(order)
	kept := starts[order[0]]
	end := order[1]
	for i := 1; i < len(order) && kept+starts[order[i]] <= c.maxRows/2; i++ {
		kept += starts[order[i]]
		end = order[i] + 1
	}
	for key, w := range c.windows {
		if key.start >= end {
			delete(c.repeated, w)
			delete(c.windows, key)
		}
	}
	c.rows, c.to = kept, end
}

// Windows are the windows of the i-th rollup, in the order of their starts; the corrections of one follow it. What was counted is not to be added to
// afterwards.
func (c *Recount) Windows(i int) []*Window {
	var windows []*Window
	for key, w := range c.windows {
		if key.rollup == i {
			windows = append(windows, w)
		}
	}
	slices.SortFunc(windows, func(a, b *Window) int {
		return cmp.Or(cmp.Compare(a.key.start, b.key.start), cmp.Compare(a.key.arrived, b.key.arrived))
	})
	return windows
}

// Repetitions are the events that a window counted already, under their names, and that came again; nil where there are none.
func (c *Recount) Repetitions(w *Window) *Window { return c.repeated[w] }
