package query

import "github.com/tidemark/tidemark/pkg/rollup"

// average is the mean of a measure: its sum over its count, both over everything that is put together.
type average struct {
	traits
	measure string
}

func newAverage(q *Query, d *rollup.Definition) (statistic, error) {
	if err := needMeasure(q, d); err != nil {
		return nil, err
	}
	return &average{traits{name: "avg " + q.Measure, average: ofParts, has: hasMeasure(q.Measure)}, q.Measure}, nil
}

func (a *average) about() traits           { return a.traits }
func (a *average) aggregations() object    { return sumAndCount(a.measure) }
func (*average) merge(into, part *metrics) { addSums(into, part) }

func (*average) value(m *metrics, _ float64) (float64, bool) { return quotient(m) }

func quotient(m *metrics) (float64, bool) {
	if m.base <= 0 {
		return 0, false
	}
	return finite(m.total / m.base)
}
