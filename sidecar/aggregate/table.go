package aggregate

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// table holds the accumulators of one grouping: a row for each key, in the order of arrival, and what a row has several of column by column. A key is
// found by its bytes in an open table of hashes, so that nothing is built for a key that is known.
type table struct {
	slots      []slot // as many as a power of two, at most two thirds of them taken
	names      []byte // of the keys, one after the other
	rows       []row
	measures   []rollup.Measure
	sketches   []*rollup.Sketch // nil before the first value
	conditions []int64
	distinct   []*rollup.Distinct // nil before the first value
	// rest is the row of the events whose keys had no room, one more than its number; 0 for none.
	rest int
}

// slot leads to a row. A free one has none. It knows where the key is itself, so that key and row are fetched from memory at the same time.
type slot struct {
	hash uint32
	row  uint32 // one more than its number
	name int
}

type row struct {
	count, bytes, last int64
	name               int // where in names, and how long
	length             uint32
	told               uint32 // the entry of a Live that an event of the row went to last
}

func (r *row) end() int { return r.name + int(r.length) }

const minSlots = 16

var tableSeed = maphash.MakeSeed()

// newTable makes room for a number of keys.
func newTable(r *Rollup, keys int) table {
	if keys == 0 {
		return table{}
	}
	d := &r.Definition
	return table{
		slots: make([]slot, slotsFor(keys)), rows: make([]row, 0, keys), measures: make([]rollup.Measure, 0, keys*len(d.Measures)), sketches: make([]*rollup.Sketch, 0, keys*len(d.Percentiles)),
		conditions: make([]int64, 0, keys*len(d.Conditions)), distinct: make([]*rollup.Distinct, 0, keys*len(d.Distinct)),
	}
}

// slotsFor is how many slots a number of keys needs.
func slotsFor(keys int) int {
	n := minSlots
	for 2*n < 3*keys {
		n *= 2
	}
	return n
}

// keys is how many keys have a row of their own.
func (t *table) keys() int {
	if t.rest > 0 {
		return len(t.rows) - 1
	}
	return len(t.rows)
}

// name is the key of a row; that of the rest is empty.
func (t *table) name(i int) []byte { return t.names[t.rows[i].name:t.rows[i].end()] }

// isRest reports whether a row is that of the keys that had no room.
func (t *table) isRest(i int) bool { return t.rest == i+1 }

// rowOf finds the row of a key, or makes one while there are fewer keys than the rollup's limit; then it is the row of the rest.
func (t *table) rowOf(r *Rollup, key []byte) int {
	hash := maphash.Bytes(tableSeed, key)
	if mask := len(t.slots) - 1; mask > 0 {
		for at := int(hash) & mask; t.slots[at].row != 0; at = (at + 1) & mask {
			s := &t.slots[at]
			// No key is the beginning of another one.
			if end := s.name + len(key); uint64(s.hash) == hash>>32 && end <= len(t.names) && bytes.Equal(t.names[s.name:end], key) {
				return int(s.row - 1)
			}
		}
	}
	if t.keys() >= r.Definition.MaxKeys {
		return t.restRow(r)
	}
	i := t.grow(r, key)
	if 2*len(t.slots) < 3*t.keys() {
		t.rehash(slotsFor(2 * t.keys()))
	} else {
		t.put(hash, i)
	}
	return i
}

// restRow is the row of the keys that have no room.
func (t *table) restRow(r *Rollup) int {
	if t.rest == 0 {
		t.rest = t.grow(r, nil) + 1
	}
	return t.rest - 1
}

// put makes a row be found.
func (t *table) put(hash uint64, i int) {
	mask := len(t.slots) - 1
	at := int(hash) & mask
	for t.slots[at].row != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = slot{hash: uint32(hash >> 32), row: uint32(i + 1), name: t.rows[i].name}
}

func (t *table) rehash(slots int) {
	t.slots = make([]slot, slots)
	for i := range t.rows {
		if !t.isRest(i) {
			t.put(maphash.Bytes(tableSeed, t.name(i)), i)
		}
	}
}

// grow appends an empty row and keeps a copy of its key.
func (t *table) grow(r *Rollup, key []byte) int {
	start := len(t.names)
	t.names = append(t.names, key...)
	t.rows = append(t.rows, row{name: start, length: uint32(len(key))})
	t.measures = append(t.measures, make([]rollup.Measure, len(r.Definition.Measures))...)
	t.sketches = append(t.sketches, make([]*rollup.Sketch, len(r.Definition.Percentiles))...)
	t.conditions = append(t.conditions, make([]int64, len(r.Definition.Conditions))...)
	t.distinct = append(t.distinct, make([]*rollup.Distinct, len(r.Definition.Distinct))...)
	return len(t.rows) - 1
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
	for p, base := 0, i*len(s.percentiles); p < len(s.percentiles); p++ {
		if m := s.percentiles[p]; s.present[m] {
			percentiles(&t.sketches[base+p]).Add(s.measures[m])
		}
	}
	for c, base := 0, i*len(s.conditions); c < len(s.conditions); c++ {
		if s.conditions[c] {
			t.conditions[base+c]++
		}
	}
	for d, base := 0, i*len(s.distinct); d < len(s.distinct); d++ {
		if s.distinct[d] != nil {
			distinct(&t.distinct[base+d]).Add(s.distinct[d])
		}
	}
}

// merge adds row j of another table of the same rollup to row i.
func (t *table) merge(i int, o *table, j int) {
	r, other := &t.rows[i], &o.rows[j]
	r.count += other.count
	r.bytes += other.bytes
	r.last = max(r.last, other.last)
	width := len(t.measures) / len(t.rows)
	for m := range width {
		t.measures[i*width+m].Merge(o.measures[j*width+m])
	}
	width = len(t.sketches) / len(t.rows)
	for p := range width {
		if from := o.sketches[j*width+p]; from != nil {
			percentiles(&t.sketches[i*width+p]).Merge(from)
		}
	}
	width = len(t.conditions) / len(t.rows)
	for c := range width {
		t.conditions[i*width+c] += o.conditions[j*width+c]
	}
	width = len(t.distinct) / len(t.rows)
	for d := range width {
		if from := o.distinct[j*width+d]; from != nil {
			distinct(&t.distinct[i*width+d]).Merge(from)
		}
	}
}

// percentiles makes the sketch where it is the first value's.
func percentiles(at **rollup.Sketch) *rollup.Sketch {
	if *at == nil {
		*at = rollup.NewSketch()
	}
	return *at
}

// distinct makes the sketch where it is the first value's.
func distinct(at **rollup.Distinct) *rollup.Distinct {
	if *at == nil {
		*at = rollup.NewDistinct()
	}
	return *at
}

// order gives the rows sorted by key; the rest is last.
func (t *table) order() []int {
	order := make([]int, 0, len(t.rows))
	for i := range t.rows {
		if !t.isRest(i) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(t.name(a), t.name(b)) })
	if t.rest > 0 {
		order = append(order, t.rest-1)
	}
	return order
}
