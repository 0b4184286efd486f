package query

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// keeper keeps answers as a caller may.
type keeper struct {
	search Search
	kept   map[string]Response
	asked  int // requests that were not kept
	served int
}

func (k *keeper) ask(ctx context.Context, requests []Request) ([]Response, error) {
	responses := make([]Response, len(requests))
	for i, r := range requests {
		name := strings.Join(r.Indices, ",") + " " + r.Valid + " " + string(r.Body)
		response, known := k.kept[name]
		if known && r.Valid != "" {
			k.served++
		} else {
			some, err := k.search(ctx, []Request{r})
			if err != nil {
				return nil, err
			}
			k.asked++
			if response = some[0]; r.Valid != "" {
				k.kept[name] = response
			}
		}
		responses[i] = response
	}
	return responses, nil
}

func TestARefreshAsksForTheHeadAndTheTailOnly(t *testing.T) {
	s := &store{}
	for i := range int64(1000) {
		s.add("tidemark-log_writes-10s-1970.01.01", fmt.Appendf(nil, `{"@timestamp":%d,"grouping":"path","dim.path":"/%d","count":1}`, i*10*second, i%3))
	}
	k := &keeper{search: s.search, kept: map[string]Response{}}
	e := testEntry()
	asked := func(from, to, sealed int64) (int, int) {
		e.Progress[0].SealedThrough = &sealed
		k.asked, k.served = 0, 0
		in := testInput(Query{GroupBy: []string{"path"}})
		in.Rollup, in.From, in.To = e, from, to
		if _, err := Run(t.Context(), in, k.ask); err != nil {
			t.Fatal(err)
		}
		return k.asked, k.served
	}
	// 40 buckets are blocks of 8: from 300 s on they begin at 320, 400, 480, 560 and 640 s. The overflow is asked for by itself.
	for _, c := range []struct {
		name             string
		from, to, sealed int64
		asked, served    int
	}{
		{"the first time", 300, 700, 660, 2*6 + 1, 0},
		{"the same", 300, 700, 660, 2*1 + 1, 2 * 5}, // but for the tail and the overflow
		{"a little later", 310, 710, 670, 2*2 + 1, 2 * 4},
		{"when a block was sealed", 320, 720, 720, 2*1 + 1, 2 * 4},
		{"nothing is sealed", 5000, 5400, 720, 3, 0},
		{"a small range", 320, 470, 720, 3, 0},
	} {
		got, served := asked(c.from*second, c.to*second, c.sealed*second)
		if got != c.asked || served != c.served {
			t.Errorf("%s: %d requests and %d that were kept, want %d and %d", c.name, got, served, c.asked, c.served)
		}
	}
}

func TestWhatIsKeptIsAskedForAgainWhenItCanHaveChanged(t *testing.T) {
	sealed := 900 * second
	behind := 800 * second
	for _, c := range []struct {
		name    string
		change  func(e *rollup.CatalogEntry)
		changes bool
	}{
		{"nothing", func(*rollup.CatalogEntry) {}, false},
		{"the tidemark", func(e *rollup.CatalogEntry) { later := sealed + 10*second; e.Progress[0].SealedThrough = &later }, false},
		{"a commit", func(e *rollup.CatalogEntry) { e.Progress[0].Commit++ }, false},
		{"a coarser tier", func(e *rollup.CatalogEntry) { e.Tiers[1].Through += 60 * second }, false},
		{"late events", func(e *rollup.CatalogEntry) { e.Progress[0].Ledger.Late++ }, true},
		{"a lineage", func(e *rollup.CatalogEntry) { e.Progress[0].Lineage++ }, true},
		{"a definition", func(e *rollup.CatalogEntry) { e.Definition = "another" }, true},
		{"a generation of the tiers", func(e *rollup.CatalogEntry) { e.Generation++ }, true},
		{"windows that are to be made anew", func(e *rollup.CatalogEntry) { e.Tiers[0].Redone++ }, true},
		{"the retention", func(e *rollup.CatalogEntry) { e.Tiers[0].From = 10 * second }, false}, // it decides what is read, not what is there
		{"a new partition that is behind", func(e *rollup.CatalogEntry) {
			e.Progress = append(e.Progress, rollup.PartitionProgress{Partition: "t/1", SealedThrough: &behind})
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := testEntry()
			e.Progress[0].SealedThrough = &sealed
			e.Tiers = []rollup.TierProgress{{Tier: e.Spec.Window}, {Tier: e.Spec.Tiers[0]}}
			token := func() string {
				p, err := newPlan(Input{Query: Query{Rollup: "log_writes", Stat: StatCount, Tier: "10s"}, From: 300 * second, To: 900 * second, Rollup: e, Prefix: "tidemark"})
				if err != nil {
					t.Fatal(err)
				}
				return p.tierToken(e.Spec.Window)
			}
			before := token()
			if c.change(e); (token() != before) != c.changes {
				t.Errorf("Valid goes from %s to %s", before, token())
			}
		})
	}
}

// A dashboard that is refreshed while events come, late ones too, shows the same with answers that are kept as without.
func TestKeptAnswersAreThoseThatASearchGives(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 3))
		s := &store{}
		e := testEntry()
		k := &keeper{search: s.search, kept: map[string]Response{}}
		in := testInput(Query{Stat: StatSum, Measure: "offset", GroupBy: []string{"path"}, Top: 2, Other: true, MovingAverage: 2})
		in.Rollup = e
		write := func(at int64, late string) {
			s.add(testIndex, fmt.Appendf(nil, `{"@timestamp":%d,"grouping":"path"%s,"dim.path":"/%d","count":1,"m.offset.count":1,"m.offset.sum":%d}`, at, late, rng.IntN(4), rng.IntN(100)))
		}
		for now := 500 * second; now < 900*second; now += 10 * second {
			sealed := now
			write(now-10*second, "")
			if rng.IntN(4) == 0 {
				write(10*rng.Int64N(now/10/second)*second, `,"late":true`)
				e.Progress[0].Ledger.Late++
			}
			e.Progress[0].SealedThrough = &sealed
			in.From, in.To = now-400*second, now+20*second
			with, err := Run(t.Context(), in, k.ask)
			if err != nil {
				t.Fatal(err)
			}
			without, err := Run(t.Context(), in, s.search)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asJSON(t, without), asJSON(t, with)); diff != "" {
				t.Fatalf("seed %d at %d:\n%s", seed, now, diff)
			}
		}
		if k.served == 0 {
			t.Error("nothing was kept")
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
