package query

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// percentilePage is how many documents with a sketch of a measure, of about a kilobyte each, one search returns.
const percentilePage = 2000

// percentile is a percentile of a measure, of the merged sketches of its values.
type percentile struct {
	traits
	measure  string
	quantile float64
}

func newPercentile(q *Query, d *rollup.Definition) (statistic, error) {
	if q.Measure == "" {
		return nil, Invalid("percentile needs a measure: rollup %q has sketches of %s", q.Rollup, list(d.Percentiles))
	}
	if !slices.Contains(d.Percentiles, q.Measure) {
		return nil, Invalid("rollup %q has no sketches of %s: it has those of %s, the measures under percentiles in its configuration", q.Rollup, quote(q.Measure), list(d.Percentiles))
	}
	p := &percentile{measure: q.Measure, quantile: q.Percentile / 100}
	p.traits = traits{
		name: percentileName(q.Percentile) + " " + q.Measure, average: ofValues, relativeError: rollup.SketchAccuracy,
		description: fmt.Sprintf("within %s %% of the value", strconv.FormatFloat(rollup.SketchAccuracy*100, 'g', 3, 64)),
		has:         func(d *rollup.Definition) bool { return slices.Contains(d.Percentiles, q.Measure) },
	}
	return p, nil
}

func percentileName(p float64) string { return "p" + strconv.FormatFloat(p, 'g', -1, 64) }

func (p *percentile) about() traits      { return p.traits }
func (*percentile) aggregations() object { return nil }
func (p *percentile) field() string      { return rollup.MeasureField(p.measure, "sketch") }
func (*percentile) page() int            { return percentilePage }

func (*percentile) read(encoded []byte, into *metrics) error {
	s, err := rollup.ParseSketch(encoded)
	if err != nil {
		return err
	}
	if into.sketches == nil {
		into.sketches = &sketches{values: s}
	} else {
		into.sketches.values.Merge(s)
	}
	return nil
}

func (*percentile) merge(into, part *metrics) { mergeParts(into, part) }

func (p *percentile) value(m *metrics, _ float64) (float64, bool) {
	if m.sketches == nil {
		return m.total, m.base > 0
	}
	v, some := m.sketches.values.Quantile(p.quantile)
	if !some {
		return 0, false
	}
	return finite(v)
}

// mergeParts leaves the part as it is.
func mergeParts(into, part *metrics) {
	into.found = into.found || part.found
	if part.sketches == nil {
		return
	}
	if into.sketches == nil {
		into.sketches = &sketches{}
	}
	if s := part.sketches.values; s != nil {
		if into.sketches.values == nil {
			into.sketches.values = rollup.NewSketch()
		}
		into.sketches.values.Merge(s)
	}
	if s := part.sketches.distinct; s != nil {
		if into.sketches.distinct == nil {
			into.sketches.distinct = rollup.NewDistinct()
		}
		into.sketches.distinct.Merge(s)
	}
}

// settle replaces a bucket's sketches by their value, when nothing more can come.
func settle(s statistic, m *metrics) {
	v, some := s.value(m, 1)
	m.sketches = nil
	m.total, m.base = v, 0
	if some {
		m.base = 1
	}
}
