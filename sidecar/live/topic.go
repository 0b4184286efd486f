package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// requestTimeout bounds a request about the topic.
	requestTimeout = 10 * time.Second
	// flushTimeout bounds the wait for what was published last.
	flushTimeout = time.Second
	// failingFor is how long reading may fail before the topic is looked at anew.
	failingFor = 30 * time.Second
	// maxBuffered bounds what waits to be written, in bytes.
	maxBuffered = 16 << 20
	// pollRecords bounds what is taken from the client at once.
	pollRecords = 1000
	// topicPartition is the only one that is used, so that there is one order.
	topicPartition = 0
)

// topicConfig keeps batches for a while longer than the history.
func topicConfig(history time.Duration) map[string]*string {
	config := map[string]*string{}
	retention := strconv.FormatInt(2*max(history, 15*time.Minute).Milliseconds(), 10)
	for key, value := range map[string]string{"cleanup.policy": "delete", "retention.ms": retention, "segment.ms": "600000"} {
		config[key] = &value
	}
	return config
}

func (f *Feed) clientOptions() []kgo.Opt {
	return append(append([]kgo.Opt{}, f.opts.Kafka...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(30*time.Millisecond), // what partitions tell at about the same time goes together,
		kgo.MaxBufferedBytes(maxBuffered),
		kgo.RecordDeliveryTimeout(requestTimeout),
		kgo.FetchMaxWait(5*time.Second),
		kgo.KeepControlRecords(), // their offsets are part of the position
		kgo.AlwaysRetryEOF(),
	)
}

// session reads the topic until the context ends or it cannot be read.
func (f *Feed) session(ctx context.Context) error {
	client, err := kgo.NewClient(f.clientOptions()...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer closeSoon(client)
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := ensureTopic(limited, client, f.opts.Topic, f.opts.History); err != nil {
		return err
	}
	start, err := startOf(limited, client, f.opts.Topic, time.Now().Add(-f.opts.History))
	if err != nil {
		return err
	}
	end, err := endOf(limited, client, f.opts.Topic)
	if err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{f.opts.Topic: {topicPartition: kgo.NewOffset().At(start)}})
	f.use(client, start)
	defer f.end(context.WithoutCancel(ctx), client)
	if start >= end {
		f.note(nil)
	}
	return f.read(ctx, client, end)
}

// closeSoon closes a client, and does not wait for long for a Kafka that does not answer.
func closeSoon(client *kgo.Client) {
	closed := make(chan struct{})
	go func() {
		client.Close()
		close(closed)
	}()
	timer := time.NewTimer(flushTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

// end gives what was published last a moment to be written.
func (f *Feed) end(ctx context.Context, client *kgo.Client) {
	f.use(nil, 0)
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = client.Flush(ctx) // what is not written is missing in the live values alone
}

// read gives the log what comes. The topic can be used when that is what there was at first, up to end: before, the newest values would lack the most.
func (f *Feed) read(ctx context.Context, client *kgo.Client, end int64) error {
	worked := time.Now()
	for {
		fetches := client.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return ctx.Err()
		}
		err := fetches.Err()
		next := int64(-1)
		fetches.EachRecord(func(r *kgo.Record) {
			f.take(r)
			next = r.Offset + 1
		})
		if next >= 0 {
			f.move(next)
		}
		switch {
		case err == nil:
			worked = time.Now()
			if next >= end {
				f.note(nil)
			}
		case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID), time.Since(worked) > failingFor:
			return fmt.Errorf("read the topic %s: %w", f.opts.Topic, err)
		default:
			f.note(fmt.Errorf("read the topic %s: %w", f.opts.Topic, err))
		}
	}
}

// take gives the log one record.
func (f *Feed) take(r *kgo.Record) {
	if r.Attrs.IsControl() || f.hear(r) {
		return
	}
	b, err := readRecord(r)
	if err != nil {
		if f.stats.broken.Add(1) == 1 {
			f.opts.Logger.Warn("a record of the live topic is no batch of live values, and is passed over", "topic", f.opts.Topic, "offset", r.Offset, "error", err)
		}
		return
	}
	f.stats.read.Add(1)
	f.opts.Log.Append(b)
}

// ensureTopic makes the topic where it does not exist. One that exists is used as it is.
func ensureTopic(ctx context.Context, client *kgo.Client, topic string, history time.Duration) error {
	admin := kadm.NewClient(client)
	_, err := admin.CreateTopic(ctx, 1, -1, topicConfig(history), topic)
	if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	topics, listErr := admin.ListTopics(ctx, topic)
	if listErr == nil && topics.Has(topic) { // a topic that others made need not be allowed to be made
		return nil
	}
	return fmt.Errorf("create the topic %s (create it with one partition, or set live.topic to one that exists, or live.enabled to false): %w", topic, err)
}

// startOf is the offset of the first record that is not older than a time.
func startOf(ctx context.Context, client *kgo.Client, topic string, at time.Time) (int64, error) {
	offsets, err := kadm.NewClient(client).ListOffsetsAfterMilli(ctx, at.UnixMilli(), topic)
	return offsetOf(offsets, err, topic)
}

// endOf is the offset after the last record.
func endOf(ctx context.Context, client *kgo.Client, topic string) (int64, error) {
	offsets, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	return offsetOf(offsets, err, topic)
}

func offsetOf(offsets kadm.ListedOffsets, err error, topic string) (int64, error) {
	if err == nil {
		found, ok := offsets.Lookup(topic, topicPartition)
		if ok && found.Err == nil {
			return found.Offset, nil
		}
		if err = found.Err; err == nil {
			err = errors.New("no broker told")
		}
	}
	return 0, fmt.Errorf("find the offsets of the topic %s: %w", topic, err)
}
