package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/live"
)

// forgetfulFeed could not read in time what was told.
type forgetfulFeed struct {
	live.Place
	known bool
}

func (*forgetfulFeed) Publish(*live.Batch) {}

func (f *forgetfulFeed) Takeover(context.Context, live.Source) (live.Place, bool) {
	return f.Place, f.known
}

// TestEpochsGrowWithEachOwner has a static member begin again, which does not change the group's generation, and others take over.
func TestEpochsGrowWithEachOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := benchmarkStream{topic: "bench", window: benchmarkWindow, lateness: benchmarkLateness}
		compiled, err := s.compile()
		if err != nil {
			t.Fatal(err)
		}
		before := int64(0)
		for i, c := range []struct {
			generation int32
			feed       forgetfulFeed
		}{
			{5, forgetfulFeed{}}, {5, forgetfulFeed{}}, {5, forgetfulFeed{}}, {5, forgetfulFeed{live.Place{Epoch: 1}, true}}, {6, forgetfulFeed{}},
		} {
			time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's time
			plan, err := compiled.plan()
			if err != nil {
				t.Fatal(err)
			}
			state := plan.Begin(0, 0, [16]byte{})
			owner := &teller{feed: &c.feed, generation: c.generation, history: time.Minute, logger: slog.New(slog.DiscardHandler)}
			owner.begin(t.Context(), aggregate.NewEngine(plan, state), &state, false)
			if owner.epoch <= before {
				t.Errorf("owner %d has epoch %d after %d", i, owner.epoch, before)
			}
			before = owner.epoch
		}
	})
}
