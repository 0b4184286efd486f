package query

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// distinctPage is how many documents with a sketch of distinct values, of up to 22 kilobytes each, one search returns.
const distinctPage = 500

// distinct is about how many different values of a field there were, of the merged sketches of them.
type distinct struct {
	traits
	name string
}

func newDistinct(q *Query, d *rollup.Definition) (statistic, error) {
	if q.Measure == "" {
		return nil, Invalid("distinct needs the name of distinct values as its measure: rollup %q has %s", q.Rollup, list(names(d.Distinct)))
	}
	if !hasDistinct(d, q.Measure) {
		return nil, Invalid("rollup %q has no distinct values %s: it has %s", q.Rollup, quote(q.Measure), list(names(d.Distinct)))
	}
	return &distinct{name: q.Measure, traits: traits{
		name: "distinct " + q.Measure, average: ofValues, relativeError: rollup.DistinctError,
		description: fmt.Sprintf("an estimate, most often within %s %%", strconv.FormatFloat(rollup.DistinctError*200, 'f', 1, 64)),
		has:         func(d *rollup.Definition) bool { return hasDistinct(d, q.Measure) },
	}}, nil
}

func hasDistinct(d *rollup.Definition, name string) bool {
	return slices.ContainsFunc(d.Distinct, func(f rollup.Field) bool { return f.Name == name })
}

func (d *distinct) about() traits        { return d.traits }
func (*distinct) aggregations() object   { return nil }
func (d *distinct) field() string        { return rollup.DistinctField(d.name) }
func (*distinct) page() int              { return distinctPage }
func (*distinct) merge(into, p *metrics) { mergeParts(into, p) }

func (*distinct) read(encoded []byte, into *metrics) error {
	s, err := rollup.ParseDistinct(encoded)
	if err != nil {
		return err
	}
	if into.sketches == nil {
		into.sketches = &sketches{distinct: s}
	} else {
		into.sketches.distinct.Merge(s)
	}
	return nil
}

func (*distinct) value(m *metrics, _ float64) (float64, bool) {
	if m.sketches == nil {
		return m.total, m.base > 0
	}
	return float64(m.sketches.distinct.Estimate()), true
}
