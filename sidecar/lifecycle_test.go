package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/status"
	"github.com/tidemark/tidemark/tests/servers"
)

func TestTopicMadeAnewIsCountedFromItsBeginning(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.produce(0, 600)
		run := b.start(configuration)
		b.await(run)
		published := b.followTidemark()
		run.eventually(published, func() string { return "no tidemark is published" })
		run.end()
		b.recreate(run)
		run = b.start(configuration)
		run.eventually(func() bool {
			published()
			return len(b.progress()) == testPartitions
		}, func() string { return "the new topic is not read" })
		b.produce(60, 400)
		b.await(run)
		run.eventually(func() bool {
			published()
			told := b.progress()
			return len(told) == testPartitions && !slices.ContainsFunc(told, func(p rollup.PartitionProgress) bool { return p.Lag != 0 }) &&
				total(b.documents("total")) == total(b.truth)
		}, func() string { return "the progress is not told" })
		run.end()
	})
}

// followTidemark gives a function that reports whether a tidemark is published. It fails the test where that goes back.
func (b *bench) followTidemark() func() bool {
	last, seen := int64(0), false
	return func() bool {
		b.t.Helper()
		tidemark, known := b.entry().Tidemark()
		if seen && (!known || tidemark < last) {
			b.t.Fatalf("the tidemark was %d, and is %d, %t", last, tidemark, known)
		}
		last, seen = tidemark, known
		return known
	}
}

func TestSetupBesideASidecarChangesNothing(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 600)
	run := b.start(configuration)
	b.await(run)
	tidemark := func() (int64, bool) {
		catalog, err := (&catalog{client: b.elastic, prefix: b.prefix}).read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := catalog.Rollup("writes")
		return entry.Tidemark()
	}
	run.eventually(func() bool { _, known := tidemark(); return known }, func() string { return "there is no tidemark" })
	var out bytes.Buffer
	if code := execute(t.Context(), []string{"setup", "--config", configuration}, &out, &out); code != 0 {
		t.Fatalf("exit status %d: %s", code, &out)
	}
	if !strings.Contains(out.String(), "template "+b.prefix+"-writes for rollup writes") {
		t.Errorf("setup says %s", &out)
	}
	if _, known := tidemark(); !known {
		t.Error("setup made the tidemark unknown")
	}
	run.end()
}

// TestRemovedMeasureIsWrittenUntilItsEventsAreRead kills a sidecar with a backlog of days whose indices are made after the measure was removed.
func TestRemovedMeasureIsWrittenUntilItsEventsAreRead(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.produce(0, 600)
		p := b.spawn(b.configure("{n: n}", "{n: n, m: t}"))
		p.awaitLog(t, "offset committed", 5)
		p.kill()
		b.produce(2*86_400, 600)
		b.produce(3*86_400, 600)
		run := b.start(b.configure())
		b.await(run)
		b.checkLedger(run)
		run.end()
	})
}

func TestDeletedOffsetsAreNotBegunAnewOverOldRollups(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 600)
	run := b.start(configuration)
	b.await(run)
	b.checkLedger(run)
	run.end()
	admin := kadm.NewClient(b.client)
	run.eventually(func() bool {
		_, err := admin.DeleteGroup(t.Context(), b.topic)
		return err == nil
	}, func() string { return "the group cannot be deleted" })
	run = b.start(configuration)
	var reasons []string
	run.eventually(func() bool {
		reasons = run.status().Reasons
		return slices.ContainsFunc(reasons, func(r string) bool {
			return strings.Contains(r, "tidemark replay --resume")
		})
	}, func() string { return fmt.Sprintf("reasons: %q", reasons) })
	run.end()
	if n := total(b.documents("total")); n != total(b.truth) {
		t.Errorf("the documents hold %d events, %d were produced", n, total(b.truth))
	}
}

// TestLatestIsTheEndForPartitionsThatWereThere has a group that has begun one partition of a topic when it had two, as another member may have just done.
func TestLatestIsTheEndForPartitionsThatWereThere(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	var records []*kgo.Record
	for i := range int32(30) {
		records = append(records, &kgo.Record{Topic: b.topic, Partition: i % testPartitions, Value: fmt.Appendf(nil, `{"t":%d}`, testOrigin)})
	}
	producer, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	begun := aggregate.State{Partitions: 2, Rollups: []aggregate.RollupState{{Definition: "0123456789abcdef"}}}
	metadata, err := begun.Encode()
	if err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: b.topic, Partition: 0, At: 0, LeaderEpoch: -1, Metadata: metadata})
	if err := kadm.NewClient(b.client).CommitAllOffsets(t.Context(), b.topic, offsets); err != nil {
		t.Fatal(err)
	}
	run := b.start(b.configure("session_timeout: 6s", "session_timeout: 6s\n  start: latest"))
	next := map[string]int64{}
	consumed := map[string]int64{}
	run.eventually(func() bool {
		for _, p := range run.status().Streams[0].Rollups[0].Partitions {
			next[p.Partition], consumed[p.Partition] = p.NextOffset, p.Ledger.Consumed
		}
		return next[b.topic+"/1"] == 10 && next[b.topic+"/2"] == 10
	}, func() string { return fmt.Sprintf("next offsets: %v", next) })
	if n := consumed[b.topic+"/1"]; n != 0 {
		t.Errorf("%d events were read of a partition that was there, before its end", n)
	}
	if n := consumed[b.topic+"/2"]; n != 10 {
		t.Errorf("%d of 10 events were read of a partition that appeared later", n)
	}
	run.end()
}

func TestTopicThatComesLaterIsRead(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	admin := kadm.NewClient(b.client)
	if _, err := admin.DeleteTopic(t.Context(), b.topic); err != nil {
		t.Fatal(err)
	}
	run := b.start(b.configure())
	run.eventually(func() bool { code, _ := run.get("/readyz"); return code == http.StatusOK }, func() string {
		_, body := run.get("/readyz")
		return "not ready without the topic: " + body
	})
	if _, err := admin.CreateTopic(t.Context(), testPartitions, 1, nil, b.topic); err != nil {
		t.Fatal(err)
	}
	b.client.PurgeTopicsFromClient(b.topic)
	b.produce(0, 300)
	b.await(run)
	run.end()
}

func TestServersAwayAtTheStartAreNamed(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	for _, test := range []struct{ name, replace, by, reason string }{
		{"kafka", kafka, "127.0.0.1:1", "kafka: "},
		{"elasticsearch", store, "http://127.0.0.1:1", "elasticsearch: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			run := b.start(b.configure(test.replace, test.by))
			var s status.Snapshot
			run.eventually(func() bool {
				s = run.status()
				return slices.ContainsFunc(s.Reasons, func(r string) bool { return strings.HasPrefix(r, test.reason) })
			}, func() string { return fmt.Sprintf("reasons: %q", s.Reasons) })
			if s.Kafka.OK != (test.name != "kafka") || s.Elasticsearch.OK != (test.name != "elasticsearch") {
				t.Errorf("kafka %+v, elasticsearch %+v", s.Kafka, s.Elasticsearch)
			}
			run.end()
		})
	}
}

// TestFrozenKafkaIsSeenAndDoesNotKeepTheSidecar stops the broker's process, so that connections stay open and nothing is answered.
func TestFrozenKafkaIsSeenAndDoesNotKeepTheSidecar(t *testing.T) {
	broker := servers.NewKafka(t, servers.KafkaOptions{})
	t.Parallel()
	_, store := startEmbedded(t)
	b := newBench(t, broker.Addr, store)
	b.produce(0, 600)
	run := b.start(b.configure())
	b.await(run)
	if err := broker.Pause(); err != nil {
		t.Fatal(err)
	}
	run.eventually(func() bool { return !run.status().Kafka.OK }, func() string { return "kafka is frozen, and called well" })
	run.end()
	if err := broker.Resume(); err != nil {
		t.Fatal(err)
	}
}
