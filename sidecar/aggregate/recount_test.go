package aggregate_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// TestRecountHoldsWhatIsSealed takes states at random times of runs with crashes and barriers, and counts the log again beside them.
func TestRecountHoldsWhatIsSealed(t *testing.T) {
	for _, test := range []struct {
		name string
		plan *aggregate.Plan
		log  func(rnd *rand.Rand) []aggregate.Record
	}{
		{"every event", newPlan(t, definitions()...), func(rnd *rand.Rand) []aggregate.Record { return randomLog(rnd, 200) }},
		{"repetitions told apart", newDedupePlan(t, definitions()...), func(rnd *rand.Rand) []aggregate.Record { return randomRepetitions(rnd, 200) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			again := 0
			for seed := range uint64(100) {
				rnd := rand.New(rand.NewPCG(seed, 4))
				again += recountRun(t, fmt.Sprintf("seed %d", seed), test.plan, rnd, test.log(rnd))
			}
			if (again > 0) != (test.name == "repetitions told apart") {
				t.Errorf("%d repetitions were counted when their window had closed", again)
			}
		})
	}
}

// recountRun returns how many repetitions the documents of the last state hold.
func recountRun(t *testing.T, what string, plan *aggregate.Plan, rnd *rand.Rand, log []aggregate.Record) int {
	t.Helper()
	e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
	s := countStore{}
	var waiting []*aggregate.Window
	furthest := int64(0)
	acknowledge := func() {
		for _, w := range waiting {
			s.write(w)
			e.Acknowledge(w, 0, 0)
		}
		waiting = nil
	}
	for e.Position() < int64(len(log)) {
		e.Add(log[e.Position()])
		waiting = append(waiting, e.Close()...)
		furthest = max(furthest, e.Position())
		switch rnd.IntN(12) {
		case 0, 1, 2:
			acknowledge()
		case 3: // a barrier, which is for what nobody has read before
			if e.Position() < furthest {
				continue
			}
			acknowledge()
			windows, watermark := e.Seal(aggregate.Never)
			waiting = windows
			acknowledge()
			e.Raise(watermark)
		case 4: // a new owner
			state := roundTrip(t, e.State())
			checkRecount(t, what, plan, log, state, s)
			e, waiting = aggregate.NewEngine(plan, state), nil
		}
	}
	return checkRecount(t, what, plan, log, roundTrip(t, e.State()), s)
}

// countStore keeps how many events the newest version of each document tells of.
type countStore map[string]countDocument

type countDocument struct {
	rollup, grouping, key   string
	start, closing, version int64
	count                   int64
}

func (s countStore) write(w *aggregate.Window) {
	for id, doc := range countDocuments(w) {
		if doc.version >= s[id].version {
			s[id] = doc
		}
	}
}

func countDocuments(w *aggregate.Window) map[string]countDocument {
	r := w.Rollup()
	documents := map[string]countDocument{}
	_ = w.Documents(partition, func(doc *rollup.Document) error {
		d := countDocument{
			rollup: r.Definition.Name, grouping: doc.Grouping.String(), start: doc.Start, closing: w.Closing(), version: rollup.Version(0, doc.LastOffset), count: doc.Count,
		}
		if d.rollup == "a" { // b's keys overflow
			d.key = fmt.Sprint(doc.Dimensions)
		}
		documents[doc.ID(r.Hash)] = d
		return nil
	})
	return documents
}

// counts are events by grouping, window and key.
type counts map[string]int64

func (c counts) add(d countDocument) { c[fmt.Sprint(d.grouping, " ", d.start, " ", d.key)] += d.count }

func (c counts) total() int64 {
	var total int64
	for key, n := range c {
		if key[:len(rollup.Total)] == rollup.Total {
			total += n
		}
	}
	return total
}

// checkRecount compares what is sealed in the store, by rollup, window and grouping, with a recount; and the ledger with the store. Where repetitions came
// when their window had closed, the recount gives what there is at least and at most. It returns how many events are beyond the least.
func checkRecount(t *testing.T, what string, plan *aggregate.Plan, log []aggregate.Record, state aggregate.State, s countStore) int {
	t.Helper()
	count := aggregate.NewRecount(plan, state, nil, math.MinInt64, math.MaxInt64, math.MaxInt)
	tail := aggregate.NewRecount(plan, state, nil, math.MinInt64, math.MaxInt64, 0)
	for _, r := range log {
		if count.Done(r.Offset) {
			break
		}
		count.Add(r)
		if r.Offset >= state.Offset {
			tail.Add(r)
		}
	}
	beyond := 0
	for i, d := range definitions() {
		stored, least, most := counts{}, counts{}, counts{}
		for _, doc := range s {
			if doc.rollup == d.Name && doc.closing <= state.SealedThrough {
				stored.add(doc)
			}
		}
		for _, w := range count.Windows(i) {
			for _, doc := range countDocuments(w) {
				least.add(doc)
				most.add(doc)
			}
			if again := count.Repetitions(w); again != nil {
				for _, doc := range countDocuments(again) {
					most.add(doc)
				}
			}
		}
		between := maps.Clone(stored)
		for key, n := range most {
			between[key] = min(max(stored[key], least[key]), n)
		}
		if !maps.Equal(stored, between) {
			t.Fatalf("%s, rollup %s: sealed documents and recount differ (-documents +recount):\n%s", what, d.Name, cmp.Diff(stored, between))
		}
		for key := range stored {
			if _, known := most[key]; !known {
				t.Fatalf("%s, rollup %s: documents hold %s, which the recount does not", what, d.Name, key)
			}
		}
		if ledger := state.Rollups[i].Ledger().Documented() + tail.Documented(i); ledger != stored.total() {
			t.Fatalf("%s, rollup %s: the ledger says %d, the documents %d", what, d.Name, ledger, stored.total())
		}
		beyond += int(stored.total() - least.total())
	}
	return beyond
}
