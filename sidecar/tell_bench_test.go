package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/embedded"
	"github.com/tidemark/tidemark/sidecar/generate"
	"github.com/tidemark/tidemark/sidecar/live"
)

// BenchmarkLive shows what live values cost while nobody reads them: the CPU time of counting the events of eight partitions, with live values and without in
// turn, in percent. They are taken as often as the events' times tell, and go through an in-process Kafka, whose work counts too. Fetching events and writing
// documents, which take as much with live values as without, do not count.
func BenchmarkLive(b *testing.B) {
	for _, test := range []struct {
		rate         int64 // of all partitions
		hosts, paths int
	}{{200_000, 20, 10}, {100_000, 20, 10}, {10_000, 20, 10}, {200_000, 100, 100}} {
		b.Run(fmt.Sprintf("rate=%d/keys=%d", test.rate, test.hosts*test.paths), func(b *testing.B) {
			o := generate.Options{Hosts: test.hosts, Paths: test.paths, Rate: test.rate}.Defaults()
			h, err := holdEvents(o, 64<<20)
			if err != nil {
				b.Fatal(err)
			}
			h.Rate = test.rate
			benchmarkLive(b, h)
		})
	}
}

func benchmarkLive(b *testing.B, h *heldEvents) {
	b.Helper()
	feed := benchmarkFeed(b)
	with, without := newCounting(b), newCounting(b)
	for i, engine := range with.engines {
		with.tellers = append(with.tellers, &teller{
			feed: feed, source: live.Source{Topic: "bench", Number: int32(i)}, stream: "bench", logger: slog.New(slog.DiscardHandler),
		})
		engine.SetLive(aggregate.NewLive(0, maxLive))
	}
	h.advance() // so that the first readings count what every other one does
	for _, c := range []*counting{with, without} {
		c.read(b, h, feed)
		c.cpu = 0
	}
	events := 0
	for b.Loop() {
		h.advance()
		events += len(h.ends)
		if events/len(h.ends)%2 == 0 { // neither always has the warmer caches
			with.read(b, h, feed)
			without.read(b, h, feed)
		} else {
			without.read(b, h, feed)
			with.read(b, h, feed)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(without.cpu.Nanoseconds())/float64(events), "ns/event")
	b.ReportMetric(float64((with.cpu-without.cpu).Nanoseconds())/float64(events), "live-ns/event")
	b.ReportMetric(100*float64(with.cpu-without.cpu)/float64(without.cpu), "live-%")
}

func benchmarkFeed(b *testing.B) *live.Feed {
	b.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(kafka.Close)
	feed := live.NewFeed(live.FeedOptions{
		Kafka: []kgo.Opt{kgo.SeedBrokers(kafka.Addr())}, Topic: "bench.live", History: time.Minute, Logger: slog.New(slog.DiscardHandler),
		Log: live.NewLog(live.LogOptions{History: 15 * time.Minute, MaxBytes: 64 << 20}),
	})
	ctx, cancel := context.WithCancel(b.Context())
	var reading sync.WaitGroup
	reading.Go(func() { feed.Run(ctx) })
	b.Cleanup(func() { cancel(); reading.Wait() })
	feed.Takeover(b.Context(), live.Source{}) // waits until the topic is there
	return feed
}

// benchmarkPartitions take the events in turn, some at a time.
const benchmarkPartitions = 8

// counting is partitions that count, and the CPU time it takes.
type counting struct {
	engines []*aggregate.Engine
	tellers []*teller // none: no live values
	next    int64     // when to tell, by the events' times
	offset  int64
	cpu     time.Duration
}

func newCounting(b *testing.B) *counting {
	b.Helper()
	s := benchmarkStream{topic: "bench", window: benchmarkWindow, lateness: benchmarkLateness}
	compiled, err := s.compile()
	if err != nil {
		b.Fatal(err)
	}
	c := &counting{}
	for range benchmarkPartitions {
		plan, err := compiled.plan()
		if err != nil {
			b.Fatal(err)
		}
		c.engines = append(c.engines, aggregate.NewEngine(plan, plan.Begin(0, 0, [16]byte{})))
	}
	return c
}

func (c *counting) read(b *testing.B, h *heldEvents, feed *live.Feed) {
	b.Helper()
	begin, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	_ = h.each(func(value []byte, _, at int64) error {
		p := int(c.offset/100) % len(c.engines)
		if outcome := c.engines[p].Add(aggregate.Record{Offset: c.offset, Timestamp: at, Value: value}); outcome.Bad() {
			b.Fatal(outcome.Reason)
		}
		c.offset++
		if len(c.tellers) > 0 {
			c.tell(p, at)
		}
		if c.offset%batchRecords == 0 {
			for _, engine := range c.engines {
				for _, w := range engine.Close() {
					engine.Acknowledge(w, 0, 0)
				}
			}
		}
		return nil
	})
	for s := feed.Stats(); len(c.tellers) > 0 && s.Read < s.Published; s = feed.Stats() {
		time.Sleep(time.Millisecond) //nolint:forbidigo // nothing tells of it
	}
	end, err := cpuTime()
	if err != nil {
		b.Fatal(err)
	}
	c.cpu += end - begin
	if s := feed.Stats(); s.Dropped+s.Failed > 0 {
		b.Fatalf("batches are missing: %+v", s)
	}
}

// tell publishes what partitions have counted, as a partition does.
func (c *counting) tell(p int, at int64) {
	if c.tellers[p].full(c.engines[p]) {
		c.tellers[p].publish(c.engines[p], false)
	}
	if at < c.next {
		return
	}
	c.next = at + liveEvery.Milliseconds()
	for i, t := range c.tellers {
		c.engines[i].Live().Refill()
		t.publish(c.engines[i], false)
	}
}
