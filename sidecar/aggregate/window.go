package aggregate

import (
	"hash/maphash"
	"slices"

	"github.com/axiomhq/hyperloglog"

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
	closing int64 // the watermark that closes it
	// replayed is a window that the committed state says is sealed. Its documents are written, perhaps from events before the state's offset too: what
	// comes again is only counted in the ledger.
	replayed bool
	last     int64 // the largest offset counted
	// irregular is what a replay that passes over the window would count otherwise.
	irregular irregular
	seen      map[name]struct{} // of the events that are told from their repetitions

	keys     map[string]int32
	full     table
	overflow []overflowTable // for each of the smaller groupings, the keys that had no room in the full one

	acknowledged bool
	rejected     Rejected
}

// table holds accumulators column by column; row i belongs to the i-th key in the order of arrival.
type table struct {
	names      [][]byte
	rows       []row
	measures   []rollup.Measure
	conditions []int64
	distinct   []*hyperloglog.Sketch // nil before the first value
}

type row struct {
	count, bytes, last int64
}

type overflowTable struct {
	keys  map[string]int32
	table table
	// rest is the row of the events whose keys had no room here either; -1 for none.
	rest int32
}

// overflowKey is the key under which a window counts what is over its limit of keys. No dimension values encode to it.
const overflowKey = "\xff"

func newWindow(r *Rollup, key windowKey, opened *checkpoint) *Window {
	w := &Window{rollup: r, key: key, opened: opened, keys: map[string]int32{}}
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
	w.keys, w.full, w.overflow, w.opened, w.seen = nil, table{}, nil, nil, nil
	return w
}

// correction gives what marks the window's documents, or nil for events on time.
func (w *Window) correction() *rollup.Correction {
	if w.key.arrived == Never {
		return nil
	}
	return &rollup.Correction{Arrived: w.key.arrived, Opened: w.opened.offset}
}

// add counts the sample. It reports whether the event went to the overflow key.
func (w *Window) add(s *sample) (overflowed bool) {
	i, known := w.keys[string(s.key)]
	if !known {
		if len(w.full.rows) < w.rollup.Definition.MaxKeys {
			i = w.full.grow(w.rollup, s.key)
			w.keys[string(w.full.names[i])] = i
		} else {
			overflowed = true
			i = w.overflowRow()
			w.addToSmaller(s)
		}
	}
	w.full.add(int(i), s)
	if overflowed && w.key.arrived == Never {
		w.irregular.overflowed++
	}
	return overflowed
}

func (w *Window) overflowRow() int32 {
	i, known := w.keys[overflowKey]
	if !known {
		i = w.full.grow(w.rollup, []byte(overflowKey))
		w.keys[overflowKey] = i
	}
	return i
}

// addToSmaller counts an event that has no key of its own in the full grouping under its own values in the smaller ones, where they have room.
func (w *Window) addToSmaller(s *sample) {
	definition := &w.rollup.Definition
	if w.overflow == nil {
		w.overflow = make([]overflowTable, len(definition.Groupings)-1)
		for g := range w.overflow {
			w.overflow[g] = overflowTable{keys: map[string]int32{}, rest: -1}
		}
	}
	for g := range w.overflow {
		o := &w.overflow[g]
		name := appendSubset(nil, definition, definition.Groupings[g+1], s.values)
		i, known := o.keys[string(name)]
		switch {
		case known:
		case len(o.keys) < definition.MaxKeys:
			i = o.table.grow(w.rollup, name)
			o.keys[string(name)] = i
		default:
			if o.rest < 0 {
				o.rest = o.table.grow(w.rollup, []byte(overflowKey))
			}
			i = o.rest
		}
		o.table.add(int(i), s)
	}
}

// grow appends an empty row and keeps a copy of its key.
func (t *table) grow(r *Rollup, key []byte) int32 {
	t.names = append(t.names, slices.Clone(key))
	t.rows = append(t.rows, row{})
	t.measures = append(t.measures, make([]rollup.Measure, len(r.Definition.Measures))...)
	t.conditions = append(t.conditions, make([]int64, len(r.Definition.Conditions))...)
	t.distinct = append(t.distinct, make([]*hyperloglog.Sketch, len(r.Definition.Distinct))...)
	return int32(len(t.rows) - 1)
}

func (t *table) add(i int, s *sample) {
	r := &t.rows[i]
	r.count++
	r.bytes += s.bytes
	r.last = s.offset
	for m, base := 0, i*len(s.measures); m < len(s.measures); m++ {
		if s.present[m] {
			t.measures[base+m].Add(s.measures[m])
		}
	}
	for c, base := 0, i*len(s.conditions); c < len(s.conditions); c++ {
		if s.conditions[c] {
			t.conditions[base+c]++
		}
	}
	for d, base := 0, i*len(s.distinct); d < len(s.distinct); d++ {
		if s.distinct[d] != nil {
			sketch(&t.distinct[base+d]).Insert(s.distinct[d])
		}
	}
}

// merge adds row j of another table of the same rollup to row i.
func (t *table) merge(i int, o *table, j int) {
	r, other := &t.rows[i], o.rows[j]
	r.count += other.count
	r.bytes += other.bytes
	r.last = max(r.last, other.last)
	width := len(t.measures) / len(t.rows)
	for m := range width {
		t.measures[i*width+m].Merge(o.measures[j*width+m])
	}
	width = len(t.conditions) / len(t.rows)
	for c := range width {
		t.conditions[i*width+c] += o.conditions[j*width+c]
	}
	width = len(t.distinct) / len(t.rows)
	for d := range width {
		from := o.distinct[j*width+d]
		if from == nil {
			continue
		}
		if err := sketch(&t.distinct[i*width+d]).Merge(from); err != nil {
			panic("merge sketches of one precision: " + err.Error()) // sketch makes all of them
		}
	}
}

// sketch makes the sketch where it is the first value's.
func sketch(at **hyperloglog.Sketch) *hyperloglog.Sketch {
	if *at == nil {
		*at = hyperloglog.New14()
	}
	return *at
}
