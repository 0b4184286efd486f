package query

import "github.com/tidemark/tidemark/pkg/rollup"

// sum is the sum of a measure over the events that carry it.
type sum struct {
	traits
	measure string
}

func newSum(q *Query, d *rollup.Definition) (statistic, error) {
	if err := needMeasure(q, d); err != nil {
		return nil, err
	}
	return &sum{traits{name: "sum " + q.Measure, average: ofSums, has: hasMeasure(q.Measure)}, q.Measure}, nil
}

func (s *sum) about() traits           { return s.traits }
func (s *sum) aggregations() object    { return sumAndCount(s.measure) }
func (*sum) merge(into, part *metrics) { addSums(into, part) }

func (*sum) value(m *metrics, _ float64) (float64, bool) {
	if m.base <= 0 {
		return 0, false
	}
	return finite(m.total)
}

func sumAndCount(measure string) object {
	return object{
		"total":  sumOf(rollup.MeasureField(measure, "sum")),
		"values": sumOf(rollup.MeasureField(measure, "count")),
	}
}
