package query

import "github.com/tidemark/tidemark/pkg/rollup"

// extreme is the largest or the smallest value of a measure.
type extreme struct {
	traits
	measure, which string // which is max or min, in documents as in searches
}

func newExtreme(q *Query, d *rollup.Definition) (statistic, error) {
	if err := needMeasure(q, d); err != nil {
		return nil, err
	}
	which := string(q.Stat)
	return &extreme{traits{name: which + " " + q.Measure, average: ofValues, has: hasMeasure(q.Measure)}, q.Measure, which}, nil
}

func (e *extreme) about() traits { return e.traits }

func (e *extreme) aggregations() object {
	return object{"extreme": object{e.which: object{"field": rollup.MeasureField(e.measure, e.which)}}}
}

func (e *extreme) merge(into, part *metrics) {
	into.found = into.found || part.found
	if part.base > 0 && (into.base <= 0 || part.total > into.total == (e.which == "max")) {
		into.total, into.base = part.total, part.base
	}
}

func (*extreme) value(m *metrics, _ float64) (float64, bool) {
	if m.base <= 0 {
		return 0, false
	}
	return finite(m.total)
}
