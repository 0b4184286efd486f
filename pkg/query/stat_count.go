package query

import "github.com/tidemark/tidemark/pkg/rollup"

// count is the events, those that met a condition, or their bytes; or any of it per second.
type count struct {
	traits
	total     string // the field
	perSecond bool
}

func newCount(q *Query, d *rollup.Definition) (statistic, error) {
	c := &count{total: rollup.FieldCount, perSecond: q.Stat == StatRate}
	c.traits = traits{name: string(q.Stat), additive: true, average: ofSums, has: anyDefinition}
	if c.perSecond {
		c.unit = "eps"
	}
	if q.Condition != "" {
		if err := checkCondition(q, d, q.Condition); err != nil {
			return nil, err
		}
		c.total, c.name = rollup.ConditionField(q.Condition), c.name+" "+q.Condition
		c.has = func(d *rollup.Definition) bool { return hasCondition(d, q.Condition) }
	}
	return c, nil
}

func newBytes(q *Query, _ *rollup.Definition) (statistic, error) {
	return &count{
		traits: traits{name: string(q.Stat), unit: "bytes", additive: true, average: ofSums, has: anyDefinition},
		total:  rollup.FieldBytes,
	}, nil
}

func (c *count) about() traits           { return c.traits }
func (c *count) aggregations() object    { return object{"total": sumOf(c.total)} }
func (*count) merge(into, part *metrics) { addSums(into, part) }

func (c *count) value(m *metrics, seconds float64) (float64, bool) {
	if !m.found {
		return 0, false
	}
	if c.perSecond {
		return finite(m.total / seconds)
	}
	return finite(m.total)
}
