package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

const testIndex = "tidemark-log_writes-10s-1970.01.01"

// valuesOf shows the first series as text: numbers, and - for null.
func valuesOf(t *testing.T, frames data.Frames) string {
	t.Helper()
	if len(frames) == 0 || len(frames[0].Fields) < 2 {
		return "no series"
	}
	var text []string
	for i := range frames[0].Rows() {
		if v, _ := frames[0].Fields[1].At(i).(*float64); v != nil {
			text = append(text, fmt.Sprint(*v))
		} else {
			text = append(text, "-")
		}
	}
	return strings.Join(text, " ")
}

func notices(frames data.Frames) string {
	var text []string
	for _, n := range frames[0].Meta.Notices {
		text = append(text, n.Text)
	}
	return strings.Join(text, "\n")
}

// The tidemark is at 100 s; documents are in the buckets that begin at 20, 50 and 100 s.
func TestMissingIsNotZero(t *testing.T) {
	documents := &store{}
	for _, at := range []int64{20, 50, 100} {
		documents.add(testIndex, fmt.Appendf(nil, `{"@timestamp":%d,"grouping":"total","count":4,"bytes":70,"m.offset.count":2,"m.offset.sum":9}`, at*second))
	}
	for _, c := range []struct {
		name  string
		query Query
		since int64
		store *store
		want  string
	}{
		{"count is zero where sealed", Query{}, 0, documents, "0 0 4 0 0 4 0 0 0 0 4 -"},
		{"rate is per second", Query{Stat: StatRate}, 0, documents, "0 0 0.4 0 0 0.4 0 0 0 0 0.4 -"},
		{"bytes are zero where sealed", Query{Stat: StatBytes}, 0, documents, "0 0 70 0 0 70 0 0 0 0 70 -"},
		{"an average is null without values", Query{Stat: StatAvg, Measure: "offset"}, 0, documents, "- - 4.5 - - 4.5 - - - - 4.5 -"},
		{"a sum is null without values", Query{Stat: StatSum, Measure: "offset"}, 0, documents, "- - 9 - - 9 - - - - 9 -"},
		{"a sum of another measure is null", Query{Stat: StatSum, Measure: "time"}, 0, documents, "- - - - - - - - - - - -"},
		{"nothing before the definition", Query{}, 60 * second, &store{}, "- - - - - - 0 0 0 0 - -"},
		{"but after older documents", Query{}, 60 * second, documents, "- - 4 0 0 4 0 0 0 0 4 -"},
		{"a coarser tier that is not made yet is read from the finer one", Query{Tier: "1m"}, 0, &store{}, "0 -"},
		{"nothing after the tidemark in a sealed read", Query{Read: ReadSealed}, 0, documents, "0 0 4 0 0 4 0 0 0 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := testInput(c.query)
			in.Rollup.Since = c.since
			frames, err := Run(t.Context(), in, c.store.search)
			if err != nil {
				t.Fatal(err)
			}
			if got := valuesOf(t, frames); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestSealedReadWithNothingSealedIsEmptyWithTheReason(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Input)
		want string
	}{
		{"no tidemark", func(in *Input) { in.Rollup.Progress = nil }, "nothing of the rollup is sealed yet"},
		{"the range is after the tidemark", func(in *Input) { in.From = 100 * second }, "the tidemark is at 1970-01-01T00:01:40Z, and the first bucket ends at 1970-01-01T00:01:50Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := testInput(Query{Read: ReadSealed})
			c.edit(&in)
			frames, err := Run(t.Context(), in, func(context.Context, []Request) ([]Response, error) {
				t.Error("there is nothing to search for")
				return nil, errors.New("unexpected")
			})
			if err != nil || len(frames) != 1 || len(frames[0].Fields) != 0 || !strings.Contains(notices(frames), c.want) {
				t.Fatalf("%v %v", frames, err)
			}
		})
	}
}

func TestNoticesTellWhatTheAnswerLacks(t *testing.T) {
	s := &store{}
	for i := range 5 {
		s.add(testIndex, fmt.Appendf(nil, `{"@timestamp":20000,"grouping":"host,path","dim.host":"h%d","dim.path":"/","count":%d}`, i, i+1))
	}
	s.add(testIndex, []byte(`{"@timestamp":30000,"grouping":"host,path","late":true,"dim.host":"h4","dim.path":"/","count":3}`))
	s.add(testIndex, []byte(`{"@timestamp":30000,"grouping":"host,path","overflow":true,"count":1234}`))
	partial := func(ctx context.Context, requests []Request) ([]Response, error) {
		responses, err := s.search(ctx, requests)
		responses[0].FailedShards, responses[0].ShardFailure = 2, "disk on fire"
		return responses, err
	}
	for _, c := range []struct {
		name   string
		query  Query
		edit   func(*Input)
		search Search
		want   string
	}{
		{"top", Query{GroupBy: []string{"host"}, Top: 2}, nil, s.search, "top 2 of 5 series by count over the whole range"},
		{"the limit of series", Query{GroupBy: []string{"host"}}, func(in *Input) { in.Limits.Series = 3 }, s.search, "2 more series left out: an answer has at most 3"},
		{"the limit of points", Query{GroupBy: []string{"host"}}, func(in *Input) { in.Limits.Points = 12 }, s.search, "4 more series left out: an answer has at most 1"},
		{"not sealed", Query{}, nil, s.search, "the last 20 s are not sealed yet: values after 1970-01-01T00:01:40Z may still grow"},
		{"never sealed", Query{}, func(in *Input) { in.Rollup.Progress = nil }, s.search, "nothing of the rollup is sealed yet"},
		{"late", Query{GroupBy: []string{"host"}}, nil, s.search, "3 events included that came after their window was sealed"},
		{"overflow", Query{GroupBy: []string{"host"}}, nil, s.search, "1,234 events over the rollup's max_keys"},
		{"failed shards", Query{}, nil, partial, "not complete: failed shards: 2, the first with: disk on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := testInput(c.query)
			in.Limits = DefaultLimits()
			if c.edit != nil {
				c.edit(&in)
			}
			frames, err := Run(t.Context(), in, c.search)
			if err != nil || !strings.Contains(notices(frames), c.want) {
				t.Fatalf("%v: got the notices\n%s\nwant %q", err, notices(frames), c.want)
			}
		})
	}
	if _, err := Run(t.Context(), testInput(Query{Read: ReadSealed}), partial); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("a sealed read accepts an answer with failed shards: %v", err)
	}
}

// silentAndBusy has 30 sources with events only before the range that the tests ask for, which begins at 60 s, and more than a thousand with events in it.
func silentAndBusy() *store {
	s := &store{}
	for i := range 1100 {
		at := 70_000
		if i < 30 {
			at = 20_000
		}
		s.add(testIndex, fmt.Appendf(nil, `{"@timestamp":%d,"grouping":"host,path","dim.host":"h%04d","dim.path":"/","count":%d,"m.offset.count":1,"m.offset.sum":%d}`, at, i, i, i))
	}
	return s
}

func TestSilentSeriesAreKeptWhereThereAreMoreThanAnAnswerHolds(t *testing.T) {
	s := silentAndBusy()
	series := Query{GroupBy: []string{"host", "path"}, Lookback: "1m"}
	table, top, other, average := series, series, series, series
	table.Format, top.Top, other.Other = FormatTable, 1000, true
	average.Stat, average.Measure = StatAvg, "offset"
	for _, c := range []struct {
		name           string
		query          Query
		silent, series int
		notice         string
	}{
		{"series", series, 30, 1000, "100 more series left out: an answer has at most 1000, and these are those without events in the range and then the largest by count"},
		{"a table", table, 30, 1000, "100 more series left out"},
		{"of an average", average, 30, 1000, "then the largest by avg"},
		{"the largest where a top is wanted", top, 0, 1000, "top 1000 of 1,100 series"},
		{"the largest beside another series", other, 0, 251, "850 more series are in other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := testInput(c.query)
			in.From = 60 * second
			frames, err := Run(t.Context(), in, s.search)
			if err != nil || !strings.Contains(notices(frames), c.notice) {
				t.Fatalf("%v: got the notices\n%s\nwant %q", err, notices(frames), c.notice)
			}
			hosts := hostsOf(frames)
			silent := 0
			for _, host := range hosts {
				if host < "h0030" && host != otherLabel {
					silent++
				}
			}
			if silent != c.silent || len(hosts) != c.series || !slices.Contains(hosts, "h1099") {
				t.Errorf("%d of %d series are silent ones: want %d of %d, and the largest", silent, len(hosts), c.silent, c.series)
			}
		})
	}
}

// hostsOf are the hosts of the series of an answer, or those of a table.
func hostsOf(frames data.Frames) []string {
	var hosts []string
	for _, frame := range frames {
		if first := frame.Fields[0]; first.Name == "host" {
			for row := range first.Len() {
				hosts = append(hosts, first.At(row).(string))
			}
		} else {
			hosts = append(hosts, frame.Fields[1].Labels["host"])
		}
	}
	return hosts
}

func TestAnAlertRuleHasAllSeriesOrAnError(t *testing.T) {
	s := silentAndBusy()
	in := testInput(Query{GroupBy: []string{"host", "path"}, Lookback: "1m", Read: ReadSealed})
	in.From, in.Limits = 60*second, AlertLimits()
	frames, err := Run(t.Context(), in, s.search)
	if err != nil || len(frames) != 1100 || len(frames[0].Meta.Notices) != 0 {
		t.Fatalf("%v: %d series, with the notices %q", err, len(frames), notices(frames))
	}
	in.Limits.Series = 1000
	var invalid *InvalidError
	const want = "there are 1,100 series, and an alert rule, which needs all of them, has at most 1,000"
	if _, err := Run(t.Context(), in, s.search); !errors.As(err, &invalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	in.Query.Top = 10
	if frames, err := Run(t.Context(), in, s.search); err != nil || len(frames) != 10 {
		t.Errorf("a top of ten: %d series, %v", len(frames), err)
	}
}

func TestOverflowCountsInTheTotalOnly(t *testing.T) {
	s := &store{}
	s.add(testIndex, []byte(`{"@timestamp":20000,"grouping":"host,path","overflow":true,"count":7}`))
	s.add(testIndex, []byte(`{"@timestamp":20000,"grouping":"host,path","dim.host":"h","dim.path":"/","count":1}`))
	in := testInput(Query{})
	in.Rollup.Spec.Groupings = in.Rollup.Spec.Groupings[:1] // no total is kept: it is added up from the full grouping
	in.To = 30 * second
	if frames, err := Run(t.Context(), in, s.search); err != nil || valuesOf(t, frames) != "0 0 8" {
		t.Errorf("%v: %s", err, valuesOf(t, frames))
	}
	in.Query.Filters = []Filter{{Dimension: "host", Op: OpNoneOf, Values: []string{"x"}}}
	if frames, err := Run(t.Context(), in, s.search); err != nil || valuesOf(t, frames) != "0 0 1" {
		t.Errorf("%v: %s", err, valuesOf(t, frames))
	}
}

func TestMoreKeysThanTheLimitAreAnError(t *testing.T) {
	s := &store{}
	for i := range 5 {
		s.add(testIndex, fmt.Appendf(nil, `{"@timestamp":20000,"grouping":"path","dim.path":"/%d","count":1}`, i))
	}
	in := testInput(Query{GroupBy: []string{"path"}, Top: 1})
	in.Limits = DefaultLimits()
	in.Limits.Keys, in.Limits.PageKeys = 4, 2
	var invalid *InvalidError
	if _, err := Run(t.Context(), in, s.search); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "more than 4 combinations of values of path") {
		t.Fatalf("got %v", err)
	}
}

func TestAliasAndLabels(t *testing.T) {
	s := &store{}
	s.add(testIndex, []byte(`{"@timestamp":20000,"grouping":"host,path","dim.host":"","dim.path":"/{{host}}","count":1,"m.offset.max":3}`))
	frames, err := Run(t.Context(), testInput(Query{Stat: StatMax, Measure: "offset", GroupBy: []string{"path", "host"}, Alias: "{{path}}|{{host}}|{{stat}} {{measure}} {{rollup}} {{other}}"}), s.search)
	if err != nil {
		t.Fatal(err)
	}
	field := frames[0].Fields[1]
	if got, want := field.Config.DisplayNameFromDS, "/{{host}}||max offset log_writes {{other}}"; got != want {
		t.Errorf("named %q, want %q", got, want)
	}
	if diff := cmp.Diff(data.Labels{"path": "/{{host}}", "host": ""}, field.Labels); diff != "" || field.Name != "max offset" {
		t.Errorf("%s %s", field.Name, diff)
	}
	if info, ok := frames[0].Meta.Custom.(FrameInfo); !ok || info.Grouping != "host,path" || info.BucketMS != 10_000 || *info.Tidemark != "1970-01-01T00:01:40Z" {
		t.Errorf("%+v", frames[0].Meta.Custom)
	}
}

func TestErrorsOfTheSearchComeBack(t *testing.T) {
	down := errors.New("cluster is away")
	for name, search := range map[string]Search{
		"an error":        func(context.Context, []Request) ([]Response, error) { return nil, down },
		"too few answers": func(context.Context, []Request) ([]Response, error) { return nil, nil },
		"an answer that is not one": func(_ context.Context, r []Request) ([]Response, error) {
			return []Response{{Aggregations: []byte(`{"time":[]}`)}}[:len(r)], nil
		},
	} {
		_, err := Run(t.Context(), testInput(Query{}), search)
		var invalid *InvalidError
		if err == nil || errors.As(err, &invalid) || name == "an error" && !errors.Is(err, down) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := Run(t.Context(), Input{Query: Query{Rollup: "r"}}, nil); err == nil {
		t.Error("a query without a rollup is answered")
	}
}

func TestNoIndexIsNoData(t *testing.T) {
	nothing := func(_ context.Context, r []Request) ([]Response, error) { return make([]Response, len(r)), nil }
	frames, err := Run(t.Context(), testInput(Query{GroupBy: []string{"host"}}), nothing)
	if err != nil || len(frames) != 1 || len(frames[0].Fields) != 0 {
		t.Fatalf("%v %v", frames, err)
	}
}

func TestStatisticsStayFinite(t *testing.T) {
	d := &testEntry().Spec
	for _, c := range []struct {
		query Query
		m     metrics
	}{
		{Query{Stat: StatRate}, metrics{total: math.MaxFloat64, found: true}},
		{Query{Stat: StatAvg, Measure: "offset"}, metrics{total: math.MaxFloat64}},
		{Query{Stat: StatAvg, Measure: "offset"}, metrics{total: math.MaxFloat64, base: 1e-300}},
	} {
		statistic, err := statistics[c.query.Stat](&c.query, d)
		if err != nil {
			t.Fatal(err)
		}
		if v, some := statistic.value(&c.m, 1e-9); some {
			t.Errorf("%s of %g", c.query.Stat, v)
		}
	}
}
