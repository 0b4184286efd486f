package query

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Whatever a rollup went through, every statistic is what loops over the events give.
func TestAnswersAreThoseOfLoopsOverTheEvents(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := drawScenario(rng)
		for i := range 12 {
			in := s.drawInput(rng)
			s.check(t, fmt.Sprintf("seed %d, query %d", seed, i), in)
			if t.Failed() {
				return
			}
		}
	}
}

func (s *scenario) drawInput(rng *rand.Rand) Input {
	pick := func(texts ...string) string { return texts[rng.IntN(len(texts))] }
	q := Query{
		Rollup: "log_writes", Stat: Stats()[rng.IntN(len(Stats()))], Measure: "offset", Condition: pick("", "errors", "slow"), Over: pick("", "slow"),
		Percentile: float64(rng.IntN(100)) + 0.5, Top: rng.IntN(4), Other: rng.IntN(2) == 0, Tier: pick("auto", "auto", "auto", "10s", "1m", "1h", "1d"),
		Read: []Read{ReadLive, ReadSealed}[rng.IntN(2)], Timezone: pick("", "", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"),
	}
	switch {
	case q.Stat == StatRatio:
		q.Condition = "errors"
	case q.Stat == StatDistinct:
		q.Measure = "users"
	case q.Stat == StatDelta && rng.IntN(2) == 0:
		q.Measure = ""
	}
	if slices.ContainsFunc(s.entry.Tiers, func(p rollup.TierProgress) bool { return len(p.Again) > 0 && p.Tier.String() == q.Tier }) {
		q.Tier = TierAuto // a tier that is asked for is read as it is
	}
	if rng.IntN(3) == 0 {
		q.Shift = pick("90m", "3h", "1d", "2d", "1w")
	}
	if rng.IntN(3) == 0 {
		q.MovingAverage = 2 + rng.IntN(5)
	}
	if rng.IntN(3) == 0 && !slices.ContainsFunc(s.entry.Tiers, func(p rollup.TierProgress) bool { return p.From > 0 }) {
		q.Lookback = pick("30m", "2h", "1d")
	}
	for _, name := range []string{"host", "path"} {
		if rng.IntN(3) == 0 {
			q.GroupBy = append(q.GroupBy, name)
		}
	}
	for _, f := range []Filter{
		{Dimension: "host", Op: OpOneOf, Values: []string{"h1", "h2", "h9"}}, {Dimension: "path", Op: OpNoneOf, Values: []string{"/a"}},
		{Dimension: "host", Op: OpMatches, Values: []string{"h[1-3]"}}, {Dimension: "path", Op: OpMatchesNo, Values: []string{"/a.*", "/c"}},
		{Dimension: "path", Op: OpExists}, {Dimension: "path", Op: OpExistsNo},
	} {
		if rng.IntN(10) == 0 {
			q.Filters = append(q.Filters, f)
		}
	}
	limits := DefaultLimits()
	limits.PageKeys, limits.RequestBuckets = 1+rng.IntN(5), 400
	middle := s.entry.Since
	if len(s.events) > 0 {
		middle = s.events[rng.IntN(len(s.events))].at
	}
	length := []int64{10 * minute, 3 * hour, dayLength, 5 * dayLength}[rng.IntN(4)]
	from := middle - rng.Int64N(length)
	return Input{
		Query: q, From: from, To: from + 1 + rng.Int64N(length), Interval: []int64{0, 10 * second, 7 * minute, hour, dayLength, 2 * dayLength}[rng.IntN(6)],
		MaxDataPoints: 1 + rng.Int64N(150), Rollup: s.entry, Prefix: "tidemark", Limits: limits,
	}
}

// check compares one answer with the naive one.
func (s *scenario) check(t *testing.T, name string, in Input) {
	t.Helper()
	s.store.asked = nil
	frames, err := Run(t.Context(), in, s.store.search)
	var invalid *InvalidError
	if errors.As(err, &invalid) && in.Query.Shift != "" && strings.Contains(err.Error(), "no multiple") {
		return
	}
	if err != nil {
		t.Fatalf("%s: %+v: %v", name, in.Query, err)
	}
	p, err := newPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %+v from %s to %s: %s\n%s\n%s", name, in.Query, instant(in.From), instant(in.To), fmt.Sprintf(format, args...), frames[0].Meta.ExecutedQueryString, notices(frames))
	}
	if p.drawn() == 0 {
		if len(frames) != 1 || len(frames[0].Fields) != 0 {
			fail("%d frames where nothing is sealed", len(frames))
		}
		return
	}
	n := newNaive(s, p)
	want := n.series(t, frames)
	got := seriesByName(in.Query.GroupBy, frames)
	for name := range want {
		if got[name] == nil {
			fail("series %q is missing", name)
			return
		}
	}
	for name, field := range got {
		curve, expected := want[name]
		if !expected {
			fail("series %q is too much: want %q", name, slices.Sorted(maps.Keys(want)))
			return
		}
		for i := range field.Len() {
			v, _ := field.At(i).(*float64)
			if w := curve[p.lead+i]; !close1(v, w) {
				fail("series %q at %s is %s, want %s", name, instant(p.buckets[p.lead+i].at), text(v), text(w.value))
				return
			}
		}
	}
}

// series are the curves by the series' names. Which ones an estimate ranks first is taken from the answer.
func (n *naive) series(t *testing.T, frames data.Frames) map[string][]answer {
	t.Helper()
	chosen, others := n.choose(n.lookFrom())
	if n.traits.relativeError > 0 && n.Top > 0 && len(others) > 0 {
		all := slices.Concat(chosen, others)
		chosen, others = nil, nil
		named := seriesByName(n.GroupBy, frames)
		for _, name := range all {
			if named[name] != nil {
				chosen = append(chosen, name)
			} else {
				others = append(others, name)
			}
		}
		if len(chosen) != n.Top {
			t.Errorf("%d series are chosen, want %d", len(chosen), n.Top)
		}
	}
	of := map[string][]drawnEvent{}
	for _, name := range chosen {
		of[name] = n.members[name]
	}
	if n.hasOther() {
		var rest []drawnEvent
		for name, events := range n.members {
			if !slices.Contains(chosen, name) {
				rest = append(rest, events...)
			}
		}
		if len(others) > 0 || len(n.within(rest, n.buckets[0].from, n.dataEnd())) > 0 {
			of[naiveOther] = rest
		}
	}
	zeroFrom := int64(math.MaxInt64)
	for _, d := range n.definitions {
		zeroFrom = min(zeroFrom, d.since)
	}
	for _, events := range of {
		for _, b := range n.buckets {
			if len(n.within(events, b.from, b.to)) > 0 {
				zeroFrom = min(zeroFrom, b.from)
			}
		}
	}
	curves := map[string][]answer{}
	for name, events := range of {
		curves[name] = n.curve(events, zeroFrom)
	}
	return curves
}

// lookFrom is where the buckets begin that the query looks back to.
func (n *naive) lookFrom() int64 {
	if n.lookback.none() {
		return math.MaxInt64
	}
	back := (n.lookback.length() + n.steps.length - 1) / n.steps.length
	first := n.steps.number(n.plan.from) - back
	return n.steps.lay(first, first+1, n.shift, n.zone, n.least)[0].from
}

func seriesByName(groupBy []string, frames data.Frames) map[string]*data.Field {
	named := map[string]*data.Field{}
	for _, f := range frames {
		if len(f.Fields) == 0 {
			continue
		}
		field := f.Fields[1]
		var values []string
		for _, name := range groupBy {
			values = append(values, field.Labels[name])
		}
		name := strings.Join(values, "\x00")
		if len(groupBy) > 0 && values[0] == otherLabel {
			name = naiveOther
		}
		named[name] = field
	}
	return named
}

func close1(got *float64, want answer) bool {
	if got == nil || want.value == nil {
		return got == nil && want.value == nil
	}
	return math.Abs(*got-*want.value) <= want.tolerance+1e-9*math.Abs(*want.value)
}

func text(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}
