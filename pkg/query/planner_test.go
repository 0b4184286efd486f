package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// tiered is the rollup of the planner's tests, with tiers of a minute, half an hour, an hour and a day. It is sealed up to 2026-11-25T12:00:40Z.
func tiered(t *testing.T, edit func(tiers []rollup.TierProgress)) *rollup.CatalogEntry {
	t.Helper()
	e := testEntry()
	e.Spec.Tiers = []rollup.Tier{rollup.Tier(time.Minute), rollup.Tier(30 * time.Minute), rollup.Tier(time.Hour), rollup.Tier(24 * time.Hour)}
	sealed := at(t, "2026-11-25T12:00:40Z")
	e.Progress[0].SealedThrough = &sealed
	e.Tiers = []rollup.TierProgress{{Tier: e.Spec.Window}}
	for _, tier := range e.Spec.Tiers {
		e.Tiers = append(e.Tiers, rollup.TierProgress{Tier: tier, Through: tier.Start(sealed)})
	}
	if edit != nil {
		edit(e.Tiers)
	}
	return e
}

// outline shows a plan's buckets and segments: "24 of 1h: 1h 11-24T00:00-11-24T12:00, ...".
func outline(p *plan) string {
	clock := func(ms int64) string {
		return strings.TrimSuffix(time.UnixMilli(ms).UTC().Format("01-02T15:04:05"), ":00")
	}
	var parts []string
	for _, s := range joined(p.segments) {
		parts = append(parts, fmt.Sprintf("%s %s to %s", s.tier, clock(s.from), clock(s.to)))
	}
	for _, g := range p.gaps {
		parts = append(parts, fmt.Sprintf("nothing %s to %s", clock(g.From), clock(g.To)))
	}
	return fmt.Sprintf("%d of %s: %s", p.drawn(), p.explainBucket(), strings.Join(parts, ", "))
}

func TestPlansReadTheCoarsestTierThatIsThere(t *testing.T) {
	from := func(i int, when string) func([]rollup.TierProgress) {
		return func(tiers []rollup.TierProgress) { tiers[i].From = at(t, when) }
	}
	for _, c := range []struct {
		name, query, from, to, interval string
		edit                            func([]rollup.TierProgress)
		want, notice                    string
	}{
		{"the tail comes from ever finer tiers", `{}`, "11-25T00:00:00Z", "11-25T12:00:50Z", "1h", nil, "13 of 1h: 1h 11-25T00:00 to 11-25T12:00, 10s 11-25T12:00 to 11-25T13:00", ""},
		{
			"a tier that lags behind leaves more to the finer ones", `{}`, "11-25T00:00:00Z", "11-25T12:00:00Z", "1h",
			func(tiers []rollup.TierProgress) { tiers[3].Through = at(t, "2026-11-25T08:00:00Z") },
			"12 of 1h: 1h 11-25T00:00 to 11-25T08:00, 30m 11-25T08:00 to 11-25T12:00", "tier 1h is catching up: it is made up to 2026-11-25T08:00:00Z",
		},
		{"buckets of a minute", `{}`, "11-25T11:50:00Z", "11-25T12:00:40Z", "1m", nil, "11 of 1m: 1m 11-25T11:50 to 11-25T12:00, 10s 11-25T12:00 to 11-25T12:01", ""},
		{"only the finest divides", `{}`, "11-25T11:50:00Z", "11-25T12:00:00Z", "70s", nil, "9 of 70 s: 10s 11-25T11:49:40 to 11-25T12:00:10", ""},
		{"a little longer for a coarser tier", `{}`, "11-25T00:00:00Z", "11-25T12:00:00Z", "50m", nil, "12 of 1h: 1h 11-25T00:00 to 11-25T12:00", ""},
		{"not much longer", `{}`, "11-25T00:00:00Z", "11-25T02:00:00Z", "40m", nil, "3 of 40m: 1m 11-25T00:00 to 11-25T02:00", ""},
		{
			"windows to be made anew come from a finer tier", `{}`, "11-25T00:00:00Z", "11-25T06:00:00Z", "1h",
			func(tiers []rollup.TierProgress) {
				tiers[3].Again = []rollup.Span{{From: at(t, "2026-11-25T02:00:00Z"), To: at(t, "2026-11-25T03:00:00Z")}}
			}, "6 of 1h: 1h 11-25T00:00 to 11-25T02:00, 30m 11-25T02:00 to 11-25T03:00, 1h 11-25T03:00 to 11-25T06:00", "",
		},
		{
			"longer points where the finest windows are gone", `{}`, "11-24T23:50:00Z", "11-25T00:20:00Z", "10s", from(0, "2026-11-25T00:00:00Z"),
			"30 of 1m: 1m 11-24T23:50 to 11-25T00:20", "points are 1m apart, since finer windows are kept from 2026-11-25T00:00:00Z on only",
		},
		{
			"the tier that reaches back furthest", `{}`, "11-24T22:50:00Z", "11-25T01:20:00Z", "10s",
			func(tiers []rollup.TierProgress) {
				tiers[0].From, tiers[1].From = at(t, "2026-11-25T00:00:00Z"), at(t, "2026-11-25T00:00:00Z")
				tiers[2].From, tiers[3].From, tiers[4].From = at(t, "2026-11-24T23:00:00Z"), at(t, "2026-11-24T23:00:00Z"), at(t, "2026-11-25T00:00:00Z")
			}, "6 of 30m: 30m 11-24T23:00 to 11-25T01:30, nothing 11-24T22:30 to 11-24T23:00", "before 2026-11-24T23:00:00Z nothing is kept",
		},
		{
			"nothing at all", `{}`, "11-23T00:00:00Z", "11-23T01:00:00Z", "10m",
			func(tiers []rollup.TierProgress) {
				for i := range tiers {
					tiers[i].From = at(t, "2026-11-25T00:00:00Z")
				}
			}, "6 of 10m: nothing 11-23T00:00 to 11-23T01:00", "nothing of this range is kept: windows of 10s begin at 2026-11-25T00:00:00Z",
		},
		{"a tier that is asked for", `{"tier":"1m"}`, "11-25T11:00:00Z", "11-25T12:01:00Z", "1h", nil, "2 of 1h: 1m 11-25T11:00 to 11-25T12:00, 10s 11-25T12:00 to 11-25T13:00", ""},
		{
			"a tier that is asked for and not there", `{"tier":"1h"}`, "11-24T23:00:00Z", "11-25T01:00:00Z", "1h", from(3, "2026-11-25T00:00:00Z"),
			"2 of 1h: 1h 11-25T00:00 to 11-25T01:00, nothing 11-24T23:00 to 11-25T00:00", "tier 1h does not have 2026-11-24T23:00:00Z to 2026-11-25T00:00:00Z: choose another tier, or auto",
		},
		{"the finest tier is asked for", `{"tier":"10s"}`, "11-25T00:00:00Z", "11-25T02:00:00Z", "1h", nil, "2 of 1h: 10s 11-25T00:00 to 11-25T02:00", ""},
		{"days in UTC", `{}`, "11-23T05:00:00Z", "11-25T12:00:00Z", "24h", nil, "3 of a day in UTC: 1d 11-23T00:00 to 11-25T00:00, 1h 11-25T00:00 to 11-25T12:00, 10s 11-25T12:00 to 11-26T00:00", ""},
		{"days of a zone of whole hours", `{"timezone":"Europe/Berlin"}`, "11-23T05:00:00Z", "11-24T12:00:00Z", "24h", nil, "2 of a day in Europe/Berlin: 1h 11-22T23:00 to 11-24T23:00", ""},
		{"days of a zone of half hours", `{"timezone":"Asia/Kolkata"}`, "11-23T05:00:00Z", "11-24T12:00:00Z", "24h", nil, "2 of a day in Asia/Kolkata: 30m 11-22T18:30 to 11-24T18:30", ""},
		{"several days", `{"timezone":"Europe/Berlin"}`, "11-20T05:00:00Z", "11-24T12:00:00Z", "48h", nil, "3 of 2 days in Europe/Berlin: 1h 11-18T23:00 to 11-24T23:00", ""},
		{"the clocks go back", `{"timezone":"Europe/Berlin"}`, "10-24T05:00:00Z", "10-26T12:00:00Z", "24h", nil, "3 of a day in Europe/Berlin: 1h 10-23T22:00 to 10-26T23:00", ""},
		{
			"days that no tier can be cut into", `{"timezone":"Asia/Kolkata","tier":"1h"}`, "11-23T05:00:00Z", "11-24T12:00:00Z", "24h", nil,
			"2 of a day in UTC: 1h 11-23T00:00 to 11-25T00:00", "days are those of UTC: windows of 1h cannot be cut at midnight in Asia/Kolkata",
		},
		{"a shift", `{"shift":"1d"}`, "11-25T00:00:00Z", "11-25T02:00:00Z", "1h", nil, "2 of 1h: 1h 11-24T00:00 to 11-24T02:00", ""},
		{"buckets before the range", `{"movingAverage":3}`, "11-25T00:00:00Z", "11-25T02:00:00Z", "1h", nil, "2 of 1h: 1h 11-24T22:00 to 11-25T02:00", ""},
		{"a bucket before the range", `{"stat":"delta","measure":"offset"}`, "11-25T00:00:00Z", "11-25T02:00:00Z", "1h", nil, "2 of 1h: 1h 11-24T23:00 to 11-25T02:00", ""},
		{"a sealed read ends at the tidemark", `{"read":"sealed"}`, "11-25T11:58:00Z", "11-25T12:10:00Z", "1m", nil, "2 of 1m: 1m 11-25T11:58 to 11-25T12:00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := Query{Rollup: "log_writes", Stat: StatCount}
			if err := json.Unmarshal([]byte(c.query), &q); err != nil {
				t.Fatal(err)
			}
			interval, err := time.ParseDuration(c.interval)
			if err != nil {
				t.Fatal(err)
			}
			p, err := newPlan(Input{
				Query: q, From: at(t, "2026-"+c.from), To: at(t, "2026-"+c.to), Interval: interval.Milliseconds(), Rollup: tiered(t, c.edit), Prefix: "tidemark",
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outline(p)); diff != "" {
				t.Error(diff)
			}
			told := slices.ContainsFunc(p.notes, func(n data.Notice) bool { return strings.Contains(n.Text, c.notice) })
			if told != (c.notice != "") || c.notice == "" && len(p.notes) > 0 {
				t.Errorf("the notices are %v, want %q", p.notes, c.notice)
			}
			checkSegments(t, p)
		})
	}
}

func TestDefinitionsAreReadEachByItsOwnGroupingAndWindow(t *testing.T) {
	e := tiered(t, nil)
	older := e.Spec
	older.Window, older.Groupings, older.MaxKeys = rollup.Tier(time.Minute), nil, 7
	older.Normalize()
	without := e.Spec
	without.Dimensions, without.Groupings, without.MaxKeys = []rollup.Field{{Name: "host"}}, nil, 8
	without.Normalize()
	e.Since = at(t, "2026-11-25T00:00:00Z")
	e.Definitions = []rollup.DefinitionProgress{
		{Definition: "without", Spec: without, Since: at(t, "2026-11-20T00:00:00Z")}, {Definition: "older", Spec: older, Since: at(t, "2026-11-23T00:00:00Z")}, e.DefinitionProgress,
	}
	for _, c := range []struct {
		name, from, to string
		interval       time.Duration
		groupBy        []string
		want           []string
		notice         string
	}{
		{
			"long after the others", "11-27T00:00:00Z", "11-27T00:01:00Z", 10 * time.Second, []string{"path"},
			[]string{`tidemark-log_writes-10s-2026.11.27 [{"term":{"grouping":"path"}}]`}, "",
		},
		{
			"two windows and groupings", "11-25T11:59:00Z", "11-25T12:02:00Z", time.Minute, []string{"path"},
			[]string{
				`tidemark-log_writes-1m-2026.11.25 [{"bool":{"minimum_should_match":1,"should":[{"bool":{"filter":[{"term":{"grouping":"host,path"}},{"terms":{"definition":["older"]}}]}},{"bool":{"filter":[{"term":{"grouping":"path"}},{"terms":{"definition":["HASH"]}}]}}]}}]`,
				`tidemark-log_writes-10s-2026.11.25 [{"term":{"grouping":"path"}},{"terms":{"definition":["HASH"]}}]`,
				`tidemark-log_writes-1m-2026.11.25 [{"term":{"grouping":"host,path"}},{"terms":{"definition":["older"]}}]`,
			}, "",
		},
		{
			"one lacks the dimension", "11-23T11:59:00Z", "11-23T12:00:00Z", time.Minute, []string{"host", "path"},
			[]string{`tidemark-log_writes-1m-2026.11.23 [{"term":{"grouping":"host,path"}}]`}, "the definition of 2026-11-20T00:00:00Z had no dimension path",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := newPlan(Input{
				Query: Query{Rollup: "log_writes", Stat: StatCount, GroupBy: c.groupBy}, From: at(t, "2026-"+c.from), To: at(t, "2026-"+c.to), Interval: c.interval.Milliseconds(),
				Rollup: e, Prefix: "tidemark",
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range p.cut(0, 0) {
				raw, err := encode(object{"": s.clauses})
				if err != nil {
					t.Fatal(err)
				}
				clauses := strings.TrimSuffix(strings.TrimPrefix(string(raw), `{"":`), "}")
				got = append(got, strings.Join(s.indices, ",")+" "+strings.ReplaceAll(clauses, e.Definition, "HASH"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.notice != "" && (len(p.notes) == 0 || !strings.Contains(p.notes[len(p.notes)-1].Text, c.notice)) {
				t.Errorf("the notices are %v, want %q", p.notes, c.notice)
			}
		})
	}
}

func TestOlderWindowsMakePointsLonger(t *testing.T) {
	e := tiered(t, nil)
	older := e.Spec
	older.Window = rollup.Tier(15 * time.Second)
	e.Since = at(t, "2026-11-25T00:00:00Z")
	e.Definitions = []rollup.DefinitionProgress{{Definition: "older", Spec: older}, e.DefinitionProgress}
	in := Input{Query: Query{Rollup: "log_writes", Stat: StatCount}, From: at(t, "2026-11-25T12:00:00Z"), To: at(t, "2026-11-25T12:02:00Z"), Rollup: e, Prefix: "tidemark"}
	p, err := newPlan(in)
	if err != nil || p.steps.length != 30*second || len(p.notes) == 0 || !strings.Contains(p.notes[0].Text, "points are 30 s apart, since an earlier definition") {
		t.Fatalf("%v %+v", err, p)
	}
	in.From, in.To = in.From+3*dayLength, in.To+3*dayLength
	if p, err = newPlan(in); err != nil || p.steps.length != 10*second {
		t.Fatalf("%v: days after the older definition buckets have %d ms", err, p.steps.length)
	}
}
