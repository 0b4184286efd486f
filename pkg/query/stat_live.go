package query

import (
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// streamed is a statistic that can be made of the rows of a live stream.
type streamed interface {
	statistic
	// ofRows tells what a row has of it. A shape that lacks what it needs is an error.
	ofRows(shape *live.Shape) (func(*live.Row) metrics, error)
}

func (c *count) ofRows(shape *live.Shape) (func(*live.Row) metrics, error) {
	total, err := numberOf(shape, c.total)
	return func(r *live.Row) metrics { return metrics{total: total(r), found: true} }, err
}

func (r *ratio) ofRows(shape *live.Shape) (func(*live.Row) metrics, error) {
	total, err := numberOf(shape, r.condition)
	if err != nil {
		return nil, err
	}
	base, err := numberOf(shape, r.over)
	return func(r *live.Row) metrics { return metrics{total: total(r), base: base(r), found: true} }, err
}

func (s *sum) ofRows(shape *live.Shape) (func(*live.Row) metrics, error) {
	return sumOfRows(shape, s.measure)
}

func (a *average) ofRows(shape *live.Shape) (func(*live.Row) metrics, error) {
	return sumOfRows(shape, a.measure)
}

func (e *extreme) ofRows(shape *live.Shape) (func(*live.Row) metrics, error) {
	measure, err := measureOf(shape, e.measure)
	return func(r *live.Row) metrics {
		m := measure(r)
		part := metrics{total: m.Max, found: true}
		if e.which == string(StatMin) {
			part.total = m.Min
		}
		if m.Count > 0 {
			part.base = 1
		}
		return part
	}, err
}

func sumOfRows(shape *live.Shape, name string) (func(*live.Row) metrics, error) {
	measure, err := measureOf(shape, name)
	return func(r *live.Row) metrics {
		m := measure(r)
		return metrics{total: m.Sum, base: float64(m.Count), found: true}
	}, err
}

func measureOf(shape *live.Shape, name string) (func(*live.Row) *rollup.Measure, error) {
	i := slices.Index(shape.Measures, name)
	if i < 0 {
		return nil, fmt.Errorf("the live stream lacks the measure %s", name)
	}
	return func(r *live.Row) *rollup.Measure { return &r.Measures[i] }, nil
}

// numberOf finds what documents have in a field: the events, their bytes, or those that met a condition.
func numberOf(shape *live.Shape, field string) (func(*live.Row) float64, error) {
	switch field {
	case rollup.FieldCount:
		return func(r *live.Row) float64 { return float64(r.Count) }, nil
	case rollup.FieldBytes:
		return func(r *live.Row) float64 { return float64(r.Bytes) }, nil
	}
	i := slices.IndexFunc(shape.Conditions, func(name string) bool { return rollup.ConditionField(name) == field })
	if i < 0 {
		return nil, fmt.Errorf("the live stream lacks the condition %s", field)
	}
	return func(r *live.Row) float64 { return float64(r.Conditions[i]) }, nil
}
