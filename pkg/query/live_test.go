package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// watched is a rollup that is watched: events with the time when they came, what documents and the live stream have of them, and what a panel shows.
type watched struct {
	rng     *rand.Rand
	events  []drawnEvent
	came    []int64 // of each event
	entry   *rollup.CatalogEntry
	begin   int64
	now     int64
	seen    int64 // what had come when the live stream was told last
	through int64 // of the live stream
	// complete is since when the live stream has everything; lost are spans of time in which nothing that came reached it.
	complete int64
	lost     []rollup.Span
}

const watchedLength = 180 * second

func drawWatched(seed uint64) *watched {
	rng := rand.New(rand.NewPCG(seed, 11))
	s := &watched{rng: rng, begin: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC).UnixMilli()}
	s.complete = s.begin
	d := rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10 * time.Second), Dimensions: []rollup.Field{{Name: "host"}, {Name: "path"}},
		Measures: []rollup.Field{{Name: "offset"}}, Percentiles: []string{"offset"}, Conditions: []rollup.Condition{{Name: "errors"}, {Name: "slow"}},
		Groupings: []rollup.Grouping{{}, {"host"}, {"path"}},
	}
	d.Normalize()
	s.entry = &rollup.CatalogEntry{DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Definition: d.Hash(), Spec: d}}
	s.entry.Definitions = []rollup.DefinitionProgress{s.entry.DefinitionProgress}
	s.entry.Partitions = []string{"t/0"}
	for range rng.IntN(400) {
		e := drawnEvent{
			at: s.begin + rng.Int64N(watchedLength), host: fmt.Sprintf("h%d", rng.IntN(6)), path: []string{"", "/a", "/b"}[rng.IntN(3)], measured: rng.IntN(4) > 0,
			offset: float64(rng.IntN(2000) - 1000), errors: rng.IntN(3) == 0, slow: rng.IntN(4) == 0, bytes: rng.Int64N(100),
		}
		s.events = append(s.events, e)
		s.came = append(s.came, e.at+rng.Int64N(8*second))
	}
	return s
}

// documents are those of what came until now and is sealed.
func (s *watched) documents() *store {
	tidemark := s.tidemark()
	s.entry.Progress = []rollup.PartitionProgress{{Partition: "t/0", SealedThrough: &tidemark}}
	written := &scenario{store: &store{}, entry: s.entry}
	for i := range s.events {
		if s.came[i] <= s.now && s.events[i].at < tidemark {
			written.events = append(written.events, s.events[i])
		}
	}
	for _, f := range written.finest() {
		written.put(&s.entry.Spec, s.entry.Spec.Window, f.doc)
	}
	return written.store
}

func (s *watched) tidemark() int64 { return alignDown(s.now-12*second, 10*second) }

func (s *watched) shape(r LiveRequest) live.Shape {
	names := slices.Clone(r.GroupBy)
	slices.Reverse(names) // in whatever order
	return live.Shape{Rollup: r.Rollup, Interval: r.Interval, Dimensions: names, Measures: []string{"offset"}, Conditions: []string{"errors", "slow"}}
}

// told reports whether the live stream has an event.
func (s *watched) told(i int) bool {
	return s.came[i] <= s.now && !slices.ContainsFunc(s.lost, func(l rollup.Span) bool { return s.came[i] > l.From && s.came[i] <= l.To })
}

// batch is what the live stream tells of the buckets that ended. Of a bucket that was told before, an update has the changed keys only.
func (s *watched) batch(r LiveRequest, kind live.Kind) live.Batch {
	shape := s.shape(r)
	through := alignDown(s.now, r.Interval)
	rows := map[string]*live.Row{}
	changed := map[string]bool{}
	var order []string
	for i := range s.events {
		e := &s.events[i]
		if !s.told(i) || e.at >= through || slices.ContainsFunc(r.Filters, func(f Filter) bool { return !meets(f, e.dimension(f.Dimension)) }) {
			continue
		}
		row := live.Row{Start: alignDown(e.at, r.Interval), Measures: make([]rollup.Measure, 1), Conditions: make([]int64, 2)}
		for _, name := range shape.Dimensions {
			row.Dimensions = append(row.Dimensions, e.dimension(name))
		}
		id := fmt.Sprint(row.Start, row.Dimensions)
		if rows[id] == nil {
			rows[id] = &row
			order = append(order, id)
		}
		changed[id] = changed[id] || s.came[i] > s.seen || row.Start >= s.through
		into := rows[id]
		into.Count++
		into.Bytes += e.bytes
		if e.measured {
			into.Measures[0].Add(e.offset)
		}
		if e.errors {
			into.Conditions[0]++
		}
		if e.slow {
			into.Conditions[1]++
		}
	}
	b := live.Batch{Note: live.Note{Kind: kind, From: alignUp(s.complete, r.Interval), Through: through}}
	for _, id := range order {
		if kind == live.Snapshot || changed[id] {
			b.Rows = append(b.Rows, *rows[id])
		}
	}
	s.seen, s.through = s.now, through
	return b
}

func (s *watched) drawQuery() Query {
	pick := func(texts ...string) string { return texts[s.rng.IntN(len(texts))] }
	stats := []Stat{StatCount, StatRate, StatBytes, StatSum, StatAvg, StatMin, StatMax, StatRatio}
	q := Query{
		Rollup: "log_writes", Stat: stats[s.rng.IntN(len(stats))], Measure: "offset", Condition: pick("", "errors", "slow"), Over: pick("", "slow"), Read: ReadStream,
		Top: s.rng.IntN(4), Other: s.rng.IntN(2) == 0, Alias: pick("", "{{host}} {{stat}}"),
	}
	if q.Stat == StatRatio {
		q.Condition = "errors"
	}
	for _, name := range []string{"host", "path"} {
		if s.rng.IntN(2) == 0 {
			q.GroupBy = append(q.GroupBy, name)
		}
	}
	for _, f := range []Filter{{Dimension: "host", Op: OpOneOf, Values: []string{"h1", "h2", "h9"}}, {Dimension: "path", Op: OpMatchesNo, Values: []string{"/a.*"}}, {Dimension: "path", Op: OpExists}} {
		if s.rng.IntN(6) == 0 {
			q.Filters = append(q.Filters, f)
		}
	}
	return q
}
