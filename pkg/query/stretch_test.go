package query

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestAnOverviewReadsTheCoarsestTierThatIsThere(t *testing.T) {
	const hour = int64(3_600_000)
	minute, hourly := rollup.Tier(time.Minute), rollup.Tier(time.Hour)
	for _, c := range []struct {
		name     string
		from, to int64
		tiers    []rollup.TierProgress
		want     string
	}{
		{"no tiers", 0, maxTime, nil, "10s 0-all"},
		{"a short range", 10 * hour, 10*hour + 12_345, []rollup.TierProgress{{Tier: hourly, Through: 99 * hour}}, "10s 36000-36020"},
		{"a long range", 10*hour + 1, 50 * hour, []rollup.TierProgress{{Tier: minute, Through: 99 * hour}, {Tier: hourly, Through: 99 * hour}}, "1h 36000-180000"},
		{"a fresh tail", 10 * hour, 50 * hour, []rollup.TierProgress{{Tier: minute, Through: 49*hour + 60_000}, {Tier: hourly, Through: 49 * hour}}, "1h 36000-176400, 1m 176400-176460, 10s 176460-180000"},
		{"a tier that began later", 10 * hour, 50 * hour, []rollup.TierProgress{{Tier: hourly, From: 20 * hour, Through: 99 * hour}}, "10s 36000-72000, 1h 72000-180000"},
		{"all time", 0, maxTime, []rollup.TierProgress{{Tier: hourly, From: 20 * hour, Through: 30 * hour}}, "10s 0-72000, 1h 72000-108000, 10s 108000-all"},
		{"a tier that is not made", 10 * hour, 50 * hour, []rollup.TierProgress{{Tier: hourly}}, "10s 36000-180000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entry := testEntry()
			entry.Tiers = append([]rollup.TierProgress{{Tier: entry.Spec.Window}}, c.tiers...)
			var got []string
			for _, s := range stretches(entry, c.from, c.to) {
				end := seconds(s.to)
				if s.to == maxTime {
					end = "all"
				}
				got = append(got, s.tier.String()+" "+strings.TrimSuffix(seconds(s.from), " s")+"-"+strings.TrimSuffix(end, " s"))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnOverviewReadsEachDefinitionsOwnGroupingAndWindow(t *testing.T) {
	entry := testEntry()
	older := entry.DefinitionProgress
	older.Definition = "older"
	older.Spec.Window = rollup.Tier(30 * time.Second)
	older.Spec.Groupings = older.Spec.Groupings[:1]
	entry.Definitions = []rollup.DefinitionProgress{older, entry.DefinitionProgress}
	in := ValuesInput{
		Dimension: "path", From: 0, To: 60_000, Regex: "a|b", Rollup: entry, Prefix: "tidemark",
		Filters: []Filter{{Dimension: "path", Op: OpNoneOf, Values: []string{"x"}}, {Dimension: "path", Op: OpOneOf}},
	}
	requests, err := in.requests(10)
	if err != nil || len(requests) != 1 {
		t.Fatalf("%v %v", requests, err)
	}
	if diff := cmp.Diff([]string{"tidemark-log_writes-10s-1970.01.01", "tidemark-log_writes-30s-1970.01.01"}, requests[0].Indices); diff != "" {
		t.Error(diff)
	}
	for _, part := range []string{
		`{"filter":[{"term":{"grouping":"host,path"}},{"terms":{"definition":["older"]}}]}`, `{"filter":[{"term":{"grouping":"path"}},{"terms":{"definition":["` + entry.Definition + `"]}}]}`,
		`"minimum_should_match":1`, `{"regexp":{"dim.path":{"value":"[a-b]"}}}`, `"must_not":[{"terms":{"dim.path":["x"]}}]`,
	} {
		if !strings.Contains(string(requests[0].Body), part) {
			t.Errorf("%s is not in %s", part, requests[0].Body)
		}
	}
	in.Filters = []Filter{{Dimension: "host", Op: OpOneOf, Values: []string{"x"}}}
	if requests, err = in.requests(10); err != nil || !strings.Contains(string(requests[0].Body), `{"term":{"grouping":"host,path"}}`) || strings.Contains(string(requests[0].Body), "definition") {
		t.Errorf("one grouping of all definitions: %v %s", err, requests[0].Body)
	}
}
