package aggregate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/event"
)

// sums is what documents, or live rows, hold of a rollup's windows.
type sums struct {
	Count, Bytes int64
	Measures     []rollup.Measure
	Conditions   []int64
}

func (s *sums) add(count, bytes int64, measures []rollup.Measure, conditions []int64) {
	if s.Measures == nil {
		s.Measures, s.Conditions = make([]rollup.Measure, len(measures)), make([]int64, len(conditions))
	}
	s.Count += count
	s.Bytes += bytes
	for i := range measures {
		s.Measures[i].Merge(measures[i])
	}
	for i := range conditions {
		s.Conditions[i] += conditions[i]
	}
}

// told collects live batches and checks that each goes on where the one before ended.
type told struct {
	t     *testing.T
	next  int64
	cut   map[string]int64
	sums  map[string]*sums // by rollup, window and key
	keyed map[string]bool  // the rollups whose keys count
}

func (s *told) take(e *aggregate.Engine) {
	s.t.Helper()
	b, ok := e.TakeLive()
	if !ok {
		return
	}
	if b.From != s.next || b.To != e.Position() || b.Newest != e.Newest() {
		s.t.Fatalf("a batch covers [%d, %d) up to %d, at offset %d and time %d, after one that ended at %d", b.From, b.To, b.Newest, e.Position(), e.Newest(), s.next)
	}
	s.next = b.To
	for _, p := range b.Parts {
		d := &p.Rollup.Definition
		s.cut[d.Name] += p.Cut
		for _, row := range p.Rows {
			if row.Start%1000 != 0 || row.Count == 0 {
				s.t.Fatalf("a row is %+v", row)
			}
			add(s.sums, d, s.keyed, d.Window.Start(row.Start), row.Dimensions, row.Count, row.Bytes, row.Measures, row.Conditions)
		}
	}
}

func add(to map[string]*sums, d *rollup.Definition, keyed map[string]bool, start int64, dimensions []string, count, bytes int64, measures []rollup.Measure, conditions []int64) {
	key := ""
	if keyed[d.Name] {
		key = strings.Join(dimensions, "/")
	}
	name := fmt.Sprint(d.Name, " ", start, " ", key)
	if to[name] == nil {
		to[name] = &sums{}
	}
	to[name].add(count, bytes, measures, conditions)
}

// documented collects the documents of the full grouping.
type documented struct {
	sums  map[string]*sums
	keyed map[string]bool
}

func (s *documented) write(windows []*aggregate.Window, e *aggregate.Engine) {
	for _, w := range windows {
		d := &w.Rollup().Definition
		_ = w.Documents(partition, func(doc *rollup.Document) error {
			if doc.Grouping.String() == d.Groupings[0].String() {
				add(s.sums, d, s.keyed, doc.Start, doc.Dimensions, doc.Count, doc.Bytes, doc.Measures, doc.Conditions)
			}
			return nil
		})
		e.Acknowledge(w, 0, 0)
	}
}

var nearly = cmpopts.EquateApprox(1e-9, 1e-6)

// TestLiveSumsAreTheDocuments tells random logs at random times: what was told of a window is what its documents hold, late events, overflowed and repeated
// ones included. The keys of b overflow, so that its documents do not name them all.
func TestLiveSumsAreTheDocuments(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		plan, log := livePlan(t, seed%2 == 0), randomLog(rnd, 600)
		e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
		keyed := map[string]bool{"a": true}
		live := &told{t: t, cut: map[string]int64{}, sums: map[string]*sums{}, keyed: keyed}
		documents := &documented{sums: map[string]*sums{}, keyed: keyed}
		e.SetLive(aggregate.NewLive(0, math.MaxInt))
		for _, r := range log {
			e.Add(r)
			documents.write(e.Close(), e)
			if rnd.IntN(20) == 0 {
				live.take(e)
			}
			if rnd.IntN(200) == 0 {
				windows, watermark := e.Seal(aggregate.Never)
				documents.write(windows, e)
				e.Raise(watermark)
			}
		}
		windows, _ := e.Seal(aggregate.Never)
		documents.write(windows, e)
		live.take(e)
		if diff := cmp.Diff(documents.sums, live.sums, nearly); diff != "" {
			t.Fatalf("seed %d: live values differ (-documents +live):\n%s", seed, diff)
		}
	}
}

// livePlan is that of the two rollups; with dedupe, events of one value of v are one.
func livePlan(t *testing.T, dedupe bool) *aggregate.Plan {
	t.Helper()
	schema := event.NewSchema()
	plan := newPlanIn(t, schema, definitions()...)
	if dedupe {
		if err := plan.CompileDedupe("v", schema); err != nil {
			t.Fatal(err)
		}
	}
	finishPlan(t, plan, schema)
	return plan
}

// TestLiveTellsEachEventOnceOverOwners has owners that take over from committed states at random, each telling on from where the one before ended.
func TestLiveTellsEachEventOnceOverOwners(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		log := randomLog(rnd, 600)
		live := &told{t: t, cut: map[string]int64{}, sums: map[string]*sums{}, keyed: map[string]bool{"a": true, "b": true}}
		plan := livePlan(t, false)
		committed := plan.Begin(0, 0, partition.TopicID)
		for live.next < int64(len(log)) {
			e := aggregate.NewEngine(livePlan(t, false), committed)
			e.SetLive(aggregate.NewLive(live.next, math.MaxInt))
			end := min(int64(len(log)), e.Position()+1+rnd.Int64N(300))
			for _, r := range log[e.Position():end] {
				e.Add(r)
				for _, w := range e.Close() {
					e.Acknowledge(w, 0, 0)
				}
				if rnd.IntN(20) == 0 {
					live.take(e)
				}
				if rnd.IntN(20) == 0 {
					live.take(e)
					committed = e.State()
				}
			}
			if end == int64(len(log)) {
				live.take(e)
			}
		}
		want := map[string]*sums{}
		for _, r := range log {
			var v logEntry
			if json.Unmarshal(r.Value, &v) != nil || v.Time > r.Timestamp+maxAhead {
				continue
			}
			for _, d := range plan.Rollups {
				if d.Definition.Name == "b" && v.Host == "h0" {
					continue
				}
				var measures []rollup.Measure
				var conditions []int64
				if d.Definition.Name == "a" {
					measures, conditions = []rollup.Measure{{Count: 1, Sum: v.V, Min: v.V, Max: v.V}}, []int64{0}
					if v.V > 50 {
						conditions[0] = 1
					}
				}
				add(want, &d.Definition, live.keyed, d.Definition.Window.Start(v.Time), []string{v.Host, v.Path}, 1, int64(len(r.Value)), measures, conditions)
			}
		}
		if diff := cmp.Diff(want, live.sums, nearly, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d: live values differ (-events +live):\n%s", seed, diff)
		}
	}
}

func TestLiveCutsWhatHasNoRoom(t *testing.T) {
	d := definitions()[0]
	plan := newPlan(t, d)
	e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
	e.SetLive(aggregate.NewLive(0, 2))
	send := func(offset, at int64, host string) {
		e.Add(aggregate.Record{Offset: offset, Timestamp: at, Value: fmt.Appendf(nil, `{"t":%d,"h":%q,"v":1}`, at, host)})
	}
	check := func(rows int, cut int64) {
		t.Helper()
		b, _ := e.TakeLive()
		if len(b.Parts) != 1 || len(b.Parts[0].Rows) != rows || b.Parts[0].Cut != cut {
			t.Fatalf("%+v: %d rows and %d events without one are expected", b.Parts, rows, cut)
		}
	}
	for i, host := range []string{"x", "y", "z", "x", "z"} {
		send(int64(i), origin, host)
	}
	check(2, 2)
	send(5, origin, "x")
	if e.Live().Empty() {
		t.Error("an event that was cut is nothing")
	}
	check(0, 1)
	e.Live().Refill()
	e.Live().SetSpan(origin, origin)
	send(6, origin-1, "x")
	send(7, origin, "x")
	send(8, origin+1, "x")
	check(1, 0)
}

// TestLiveKnowsTheNewestEvent takes over behind events that the engine has not read.
func TestLiveKnowsTheNewestEvent(t *testing.T) {
	plan := newPlan(t, definitions()...)
	state := plan.Begin(5, 0, partition.TopicID)
	state.Watermark = origin
	for _, test := range []struct {
		name   string
		change func(*aggregate.Live)
		want   int64
	}{
		{"by the watermark", func(*aggregate.Live) {}, origin + lateness},
		{"told", func(l *aggregate.Live) { l.KnowNewest(origin + 7) }, origin + 7},
	} {
		e := aggregate.NewEngine(plan, state)
		l := aggregate.NewLive(6, 10)
		test.change(l)
		e.SetLive(l)
		e.Add(aggregate.Record{Offset: 5, Timestamp: origin, Value: fmt.Appendf(nil, `{"t":%d}`, origin)})
		if _, ok := e.TakeLive(); !ok {
			t.Errorf("%s: nothing is told at the first offset to tell", test.name)
		}
		e.Add(aggregate.Record{Offset: 6, Timestamp: origin, Value: fmt.Appendf(nil, `{"t":%d}`, origin+1)})
		b, _ := e.TakeLive()
		if b.From != 6 || b.To != 7 || b.NewestBefore != test.want || b.Newest != origin+1 {
			t.Errorf("%s: %+v", test.name, b)
		}
	}
}

// TestLiveIsNotMovedByAClockThatIsWrong has an event far ahead, which moves the watermark.
func TestLiveIsNotMovedByAClockThatIsWrong(t *testing.T) {
	const day = 86_400_000
	plan := newPlan(t, definitions()...)
	e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
	send := func(offset, at int64) {
		e.Add(aggregate.Record{Offset: offset, Timestamp: at, Value: fmt.Appendf(nil, `{"t":%d,"h":"x","v":1}`, at)})
	}
	l := aggregate.NewLive(0, 10)
	l.SetSpan(aggregate.Never, origin+60_000)
	e.SetLive(l)
	send(0, origin)
	send(1, origin+day)
	send(2, origin+5)
	b, _ := e.TakeLive()
	if b.Newest != origin+5 || len(b.Parts) != len(plan.Rollups) || len(b.Parts[0].Rows) != 1 || b.Parts[0].Rows[0].Count != 2 || e.Newest() != origin+day {
		t.Errorf("told up to %d: %+v", b.Newest, b.Parts)
	}
	send(3, origin+6)
	if b, _ = e.TakeLive(); b.NewestBefore != origin+5 {
		t.Errorf("the newest before is %d", b.NewestBefore)
	}
	state := plan.Begin(4, 0, partition.TopicID)
	state.Watermark = origin + day
	next := aggregate.NewEngine(plan, state)
	l = aggregate.NewLive(4, 10)
	l.SetSpan(aggregate.Never, origin+60_000)
	next.SetLive(l)
	if got := next.NewestEvent(); got != origin+60_000 {
		t.Errorf("a new owner takes %d for the newest time", got)
	}
}
