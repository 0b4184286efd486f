package aggregate_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// TestRecountHoldsWhatIsSealed takes states at random times of runs with crashes and barriers, and counts the log again beside them.
func TestRecountHoldsWhatIsSealed(t *testing.T) {
	plan := newPlan(t, definitions()...)
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		log := randomLog(rnd, 200)
		e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
		s := newStore()
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
				checkRecount(t, fmt.Sprintf("seed %d", seed), plan, log, state, s)
				e, waiting = aggregate.NewEngine(plan, state), nil
			}
		}
		checkRecount(t, fmt.Sprintf("seed %d", seed), plan, log, roundTrip(t, e.State()), s)
	}
}

// checkRecount compares what is sealed in the store, by rollup, window and grouping, with a recount; and the ledger with both.
func checkRecount(t *testing.T, what string, plan *aggregate.Plan, log []aggregate.Record, state aggregate.State, s *store) {
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
	for i, d := range definitions() {
		stored, counted := map[string]int64{}, map[string]int64{}
		for _, source := range s.sources {
			add(t, stored, []byte(source), &d, state.SealedThrough)
		}
		for _, w := range count.Windows(i) {
			if err := w.Documents(partition, func(doc *rollup.Document) error {
				add(t, counted, doc.AppendJSON(nil, &d, d.Hash()), &d, math.MaxInt64)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(stored, counted); diff != "" {
			t.Fatalf("%s, rollup %s: sealed documents and recount differ (-documents +recount):\n%s", what, d.Name, diff)
		}
		var total int64
		for key, n := range counted {
			if key[:len(rollup.Total)] == rollup.Total {
				total += n
			}
		}
		if ledger := state.Rollups[i].Ledger().Documented() + tail.Documented(i); ledger != total {
			t.Fatalf("%s, rollup %s: the ledger says %d, the recount %d", what, d.Name, ledger, total)
		}
	}
}

// add sums a document's count under its grouping and window, where it closed in time. Keys that overflowed are not told apart.
func add(t *testing.T, sums map[string]int64, source []byte, d *rollup.Definition, sealed int64) {
	t.Helper()
	var doc struct {
		Time                 int64 `json:"@timestamp"`
		Definition, Grouping string
		Late                 bool
		Arrived              int64
		Count                int64
		Host                 string `json:"dim.host"`
		Path                 string `json:"dim.path"`
	}
	if err := json.Unmarshal(source, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Definition != d.Hash() {
		return
	}
	closing := doc.Time
	if doc.Late {
		closing = doc.Arrived
	}
	if closing+d.Window.Milliseconds() > sealed {
		return
	}
	key := ""
	if d.Name == "a" { // b's keys overflow
		key = doc.Host + " " + doc.Path
	}
	sums[fmt.Sprint(doc.Grouping, " ", doc.Time, " ", key)] += doc.Count
}
