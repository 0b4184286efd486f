package aggregate

import (
	"encoding/binary"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// appendValue appends one dimension's value to a key: its length, then its bytes.
func appendValue(key, value []byte) []byte {
	key = binary.AppendUvarint(key, uint64(len(value)))
	return append(key, value...)
}

// appendSubset appends the key of a smaller grouping to key: its dimensions' values out of those of all dimensions.
func appendSubset(key []byte, d *rollup.Definition, g rollup.Grouping, values [][]byte) []byte {
	for _, name := range g {
		key = appendValue(key, values[d.Dimension(name)])
	}
	return key
}

// splitKey appends the values in a key to values, as parts of text, which has the same bytes.
func splitKey[T string | []byte](values []T, key []byte, text T) []T {
	for len(key) > 0 {
		n, size := binary.Uvarint(key)
		end := size + int(n)
		values = append(values, text[size:end])
		key, text = key[end:], text[end:]
	}
	return values
}

// Documents calls yield with each document of the window: every grouping, the keys of each in the order of their bytes, the overflow last. The document
// is reused for the next call. It ends with the first error of yield, and returns that.
func (w *Window) Documents(p rollup.Partition, yield func(*rollup.Document) error) error {
	definition := &w.rollup.Definition
	if err := w.emit(p, definition.Groupings[0], &w.full, yield); err != nil {
		return err
	}
	for g, grouping := range definition.Groupings[1:] {
		if err := w.emit(p, grouping, w.smaller(g, grouping), yield); err != nil {
			return err
		}
	}
	return nil
}

// Rollup is the rollup that the window belongs to.
func (w *Window) Rollup() *Rollup { return w.rollup }

// Start is the window's start in milliseconds.
func (w *Window) Start() int64 { return w.key.start }

// Closing is the watermark at which the window closes, in milliseconds: its end, or for corrections the end of the window of their arrival.
func (w *Window) Closing() int64 { return w.closing }

// Keys is how many keys the window holds in its full grouping.
func (w *Window) Keys() int { return len(w.full.rows) }

// smaller merges the rows of the full grouping, in the order of their keys, and then the rows that overflowed there, into those of a smaller one.
func (w *Window) smaller(g int, grouping rollup.Grouping) *table {
	definition := &w.rollup.Definition
	t := &table{}
	var values [][]byte
	var name []byte
	for _, j := range w.full.order() {
		if w.full.isRest(j) {
			continue
		}
		values = splitKey(values[:0], w.full.name(j), w.full.name(j))
		name = appendSubset(name[:0], definition, grouping, values)
		t.merge(t.rowOf(w.rollup, name), &w.full, j)
	}
	if w.overflow != nil {
		o := &w.overflow[g]
		for j := range o.rows {
			if o.isRest(j) {
				t.merge(t.restRow(w.rollup), o, j)
			} else {
				t.merge(t.rowOf(w.rollup, o.name(j)), o, j)
			}
		}
	}
	return t
}

func (w *Window) emit(p rollup.Partition, grouping rollup.Grouping, t *table, yield func(*rollup.Document) error) error {
	d := &w.rollup.Definition
	doc := rollup.Document{Start: w.key.start, Partition: &p, Grouping: grouping, Correction: w.correction()}
	if c := doc.Correction; c != nil {
		doc.Start = d.TierOf(doc.Start, c.Arrived).Start(doc.Start)
	}
	names := string(t.names) // in one piece, of which the documents' values are parts
	for _, i := range t.order() {
		doc.Overflow = t.isRest(i)
		doc.Dimensions = doc.Dimensions[:0]
		if !doc.Overflow {
			doc.Dimensions = splitKey(doc.Dimensions, t.name(i), names[t.rows[i].name:t.rows[i].end()])
		}
		r := t.rows[i]
		doc.Count, doc.Bytes, doc.LastOffset = r.count, r.bytes, r.last
		doc.Measures = columns(t.measures, i, len(d.Measures))
		doc.Sketches = columns(t.sketches, i, len(d.Percentiles))
		doc.Conditions = columns(t.conditions, i, len(d.Conditions))
		doc.Distinct = columns(t.distinct, i, len(d.Distinct))
		if err := yield(&doc); err != nil {
			return err
		}
	}
	return nil
}

func columns[T any](all []T, row, width int) []T { return all[row*width : (row+1)*width] }
