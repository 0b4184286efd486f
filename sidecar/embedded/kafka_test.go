package embedded

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestKafkaKeepsRecordsInTheirOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	kafka, err := StartKafka(KafkaOptions{Topics: map[string]int32{"app": 3, "web": 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()), kgo.ConsumeTopics("app"), kgo.ConsumerGroup("tests"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range 30 {
		record := &kgo.Record{Topic: "app", Partition: int32(i % 3), Value: fmt.Append(nil, i)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	next := map[int32]int{0: 0, 1: 1, 2: 2}
	for seen := 0; seen < 30; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if want := fmt.Sprint(next[r.Partition]); string(r.Value) != want {
				t.Errorf("partition %d gave %s, want %s", r.Partition, r.Value, want)
			}
			next[r.Partition] += 3
			seen++
		})
	}
}

func TestKafkaSaysThatItsPortIsInUse(t *testing.T) {
	first, err := StartKafka(KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = StartKafka(KafkaOptions{Port: first.Port()})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d is in use", first.Port())) {
		t.Errorf("error is %v, want one about the port", err)
	}
	for _, opts := range []KafkaOptions{{Port: 70000}, {Topics: map[string]int32{"a": 0}}} {
		if _, err := StartKafka(opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}

func TestKafkaRetainsOnlySoMuch(t *testing.T) {
	kafka, err := StartKafka(KafkaOptions{Topics: map[string]int32{"app": 1}, RetainBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 40 {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: "app", Value: make([]byte, 100_000)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	kafka.cluster.ApplyRetention()
	info := kafka.cluster.PartitionInfo("app", 0)
	if info.LogStartOffset < 20 || info.LogStartOffset >= 40 {
		t.Errorf("the log begins at %d, want the newest megabyte of 40 records of 100 kB", info.LogStartOffset)
	}
}

func TestKafkaInAFolderOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	opts := KafkaOptions{Topics: map[string]int32{"app": 1}, Dir: dir}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for run := range 2 {
		kafka, err := StartKafka(opts)
		if err != nil {
			t.Fatal(err)
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		record := &kgo.Record{Topic: "app", Value: []byte("x")}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if record.Offset != int64(run) {
			t.Errorf("run %d wrote to offset %d", run, record.Offset)
		}
		client.Close()
		kafka.Close()
	}
}
