package aggregate

import (
	"hash/maphash"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// windowKey says which open window an event belongs to.
type windowKey struct {
	rollup  int
	start   int64
	arrived int64 // the window that holds the watermark, for corrections; Never for events on time
}

// checkpoint is what a replay that begins at an offset needs: the state just before the event there.
type checkpoint struct {
	offset    int64
	watermark int64
	ledgers   []rollup.Ledger
	// irregular is what each open window had of it; a window that is not named had none.
	irregular map[*Window]irregular
}

func (c *checkpoint) earlier(o *checkpoint) *checkpoint {
	if o.offset < c.offset {
		return o
	}
	return c
}

// Window is one window of one rollup, or a group of corrections for one, with everything that the partition contributed to it.
type Window struct {
	rollup  *Rollup
	key     windowKey
	opened  *checkpoint
	closing int64  // the watermark that closes it
	serial  uint64 // among the windows of the engine, from 1 on
	// replayed is a window that the committed state says is sealed. Its documents are written, perhaps from events before the state's offset too: what
	// comes again is only counted in the ledger.
	replayed bool
	last     int64 // the largest offset counted
	// irregular is what a replay that passes over the window would count otherwise.
	irregular irregular
	seen      map[name]struct{} // of the events that are told from their repetitions

	full table
	// overflow are the events that had no room in full, for each of the smaller groupings.
	overflow []table

	acknowledged bool
	rejected     Rejected
}

func newWindow(r *Rollup, key windowKey, opened *checkpoint) *Window {
	w := &Window{rollup: r, key: key, opened: opened}
	length := r.Definition.Window.Milliseconds()
	w.closing = key.start + length
	if key.arrived != Never {
		w.closing = key.arrived + length
	}
	return w
}

// irregular counts the events of a window that a replay counts as on time, or as late in a correction, where it does not see all of the window.
type irregular struct {
	overflowed int64 // events on time that went to the overflow key
	repeated   int64 // repetitions of events that were counted
}

func (i irregular) minus(o irregular) irregular {
	return irregular{i.overflowed - o.overflowed, i.repeated - o.repeated}
}

// correct moves the events to where they were counted first.
func (i irregular) correct(l *rollup.Ledger, late bool) {
	plain := &l.OnTime
	if late {
		plain = &l.Late
	}
	*plain -= i.overflowed + i.repeated
	l.Overflowed += i.overflowed
	l.Filtered += i.repeated
}

// name stands for the value that names an event.
type name [2]uint64

var nameSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// maxSeen bounds the names that a window remembers. Repetitions of events after so many are counted.
const maxSeen = 1 << 22

// repeats reports whether the window has counted an event of the same name, and remembers it.
func (w *Window) repeats(v []byte) bool {
	n := name{maphash.Bytes(nameSeeds[0], v), maphash.Bytes(nameSeeds[1], v)}
	if _, known := w.seen[n]; known {
		return true
	}
	if w.seen == nil {
		w.seen = map[name]struct{}{}
	}
	if len(w.seen) < maxSeen {
		w.seen[n] = struct{}{}
	}
	return false
}

// forget leaves only what a later commit may ask of a sealed window.
func (w *Window) forget() *Window {
	w.full, w.overflow, w.opened, w.seen = table{}, nil, nil, nil
	return w
}

// correction gives what marks the window's documents, or nil for events on time.
func (w *Window) correction() *rollup.Correction {
	if w.key.arrived == Never {
		return nil
	}
	return &rollup.Correction{Arrived: w.key.arrived, Opened: w.opened.offset}
}

// add counts the sample. It gives the row of the full grouping that it went to, and reports whether that is the overflow key's.
func (w *Window) add(s *sample) (row int, overflowed bool) {
	i := w.full.rowOf(w.rollup, s.key)
	w.full.add(i, s)
	if !w.full.isRest(i) {
		return i, false
	}
	w.addToSmaller(s)
	if w.key.arrived == Never {
		w.irregular.overflowed++
	}
	return i, true
}

// addToSmaller counts an event that has no key of its own in the full grouping under its own values in the smaller ones, where they have room.
func (w *Window) addToSmaller(s *sample) {
	definition := &w.rollup.Definition
	if w.overflow == nil {
		w.overflow = make([]table, len(definition.Groupings)-1)
	}
	for g := range w.overflow {
		t := &w.overflow[g]
		s.subset = appendSubset(s.subset[:0], definition, definition.Groupings[g+1], s.values)
		t.add(t.rowOf(w.rollup, s.subset), s)
	}
}
