package query

import (
	"math"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Stat is a statistic of a rollup's events.
type Stat string

// The statistics. StatAvg, StatMax, StatMin and StatSum are of a measure.
const (
	StatCount Stat = "count" // events
	StatRate  Stat = "rate"  // events per second
	StatBytes Stat = "bytes" // bytes of the events' Kafka values
	StatAvg   Stat = "avg"
	StatMax   Stat = "max"
	StatMin   Stat = "min"
	StatSum   Stat = "sum"
)

// Stats gives all statistics, in the order in which they are offered.
func Stats() []Stat {
	return []Stat{StatCount, StatRate, StatBytes, StatAvg, StatMax, StatMin, StatSum}
}

// statistic is how one Stat is computed from documents.
type statistic struct {
	// ofMeasure is set where the statistic is of a measure.
	ofMeasure bool
	// additive is set where no documents means zero, once that is certain.
	additive bool
	// unit is Grafana's name for the unit; empty for none.
	unit string
	// aggregations are what Elasticsearch computes for a bucket. Their names are those of the fields of metrics.
	aggregations func(measure string) object
	// value makes the statistic of what Elasticsearch computed for a span of the given seconds; nil where there is none.
	value func(m metrics, seconds float64) *float64
}

var statistics = map[Stat]statistic{
	StatCount: {additive: true, aggregations: totalOf(rollup.FieldCount), value: func(m metrics, _ float64) *float64 { return m.Total.Value }},
	StatBytes: {additive: true, unit: "bytes", aggregations: totalOf(rollup.FieldBytes), value: func(m metrics, _ float64) *float64 { return m.Total.Value }},
	StatRate: {additive: true, unit: "eps", aggregations: totalOf(rollup.FieldCount), value: func(m metrics, seconds float64) *float64 {
		if m.Total.Value == nil {
			return nil
		}
		return finite(*m.Total.Value / seconds)
	}},
	StatAvg: {ofMeasure: true, aggregations: sumAndCount, value: func(m metrics, _ float64) *float64 {
		if !m.measured() || m.Total.Value == nil {
			return nil
		}
		return finite(*m.Total.Value / *m.Values.Value)
	}},
	StatSum: {ofMeasure: true, aggregations: sumAndCount, value: func(m metrics, _ float64) *float64 {
		if !m.measured() {
			return nil
		}
		return m.Total.Value
	}},
	StatMax: {ofMeasure: true, aggregations: extremeOf("max"), value: func(m metrics, _ float64) *float64 { return m.Extreme.Value }},
	StatMin: {ofMeasure: true, aggregations: extremeOf("min"), value: func(m metrics, _ float64) *float64 { return m.Extreme.Value }},
}

// metrics is what Elasticsearch computed for one bucket; each statistic asks for the ones it needs.
type metrics struct {
	Total   metric `json:"total"`
	Values  metric `json:"values"`
	Extreme metric `json:"extreme"`
}

type metric struct {
	Value *float64 `json:"value"`
}

// measured reports whether any event of the bucket carried the measure.
func (m metrics) measured() bool { return m.Values.Value != nil && *m.Values.Value > 0 }

func totalOf(field string) func(string) object {
	return func(string) object { return object{"total": sumOf(field)} }
}

func sumAndCount(measure string) object {
	return object{
		"total":  sumOf(rollup.MeasureField(measure, "sum")),
		"values": sumOf(rollup.MeasureField(measure, "count")),
	}
}

func extremeOf(which string) func(string) object {
	return func(measure string) object {
		return object{"extreme": object{which: object{"field": rollup.MeasureField(measure, which)}}}
	}
}

func sumOf(field string) object { return object{"sum": object{"field": field}} }

// finite drops what cannot be drawn or written as JSON.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
