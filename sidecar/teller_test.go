package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/live"
)

// forgetfulFeed could not read in time what was told.
type forgetfulFeed struct {
	live.Place
	known bool
}

func (*forgetfulFeed) Publish(*live.Batch) {}

func (*forgetfulFeed) Listened() bool { return true }

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

// TestEventsAreToldAfterALongStop has a partition that counts nothing for longer than the history.
func TestEventsAreToldAfterALongStop(t *testing.T) {
	s, err := newStream(config.Stream{
		Name: "s", Topics: []string{"t"}, Format: "json", Timestamp: config.Timestamp{Field: "t", Format: "unix_ms"},
		Rollups: []config.Rollup{{Name: "r", Window: rollup.Tier(10 * time.Second), MaxKeys: 10}},
	})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := newTestPartition(s, quietServices{}, &log)
		state := plan.Begin(0, 0, [16]byte{})
		p.memory, p.engine = &consume.Reading{}, aggregate.NewEngine(plan, state)
		p.teller = &teller{feed: &forgetfulFeed{}, history: time.Minute, logger: p.logger}
		p.teller.begin(t.Context(), p.engine, &state, false)
		pass(10 * time.Minute)
		now := time.Now()
		if err := p.aggregate(t.Context(), []*kgo.Record{{Timestamp: now, Value: fmt.Appendf(nil, `{"t":%d}`, now.UnixMilli())}}); err != nil {
			t.Fatal(err)
		}
		if b, _ := p.engine.TakeLive(); len(b.Parts) != 1 || b.Newest != now.UnixMilli() {
			t.Errorf("told: %+v, %s", b, &log)
		}
	})
}
