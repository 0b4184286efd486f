package queries

import (
	"regexp"
	"slices"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// grid is the time of an answer, in buckets of the given length: the planner's choice of it has tests of its own.
func grid(in query.Input, bucket int64) (start, end int64) {
	start, end = in.From-in.From%bucket, in.To+(bucket-in.To%bucket)%bucket
	if tidemark, sealed := in.Rollup.Tidemark(); in.Query.Read == query.ReadSealed {
		if !sealed {
			return start, start
		}
		end = max(start, min(end, tidemark-tidemark%bucket))
	}
	return start, end
}

// naive answers with loops over the events from start to end.
func naive(in query.Input, events []event, start, end, bucket int64) map[string][]*float64 {
	tidemark, sealed := in.Rollup.Tidemark()
	if start == end {
		return map[string][]*float64{}
	}
	of := map[string][]event{}
	for _, e := range events {
		if e.at >= start && e.at < end && passes(in.Query.Filters, e) {
			name := seriesName(in.Query.GroupBy, e.dims)
			of[name] = append(of[name], e)
		}
	}
	if len(in.Query.GroupBy) == 0 && end > start && len(of) == 0 {
		of[""] = nil
	}
	chosen := choose(in.Query, of, float64(end-start)/1000)
	zeroFrom := in.Rollup.Since
	for _, name := range chosen {
		for _, e := range of[name] {
			zeroFrom = min(zeroFrom, e.at-(e.at-start)%bucket)
		}
	}
	answer := map[string][]*float64{}
	for _, name := range chosen {
		for at := start; at < end; at += bucket {
			var within []event
			for _, e := range of[name] {
				if e.at >= at && e.at < at+bucket {
					within = append(within, e)
				}
			}
			value := statOf(in.Query.Stat, within, float64(bucket)/1000)
			if value == nil && additive(in.Query.Stat) && sealed && at >= zeroFrom && at+bucket <= tidemark {
				value = new(float64)
			}
			answer[name] = append(answer[name], value)
		}
	}
	return answer
}

func additive(stat query.Stat) bool {
	return stat == query.StatCount || stat == query.StatRate || stat == query.StatBytes
}

func choose(q query.Query, of map[string][]event, seconds float64) []string {
	var all []string
	for name := range of {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int {
		x, y := statOf(q.Stat, of[a], seconds), statOf(q.Stat, of[b], seconds)
		switch {
		case x != nil && (y == nil || *x > *y):
			return -1
		case y != nil && (x == nil || *x < *y):
			return 1
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	if q.Top > 0 && len(q.GroupBy) > 0 {
		all = all[:min(q.Top, len(all))]
	}
	return all
}

func statOf(stat query.Stat, events []event, seconds float64) *float64 {
	var m rollup.Measure
	total := 0.0
	for _, e := range events {
		if stat == query.StatBytes {
			total += float64(e.bytes)
		} else {
			total++
		}
		if e.measured {
			m.Add(e.offset)
		}
	}
	switch {
	case len(events) == 0:
		return nil
	case stat == query.StatCount, stat == query.StatBytes:
		return &total
	case stat == query.StatRate:
		total /= seconds
		return &total
	case m.Count == 0:
		return nil
	}
	value := map[query.Stat]float64{query.StatAvg: m.Sum / float64(m.Count), query.StatSum: m.Sum, query.StatMin: m.Min, query.StatMax: m.Max}[stat]
	return &value
}

func passes(filters []query.Filter, e event) bool {
	for _, f := range filters {
		if len(f.Values) == 0 {
			continue
		}
		met := slices.ContainsFunc(f.Values, func(v string) bool {
			if f.Op == query.OpMatches || f.Op == query.OpMatchesNo {
				return regexp.MustCompile("^(?:" + v + ")$").MatchString(e.dims[f.Dimension])
			}
			return v == e.dims[f.Dimension]
		})
		if met != (f.Op == query.OpOneOf || f.Op == query.OpMatches) {
			return false
		}
	}
	return true
}

func seriesName(groupBy []string, labels map[string]string) string {
	name := ""
	for _, g := range groupBy {
		name += labels[g] + "\x00"
	}
	return name
}
