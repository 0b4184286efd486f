package query

import (
	"math"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Stat is a statistic of a rollup's events.
type Stat string

// The statistics. StatAvg, StatMax, StatMin, StatSum and StatPercentile are of a measure.
const (
	StatCount      Stat = "count" // events, or those that met a condition
	StatRate       Stat = "rate"  // the same per second
	StatBytes      Stat = "bytes" // bytes of the events' Kafka values
	StatAvg        Stat = "avg"
	StatMax        Stat = "max"
	StatMin        Stat = "min"
	StatSum        Stat = "sum"
	StatRatio      Stat = "ratio"      // events that met a condition over all, or over those that met another
	StatPercentile Stat = "percentile" // within rollup.SketchAccuracy
	StatDistinct   Stat = "distinct"   // different values of a field, within rollup.DistinctError
	StatDelta      Stat = "delta"      // how much a measure's maximum, or the count, is above that of the bucket before
)

// Stats gives all statistics, in the order in which they are offered.
func Stats() []Stat {
	return []Stat{StatCount, StatRate, StatBytes, StatSum, StatAvg, StatMin, StatMax, StatRatio, StatPercentile, StatDistinct, StatDelta}
}

// statistic is how one Stat is computed from what documents hold.
type statistic interface {
	// about tells what the planner and the frames need to know.
	about() traits
	// aggregations are what Elasticsearch computes for the documents of a bucket, by the names of computed's fields.
	aggregations() object
	// merge adds to a bucket what another part of its documents holds.
	merge(into, part *metrics)
	// value makes the statistic of a bucket of the given seconds. The second result is false where there is none.
	value(m *metrics, seconds float64) (float64, bool)
}

// sketched is a statistic of sketches, which Elasticsearch cannot aggregate: the documents themselves are read.
type sketched interface {
	statistic
	// field is the documents' field that has the sketch.
	field() string
	// read adds an encoded sketch to a bucket.
	read(encoded []byte, into *metrics) error
	// page is how many documents one search returns.
	page() int
}

// traits are what is the same for all values of a statistic.
type traits struct {
	// name is the field's name in the frames.
	name string
	// unit is Grafana's name for the unit; empty for none.
	unit string
	// description says what is to know about the values; empty for nothing.
	description string
	// additive is set where no documents means zero, once that is certain.
	additive bool
	// average is how values are put together by a moving average.
	average averaging
	// differences has each value made of the bucket before, too.
	differences bool
	// relativeError is how far a value can be off; 0 for exact ones.
	relativeError float64
	// has reports whether documents of a definition can have what the statistic needs.
	has func(d *rollup.Definition) bool
}

// statistics makes the statistic of a query whose names are those of the newest definition.
var statistics = map[Stat]func(*Query, *rollup.Definition) (statistic, error){
	StatCount:      newCount,
	StatRate:       newCount,
	StatBytes:      newBytes,
	StatSum:        newSum,
	StatAvg:        newAverage,
	StatMin:        newExtreme,
	StatMax:        newExtreme,
	StatRatio:      newRatio,
	StatPercentile: newPercentile,
	StatDistinct:   newDistinct,
	StatDelta:      newDelta,
}

// needMeasure checks that the query names a measure of the definition.
func needMeasure(q *Query, d *rollup.Definition) error {
	if q.Measure == "" {
		return Invalid("%s needs a measure: rollup %q has %s", q.Stat, q.Rollup, list(names(d.Measures)))
	}
	if d.Measure(q.Measure) < 0 {
		return Invalid("rollup %q has no measure %s: it has %s", q.Rollup, quote(q.Measure), list(names(d.Measures)))
	}
	return nil
}

// checkCondition checks that the definition has a condition of that name.
func checkCondition(q *Query, d *rollup.Definition, name string) error {
	if hasCondition(d, name) {
		return nil
	}
	known := make([]string, len(d.Conditions))
	for i, c := range d.Conditions {
		known[i] = c.Name
	}
	return Invalid("rollup %q has no condition %s: it has %s", q.Rollup, quote(name), list(known))
}

func hasCondition(d *rollup.Definition, name string) bool {
	return slices.ContainsFunc(d.Conditions, func(c rollup.Condition) bool { return c.Name == name })
}

func hasMeasure(name string) func(*rollup.Definition) bool {
	return func(d *rollup.Definition) bool { return d.Measure(name) >= 0 }
}

func anyDefinition(*rollup.Definition) bool { return true }

func names(fields []rollup.Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return all
}

func sumOf(field string) object { return object{"sum": object{"field": field}} }

// finite tells the values that can be drawn and written as JSON.
func finite(v float64) (float64, bool) { return v, !math.IsNaN(v) && !math.IsInf(v, 0) }
