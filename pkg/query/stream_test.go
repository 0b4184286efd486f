package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestWhichStreamsAreLive(t *testing.T) {
	s := drawWatched(1)
	for _, c := range []struct {
		query    string
		interval int64
		want     string // why it is polled
	}{
		{`"stat":"count"`, second, ""},
		{`"stat":"avg","measure":"offset"`, 5 * minute, ""},
		{`"stat":"ratio","condition":"errors","over":"slow"`, 10 * second, ""},
		{`"stat":"count"`, 5*minute + second, "points are 301 s apart, and those of the live stream at most 5m"},
		{`"stat":"count","timezone":"Europe/Berlin"`, dayLength, "points are a day in Europe/Berlin apart"},
		{`"stat":"count"`, 1500, "whole seconds"},
		{`"stat":"percentile","measure":"offset"`, second, "percentile is made of sketches"},
		{`"stat":"delta"`, second, "delta needs the point before"},
		{`"stat":"count","shift":"1h"`, second, "an earlier time"},
		{`"stat":"count","movingAverage":3`, second, "a moving average"},
	} {
		stream, err := ParseStream(fmt.Appendf(nil, `{"query":{"rollup":"log_writes",%s},"interval":%d}`, c.query, c.interval))
		if err != nil {
			t.Fatal(err)
		}
		st, err := NewStreaming(stream, s.entry, "tidemark", s.begin)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Polled(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s every %d: %q, want %q", c.query, c.interval, got, c.want)
		}
	}
}

func TestStreamsThatMakeNoSense(t *testing.T) {
	for raw, want := range map[string]string{
		`{`:                        "read the stream's data",
		`{"interval":1}`:           "no query",
		`{"query":{"rollup":"r"}}`: "unknown statistic",
		`{"query":{"rollup":"r","stat":"count","read":"sealed"},"interval":1}`:                                                                      "reads sealed",
		`{"query":{"rollup":"r","stat":"count"}}`:                                                                                                   "interval is 0 ms",
		`{"query":{"rollup":"r","stat":"count"},"interval":1,"keys":[["a"]]}`:                                                                       "groups by nothing",
		`{"query":{"rollup":"r","stat":"count","groupBy":["a"]},"interval":1,"keys":[["a","b"]]}`:                                                   "has 2 values",
		`{"query":{"rollup":"r","stat":"count","groupBy":["a"]},"interval":1,"keys":[["a"],["a"]]}`:                                                 "given twice",
		`{"query":{"rollup":"r","stat":"count","groupBy":["a"]},"interval":1,"keys":[` + manyKeys(1001) + `]}`:                                      "at most 1000 are allowed",
		`{"query":{"rollup":"r","stat":"count","groupBy":["a"]},"interval":1,"keys":[["` + strings.Repeat("x", rollup.MaxDimensionBytes+1) + `"]]}`: "at most 4096 are allowed",
	} {
		if _, err := ParseStream([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %q", raw, err, want)
		}
	}
}

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`["%d"]`, i)
	}
	return strings.Join(keys, ",")
}

func TestABoardTakesOnlyWhatItAskedFor(t *testing.T) {
	request := LiveRequest{Rollup: "r", GroupBy: []string{"host"}, Interval: second}
	good := live.Shape{Rollup: "r", Interval: second, Dimensions: []string{"host"}}
	for _, bad := range []live.Shape{
		{Rollup: "s", Interval: second, Dimensions: []string{"host"}}, {Rollup: "r", Interval: 2 * second, Dimensions: []string{"host"}},
		{Rollup: "r", Interval: second}, {Rollup: "r", Interval: second, Dimensions: []string{"path"}},
	} {
		if NewBoard(request).Begin(bad) == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
	row := func(start int64, host string) live.Row {
		return live.Row{Start: start, Dimensions: []string{host}, Count: 1}
	}
	for _, bad := range []live.Batch{
		{Note: live.Note{Kind: live.Snapshot, From: -second, Through: second}}, {Note: live.Note{Kind: live.Snapshot, From: 1, Through: second}},
		{Note: live.Note{Kind: live.Snapshot, Through: maxTime + second}}, {Note: live.Note{Kind: live.Snapshot, Through: 2 * second}, Rows: []live.Row{row(1, "a")}},
	} {
		b := NewBoard(request)
		if err := b.Begin(good); err != nil {
			t.Fatal(err)
		}
		if b.Apply(&bad) == nil {
			t.Errorf("taken: %+v", bad)
		}
	}
	b := NewBoard(request)
	if err := b.Begin(good); err != nil {
		t.Fatal(err)
	}
	huge := live.Batch{Note: live.Note{Kind: live.Snapshot, From: 0, Through: maxTime - maxTime%second, Missing: make([]string, 100)}, Rows: []live.Row{row(0, "a"), row(second, "a")}}
	if err := b.Apply(&huge); err != nil || len(b.slots) != maxBoardBuckets || b.rows != 0 || len(b.Note().Missing) != maxBoardMissing {
		t.Errorf("%v: %d buckets, %d rows", err, len(b.slots), b.rows)
	}
	b.Limit(10)
	many := live.Batch{Note: live.Note{Kind: live.Snapshot, From: 0, Through: 100 * second}}
	for i := range int64(100) {
		many.Rows = append(many.Rows, row(i*second, "a"), row(i*second, "a")) // the second replaces the first
	}
	if err := b.Apply(&many); err != nil || b.rows != 10 {
		t.Errorf("%v: %d rows", err, b.rows)
	}
	if from, through := b.Span(); from != 90*second || through != 100*second {
		t.Errorf("it knows %d to %d", from, through)
	}
}

func TestLossesAreToldFromWhatIsOnlyOld(t *testing.T) {
	note := func(from, through int64) live.Note { return live.Note{From: from * second, Through: through * second} }
	r := Reach{Through: 1000 * second}
	for i := range int64(600) { // a short memory, whose end moves in steps
		if r.Take(note(940+(i-i%3), 1000+i), second) {
			t.Fatalf("a loss after %d s", i)
		}
	}
	for _, c := range []struct {
		from, through int64
		lost          bool
	}{
		{1537, 1605, false},
		{1600, 1606, true}, // within what was told
		{1602, 1607, true}, // and more of it
		{1602, 1608, false},
		{1700, 1690, true}, // after what was told
	} {
		if got := r.Take(note(c.from, c.through), second); got != c.lost {
			t.Errorf("%v: %t", c, got)
		}
	}
	var text []string
	for _, g := range r.Gaps() {
		text = append(text, fmt.Sprintf("%d-%d", g.From/second, g.To/second))
	}
	if got := strings.Join(text, " "); got != "1540-1700" {
		t.Errorf("the gaps are %s", got)
	}
	for sealed := 1500 * second; ; sealed += 50 * second {
		span, some := r.Next(sealed, 10*second)
		if !some {
			if len(r.Gaps()) == 0 {
				break
			}
			continue
		}
		if span.To > sealed || span.From >= span.To || time.Duration(sealed)*time.Millisecond > time.Hour {
			t.Fatalf("%+v of %d", span, sealed)
		}
		r.Filled(span, false)
	}
}
