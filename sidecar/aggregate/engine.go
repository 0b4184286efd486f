package aggregate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Engine aggregates one partition. It is not safe for concurrent use.
type Engine struct {
	plan *Plan
	base State // as it was committed last, or as the engine began
	grid int64 // a length that every window is a multiple of

	position  int64
	watermark int64
	newest    int64 // the largest event time
	ledgers   []rollup.Ledger
	rejected  []Rejected

	open      map[windowKey]*Window
	recent    []*Window // for each rollup, the window that the last event went to
	nextClose int64
	closed    []*Window // closed, and not sealed yet, in the order of closing
	// uneven are the open windows with events that a replay could count otherwise.
	uneven  map[*Window]struct{}
	settled []*Window // such windows that are sealed, while a replay could begin before their last event
	targets []*Window // for each rollup, the window of the current record
	keys    []int     // for each rollup, how many the window held that closed last
	before  *checkpoint
	sample  sample
	serial  uint64 // of the window opened last
	live    *Live  // nil: nobody wants to know at once what is counted
}

// NewEngine begins at a committed state, or at Plan.Begin. The state must match the plan.
func NewEngine(plan *Plan, s State) *Engine {
	e := &Engine{
		plan: plan, base: s, grid: plan.Grid(), position: s.Offset, watermark: s.Watermark, newest: Never,
		open: map[windowKey]*Window{}, uneven: map[*Window]struct{}{}, recent: make([]*Window, len(plan.Rollups)), nextClose: math.MaxInt64,
		targets: make([]*Window, len(plan.Rollups)), keys: make([]int, len(plan.Rollups)), rejected: make([]Rejected, len(plan.Rollups)), ledgers: make([]rollup.Ledger, len(plan.Rollups)),
	}
	for i, rs := range s.Rollups {
		e.ledgers[i] = rs.Counted
		e.rejected[i] = rs.Rejected
	}
	return e
}

// Add counts one record of the log. Offsets grow from call to call; a record before the engine's position is passed over.
func (e *Engine) Add(r Record) Outcome {
	if r.Offset < e.position {
		return Outcome{}
	}
	e.position = r.Offset
	if e.live != nil {
		e.live.reach(r.Offset)
	}
	outcome := e.count(r)
	e.position = r.Offset + 1
	return outcome
}

// Skip moves the position past offsets that hold no event, such as markers of transactions.
func (e *Engine) Skip(next int64) { e.position = max(e.position, next) }

func (e *Engine) count(r Record) Outcome {
	read := e.plan.read(r)
	switch {
	case read.outcome.Quarantined:
		e.tally(func(l *rollup.Ledger) { l.Quarantined++ })
	case read.outcome.Bad():
		e.tally(func(l *rollup.Ledger) { l.Undecodable++ })
	case !read.kept:
		e.tally(func(l *rollup.Ledger) { l.Filtered++ })
	default:
		e.aggregate(r, read.time)
	}
	if read.timed {
		e.newest = max(e.newest, read.time)
		if e.live != nil {
			e.live.see(read.time)
		}
		e.watermark = max(e.watermark, read.time-e.plan.Lateness)
		if r.Timestamp >= 0 {
			e.base.Behind = max(0, r.Timestamp-e.watermark)
		}
	}
	return read.outcome
}

// tally counts an event that no rollup aggregates.
func (e *Engine) tally(count func(*rollup.Ledger)) {
	for i := range e.ledgers {
		e.ledgers[i].Consumed++
		count(&e.ledgers[i])
	}
}

// aggregate finds the windows of all rollups first, so that a window that the record opens keeps the ledgers as they stood before it.
func (e *Engine) aggregate(r Record, t int64) {
	e.before = nil
	for i, compiled := range e.plan.Rollups {
		e.targets[i] = nil
		ours := compiled.Definition.Window.Start(t) >= e.base.From
		if ours && (compiled.where == nil || compiled.where.Match(e.plan.Event)) {
			e.targets[i] = e.window(i, compiled, t)
		}
	}
	for i, w := range e.targets {
		ledger := &e.ledgers[i]
		ledger.Consumed++
		if w == nil {
			ledger.Filtered++
			continue
		}
		overflowed, repeated := false, false
		if !w.replayed {
			w.last = r.Offset
			if repeated = e.plan.repeats(w); repeated {
				w.irregular.repeated++
			} else {
				var row int
				e.sample.read(w.rollup, e.plan.Event, r)
				row, overflowed = w.add(&e.sample)
				if e.live != nil && e.live.wants(r.Offset, t) {
					e.live.add(w, row, &e.sample, t)
				}
			}
			if w.irregular != (irregular{}) {
				e.uneven[w] = struct{}{}
			}
		} else if e.live != nil && e.live.wants(r.Offset, t) {
			e.sample.read(w.rollup, e.plan.Event, r)
			e.live.addByKey(w.key.rollup, &e.sample, t)
		}
		switch {
		case repeated:
			ledger.Filtered++
		case w.key.arrived != Never:
			ledger.Late++
		case overflowed:
			ledger.Overflowed++
		default:
			ledger.OnTime++
		}
	}
}

// window finds or opens the window of rollup i that an event at time t belongs to.
func (e *Engine) window(i int, r *Rollup, t int64) *Window {
	length := r.Definition.Window
	key := windowKey{rollup: i, start: length.Start(t), arrived: Never}
	if key.start+length.Milliseconds() <= e.watermark {
		key.arrived = length.Start(e.watermark)
	}
	if w := e.recent[i]; w != nil && w.key == key {
		return w
	}
	w, known := e.open[key]
	if !known {
		w = newWindow(r, key, e.checkpoint())
		e.serial++
		w.serial = e.serial
		w.replayed = w.closing <= e.base.SealedThrough
		if key.arrived == Never && !w.replayed {
			w.full = newTable(r, e.keys[i])
		}
		e.open[key] = w
		e.nextClose = min(e.nextClose, w.closing)
	}
	e.recent[i] = w
	return w
}

// checkpoint is the state before the current record, shared by the windows that it opens.
func (e *Engine) checkpoint() *checkpoint {
	if e.before == nil {
		e.before = &checkpoint{offset: e.position, watermark: e.watermark, ledgers: slices.Clone(e.ledgers)}
		for w := range e.uneven {
			if e.before.irregular == nil {
				e.before.irregular = map[*Window]irregular{}
			}
			e.before.irregular[w] = w.irregular
		}
	}
	return e.before
}

// Close closes the windows that the watermark has passed and returns those whose documents are to be written, in the order of closing. What a committed
// state says is sealed is rebuilt by a replay and not returned. The caller acknowledges each window that it got.
func (e *Engine) Close() []*Window { return e.closeThrough(e.watermark) }

// Seal closes every open window, whatever the watermark, as a barrier does. It returns the windows to write, and the watermark to raise the engine to
// once they are acknowledged: at least the end of the latest window closed, and at least the given one.
func (e *Engine) Seal(atLeast int64) (windows []*Window, watermark int64) {
	watermark = max(e.watermark, atLeast)
	for _, w := range e.open {
		watermark = max(watermark, w.closing)
	}
	return e.closeThrough(watermark), watermark
}

func (e *Engine) closeThrough(watermark int64) []*Window {
	if watermark < e.nextClose {
		return nil
	}
	var closing []*Window
	e.nextClose = math.MaxInt64
	for key, w := range e.open {
		if w.closing > watermark {
			e.nextClose = min(e.nextClose, w.closing)
			continue
		}
		delete(e.open, key)
		delete(e.uneven, w)
		if e.recent[key.rollup] == w {
			e.recent[key.rollup] = nil
		}
		if w.replayed {
			continue
		}
		closing = append(closing, w)
		if key.arrived == Never {
			e.keys[key.rollup] = w.Keys()
		}
	}
	slices.SortFunc(closing, func(a, b *Window) int {
		return cmp.Or(cmp.Compare(a.closing, b.closing), cmp.Compare(a.opened.offset, b.opened.offset), cmp.Compare(a.key.rollup, b.key.rollup))
	})
	e.closed = append(e.closed, closing...)
	slices.SortStableFunc(e.closed, func(a, b *Window) int { return cmp.Compare(a.closing, b.closing) })
	return closing
}

// Acknowledge says that every document of the window is written, but for those that can never be accepted: of the full grouping's documents, rejected
// counts the events in those with dimensions and overflow the events in the one without.
func (e *Engine) Acknowledge(w *Window, rejected, overflow int64) {
	w.acknowledged = true
	if w.key.arrived != Never {
		w.rejected = Rejected{Late: rejected + overflow}
	} else {
		w.rejected = Rejected{OnTime: rejected, Overflowed: overflow}
	}
	e.settle()
}

// settle forgets the closed windows that are sealed.
func (e *Engine) settle() {
	sealed := e.sealedThrough(e.watermark)
	e.closed = slices.DeleteFunc(e.closed, func(w *Window) bool {
		if w.closing > sealed {
			return false
		}
		e.rejected[w.key.rollup].add(w.rejected)
		if w.irregular != (irregular{}) {
			e.settled = append(e.settled, w.forget())
		}
		return true
	})
	e.base.SealedThrough = sealed
}

// sealedThrough is the latest end such that everything closing by then is acknowledged, under the given watermark.
func (e *Engine) sealedThrough(watermark int64) int64 {
	sealed := min(watermark, e.nextClose-1) // the watermark may have passed windows that Close has not been asked for yet
	for _, w := range e.closed {
		if !w.acknowledged {
			sealed = min(sealed, w.closing-1)
			break // closed is in the order of closing
		}
	}
	if sealed != Never && e.grid > 0 {
		sealed -= ((sealed % e.grid) + e.grid) % e.grid
	}
	return max(e.base.SealedThrough, sealed)
}

// State is what can be committed at this moment.
func (e *Engine) State() State { return e.state(e.watermark) }

// Raised is the state to commit at the end of a barrier, when every window that Seal returned is acknowledged. The engine changes only by Raise, after
// the commit has succeeded.
func (e *Engine) Raised(watermark int64) State {
	s := e.state(watermark)
	if s.Offset == e.position {
		s.Watermark = watermark
	}
	return s
}

func (e *Engine) state(watermark int64) State {
	s := e.base
	s.Released = false // it says something of the owner before
	s.End = max(s.End, e.position)
	s.SealedThrough = e.sealedThrough(watermark)
	rejected := slices.Clone(e.rejected)
	sealed := e.settled
	first := &checkpoint{offset: e.position, watermark: e.watermark, ledgers: e.ledgers} // nothing that is sealed has events from there on
	for _, w := range e.open {
		first = first.earlier(w.opened)
	}
	for _, w := range e.closed {
		if w.closing <= s.SealedThrough {
			rejected[w.key.rollup].add(w.rejected)
			sealed = append(sealed[:len(sealed):len(sealed)], w)
		} else {
			first = first.earlier(w.opened)
		}
	}
	s.Offset, s.Watermark = first.offset, first.watermark
	s.Rollups = make([]RollupState, len(e.plan.Rollups))
	for i, r := range e.plan.Rollups {
		s.Rollups[i] = RollupState{Definition: r.Hash, Counted: first.ledgers[i], Rejected: rejected[i], Before: e.base.Rollups[i].Before}
	}
	for _, w := range sealed {
		if w.last >= s.Offset {
			// A replay does not know all the keys and events that the window had.
			w.irregular.minus(first.irregular[w]).correct(&s.Rollups[w.key.rollup].Counted, w.key.arrived != Never)
		}
	}
	e.settled = slices.DeleteFunc(e.settled, func(w *Window) bool { return w.last < s.Offset })
	return s
}

// Raise ends a barrier.
func (e *Engine) Raise(watermark int64) {
	e.watermark = max(e.watermark, watermark)
	e.settle()
}

// Newest is the largest event time since the engine was made, or Never.
func (e *Engine) Newest() int64 { return e.newest }

// SealedThrough is the latest end such that everything closing by then is acknowledged, or Never.
func (e *Engine) SealedThrough() int64 { return e.sealedThrough(e.watermark) }

// Behind is how far, in milliseconds, the watermark was behind the timestamp of the newest record; negative where no record told.
func (e *Engine) Behind() int64 { return e.base.Behind }

// Rollups is how many rollups the engine keeps.
func (e *Engine) Rollups() int { return len(e.ledgers) }

// Position is the next offset to read.
func (e *Engine) Position() int64 { return e.position }

// Watermark is the partition's watermark, or Never.
func (e *Engine) Watermark() int64 { return e.watermark }

// Idle reports whether nothing is open and nothing waits for an acknowledgement.
func (e *Engine) Idle() bool { return len(e.open) == 0 && len(e.closed) == 0 }

// OpenWindows counts the open windows and the keys in them.
func (e *Engine) OpenWindows() (windows, keys int) {
	for _, w := range e.open {
		keys += w.Keys()
	}
	return len(e.open), keys
}

// LateKeys counts the keys that open corrections hold.
func (e *Engine) LateKeys() int {
	keys := 0
	for key, w := range e.open {
		if key.arrived != Never {
			keys += w.Keys()
		}
	}
	return keys
}

// Ledger is the ledger of the i-th rollup at the engine's position.
func (e *Engine) Ledger(i int) rollup.Ledger {
	return RollupState{Counted: e.ledgers[i], Rejected: e.rejected[i]}.Ledger()
}
