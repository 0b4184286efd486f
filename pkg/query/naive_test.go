package query

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// naive answers with loops over events. It takes the buckets and the spans that are read from the plan, which have tests of their own.
type naive struct {
	*plan
	events  []drawnEvent // that the query is about, in spans that are kept
	entry   *rollup.CatalogEntry
	members map[string][]drawnEvent // of each series
}

// answer is a value, nil for none, with how far another may be off.
type answer struct {
	value     *float64
	tolerance float64
}

const (
	naiveOther    = "(other)"
	naiveOverflow = "(overflow)"
)

func newNaive(s *scenario, p *plan) *naive {
	n := &naive{plan: p, entry: s.entry, members: map[string][]drawnEvent{}}
	for _, e := range s.events {
		if n.counts(&e) {
			n.events = append(n.events, e)
			n.members[n.seriesOf(&e)] = append(n.members[n.seriesOf(&e)], e)
		}
	}
	return n
}

// counts reports whether the event's definition has what is asked for, and the event meets the filters.
func (n *naive) counts(e *drawnEvent) bool {
	d := &n.entry.Definitions[e.definition].Spec
	if !n.traits.has(d) || slices.ContainsFunc(n.dimensions(), func(name string) bool { return d.Dimension(name) < 0 }) {
		return false
	}
	return len(n.Filters) == 0 || !n.overflowed(e) && !slices.ContainsFunc(n.Filters, func(f Filter) bool { return !meets(f, e.dimension(f.Dimension)) })
}

func meets(f Filter, value string) bool {
	met := slices.ContainsFunc(f.Values, func(v string) bool {
		if f.patterns() {
			return regexp.MustCompile("^(?:" + v + ")$").MatchString(value)
		}
		return v == value
	})
	switch f.Op {
	case OpExists:
		return value != ""
	case OpExistsNo:
		return value == ""
	case OpOneOf, OpMatches:
		return met
	}
	return !met
}

// overflowed reports whether the event has no dimensions where the query reads.
func (n *naive) overflowed(e *drawnEvent) bool {
	d := &n.entry.Definitions[e.definition].Spec
	g, _ := d.SmallestGrouping(n.dimensions())
	return len(g) > 0 && (e.noRoomAt || e.overflow && len(g) == len(d.Dimensions))
}

func (n *naive) seriesOf(e *drawnEvent) string {
	if len(n.GroupBy) > 0 && n.overflowed(e) {
		return naiveOverflow
	}
	var values []string
	for _, name := range n.GroupBy {
		values = append(values, e.dimension(name))
	}
	return strings.Join(values, "\x00")
}

// within are the events of [from, to) that are kept somewhere.
func (n *naive) within(events []drawnEvent, from, to int64) []drawnEvent {
	var some []drawnEvent
	for _, e := range events {
		kept := slices.ContainsFunc(n.segments, func(s segment) bool { return e.at >= s.from && e.at < s.to })
		if e.at >= from && e.at < to && kept {
			some = append(some, e)
		}
	}
	return some
}

// choose gives the names of the series, the one of all others apart.
func (n *naive) choose(lookFrom int64) (chosen, others []string) {
	if len(n.GroupBy) == 0 {
		return []string{""}, nil
	}
	type ranked struct {
		name string
		answer
	}
	var all []ranked
	seconds := 0.0
	for _, b := range n.buckets[n.lead:] {
		seconds += float64(b.to-b.from) / 1000
	}
	for name, events := range n.members {
		drawn := n.within(events, n.dataStart(), n.dataEnd())
		early := slices.ContainsFunc(events, func(e drawnEvent) bool { return e.at >= lookFrom && e.at < n.dataStart() })
		if name != naiveOverflow && (len(drawn) > 0 || early) {
			all = append(all, ranked{name, n.of(drawn, seconds)})
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		switch {
		case a.value != nil && (b.value == nil || *a.value > *b.value):
			return -1
		case b.value != nil && (a.value == nil || *a.value < *b.value):
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	keep := len(all)
	if n.Top > 0 {
		keep = min(n.Top, keep)
	}
	for i, r := range all {
		if i < keep {
			chosen = append(chosen, r.name)
		} else {
			others = append(others, r.name)
		}
	}
	return chosen, others
}

// of is the statistic of some events, but for what it has of other buckets.
func (n *naive) of(events []drawnEvent, seconds float64) answer {
	exactly := func(v float64) answer { return answer{value: &v} }
	if len(events) == 0 {
		return answer{}
	}
	var values []float64
	users := map[string]bool{}
	for i := range events {
		if events[i].measured {
			values = append(values, events[i].offset)
		}
		users[events[i].user] = true
	}
	slices.Sort(values)
	switch n.Stat {
	case StatCount:
		return exactly(counted1(events, n.Condition))
	case StatRate:
		return exactly(counted1(events, n.Condition) / seconds)
	case StatBytes:
		total := 0.0
		for _, e := range events {
			total += float64(e.bytes)
		}
		return exactly(total)
	case StatRatio:
		if over := counted1(events, n.Over); over > 0 {
			return exactly(counted1(events, n.Condition) / over)
		}
		return answer{}
	case StatDistinct:
		return exactly(float64(len(users)))
	case StatDelta:
		if n.Measure == "" {
			return exactly(float64(len(events)))
		}
	}
	if len(values) == 0 {
		return answer{}
	}
	return n.ofMeasure(values)
}

func (n *naive) ofMeasure(values []float64) answer {
	exactly := func(v float64) answer { return answer{value: &v} }
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	switch n.Stat {
	case StatSum:
		return exactly(sum)
	case StatAvg:
		return exactly(sum / float64(len(values)))
	case StatMin:
		return exactly(values[0])
	case StatPercentile:
		rank := n.Percentile / 100 * float64(len(values)-1)
		low, high := values[int(rank)], values[int(math.Ceil(rank))]
		if values[0] >= 0 {
			high = low // only among negative values a sketch takes the next one
		}
		v := (low + high) / 2
		return answer{&v, (high-low)/2 + max(math.Abs(low), math.Abs(high))*rollup.SketchAccuracy + 1e-9}
	}
	return exactly(values[len(values)-1])
}

func counted1(events []drawnEvent, condition string) float64 {
	total := 0.0
	for _, e := range events {
		if condition == "" || condition == "errors" && e.errors || condition == "slow" && e.slow {
			total++
		}
	}
	return total
}

// curve is the values of one series, from the events that are in it.
func (n *naive) curve(events []drawnEvent, zeroFrom int64) []answer {
	all := make([]answer, len(n.buckets))
	parts := make([][]drawnEvent, len(n.buckets))
	known := make([]bool, len(n.buckets))
	for i, b := range n.buckets {
		parts[i] = n.within(events, b.from, b.to)
		zero := n.sealed && b.to <= n.tidemark && b.from >= zeroFrom && !n.inGap(b)
		known[i] = zero || len(parts[i]) > 0
		all[i] = n.of(parts[i], float64(b.to-b.from)/1000)
		if all[i].value == nil && zero && n.traits.additive {
			all[i].value = new(float64)
		}
	}
	if n.Stat == StatDelta {
		for i := len(all) - 1; i >= 0; i-- {
			if i == 0 || all[i].value == nil || all[i-1].value == nil {
				all[i] = answer{}
				continue
			}
			v := *all[i].value - *all[i-1].value
			all[i].value = &v
		}
	}
	if n.MovingAverage > 0 {
		return n.average(all, parts, known)
	}
	return all
}

func (n *naive) average(all []answer, parts [][]drawnEvent, known []bool) []answer {
	smooth := make([]answer, len(all))
	for i := range all {
		sum, tolerance, there, knownOnes := 0.0, 0.0, 0.0, 0.0
		var events []drawnEvent
		for j := max(0, i-n.MovingAverage+1); j <= i; j++ {
			if known[j] {
				knownOnes++
			}
			if all[j].value != nil {
				sum += *all[j].value
				tolerance += all[j].tolerance
				there++
			}
			events = append(events, parts[j]...)
		}
		switch over := there; {
		case !known[i] || there == 0:
		case n.Stat == StatAvg || n.Stat == StatRatio:
			smooth[i] = n.of(events, 1)
		default:
			if slices.Contains([]Stat{StatCount, StatRate, StatBytes, StatSum}, n.Stat) {
				over = knownOnes
			}
			v := sum / over
			smooth[i] = answer{&v, tolerance / there}
		}
	}
	return smooth
}
