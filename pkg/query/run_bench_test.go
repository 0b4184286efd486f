package query

import (
	"context"
	"fmt"
	"testing"
)

// BenchmarkRun plans a query and makes frames of recorded answers, over windows of 10 s. ns/point is for each value of the frames.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name          string
		query         Query
		keys, windows int
	}{
		{"query=total/windows=360", Query{}, 1, 360},
		{"query=top10/windows=360/keys=20", Query{GroupBy: []string{"path"}, Top: 10}, 20, 360},
		{"query=top10/windows=60/keys=1000", Query{GroupBy: []string{"path"}, Top: 10}, 1000, 60},
		{"query=average/windows=360/keys=20", Query{Stat: StatAvg, Measure: "offset", GroupBy: []string{"path"}, Top: 10}, 20, 360},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := testInput(c.query)
			in.To = int64(c.windows) * 10 * second
			in.MaxDataPoints = 2000
			benchmarkRun(b, in, benchmarkDocuments(c.keys, c.windows))
		})
	}
}

// BenchmarkFrames makes frames of 100,000 points.
func BenchmarkFrames(b *testing.B) {
	for _, c := range []struct{ series, windows int }{{10, 10_000}, {100, 1000}, {1000, 100}} {
		b.Run(fmt.Sprintf("series=%d/windows=%d", c.series, c.windows), func(b *testing.B) {
			r, all := filled(b, c.series, c.windows)
			b.ReportAllocs()
			for b.Loop() {
				r.frames(all)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.series*c.windows), "ns/point")
		})
	}
}

// filled is a run whose series have a value in every window.
func filled(tb testing.TB, n, windows int) (*run, []series) {
	tb.Helper()
	in := testInput(Query{GroupBy: []string{"path"}})
	in.To = int64(windows) * 10 * second
	p, err := newPlan(in)
	if err != nil {
		tb.Fatal(err)
	}
	keys := make([]key, n)
	for i := range keys {
		keys[i][0] = fmt.Sprintf("/var/log/%d.log", i)
	}
	t := p.newTable(keys)
	for i := range t.series {
		for j := range t.series[i].cells {
			t.series[i].cells[j] = metrics{total: float64(i + j), found: true}
		}
	}
	return &run{plan: p}, t.series
}

// A series has its field with a column of pointers, and its labels; the values, and everything else, are in one piece for all.
func TestFramesNeedFewAllocations(t *testing.T) {
	allocations := func(n int) float64 {
		r, all := filled(t, n, 100)
		return testing.AllocsPerRun(5, func() { r.frames(all) })
	}
	few, many := allocations(10), allocations(510)
	if each := (many - few) / 500; each > 5.1 {
		t.Errorf("%g allocations a series", each)
	}
}

// benchmarkDocuments are those of some paths, each in every window, with their totals.
func benchmarkDocuments(keys, windows int) *store {
	documents := &store{}
	for w := range windows {
		for k := range keys {
			for _, grouping := range []string{`"total"`, fmt.Sprintf(`"path","dim.path":"/var/log/%d.log"`, k)} {
				documents.add(testIndex, fmt.Appendf(nil, `{"@timestamp":%d,"grouping":%s,"count":4,"bytes":70,"m.offset.count":2,"m.offset.sum":%d}`,
					int64(w)*10*second, grouping, k))
			}
		}
	}
	return documents
}

func benchmarkRun(b *testing.B, in Input, documents *store) {
	b.Helper()
	var recorded []Response
	frames, err := Run(b.Context(), in, func(ctx context.Context, requests []Request) ([]Response, error) {
		responses, err := documents.search(ctx, requests)
		recorded = append(recorded, responses...)
		return responses, err
	})
	if err != nil {
		b.Fatal(err)
	}
	points := 0
	for _, f := range frames {
		points += f.Rows() * (len(f.Fields) - 1)
	}
	if points == 0 {
		b.Fatal("no points")
	}
	b.ReportAllocs()
	for b.Loop() {
		next := recorded
		if _, err := Run(b.Context(), in, func(_ context.Context, requests []Request) ([]Response, error) {
			now := next[:len(requests)]
			next = next[len(requests):]
			return now, nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(points), "ns/point")
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`{"rollup":"log_writes","stat":"avg","measure":"offset","groupBy":["path"],"top":10,"filters":[{"dimension":"host","op":"=~","values":["web-.*"]}]}`)
	if _, err := Parse(text, ReadLive); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, ReadLive); err != nil {
			b.Fatal(err)
		}
	}
}
