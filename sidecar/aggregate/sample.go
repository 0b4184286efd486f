package aggregate

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/event"
)

// sample is one event as a rollup sees it. Its slices are reused, and point into the event.
type sample struct {
	offset     int64
	bytes      int64
	key        []byte   // the dimensions' values, as appendValue encodes them
	values     [][]byte // the dimensions' values, in the definition's order
	subset     []byte   // the key of a smaller grouping
	measures   []float64
	present    []bool // which measures the event carries
	conditions []bool
	distinct   [][]byte // nil for a value that the event does not have
	// percentiles are the positions of the measures that keep a sketch.
	percentiles []int
}

func (s *sample) read(r *Rollup, e *event.Event, record Record) {
	s.offset, s.bytes = record.Offset, int64(len(record.Value))
	s.key, s.values = s.key[:0], s.values[:0]
	for _, slot := range r.dimensions {
		v := rollup.CutDimension(e.Values[slot].Dimension())
		s.values = append(s.values, v)
		s.key = appendValue(s.key, v)
	}
	s.measures, s.present = resize(s.measures, len(r.measures)), resize(s.present, len(r.measures))
	for i, slot := range r.measures {
		s.measures[i], s.present[i] = e.Values[slot].Float()
	}
	s.percentiles = r.percentiles
	s.conditions = resize(s.conditions, len(r.conditions))
	for i, c := range r.conditions {
		s.conditions[i] = c.Match(e)
	}
	s.distinct = resize(s.distinct, len(r.distinct))
	for i, slot := range r.distinct {
		s.distinct[i] = nil
		if v := &e.Values[slot]; v.Kind != event.Missing && v.Kind != event.Null {
			s.distinct[i] = v.Dimension()
		}
	}
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
