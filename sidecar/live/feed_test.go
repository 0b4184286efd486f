package live

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// TestAFeedWorksWhenItHasReadWhatThereIs begins with a topic that holds more than is read at once.
func TestAFeedWorksWhenItHasReadWhatThereIs(t *testing.T) {
	const batches = 3 * pollRecords
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "g.live"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for i := range int64(batches) {
		records = append(records, aBatch(1, i, i+1).record("g.live"))
	}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	f, log := startFeed(t, cluster)
	ticker := time.NewTicker(100 * time.Microsecond)
	defer ticker.Stop()
	for limit := time.Now().Add(20 * time.Second); ; <-ticker.C {
		_, err := f.Err()
		switch {
		case err == nil:
			if added := log.Stats().Added; added != batches {
				t.Errorf("it works when it has read %d of %d batches", added, batches)
			}
			return
		case time.Now().After(limit):
			t.Fatal(err)
		}
	}
}

func startFeed(t *testing.T, cluster *kfake.Cluster) (*Feed, *Log) {
	t.Helper()
	log := NewLog(LogOptions{History: time.Hour, MaxBytes: 1 << 30})
	f := NewFeed(FeedOptions{Kafka: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}, Topic: "g.live", History: time.Hour, Log: log, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return f, log
}

// TestAReaderOfOneMemberIsKnownToAll has a hub of one member tell the others that it has a reader.
func TestAReaderOfOneMemberIsKnownToAll(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "g.live"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	one, log := startFeed(t, cluster)
	other, _ := startFeed(t, cluster)
	await := func(what string, is func() bool) {
		t.Helper()
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for limit := time.Now().Add(20 * time.Second); !is(); <-ticker.C {
			if time.Now().After(limit) {
				t.Fatalf("%s takes too long", what)
			}
		}
	}
	for _, f := range []*Feed{one, other} {
		await("the topic", func() bool { _, err := f.Err(); return err == nil })
		if f.Listened() {
			t.Error("somebody listens already")
		}
	}
	hub := NewHub(HubOptions{Log: log, Rollups: []rollup.Definition{{Name: "r", Stream: "s"}}, Listen: one.Listen, Listened: one.Listened})
	defer hub.Close("the test ends")
	s, err := hub.Subscribe(t.Context(), Query{Rollup: "r", Interval: 1000}, Encoding{Format: FormatJSON})
	if err != nil {
		t.Fatal(err)
	}
	hub.leave(s)
	await("the other member", other.Listened)
}
