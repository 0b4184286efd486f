package aggregate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/event"
)

// keepAll is a cleaner without steps.
type keepAll struct{}

func (keepAll) Clean(*event.Event) bool { return true }

const (
	lateness = 5_000
	maxAhead = 600_000
	origin   = 1_767_225_600_000
)

var partition = rollup.Partition{Topic: "events", TopicID: [16]byte{1}}

func second(n int) rollup.Tier { return rollup.Tier(time.Duration(n) * time.Second) }

// definitions are two rollups whose windows differ, one of them with a condition and few keys.
func definitions() []rollup.Definition {
	a := rollup.Definition{
		Name: "a", Stream: "s", Window: second(10), MaxKeys: 1000,
		Dimensions: []rollup.Field{{Name: "host", Path: "h"}, {Name: "path", Path: "p"}},
		Measures:   []rollup.Field{{Name: "v", Path: "v"}}, Percentiles: []string{"v"},
		Conditions: []rollup.Condition{{Name: "big", Expr: "v > 50"}},
		Groupings:  []rollup.Grouping{{"path"}, {}},
	}
	b := rollup.Definition{
		Name: "b", Stream: "s", Window: second(30), MaxKeys: 2, Where: `h != "h0"`,
		Dimensions: []rollup.Field{{Name: "host", Path: "h"}, {Name: "path", Path: "p"}},
		Groupings:  []rollup.Grouping{{"host"}, {}},
	}
	a.Normalize()
	b.Normalize()
	return []rollup.Definition{a, b}
}

func newPlan(t testing.TB, definitions ...rollup.Definition) *aggregate.Plan {
	t.Helper()
	schema := event.NewSchema()
	p := newPlanIn(t, schema, definitions...)
	finishPlan(t, p, schema)
	return p
}

// newPlanIn compiles what reads fields; finishPlan completes it when all fields are registered.
func newPlanIn(t testing.TB, schema *event.Schema, definitions ...rollup.Definition) *aggregate.Plan {
	t.Helper()
	p := &aggregate.Plan{Cleaner: keepAll{}, Lateness: lateness, MaxAhead: maxAhead}
	for _, d := range definitions {
		r, err := aggregate.CompileRollup(d, schema)
		if err != nil {
			t.Fatal(err)
		}
		p.Rollups = append(p.Rollups, r)
	}
	var err error
	if p.Timestamp, err = event.CompileTimestamp("t", "unix_ms", schema); err != nil {
		t.Fatal(err)
	}
	return p
}

func finishPlan(t testing.TB, p *aggregate.Plan, schema *event.Schema) {
	t.Helper()
	var err error
	if p.Decoder, err = event.NewDecoder("json", schema); err != nil {
		t.Fatal(err)
	}
	p.Event = schema.NewEvent()
}

// logEntry is an event of a generated log.
type logEntry struct {
	Time int64   `json:"t"`
	Host string  `json:"h"`
	Path string  `json:"p"`
	V    float64 `json:"v"`
}

// randomLog is a disordered log with bad events and gaps.
func randomLog(rnd *rand.Rand, n int) []aggregate.Record {
	log := make([]aggregate.Record, 0, n)
	clock := int64(origin)
	for i := range n {
		clock += []int64{0, 100, 1000, 2500, 9000}[rnd.IntN(5)]
		e := logEntry{
			Time: clock - []int64{0, 0, 700, 4_000, 9_000, 40_000}[rnd.IntN(6)], Host: fmt.Sprintf("h%d", rnd.IntN(3)), Path: fmt.Sprintf("p%d", rnd.IntN(4)),
			V: float64(rnd.IntN(1000)) / 10,
		}
		text, _ := json.Marshal(e)
		switch rnd.IntN(40) {
		case 0:
			text = text[:len(text)/2]
		case 1:
			text = fmt.Appendf(nil, `{"t":%d,"h":"h1"}`, clock+2*maxAhead)
		}
		log = append(log, aggregate.Record{Offset: int64(i), Timestamp: clock, Value: text})
	}
	return log
}

// store keeps the newest version of each document, as Elasticsearch does.
type store struct {
	versions map[string]int64
	sources  map[string]string
}

func newStore() *store { return &store{versions: map[string]int64{}, sources: map[string]string{}} }

func (s *store) write(w *aggregate.Window) {
	r := w.Rollup()
	_ = w.Documents(partition, func(doc *rollup.Document) error {
		id, version := doc.ID(r.Hash), rollup.Version(0, doc.LastOffset)
		if version >= s.versions[id] {
			s.versions[id], s.sources[id] = version, string(doc.AppendJSON(nil, &r.Definition, r.Hash))
		}
		return nil
	})
}

// aggregateAll runs a log through without faults, and seals what is open at the end.
func aggregateAll(plan *aggregate.Plan, log []aggregate.Record) (*store, *aggregate.Engine) {
	e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
	s := newStore()
	finish := func(windows []*aggregate.Window) {
		for _, w := range windows {
			s.write(w)
			e.Acknowledge(w, 0, 0)
		}
	}
	for _, r := range log {
		e.Add(r)
		finish(e.Close())
	}
	windows, watermark := e.Seal(aggregate.Never)
	finish(windows)
	e.Raise(watermark)
	return s, e
}

// cell is what the naive model keeps of one window, key and rollup, however its events came.
type cell struct {
	Count, Bytes, Big, Measured int64
	Sum, Min, Max               float64
}

// naive counts a log the simplest way there is: everything at once, without watermark, windows that close, or keys that overflow.
func naive(log []aggregate.Record) map[string]cell {
	cells := map[string]cell{}
	for _, r := range log {
		var e logEntry
		if json.Unmarshal(r.Value, &e) != nil || e.Time > r.Timestamp+maxAhead {
			continue
		}
		for _, g := range []struct {
			rollup, grouping string
			window           int64
			key              []string
			counts           bool
		}{
			{"a", "host,path", 10_000, []string{e.Host, e.Path}, true},
			{"a", "path", 10_000, []string{e.Path}, true},
			{"a", "total", 10_000, nil, true},
			{"b", "total", 30_000, nil, e.Host != "h0"},
		} {
			if !g.counts {
				continue
			}
			name := fmt.Sprint(g.rollup, g.grouping, e.Time/g.window*g.window, g.key)
			c := cells[name]
			if c.Count == 0 || e.V < c.Min {
				c.Min = e.V
			}
			c.Max = max(c.Max, e.V)
			c.Count++
			c.Bytes += int64(len(r.Value))
			c.Sum += e.V
			if e.V > 50 {
				c.Big++
			}
			cells[name] = c
		}
	}
	return cells
}

// cells reads documents back into the naive model's form.
func (s *store) cells(t testing.TB) map[string]cell {
	t.Helper()
	hashes := map[string]string{}
	for _, d := range definitions() {
		hashes[d.Hash()] = d.Name
	}
	cells := map[string]cell{}
	for _, source := range s.sources {
		var doc map[string]any
		if err := json.Unmarshal([]byte(source), &doc); err != nil {
			t.Fatal(err)
		}
		number := func(field string) float64 { n, _ := doc[field].(float64); return n }
		var key []string
		for _, d := range []string{"dim.host", "dim.path"} {
			if v, ok := doc[d].(string); ok {
				key = append(key, v)
			}
		}
		grouping := doc["grouping"].(string)
		name := fmt.Sprint(hashes[doc["definition"].(string)], grouping, int64(number("@timestamp")), key)
		c := cells[name]
		c.Count += int64(number("count"))
		c.Bytes += int64(number("bytes"))
		c.Big += int64(number("c.big"))
		if n := int64(number("m.v.count")); n > 0 {
			if c.Measured == 0 || number("m.v.min") < c.Min {
				c.Min = number("m.v.min")
			}
			c.Max = max(c.Max, number("m.v.max"))
			c.Sum += number("m.v.sum")
			c.Measured += n
		}
		cells[name] = c
	}
	return cells
}

func TestDocumentsAgreeWithANaiveModel(t *testing.T) {
	plan := newPlan(t, definitions()...)
	for seed := range uint64(50) {
		log := randomLog(rand.New(rand.NewPCG(seed, 1)), 300)
		s, e := aggregateAll(plan, log)
		got, want := s.cells(t), naive(log)
		for name, w := range want {
			g := got[name]
			if name[0] == 'b' { // without measures
				w.Sum, w.Min, w.Max, w.Big = 0, 0, 0, 0
			} else {
				w.Measured = w.Count
			}
			if diff := g.Sum - w.Sum; diff < 1e-6 && diff > -1e-6 {
				g.Sum = w.Sum // the order of additions differs
			}
			if g != w {
				t.Fatalf("seed %d, %s: documents hold %+v, the log %+v", seed, name, g, w)
			}
		}
		for i := range definitions() {
			checkLedger(t, e.Ledger(i), s, definitions()[i], int64(len(log)))
		}
	}
}

// checkLedger compares the ledger with the sum of count over each grouping.
func checkLedger(t testing.TB, l rollup.Ledger, s *store, d rollup.Definition, consumed int64) {
	t.Helper()
	if l.Consumed != consumed || !l.Balanced() {
		t.Fatalf("rollup %s: the ledger of %d events is %+v", d.Name, consumed, l)
	}
	sums := map[string]int64{}
	for _, source := range s.sources {
		var doc struct {
			Definition, Grouping string
			Count                int64
		}
		if err := json.Unmarshal([]byte(source), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.Definition == d.Hash() {
			sums[doc.Grouping] += doc.Count
		}
	}
	for _, g := range d.Groupings {
		if sums[g.String()] != l.Documented() {
			t.Fatalf("rollup %s: the documents of grouping %s hold %d events, the ledger %d: %+v", d.Name, g, sums[g.String()], l.Documented(), l)
		}
	}
}

// TestReplaysGiveTheSameDocuments crashes an owner at random places, with documents half written and acknowledgements lost, and goes on from the state
// committed last.
func TestReplaysGiveTheSameDocuments(t *testing.T) {
	plan := newPlan(t, definitions()...)
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		log := randomLog(rnd, 300)
		want, steady := aggregateAll(plan, log)
		s := newStore()
		last := runWithCrashes(t, plan, rnd, log, s)
		if diff := cmp.Diff(want.sources, s.sources); diff != "" {
			t.Fatalf("seed %d: documents differ (-steady +crashed):\n%s", seed, diff)
		}
		for i := range definitions() {
			if got, want := last.Ledger(i), steady.Ledger(i); got != want {
				t.Fatalf("seed %d: ledger %+v after crashes, %+v without", seed, got, want)
			}
		}
	}
}

func runWithCrashes(t *testing.T, plan *aggregate.Plan, rnd *rand.Rand, log []aggregate.Record, s *store) *aggregate.Engine {
	committed := plan.Begin(0, 0, partition.TopicID)
	e := aggregate.NewEngine(plan, committed)
	var waiting []*aggregate.Window
	for e.Position() < int64(len(log)) {
		switch x := rnd.Float64(); {
		case x < .70:
			e.Add(log[e.Position()])
			if rnd.IntN(3) > 0 {
				waiting = append(waiting, e.Close()...)
			}
		case x < .85 && len(waiting) > 0:
			i := rnd.IntN(len(waiting))
			s.write(waiting[i])
			if rnd.IntN(4) > 0 { // else the acknowledgement is under way
				e.Acknowledge(waiting[i], 0, 0)
				waiting = append(waiting[:i:i], waiting[i+1:]...)
			}
		case x < .88:
			committed = roundTrip(t, e.State())
		case x < .99:
			e.Add(log[e.Position()])
		default:
			e, waiting = aggregate.NewEngine(plan, committed), nil
		}
	}
	windows, watermark := e.Seal(aggregate.Never)
	for _, w := range append(waiting, windows...) {
		s.write(w)
		e.Acknowledge(w, 0, 0)
	}
	e.Raise(watermark)
	return e
}

// roundTrip passes a state through a commit's metadata.
func roundTrip(t *testing.T, s aggregate.State) aggregate.State {
	t.Helper()
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := aggregate.DecodeState(s.Offset, text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(s, decoded) {
		t.Fatalf("a state changed on its way:\n%+v\n%+v", s, decoded)
	}
	return decoded
}

func TestOrderlyEndIsOfOneOwnerOnly(t *testing.T) {
	plan := newPlan(t, definitions()...)
	s := plan.Begin(5, 0, partition.TopicID)
	s.Released = true
	if aggregate.NewEngine(plan, s).State().Released {
		t.Error("the next owner's states say that it ended in order")
	}
}

func TestStateOfOthersIsRefused(t *testing.T) {
	plan := newPlan(t, definitions()...)
	s := plan.Begin(5, 0, partition.TopicID)
	good, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "x", "member-1", good[:len(good)-3], good + "AAAA"} {
		if _, err := aggregate.DecodeState(5, text); err != aggregate.ErrForeignState { //nolint:errorlint // the very error is meant
			t.Errorf("metadata %q: error %v", text, err)
		}
	}
}

func TestStatesOfEarlierReleasesAreRead(t *testing.T) {
	want := aggregate.State{
		Offset: 5, Watermark: 1_700_000_000_000, SealedThrough: aggregate.Never, End: 9, Behind: 250, Lineage: 1, Commit: 7, Partitions: 3, TopicID: [16]byte{1, 2}, Released: true,
		From: aggregate.Never, Since: aggregate.Never, SinceOffset: 5,
		Rollups: []aggregate.RollupState{{
			Definition: "0123456789abcdef", Rejected: aggregate.Rejected{OnTime: 1, Late: 2, Overflowed: 3}, Before: aggregate.Unknown,
			Counted: rollup.Ledger{Consumed: 210, OnTime: 10, Late: 20, Overflowed: 30, Filtered: 40, Undecodable: 50, Quarantined: 60},
		}},
	}
	second := want
	second.From, second.Since, second.SinceOffset, second.Lost = 11, 12, 4, 13
	second.Rollups = slices.Clone(want.Rollups)
	second.Rollups[0].Before = 99
	for _, test := range []struct {
		text string
		want aggregate.State
	}{
		{"dG0BAQECAAAAAAAAAAAAAAAAAACAoKv++WL///////////8BEvQDAg4GAgEjRWeJq83vFCg8UGR4AgQG", want},
		{"dG0CAQECAAAAAAAAAAAAAAAAAACAoKv++WL///////////8BEvQDAg4GFhgIGgIBI0VniavN7xQoPFBkeAIEBsYB", second},
	} {
		got, err := aggregate.DecodeState(5, test.text)
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", test.text, err, diff)
		}
	}
}

func TestStateOfAnotherOffsetIsRefused(t *testing.T) {
	plan := newPlan(t, definitions()...)
	s := plan.Begin(5, 0, partition.TopicID)
	text, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aggregate.DecodeState(4, text); !errors.Is(err, aggregate.ErrForeignState) || !strings.Contains(err.Error(), "moved from 5") {
		t.Errorf("error %v", err)
	}
}

func FuzzDecodeState(f *testing.F) {
	plan := newPlan(f, definitions()...)
	s := plan.Begin(5, 0, partition.TopicID)
	good, err := s.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := aggregate.DecodeState(5, text)
		if err != nil {
			return
		}
		again, err := s.Encode()
		if err != nil {
			return // longer than a commit holds
		}
		if decoded, err := aggregate.DecodeState(5, again); err != nil || !cmp.Equal(s, decoded) {
			t.Errorf("%+v became %+v: %v", s, decoded, err)
		}
	})
}
