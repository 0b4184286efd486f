package aggregate_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/event"
)

// newDedupePlan is newPlan for events that the field i names.
func newDedupePlan(t testing.TB, definitions ...rollup.Definition) *aggregate.Plan {
	t.Helper()
	schema := event.NewSchema()
	p := newPlanIn(t, schema, definitions...)
	if err := p.CompileDedupe("i", schema); err != nil {
		t.Fatal(err)
	}
	finishPlan(t, p, schema)
	return p
}

func TestRepetitionsInAWindowAreFiltered(t *testing.T) {
	plan := newDedupePlan(t, definitions()[0])
	e := aggregate.NewEngine(plan, plan.Begin(0, 0, partition.TopicID))
	for i, text := range []string{
		`{"t":%d,"i":"a","h":"h1"}`, `{"t":%d,"i":"a","h":"h2"}`, `{"t":%d,"i":"b"}`, `{"t":%d}`, `{"t":%d}`, `{"t":%d,"i":null}`, `{"t":%d,"i":"a"}`,
	} {
		e.Add(aggregate.Record{Offset: int64(i), Timestamp: origin, Value: fmt.Appendf(nil, text, origin+int64(i))})
	}
	e.Add(aggregate.Record{Offset: 7, Timestamp: origin, Value: fmt.Appendf(nil, `{"t":%d,"i":"a"}`, origin+10_000)}) // another window
	if got, want := e.Ledger(0), (rollup.Ledger{Consumed: 8, OnTime: 6, Filtered: 2}); got != want {
		t.Errorf("the ledger is %+v, want %+v", got, want)
	}
}

// randomRepetitions is a random log whose events come again at random distances.
func randomRepetitions(rnd *rand.Rand, n int) []aggregate.Record {
	log := randomLog(rnd, n)
	for i := range log {
		if from := i - 1 - rnd.IntN(30); from >= 0 && rnd.IntN(3) == 0 {
			log[i].Value = log[from].Value
		} else if v := log[i].Value; v[len(v)-1] == '}' {
			log[i].Value = fmt.Appendf(nil, `%s,"i":%d}`, v[:len(v)-1], i)
		}
	}
	return log
}

// TestReplaysTellRepetitionsAlike has logs whose events come again at random distances, also after the window was sealed.
func TestReplaysTellRepetitionsAlike(t *testing.T) {
	plan := newDedupePlan(t, definitions()...)
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		log := randomRepetitions(rnd, 300)
		want, steady := aggregateAll(plan, log)
		s := newStore()
		last := runWithCrashes(t, plan, rnd, log, s)
		if diff := cmp.Diff(want.sources, s.sources); diff != "" {
			t.Fatalf("seed %d: documents differ (-steady +crashed):\n%s", seed, diff)
		}
		for i, d := range definitions() {
			if got, want := last.Ledger(i), steady.Ledger(i); got != want {
				t.Fatalf("seed %d: ledger %+v after crashes, %+v without", seed, got, want)
			}
			checkLedger(t, last.Ledger(i), s, d, int64(len(log)))
		}
		if steady.Ledger(0).Filtered == 0 {
			t.Fatalf("seed %d: nothing was repeated", seed)
		}
	}
}
