package query

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const second = int64(1000)

func TestBucketLengthIsTheSmallestThatFits(t *testing.T) {
	for _, c := range []struct {
		name                             string
		tier, from, to, interval, points int64
		want                             int64
	}{
		{"the tier itself", 10, 0, 100, 0, 100, 10},
		{"an interval below the tier", 10, 0, 100, 1, 100, 10},
		{"an interval between multiples goes up", 10, 0, 100, 15, 100, 20},
		{"an interval that is a multiple stays", 10, 0, 100, 30, 100, 30},
		{"as many points as fit", 10, 0, 100, 10, 10, 10},
		{"one point fewer", 10, 0, 100, 10, 9, 20},
		{"a range that is not aligned has a bucket more", 10, 5, 105, 10, 11, 10},
		{"and needs longer ones for fewer points", 10, 5, 105, 10, 10, 20},
		{"a single point", 10, 0, 100, 10, 1, 100},
		{"an absurd interval", 10, 0, 100, 1 << 62, 100, (maxTime + 9) / 10 * 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := bucketLength(c.tier, c.from, c.to, c.interval, c.points); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestBucketsNeverExceedThePointsAndCoverTheRange(t *testing.T) {
	for _, tier := range []int64{1, 10, 60} {
		for from := int64(0); from < 130; from += 7 {
			for length := int64(1); length < 700; length += 31 {
				for points := int64(2); points < 12; points++ {
					to := from + length
					bucket := bucketLength(tier, from, to, 0, points)
					n := (alignUp(to, bucket) - alignDown(from, bucket)) / bucket
					if bucket%tier != 0 || n > points || n < 1 {
						t.Fatalf("tier %d, %d to %d, %d points: %d buckets of %d", tier, from, to, points, n, bucket)
					}
				}
			}
		}
	}
}

func TestIndicesAreNamedByDayUntilThereAreTooMany(t *testing.T) {
	at := func(s string) int64 {
		parsed, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.UnixMilli()
	}
	tier := func(s string) rollup.Tier {
		parsed, err := rollup.ParseTier(s)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, c := range []struct {
		name, tier, start, end string
		want                   []string
	}{
		{"within a day", "10s", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z", []string{"p-r-10s-2026.01.01"}},
		{"the end does not count", "10s", "2026-01-01T10:00:00Z", "2026-01-02T00:00:00Z", []string{"p-r-10s-2026.01.01"}},
		{"over midnight", "10s", "2026-01-01T23:59:50Z", "2026-01-02T00:00:10Z", []string{"p-r-10s-2026.01.01", "p-r-10s-2026.01.02"}},
		{"a month's index", "1h", "2026-01-31T00:00:00Z", "2026-02-02T00:00:00Z", []string{"p-r-1h-2026.01", "p-r-1h-2026.02"}},
		{"a quarter of days", "10s", "2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", []string{"p-r-10s-*"}},
		{"an empty range", "10s", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", []string{"p-r-10s-*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := indices("p", "r", tier(c.tier), at(c.start), at(c.end))
			if diff := gocmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	long := indices(strings.Repeat("p", rollup.MaxPrefixLength), "r", tier("10s"), at("2026-01-01T00:00:00Z"), at("2026-02-15T00:00:00Z"))
	if len(long) != 1 || !strings.HasSuffix(long[0], "-*") {
		t.Errorf("names of %d bytes in all are not replaced by a pattern", len(strings.Join(long, ",")))
	}
}

// testEntry is log_writes of the tests: three dimensions, a measure, sealed up to 100 s.
func testEntry() *rollup.CatalogEntry {
	d := rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10 * time.Second), Tiers: []rollup.Tier{rollup.Tier(time.Minute)},
		Dimensions: []rollup.Field{{Name: "host"}, {Name: "path"}},
		Measures:   []rollup.Field{{Name: "offset"}, {Name: "time"}},
		Groupings:  []rollup.Grouping{{"path"}, {}},
	}
	d.Normalize()
	sealed := 100 * second
	return &rollup.CatalogEntry{
		DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Stream: d.Stream, Definition: d.Hash(), Spec: d, Partitions: []string{"t/0"}},
		Progress:           []rollup.PartitionProgress{{Partition: "t/0", SealedThrough: &sealed}},
	}
}

func testInput(q Query) Input {
	if q.Rollup == "" {
		q.Rollup = "log_writes"
	}
	if q.Stat == "" {
		q.Stat = StatCount
	}
	return Input{Query: q, From: 0, To: 120 * second, Rollup: testEntry(), Prefix: "tidemark"}
}

func TestPlanTakesTheSmallestGroupingThatHoldsAllDimensions(t *testing.T) {
	for _, c := range []struct {
		name    string
		groupBy []string
		filters []Filter
		want    string
	}{
		{"none", nil, nil, "total"},
		{"grouped", []string{"path"}, nil, "path"},
		{"filtered", nil, []Filter{{Dimension: "path", Op: "=", Values: []string{"/a"}}}, "path"},
		{"a filter without values does not count", nil, []Filter{{Dimension: "host", Op: "="}}, "total"},
		{"kept by the full set only", []string{"host"}, nil, "host,path"},
		{"grouped by one and filtered by another", []string{"path"}, []Filter{{Dimension: "host", Op: "=", Values: []string{"a"}}}, "host,path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := newPlan(testInput(Query{GroupBy: c.groupBy, Filters: c.filters}))
			if err != nil || p.grouping.String() != c.want {
				t.Fatalf("got %v, %v; want %s", p, err, c.want)
			}
		})
	}
}

func TestEverySearchNamesTheGroupingAndAbsoluteAlignedBounds(t *testing.T) {
	in := testInput(Query{GroupBy: []string{"path"}})
	in.From, in.To = 12_345, 98_765
	s := &store{}
	s.add("tidemark-log_writes-10s-1970.01.01", []byte(`{"@timestamp":20000,"grouping":"path","dim.path":"/a","count":1}`))
	if _, err := Run(t.Context(), in, s.search); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 3 {
		t.Fatalf("%d searches, want one that ranks, one for the history and one for what overflowed", len(s.asked))
	}
	for _, request := range s.asked {
		for _, part := range []string{`{"term":{"grouping":"path"}}`, `{"range":{"@timestamp":{"format":"epoch_millis","gte":10000,"lt":100000}}}`} {
			if !strings.Contains(string(request.Body), part) {
				t.Errorf("%s is not in %s", part, request.Body)
			}
		}
	}
}

func TestInvalidQueriesAreExplained(t *testing.T) {
	many := func(n int) []string { return make([]string, n) }
	filters := func(f ...Filter) []Filter { return f }
	for _, c := range []struct {
		name  string
		query Query
		want  string
	}{
		{"no measure", Query{Stat: StatAvg}, `avg needs a measure: rollup "log_writes" has offset and time`},
		{"another measure", Query{Stat: StatSum, Measure: "size"}, `has no measure "size": it has offset and time`},
		{"another dimension", Query{GroupBy: []string{"zone"}}, `has no dimension "zone": it has host and path`},
		{"a filter by another dimension", Query{Filters: filters(Filter{Dimension: "zone", Op: "=", Values: many(1)})}, `has no dimension "zone"`},
		{"another statistic", Query{Stat: "median"}, `unknown statistic "median": count, rate, bytes, sum, avg, min, max, ratio, percentile, distinct and delta are allowed`},
		{"another read", Query{Read: "replay"}, `unknown read "replay": live, sealed and stream are allowed`},
		{"another tier", Query{Tier: "5m"}, `no tier "5m": auto, 10s and 1m are allowed`},
		{"another operator", Query{Filters: filters(Filter{Dimension: "host", Op: "<", Values: many(1)})}, `unknown operator "<"`},
		{"no name of a rollup", Query{Rollup: "a/../b"}, "is not a rollup's name"},
		{"a negative top", Query{Top: -1}, "top is -1"},
		{"a top above the limit", Query{Top: 1001}, "at most 1000"},
		{"too many group-bys", Query{GroupBy: []string{"a", "b", "c", "d", "e", "f"}}, "more than 5 dimensions"},
		{"too many filters", Query{Filters: make([]Filter, 21)}, "21 filters: at most 20"},
		{"too many values", Query{Filters: filters(Filter{Dimension: "host", Op: "=", Values: many(1001)})}, "1001 values: at most 1000"},
		{"too many expressions", Query{Filters: filters(Filter{Dimension: "host", Op: "=~", Values: many(21)})}, "21 values: at most 20"},
		{"a bad expression", Query{Filters: filters(Filter{Dimension: "host", Op: "!~", Values: []string{"(a"}})}, "not valid"},
		{"an unknown format", Query{Format: "long"}, `unknown format "long": series and table are allowed`},
		{"a table of delta", Query{Format: FormatTable, Stat: StatDelta}, "delta compares points of time, and a table has none"},
		{"a table of a moving average", Query{Format: FormatTable, MovingAverage: 3}, "movingAverage is over points of time, and a table has none"},
		{"a table that goes on", Query{Format: FormatTable, Read: ReadStream}, "a table cannot be streamed"},
		{"a long alias", Query{Alias: strings.Repeat("a", 1025)}, "the alias is 1025 bytes long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newPlan(testInput(c.query))
			var invalid *InvalidError
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an InvalidError with %q", err, c.want)
			}
		})
	}
}

func TestRangesThatAreNoneAreRefused(t *testing.T) {
	for _, c := range [][2]int64{{10, 10}, {20, 10}, {-1, 10}, {0, maxTime + 1}} {
		in := testInput(Query{})
		in.From, in.To = c[0], c[1]
		if _, err := newPlan(in); err == nil {
			t.Errorf("the range %v is accepted", c)
		}
	}
}

func TestParseToleratesWhatGrafanaAddsAndDropsFiltersWithoutValues(t *testing.T) {
	raw := `{"refId":"A","datasource":{"uid":"x"},"intervalMs":1000,"rollup":"r","stat":"rate","groupBy":["a","a"],
		"filters":[{"dimension":"a","op":"=","values":[]},{"dimension":"","op":"","values":null},{"dimension":"b","op":"!=","values":["x"]}]}`
	q, err := Parse([]byte(raw), ReadSealed)
	want := Query{
		Rollup: "r", Stat: StatRate, GroupBy: []string{"a"}, Format: FormatSeries, Tier: TierAuto, Read: ReadSealed,
		Filters: []Filter{{Dimension: "b", Op: "!=", Values: []string{"x"}}},
	}
	if diff := gocmp.Diff(want, q); err != nil || diff != "" {
		t.Fatalf("%v %s", err, diff)
	}
	if q, err := Parse([]byte(`{"rollup":"r","stat":"rate","read":"live"}`), ReadSealed); err != nil || q.Read != ReadLive {
		t.Errorf("a query that says live reads %q, %v", q.Read, err)
	}
	for name, raw := range map[string]string{"no JSON": "{", "another type": `{"rollup":7}`, "too long": strings.Repeat(" ", maxQueryBytes+1)} {
		if _, err := Parse([]byte(raw), ""); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Whatever is asked of whatever is kept, what is asked of Elasticsearch is bounded: the number of buckets and searches, their length, the number of indices.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		`{"rollup":"log_writes","stat":"avg","measure":"offset","groupBy":["host","path"],"top":5,"other":true}`,
		`{"rollup":"log_writes","stat":"count","tier":"1m","filters":[{"dimension":"host","op":"=~","values":["a.*"]},{"dimension":"path","op":"exists"}]}`,
		`{"rollup":"log_writes","stat":"percentile","measure":"time","percentile":99.9,"groupBy":["host"],"movingAverage":1000,"lookback":"1w"}`,
		`{"rollup":"log_writes","stat":"delta","measure":"offset","shift":"1w","timezone":"Australia/Lord_Howe","read":"sealed"}`,
		`{"rollup":"log_writes","stat":"ratio","condition":"errors","shift":"90m","timezone":"America/St_Johns","tier":"1d"}`,
		`{"rollup":"log_writes","stat":"distinct","measure":"users","timezone":"Asia/Kolkata","lookback":"3660d"}`,
		`{"rollup":"log_writes","stat":"rate","groupBy":["host"],"format":"table","shift":"1d","timezone":"Europe/Berlin","lookback":"1w","top":2,"other":true}`,
	} {
		f.Add([]byte(q), int64(1_790_000_000_000), int64(1_800_000_000_000), int64(15_000), int64(100), int64(7))
		f.Add([]byte(q), int64(0), int64(maxTime), int64(1), int64(0), int64(8))
		f.Add([]byte(q), int64(1_790_000_000_123), int64(1_790_003_000_456), int64(86_400_000), int64(1000), int64(9))
	}
	f.Fuzz(func(t *testing.T, raw []byte, from, to, interval, points, kept int64) {
		q, err := Parse(raw, "")
		if err != nil {
			return
		}
		in := Input{Query: q, From: from, To: to, Interval: interval, MaxDataPoints: points, Rollup: drawnEntry(rand.New(rand.NewPCG(uint64(kept), 1)), from, to), Prefix: "tidemark"}
		p, err := newPlan(in)
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		checkBounds(t, p, in)
		asked := 0
		search := func(_ context.Context, requests []Request) ([]Response, error) {
			responses := make([]Response, len(requests))
			for i, r := range requests {
				if asked++; asked > 5*maxSources {
					t.Fatalf("more than %d requests", asked)
				}
				if n := len(r.Indices); n == 0 || n > maxIndices {
					t.Fatalf("%d indices", n)
				}
				if !json.Valid(r.Body) || len(r.Body) > 8*len(raw)+10_000 {
					t.Fatalf("%d bytes for a query of %d: %s", len(r.Body), len(raw), r.Body)
				}
				responses[i].Aggregations = []byte(`{"keys":{"buckets":[{"key":{"host":"a","path":"b"},"total":{"value":3}},{"key":{"host":"c","path":"d"}}]},"documents":{"value":3}}`)
			}
			return responses, nil
		}
		if _, err := Run(t.Context(), in, search); err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
	})
}

// drawnEntry is a rollup with definitions, and tiers that are made and kept in any way.
func drawnEntry(rng *rand.Rand, from, to int64) *rollup.CatalogEntry {
	e := testEntry()
	d := e.Spec
	d.Percentiles, d.Conditions, d.Distinct = []string{"time"}, []rollup.Condition{{Name: "errors"}}, []rollup.Field{{Name: "users"}}
	d.Tiers = []rollup.Tier{rollup.Tier(time.Minute), rollup.Tier(time.Hour), rollup.Tier(24 * time.Hour)}
	some := func() int64 { return min(max(0, from)+rng.Int64N(max(1, min(to-max(0, from), 1<<40))), maxTime) }
	for range rng.IntN(4) {
		older := d
		older.Window = rollup.Tier([]int{10, 27, 60, 3600, 86400}[rng.IntN(5)] * 1e9)
		e.Definitions = append(e.Definitions, rollup.DefinitionProgress{Rollup: d.Name, Definition: older.Hash(), Spec: older, Since: some()})
	}
	e.Spec, e.Since = d, some()
	e.Definitions = append(e.Definitions, e.DefinitionProgress)
	sealed := some()
	e.Progress[0].SealedThrough = &sealed
	for i, t := range d.Chain() {
		p := rollup.TierProgress{Tier: t}
		if rng.IntN(2) == 0 {
			p.From = t.Start(some())
		}
		if i > 0 {
			p.Through = t.Start(some())
		}
		for range rng.IntN(100) {
			at := t.Start(some())
			p.Again = append(p.Again, rollup.Span{From: at, To: at + t.Milliseconds()})
		}
		slices.SortFunc(p.Again, func(a, b rollup.Span) int { return cmp.Compare(a.From, b.From) })
		e.Tiers = append(e.Tiers, p)
	}
	return e
}

func checkBounds(t *testing.T, p *plan, in Input) {
	t.Helper()
	n := int64(p.drawn())
	if n > p.limits.Buckets || in.MaxDataPoints > 1 && n > in.MaxDataPoints || int64(p.lead) > maxAverage {
		t.Fatalf("%d buckets and %d before them where %d points are wanted", n, p.lead, in.MaxDataPoints)
	}
	if p.Read == ReadLive && (n < 1 || p.start() > in.From || p.end() < in.To) {
		t.Fatalf("%d buckets for %d to %d", n, in.From, in.To)
	}
	checkSegments(t, p)
}

// checkSegments checks that the segments and gaps cover the pieces once, and that no window lies across a border.
func checkSegments(t *testing.T, p *plan) {
	t.Helper()
	covered := map[int64]int64{} // where each span ends
	for _, s := range p.segments {
		if length := s.tier.Milliseconds(); s.from >= s.to || s.from%length != 0 || s.to%length != 0 {
			t.Fatalf("a segment of tier %s from %d to %d", s.tier, s.from, s.to)
		}
		if end, twice := covered[s.from]; twice && p.Shift == "" {
			t.Fatalf("two segments begin at %d, one ends at %d", s.from, end)
		}
		covered[s.from] = s.to
	}
	for _, g := range p.gaps {
		covered[g.From] = g.To
	}
	if p.drawn() == 0 || p.Shift != "" {
		return
	}
	at := p.buckets[0].from
	for range len(p.segments) + len(p.gaps) {
		at = covered[at]
	}
	if at != p.dataEnd() {
		t.Fatalf("segments %+v and gaps %+v do not cover %d to %d", p.segments, p.gaps, p.buckets[0].from, p.dataEnd())
	}
}

func TestStatsAreAllKnown(t *testing.T) {
	stats := Stats()
	if len(stats) != len(statistics) {
		t.Fatalf("%d statistics are offered, %d are known", len(stats), len(statistics))
	}
	for s := range statistics {
		if !slices.Contains(stats, s) {
			t.Errorf("%s is not offered", s)
		}
	}
}
