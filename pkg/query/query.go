package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// What one query may hold at most.
const (
	maxQueryBytes   = 1 << 20
	maxGroupBy      = 5
	maxFilters      = 20
	maxFilterValues = 1000
	maxPatterns     = 20
	maxAliasBytes   = 1024
	maxNameBytes    = 64

	defaultPercentile = 95
	maxAverage        = 1000
)

// Read says how far an answer reaches.
type Read string

const (
	// ReadLive answers with all documents there are, sealed or not.
	ReadLive Read = "live"
	// ReadSealed answers with the buckets that end at or before the tidemark, which change only by counted, late corrections.
	ReadSealed Read = "sealed"
	// ReadStream answers as ReadLive does, and a stream goes on from there: see RunStream.
	ReadStream Read = "stream"
)

// TierAuto lets the planner choose the tier.
const TierAuto = "auto"

// Query is what a panel, an alert or the sidecar's page asks of one rollup. What a statistic has no use for is passed over.
type Query struct {
	// Rollup is the rollup's name.
	Rollup string `json:"rollup"`
	// Stat is the statistic.
	Stat Stat `json:"stat"`
	// Measure is what sum, avg, min, max, percentile and, where it is not empty, delta are of; for distinct it is the name of the distinct values.
	Measure string `json:"measure,omitempty"`
	// Condition has count and rate count only the events that met it. For ratio it is the numerator.
	Condition string `json:"condition,omitempty"`
	// Over is the condition that is the denominator of ratio; empty for all events.
	Over string `json:"over,omitempty"`
	// Percentile is above 0 and at most 100; 0 stands for 95.
	Percentile float64 `json:"percentile,omitempty"`
	// GroupBy names the dimensions that make a series each, at most 5.
	GroupBy []string `json:"groupBy,omitempty"`
	// Filters must all hold, at most 20.
	Filters []Filter `json:"filters,omitempty"`
	// Top keeps only the series with the largest values over the whole range; 0 keeps all, up to the limit.
	Top int `json:"top,omitempty"`
	// Other adds a series of everything that is in none of those.
	Other bool `json:"other,omitempty"`
	// Format is FormatSeries, FormatTable, or empty: series.
	Format Format `json:"format,omitempty"`
	// Tier is TierAuto, or one of the rollup's tiers, such as "10s".
	Tier string `json:"tier,omitempty"`
	// Read is ReadLive, ReadSealed, ReadStream, or empty: live.
	Read Read `json:"read,omitempty"`
	// Shift shows the values of so much earlier: whole minutes, hours, days or weeks, such as "90m" or "1w". Days are those of Timezone.
	Shift string `json:"shift,omitempty"`
	// MovingAverage is over how many buckets, the last one the point's own, each point is averaged: 2 to 1,000; 0 for none.
	MovingAverage int `json:"movingAverage,omitempty"`
	// Lookback has series in the answer that had events so much before the range, written as Shift is.
	Lookback string `json:"lookback,omitempty"`
	// Timezone is the IANA name of the zone whose days buckets of a day and longer are; empty for UTC.
	Timezone string `json:"timezone,omitempty"`
	// Alias is a series' display name; {{rollup}}, {{stat}}, {{measure}}, {{condition}}, {{percentile}}, {{shift}} and {{<dimension>}} are replaced.
	Alias string `json:"alias,omitempty"`
}

// InvalidError says what is wrong with a query and what is allowed. It is the asker's to mend; every other error of this package is about the answer.
type InvalidError struct{ problem string }

func (e *InvalidError) Error() string { return e.problem }

// Invalid makes an *InvalidError, for what callers check by themselves.
func Invalid(format string, args ...any) error {
	return &InvalidError{problem: fmt.Sprintf(format, args...)}
}

// Parse reads a query's JSON. Fields that the model does not have are passed over, since Grafana adds its own; filters without values are dropped, since
// they stand for all values. A query that does not say how far to read reads as far as read says; empty stands for ReadLive. What is wrong with the query
// by itself is an *InvalidError; whether the rollup has what is asked for is found out by Run.
func Parse(raw []byte, read Read) (Query, error) {
	if len(raw) > maxQueryBytes {
		return Query{}, Invalid("the query is %d bytes long: at most %d are allowed", len(raw), maxQueryBytes)
	}
	var q Query
	if err := json.Unmarshal(raw, &q); err != nil {
		return Query{}, Invalid("read the query: %v", err)
	}
	if q.Read == "" {
		q.Read = read
	}
	if err := q.normalize(); err != nil {
		return Query{}, err
	}
	return q, nil
}

// normalize completes defaults and checks everything that can be checked without the rollup's definition. It changes none of the slices it is given.
func (q *Query) normalize() error {
	if q.Rollup == "" {
		return Invalid("the query names no rollup")
	}
	if !rollup.ValidName(q.Rollup) {
		return Invalid("%s is not a rollup's name: lower-case letters, digits and underscores are allowed, beginning with a letter", quote(q.Rollup))
	}
	if _, known := statistics[q.Stat]; !known {
		return Invalid("unknown statistic %s: %s are allowed", quote(string(q.Stat)), list(Stats()))
	}
	switch q.Read {
	case "":
		q.Read = ReadLive
	case ReadLive, ReadSealed, ReadStream:
	default:
		return Invalid("unknown read %s: live, sealed and stream are allowed", quote(string(q.Read)))
	}
	if err := q.checkFormat(); err != nil {
		return err
	}
	if q.Tier == "" {
		q.Tier = TierAuto
	}
	if q.Top < 0 {
		return Invalid("top is %d: 0 (all) and more are allowed", q.Top)
	}
	if len(q.Alias) > maxAliasBytes {
		return Invalid("the alias is %d bytes long: at most %d are allowed", len(q.Alias), maxAliasBytes)
	}
	if err := q.normalizeNumbers(); err != nil {
		return err
	}
	if err := q.checkTimes(); err != nil {
		return err
	}
	if err := q.normalizeGroupBy(); err != nil {
		return err
	}
	return q.normalizeFilters()
}

func (q *Query) normalizeNumbers() error {
	if !(q.Percentile >= 0 && q.Percentile <= 100) {
		return Invalid("percentile is %g: above 0 and up to 100 is allowed", q.Percentile)
	}
	if q.Stat == StatPercentile && q.Percentile == 0 {
		q.Percentile = defaultPercentile
	}
	if q.MovingAverage < 0 || q.MovingAverage == 1 || q.MovingAverage > maxAverage {
		return Invalid("movingAverage is %d: 0 (off) and 2 to %d buckets are allowed", q.MovingAverage, maxAverage)
	}
	return nil
}

func (q *Query) checkTimes() error {
	if _, err := parseDuration("shift", q.Shift); err != nil {
		return err
	}
	if _, err := parseDuration("lookback", q.Lookback); err != nil {
		return err
	}
	_, err := parseZone(q.Timezone)
	return err
}

func (q *Query) normalizeGroupBy() error {
	groupBy := make([]string, 0, min(len(q.GroupBy), maxGroupBy))
	for _, name := range q.GroupBy {
		if slices.Contains(groupBy, name) {
			continue
		}
		if len(groupBy) == maxGroupBy {
			return Invalid("the query groups by more than %d dimensions", maxGroupBy)
		}
		groupBy = append(groupBy, name)
	}
	q.GroupBy = groupBy
	return nil
}

func (q *Query) normalizeFilters() error {
	if len(q.Filters) > maxFilters {
		return Invalid("the query has %d filters: at most %d are allowed", len(q.Filters), maxFilters)
	}
	filters := make([]Filter, 0, len(q.Filters))
	for _, f := range q.Filters {
		if f.presence() {
			f.Values = nil
		} else if len(f.Values) == 0 {
			continue
		}
		if err := f.check(); err != nil {
			return err
		}
		filters = append(filters, f)
	}
	q.Filters = filters
	return nil
}

// dimensions are the ones that the query groups or filters by.
func (q *Query) dimensions() []string {
	names := slices.Clone(q.GroupBy)
	for _, f := range q.Filters {
		if !slices.Contains(names, f.Dimension) {
			names = append(names, f.Dimension)
		}
	}
	return names
}

// quote shows text that came from outside within an error: quoted, and cut to a readable length.
func quote(s string) string {
	const longest = 80
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

// list joins names for an error: "a, b and c".
func list[S ~string](names []S) string {
	text := make([]string, len(names))
	for i, n := range names {
		text[i] = string(n)
	}
	switch n := len(text); n {
	case 0:
		return "none"
	case 1:
		return text[0]
	default:
		return strings.Join(text[:n-1], ", ") + " and " + text[n-1]
	}
}
