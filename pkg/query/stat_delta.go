package query

import "github.com/tidemark/tidemark/pkg/rollup"

// delta is how much a measure's maximum, or without a measure the count, is above that of the bucket before. Its value of a single bucket is the maximum, or
// the count, and by that series are ranked.
type delta struct{ statistic }

func newDelta(q *Query, d *rollup.Definition) (statistic, error) {
	of := *q
	of.Stat, of.Condition = StatCount, ""
	create := newCount
	if q.Measure != "" {
		of.Stat, create = StatMax, newExtreme
	}
	inner, err := create(&of, d)
	if err != nil {
		return nil, err
	}
	return delta{inner}, nil
}

func (d delta) about() traits {
	t := d.statistic.about()
	t.name = "delta"
	if e, ofMeasure := d.statistic.(*extreme); ofMeasure {
		t.name += " " + e.measure
	}
	t.differences, t.average = true, ofValues
	return t
}
