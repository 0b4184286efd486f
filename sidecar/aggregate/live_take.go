package aggregate

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/live"
)

// LiveBatch is what was told of the records at the offsets [From, To).
type LiveBatch struct {
	From, To int64
	// NewestBefore is the newest event time (ms) before From, or a later one; Newest that of the records before To that the engine has read. Never for none. What
	// is beyond the times that are told does not count.
	NewestBefore, Newest int64
	// Parts are the rollups that have entries, or events that were cut. What they hold is valid until the engine is given the next record.
	Parts []LivePart
}

// LivePart is what was told of one rollup.
type LivePart struct {
	Rollup *Rollup
	// Cut is how many events are in no row, since there were too many entries.
	Cut int64
	// Rows are in buckets of a second and the dimensions of the full grouping. Several can be of one bucket and key; they add up.
	Rows []live.Row
}

// LiveShape says what the rows of a rollup hold.
func (r *Rollup) LiveShape() live.Shape {
	s := live.Shape{Rollup: r.Definition.Name, Interval: second}
	for _, f := range r.Definition.Dimensions {
		s.Dimensions = append(s.Dimensions, f.Name)
	}
	for _, f := range r.Definition.Measures {
		s.Measures = append(s.Measures, f.Name)
	}
	for _, c := range r.Definition.Conditions {
		s.Conditions = append(s.Conditions, c.Name)
	}
	return s
}

// TakeLive gives what the engine has told since the last time, and begins the next batch. It is false while no record is read yet that is to be told.
func (e *Engine) TakeLive() (LiveBatch, bool) {
	l := e.live
	if l == nil {
		return LiveBatch{}, false
	}
	l.reach(e.position)
	if !l.begun {
		return LiveBatch{}, false
	}
	b := LiveBatch{From: l.begins, To: e.position, NewestBefore: l.newestBefore, Newest: l.newest}
	for i := range l.rollups {
		if r := &l.rollups[i]; len(r.entries) > 0 || r.cut > 0 {
			b.Parts = append(b.Parts, LivePart{Rollup: r.Rollup, Cut: r.cut, Rows: r.rows()})
			r.reset()
		}
	}
	l.begins, l.newestBefore, l.bytes = e.position, e.NewestEvent(), 0
	l.cut, l.turned = false, false
	return b, true
}

// rows are the entries as they are told.
func (r *liveRollup) rows() []live.Row {
	rows := slices.Grow(r.told[:0], len(r.entries))[:len(r.entries)]
	names := string(r.names) // in one piece, of which the values are parts
	width := len(r.Definition.Dimensions)
	values := slices.Grow(r.values[:0], len(rows)*width)
	for i := range rows {
		e := &r.entries[i]
		values = splitKey(values, r.name(i), names[e.name:e.name+int(e.length)])
		rows[i] = live.Row{
			Start: e.start, Dimensions: columns(values, i, width), Count: e.count, Bytes: e.bytes,
			Measures: columns(r.measures, i, len(r.Definition.Measures)), Conditions: columns(r.conditions, i, len(r.Definition.Conditions)),
		}
	}
	r.told, r.values = rows, values
	return rows
}

// maxKeptEntries is from how many on the memory of entries is not kept for the next batch.
const maxKeptEntries = 10_000

func (r *liveRollup) reset() {
	if len(r.entries) > maxKeptEntries {
		r.entries, r.names, r.measures, r.conditions, r.told, r.values = nil, nil, nil, nil, nil, nil
	}
	r.entries, r.names, r.measures, r.conditions, r.cut = r.entries[:0], r.names[:0], r.measures[:0], r.conditions[:0], 0
}
