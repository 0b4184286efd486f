package query

import "github.com/tidemark/tidemark/pkg/rollup"

// ratio is the events that met a condition over all events, or over those that met another one. It has no value where the denominator is 0.
type ratio struct {
	traits
	condition, over string // fields
}

func newRatio(q *Query, d *rollup.Definition) (statistic, error) {
	if q.Condition == "" {
		return nil, Invalid("ratio needs a condition, whose events are divided by all of them")
	}
	if err := checkCondition(q, d, q.Condition); err != nil {
		return nil, err
	}
	r := &ratio{condition: rollup.ConditionField(q.Condition), over: rollup.FieldCount}
	r.traits = traits{name: "ratio " + q.Condition, unit: "percentunit", average: ofParts}
	r.has = func(d *rollup.Definition) bool {
		return hasCondition(d, q.Condition) && (q.Over == "" || hasCondition(d, q.Over))
	}
	if q.Over != "" {
		if err := checkCondition(q, d, q.Over); err != nil {
			return nil, err
		}
		r.over, r.name = rollup.ConditionField(q.Over), r.name+" over "+q.Over
	}
	return r, nil
}

func (r *ratio) about() traits           { return r.traits }
func (*ratio) merge(into, part *metrics) { addSums(into, part) }

func (r *ratio) aggregations() object {
	return object{"total": sumOf(r.condition), "values": sumOf(r.over)}
}

func (*ratio) value(m *metrics, _ float64) (float64, bool) { return quotient(m) }
