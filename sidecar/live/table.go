package live

import (
	"encoding/binary"
	"math"
	"slices"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// table holds rows by bucket and key, in a few slices a bucket, since there can be many.
type table struct {
	shape   *wire.Shape
	maxKeys int
	keys    map[string]int32
	entries []entry
	free    []int32 // entries that no row has
	buckets map[int64]*bucket
	rows    int
	bytes   int64 // about what the rows and keys take in memory
	scratch []byte
}

// entry is a key of the table, kept while a bucket has a row of it.
type entry struct {
	text       string
	dimensions []string
	rows       int
}

// bucket holds the rows of one bucket, each at the same place in all slices.
type bucket struct {
	place    map[int32]int32 // of an entry's row
	keys     []int32
	counts   []int64 // of each row: events, bytes, and the conditions
	measures []rollup.Measure
	changed  []int32 // places of rows that changed since they were told
	isTold   []bool
	cut      int64 // events that are in no row
	cutTold  bool
}

func newTable(s *wire.Shape, maxKeys int) *table {
	return &table{shape: s, maxKeys: maxKeys, keys: map[string]int32{}, buckets: map[int64]*bucket{}}
}

// What a row and a key take in memory beyond their values, in bytes: measured, with a share of what grows ahead.
const (
	rowBytes = 190
	keyBytes = 200
)

// width is about what a row takes.
func (t *table) width() int64 {
	return int64(rowBytes + 8*len(t.shape.Conditions) + 40*len(t.shape.Measures))
}

func (t *table) stride() int { return 2 + len(t.shape.Conditions) }

// bucket gives the bucket with a start, which it makes where there is none.
func (t *table) bucket(start int64) *bucket {
	b := t.buckets[start]
	if b == nil {
		b = &bucket{place: map[int32]int32{}, cutTold: true}
		t.buckets[start] = b
	}
	return b
}

// add merges a row with the one of its bucket and key. Where there are too many keys its events are cut; that reports false.
func (t *table) add(r *wire.Row) bool {
	b := t.bucket(r.Start)
	key, known := t.key(r.Dimensions)
	if !known {
		b.cut += r.Count
		b.cutTold = false
		return false
	}
	at, known := b.place[key]
	if !known {
		at = int32(len(b.keys))
		b.place[key] = at
		b.keys = append(b.keys, key)
		b.counts = append(b.counts, make([]int64, t.stride())...)
		b.measures = append(b.measures, make([]rollup.Measure, len(t.shape.Measures))...)
		b.isTold = append(b.isTold, true)
		t.entries[key].rows++
		t.rows++
		t.bytes += t.width()
	}
	if b.isTold[at] {
		b.isTold[at] = false
		b.changed = append(b.changed, at)
	}
	counts := b.counts[int(at)*t.stride():]
	counts[0] += r.Count
	counts[1] += r.Bytes
	for c, n := range r.Conditions {
		counts[2+c] += n
	}
	for m := range r.Measures {
		b.measures[int(at)*len(t.shape.Measures)+m].Merge(r.Measures[m])
	}
	return true
}

// key gives the number of a key; false where there are too many.
func (t *table) key(dimensions []string) (int32, bool) {
	t.scratch = t.scratch[:0]
	for _, v := range dimensions {
		t.scratch = binary.AppendUvarint(t.scratch, uint64(len(v)))
		t.scratch = append(t.scratch, v...)
	}
	if key, known := t.keys[string(t.scratch)]; known {
		return key, true
	}
	if len(t.keys) >= t.maxKeys {
		return 0, false
	}
	e := entry{text: string(t.scratch), dimensions: make([]string, len(dimensions))}
	rest := e.text // the values share its memory, and not that of the batch that they came in
	for i := range dimensions {
		n, width := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		e.dimensions[i], rest = rest[width:width+int(n)], rest[width+int(n):]
	}
	var key int32
	if n := len(t.free); n > 0 {
		key, t.free = t.free[n-1], t.free[:n-1]
		t.entries[key] = e
	} else {
		key = int32(len(t.entries))
		t.entries = append(t.entries, e)
	}
	t.keys[e.text] = key
	t.bytes += int64(keyBytes + len(e.text))
	return key, true
}

// remove forgets a bucket, and the keys that no other has.
func (t *table) remove(start int64) {
	b := t.buckets[start]
	if b == nil {
		return
	}
	delete(t.buckets, start)
	t.rows -= len(b.keys)
	t.bytes -= int64(len(b.keys)) * t.width()
	for _, key := range b.keys {
		e := &t.entries[key]
		if e.rows--; e.rows == 0 {
			delete(t.keys, e.text)
			t.bytes -= int64(keyBytes + len(e.text))
			*e = entry{}
			t.free = append(t.free, key)
		}
	}
}

// starts are those of the buckets in [from, through), in order.
func (t *table) starts(from, through int64) []int64 {
	var all []int64
	for start := range t.buckets {
		if start >= from && start < through {
			all = append(all, start)
		}
	}
	slices.Sort(all)
	return all
}

// all gives the rows of the buckets in [from, through), and how many of their events are in no row.
func (t *table) all(from, through int64) (rows []wire.Row, cut int64) {
	for _, start := range t.starts(from, through) {
		b := t.buckets[start]
		cut += b.cut
		for at := range b.keys {
			rows = append(rows, t.row(b, start, at))
		}
	}
	return rows, cut
}

// changes gives the rows of the buckets in [from, through) that were not told as they are, and marks them as told. told is the starts of their buckets, cut
// how many of the events of those are in no row.
func (t *table) changes(from, through int64) (rows []wire.Row, told []int64, cut int64) {
	for _, start := range t.starts(from, through) {
		b := t.buckets[start]
		if len(b.changed) == 0 && b.cutTold {
			continue
		}
		told = append(told, start)
		cut += b.cut
		for _, at := range b.changed {
			rows = append(rows, t.row(b, start, int(at)))
			b.isTold[at] = true
		}
		b.changed, b.cutTold = nil, true
	}
	return rows, told, cut
}

// row is one row, which shares the memory of the conditions and of the measures, unless a sum has to be kept in the range that JSON has.
func (t *table) row(b *bucket, start int64, at int) wire.Row {
	counts := b.counts[at*t.stride() : (at+1)*t.stride()]
	measures := b.measures[at*len(t.shape.Measures) : (at+1)*len(t.shape.Measures)]
	for m := range measures {
		if math.IsInf(measures[m].Sum, 0) {
			measures = slices.Clone(measures)
			for m := range measures {
				measures[m].Sum = max(-math.MaxFloat64, min(math.MaxFloat64, measures[m].Sum))
			}
			break
		}
	}
	return wire.Row{
		Start: start, Dimensions: t.entries[b.keys[at]].dimensions, Count: counts[0], Bytes: counts[1], Measures: measures, Conditions: counts[2:],
	}
}
