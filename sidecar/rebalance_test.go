package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/status"
)

// spread writes the same number of events to each partition, one a tenth of a second from a second on.
func (b *bench) spread(from int64, each int) {
	b.t.Helper()
	var records []*kgo.Record
	for p := range int32(testPartitions) {
		records = append(records, b.series(p, from, each)...)
	}
	b.send(records)
}

// series makes up events of one partition, one a tenth of a second from a second on.
func (b *bench) series(partition int32, from int64, n int) []*kgo.Record {
	var records []*kgo.Record
	for i := range n {
		at := testOrigin + from*1000 + int64(i)*100
		host := fmt.Sprintf("h%d", i%4)
		b.truth[fmt.Sprintf("%d %s /p", at/10_000*10_000, host)]++
		records = append(records, &kgo.Record{Topic: b.topic, Partition: partition, Value: fmt.Appendf(nil, `{"t":%d,"host":%q,"path":"/p","n":%d}`, at, host, i)})
	}
	return records
}

// stamped is series with the events' times as those of the records, which a retention by time would remove.
func (b *bench) stamped(partition int32, from int64, n int) []*kgo.Record {
	records := b.series(partition, from, n)
	for i, r := range records {
		r.Timestamp = time.UnixMilli(testOrigin + from*1000 + int64(i)*100)
	}
	return records
}

// send writes records to their partitions.
func (b *bench) send(records []*kgo.Record) {
	b.t.Helper()
	producer, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		b.t.Fatal(err)
	}
	defer producer.Close()
	b.produced += int64(len(records))
	if err := producer.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// recreate deletes the topic and makes it anew.
func (b *bench) recreate(run *running) {
	b.t.Helper()
	b.recreateWith(run, testPartitions)
}

func (b *bench) recreateWith(run *running, partitions int32) {
	b.t.Helper()
	admin := kadm.NewClient(b.client)
	if _, err := admin.DeleteTopic(b.t.Context(), b.topic); err != nil {
		b.t.Fatal(err)
	}
	run.eventually(func() bool {
		_, err := admin.CreateTopic(b.t.Context(), partitions, 1, nil, b.topic)
		return err == nil
	}, func() string { return "the topic cannot be made anew" })
	b.client.PurgeTopicsFromClient(b.topic)
}

// partitions are what /status tells of the first rollup's partitions.
func (r *running) partitions() []status.PartitionStatus {
	r.t.Helper()
	return r.status().Streams[0].Rollups[0].Partitions
}

// sum adds up what the partitions have consumed and lost.
func (r *running) sum() (consumed, lost int64) {
	for _, p := range r.partitions() {
		consumed += p.Ledger.Consumed
		lost += p.Lost
	}
	return consumed, lost
}

func TestTopicMadeAnewWhileItIsRead(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		// No idle barrier comes before the topic is deleted.
		configuration := b.configure("idle_timeout: 1s", "idle_timeout: 8s", "session_timeout: 6s", "session_timeout: 6s\n  start: latest")
		run, other := b.start(configuration), b.start(configuration)
		run.eventually(func() bool {
			mine, others := run.partitions(), other.partitions()
			return len(mine) > 0 && len(others) > 0 && len(mine)+len(others) == testPartitions &&
				!slices.ContainsFunc(append(mine, others...), func(p status.PartitionStatus) bool { return p.State != status.Reading })
		}, func() string {
			return fmt.Sprintf("the partitions are not read: %+v, %+v", run.status(), other.status())
		})
		sum := func() int64 {
			mine, _ := run.sum()
			others, _ := other.sum()
			return mine + others
		}
		b.produce(0, 600)
		consumed := int64(0)
		run.eventually(func() bool { consumed = sum(); return consumed == b.produced }, func() string {
			return fmt.Sprintf("%d of %d events are read", consumed, b.produced)
		})
		b.recreate(run)
		before := b.produced
		b.produce(60, 400)
		b.await(run)
		b.produce(120, 300)
		b.await(run)
		run.eventually(func() bool { consumed = sum(); return consumed == b.produced-before }, func() string {
			return fmt.Sprintf("%d of the %d events of the new topic are read", consumed, b.produced-before)
		})
		run.eventually(func() bool {
			told := b.progress()
			return len(told) == testPartitions && !slices.ContainsFunc(told, func(p rollup.PartitionProgress) bool { return p.Lag != 0 || p.SealedThrough == nil })
		}, func() string { return fmt.Sprintf("the progress of the new topic is not told: %+v", b.entry()) })
		other.end()
		run.end()
	})
}

// TestTopicMadeAnewWhileNothingRunsIsReadFromItsBeginning has a group that begins at the end of logs, or at a time after all events. With the topic its
// offsets go, and so does what they tell.
func TestTopicMadeAnewWhileNothingRunsIsReadFromItsBeginning(t *testing.T) {
	for _, start := range []string{"latest", "2100-01-01T00:00:00Z"} {
		t.Run(start, func(t *testing.T) {
			t.Parallel()
			onEveryBackend(t, func(t *testing.T, b *bench) {
				configuration := b.configure("session_timeout: 6s", "session_timeout: 6s\n  start: "+start)
				run := b.start(configuration)
				reading := func(partitions int) {
					run.eventually(func() bool {
						known := run.partitions()
						return len(known) == partitions && !slices.ContainsFunc(known, func(p status.PartitionStatus) bool { return p.State != status.Reading })
					}, func() string { return fmt.Sprintf("the partitions are not read: %+v", run.status()) })
				}
				reading(testPartitions)
				b.produce(0, 600)
				b.await(run)
				run.end()
				b.recreateWith(run, testPartitions+1)
				b.deleteGroup(run) // as Kafka does with a topic's offsets
				b.produce(60, 400)
				b.truth[fmt.Sprintf("%d h7 /new", testOrigin)]++
				added := &kgo.Record{Topic: b.topic, Partition: testPartitions, Value: fmt.Appendf(nil, `{"t":%d,"host":"h7","path":"/new"}`, testOrigin)}
				producer, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
				if err != nil {
					t.Fatal(err)
				}
				defer producer.Close()
				if err := producer.ProduceSync(t.Context(), added).FirstErr(); err != nil {
					t.Fatal(err)
				}
				run = b.start(configuration)
				b.await(run)
				b.produce(120, 300)
				b.await(run)
				b.must("verify", "--config", configuration)
				run.end()
			})
		})
	}
}

func (b *bench) topicID() string {
	b.t.Helper()
	topics, err := kadm.NewClient(b.client).ListTopics(b.t.Context(), b.topic)
	if err != nil {
		b.t.Fatal(err)
	}
	return encodeTopicID(topics[b.topic].ID)
}

// progress is what the catalog tells of the partitions of the topic that there is.
func (b *bench) progress() []rollup.PartitionProgress {
	b.t.Helper()
	id := b.topicID()
	return slices.DeleteFunc(b.entry().Progress, func(p rollup.PartitionProgress) bool { return p.TopicID != id })
}

// entry is what the catalog tells of the rollup.
func (b *bench) entry() *rollup.CatalogEntry {
	b.t.Helper()
	catalog, err := (&catalog{client: b.elastic, prefix: b.prefix}).read(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	entry, found := catalog.Rollup("writes")
	if !found {
		b.t.Fatal("the catalog has no rollup")
	}
	return entry
}

// deleteRecords deletes the first records of a partition.
func (b *bench) deleteRecords(partition int32, before int64) {
	b.t.Helper()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: b.topic, Partition: partition, At: before, LeaderEpoch: -1})
	response, err := kadm.NewClient(b.client).DeleteRecords(b.t.Context(), offsets)
	if err == nil {
		err = response.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestRecordsDeletedBeforeTheStartAreCountedAsLost(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.spread(0, 200)
		run := b.start(configuration)
		b.await(run)
		run.end()
		b.spread(60, 100)
		b.deleteRecords(1, 250)
		run = b.start(configuration)
		var consumed, lost int64
		check := func() {
			t.Helper()
			run.eventually(func() bool { consumed, lost = run.sum(); return lost == 50 && consumed == b.produced-lost }, func() string {
				return fmt.Sprintf("%d events were produced, 50 were deleted, and %d are consumed and %d lost", b.produced, consumed, lost)
			})
			run.eventually(func() bool { return total(b.documents("total")) == b.produced-lost }, func() string {
				return fmt.Sprintf("the documents hold %d events", total(b.documents("total")))
			})
		}
		check()
		_, page := run.get("/metrics")
		if want := fmt.Sprintf(`tidemark_events_lost_total{partition="%s/1",rollup="writes",stream="logs"} 50`, b.topic); !strings.Contains(page, want) {
			t.Errorf("/metrics does not tell %s", want)
		}
		for _, p := range run.partitions() {
			if want := p.Partition == b.topic+"/1"; strings.Contains(p.Reason, "kafka deleted 50 records before they were read") != want {
				t.Errorf("the reason of %s is %q", p.Partition, p.Reason)
			}
		}
		b.spread(120, 100)
		check()
		run.end()
		run = b.start(configuration) // what is lost is kept with the offset
		check()
		run.end()
	})
}

// TestRecordsDeletedWhileTheyWaitedAreCountedAsLost stops the process for a moment, in which more records come and most of them are deleted.
func TestRecordsDeletedWhileTheyWaitedAreCountedAsLost(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.spread(0, 200)
		p := b.spawn(b.configure("session_timeout: 6s", "session_timeout: 20s"))
		run := &running{t: t, log: p.log}
		b.await(run)
		if err := p.command.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		for i := range int64(10) { // in more than one batch, of which one may be under way already
			b.spread(60+10*i, 100)
		}
		b.deleteRecords(0, 1_100)
		b.deleteRecords(2, 1_150)
		if err := p.command.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		var consumed, lost int64
		run.eventually(func() bool { consumed, lost = run.sum(); return lost > 0 && consumed+lost == b.produced }, func() string {
			return fmt.Sprintf("%d events were produced, %d are consumed and %d lost", b.produced, consumed, lost)
		})
		run.eventually(func() bool { return total(b.documents("total")) == b.produced-lost }, func() string {
			return fmt.Sprintf("the documents hold %d events, %d were produced and %d lost", total(b.documents("total")), b.produced, lost)
		})
		p.kill()
		again := b.start(b.configure())
		again.eventually(func() bool {
			c, l := again.sum()
			return c == consumed && l == lost
		}, func() string {
			c, l := again.sum()
			return fmt.Sprintf("%d events were consumed and %d lost, and after a restart %d and %d", consumed, lost, c, l)
		})
		again.end()
	})
}

func TestPartitionsThatAreAddedAreCounted(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.produce(0, 300)
		run := b.start(b.configure())
		b.await(run)
		published := b.followTidemark()
		run.eventually(published, func() string { return "no tidemark is published" })
		if _, err := kadm.NewClient(b.client).UpdatePartitions(t.Context(), 2*testPartitions, b.topic); err != nil {
			t.Fatal(err)
		}
		run.eventually(func() bool { return len(run.partitions()) == 2*testPartitions }, func() string {
			return fmt.Sprintf("the partitions that were added are not taken over: %+v", run.partitions())
		})
		b.client.PurgeTopicsFromClient(b.topic)
		b.produce(60, 600)
		b.await(run)
		b.checkLedger(run)
		published()
		run.end()
		run = b.start(b.configure()) // which looks for partitions at once
		run.eventually(func() bool {
			published()
			return len(b.entry().Partitions) == 2*testPartitions
		}, func() string {
			return fmt.Sprintf("the tidemark does not wait for the partitions that were added: %+v", b.entry())
		})
		run.end()
	})
}

func TestSecondSidecarOfOneNameExpelsTheFirst(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure("session_timeout: 6s", "session_timeout: 6s\n  instance_id: one")
		b.produce(0, 300)
		first := b.start(configuration)
		b.await(first)
		second := b.start(configuration)
		code := 0
		first.eventually(func() bool {
			select {
			case code = <-first.exited:
				return true
			default:
				return false
			}
		}, func() string { return "the first sidecar goes on:\n" + tail(first.log.String()) })
		if code != 1 {
			t.Errorf("the first sidecar ends with exit status %d", code)
		}
		b.produce(60, 300)
		b.await(second)
		b.checkLedger(second)
		second.end()
	})
}

// TestWriteOfAnEarlierOwnerThatComesLateChangesNothing has the requests of a sidecar arrive at the store when its successor has counted more.
func TestWriteOfAnEarlierOwnerThatComesLateChangesNothing(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		store := b.store
		stalled := newLate(t, store)
		b.spread(0, 35) // the last windows are sealed only because nothing more comes
		b.store = stalled.URL
		run := b.start(b.configure())
		kept := func() int {
			stalled.mu.Lock()
			defer stalled.mu.Unlock()
			return len(stalled.kept)
		}
		run.eventually(func() bool { return kept() > 0 && strings.Contains(run.log.String(), "window closed") }, func() string { return "nothing was written" })
		run.end()
		b.store = store
		b.spread(0, 35) // events of the same windows
		b.spread(3, 35)
		run = b.start(b.configure())
		b.await(run)
		superseded := 0
		for _, request := range stalled.kept {
			superseded += request.send(t)
		}
		if superseded == 0 {
			t.Error("no late document was superseded: the test shows nothing")
		}
		b.await(run)
		b.checkLedger(run)
		run.end()
	})
}

// TestDeletingOffsetsOfARunningGroupLosesNothing asks for what Kafka refuses while the group reads the topic.
func TestDeletingOffsetsOfARunningGroupLosesNothing(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.produce(0, 300)
		run := b.start(configuration)
		b.await(run)
		set := kadm.TopicsSet{}
		set.Add(b.topic, 0, 1, 2)
		response, err := kadm.NewClient(b.client).DeleteOffsets(t.Context(), b.topic, set)
		if err != nil {
			t.Fatal(err)
		}
		for number, err := range response[b.topic] {
			if !errors.Is(err, kerr.GroupSubscribedToTopic) {
				t.Errorf("kafka deleted the offset of partition %d: %v", number, err)
			}
		}
		b.produce(60, 300)
		b.await(run)
		run.end()
		b.produce(120, 300)
		run = b.start(configuration)
		b.await(run)
		b.checkLedger(run)
		run.end()
	})
}
