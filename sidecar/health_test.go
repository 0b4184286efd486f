package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/health"
	"github.com/tidemark/tidemark/tests/servers"
)

// told is what the health events of a rollup say, summed.
type told struct {
	client *kgo.Client

	entered, settled int64
	ledger           rollup.Ledger
	written          int64
	first            map[string]bool // by partition: its first event has come
	last             map[string]health.Event
	sidecars         int
}

// listen prepares to hear of a topic that may not be there yet.
func (b *bench) listen(topic string) *told {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.ConsumeTopics(topic), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(200*time.Millisecond))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return &told{client: client, first: map[string]bool{}, last: map[string]health.Event{}}
}

// hear reads health events until enough is told.
func (b *bench) hear(sum *told, enough func() bool) {
	b.t.Helper()
	limit := time.Now().Add(deadline)
	for !enough() {
		if time.Now().After(limit) {
			b.t.Fatalf("told %+v", sum)
		}
		fetches := sum.client.PollFetches(b.t.Context())
		fetches.EachRecord(func(r *kgo.Record) {
			var e health.Event
			if err := json.Unmarshal(r.Value, &e); err != nil {
				b.t.Fatal(err)
			}
			if e.Kind == health.KindSidecar {
				sum.sidecars++
				return
			}
			if string(r.Key) != e.Partition || e.Stream != "logs" || e.Rollup != "writes" {
				b.t.Errorf("key %q: %s", r.Key, r.Value)
			}
			sum.add(&e)
		})
	}
}

func (s *told) add(e *health.Event) {
	s.last[e.Partition] = *e
	if !s.first[e.Partition] && e.Consumed == nil {
		s.first[e.Partition] = true
		return
	}
	for to, from := range map[*int64]*int64{
		&s.entered: e.Entered, &s.settled: e.Settled, &s.written: e.Written, &s.ledger.Consumed: e.Consumed, &s.ledger.Late: e.Late,
		&s.ledger.Filtered: e.Filtered, &s.ledger.Undecodable: e.Undecodable, &s.ledger.Quarantined: e.Quarantined, &s.ledger.Rejected: e.Rejected,
	} {
		if from != nil {
			*to += *from
		}
	}
}

func TestHealthEventsSumUpToTheLedger(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		topic := b.topic + "-health"
		run := b.start(b.configure("streams:", "health: {topic: "+topic+", period: 1s}\nstreams:"))
		sum := b.listen(topic)
		b.hear(sum, func() bool { return len(sum.first) == testPartitions && sum.sidecars > 0 })
		b.produce(0, 2_000)
		b.await(run)
		b.produce(30, 500) // long sealed
		b.await(run)
		b.checkLedger(run)
		b.hear(sum, func() bool { return sum.settled >= b.produced && sum.entered >= b.produced })

		want := told{entered: b.produced, settled: b.produced, written: total(b.truth)}
		for _, r := range run.status().Streams[0].Rollups {
			want.ledger = want.ledger.Add(r.Ledger)
		}
		want.ledger.OnTime, want.ledger.Overflowed = 0, 0 // written holds them
		if want.ledger.Late == 0 || want.ledger.Filtered == 0 || want.ledger.Undecodable == 0 {
			t.Errorf("the ledger lacks what is to be told: %+v", want.ledger)
		}
		if got := *sum; got.entered != want.entered || got.settled != want.settled || got.written != want.written || got.ledger != want.ledger {
			t.Errorf("told differs:\n%s", cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)))
		}
		for _, e := range sum.last {
			if e.Lag == nil || *e.Lag != 0 || e.TidemarkAge == nil || *e.TidemarkAge <= 0 {
				t.Errorf("the last of a partition tells %+v", e)
			}
		}
		run.end()
	})
}

func TestWithoutHealthTopicNothingElseSuffers(t *testing.T) {
	t.Parallel()
	b := newBench(t, startRefusing(t, "-health"), servers.EmbeddedStore(t, ""))
	b.produce(0, 600)
	run := b.start(b.configure("streams:", "health: {topic: "+b.topic+"-health, period: 1s}\nstreams:"))
	b.await(run)
	b.checkLedger(run)
	run.eventually(func() bool { return strings.Contains(run.log.String(), "health events cannot be written") }, func() string { return "the log does not say that the topic is refused" })
	if s := run.status(); !s.Ready {
		t.Errorf("not ready: %q", s.Reasons)
	}
	run.end()
}

// TestNoHealthEventTellsOfAnEventAgain has sidecars that take partitions over from each other while events come.
func TestNoHealthEventTellsOfAnEventAgain(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure("streams:", "health: {topic: "+b.topic+"-health, period: 1s}\nstreams:")
	first, sum := b.start(configuration), b.listen(b.topic+"-health")
	b.hear(sum, func() bool { return len(sum.first) == testPartitions })
	b.produce(0, 1_000)
	b.await(first)
	second := b.start(configuration)
	b.produce(60, 1_000)
	b.await(second)
	first.end()
	b.produce(120, 1_000)
	b.await(second)
	b.checkLedger(second)
	before := sum.sidecars
	b.hear(sum, func() bool { return sum.sidecars > before+8 }) // of two sidecars for a while
	if sum.settled > b.produced || sum.written > total(b.truth) || sum.settled < b.produced/3 {
		t.Errorf("told of %d settled events and %d written ones, of %d and %d", sum.settled, sum.written, b.produced, total(b.truth))
	}
	second.end()
}
