package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// flushTimeout bounds the wait for dead letters before a commit.
const flushTimeout = 10 * time.Second

// deadLetters keeps what cannot be counted in a topic, with the reason, topic, partition and offset as headers. A dead letter is written at least once.
type deadLetters struct {
	client *kgo.Client
	topic  string // empty: nothing is kept
	logger *slog.Logger
	count  atomic.Int64
	failed atomic.Int64

	mu   sync.Mutex
	told bool
}

func newDeadLetters(client *kgo.Client, topic string, logger *slog.Logger) *deadLetters {
	return &deadLetters{client: client, topic: topic, logger: logger}
}

// ensureTopic makes the topic where it is missing and may be made.
func (d *deadLetters) ensureTopic(ctx context.Context) {
	if d.topic == "" {
		return
	}
	_, err := kadm.NewClient(d.client).CreateTopic(ctx, 1, -1, nil, d.topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		d.logger.Warn("the dead-letter topic cannot be made; where it does not exist, make it", "topic", d.topic, "error", err)
	}
}

// record keeps an event. It waits while too many are under way, until the context ends; then the event is not kept, and not committed either.
func (d *deadLetters) record(ctx context.Context, id rollup.Partition, r *kgo.Record, reason string) {
	if d.topic == "" {
		return
	}
	headers := []kgo.RecordHeader{
		{Key: "reason", Value: []byte(reason)},
		{Key: "topic", Value: []byte(id.Topic)},
		{Key: "partition", Value: strconv.AppendInt(nil, int64(id.Number), 10)},
		{Key: "offset", Value: strconv.AppendInt(nil, r.Offset, 10)},
	}
	for _, h := range r.Headers {
		headers = append(headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	// Copies: the record's memory is used again before the letter is written.
	d.produce(ctx, &kgo.Record{Topic: d.topic, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Headers: headers})
}

// document keeps a rollup document that Elasticsearch can never accept.
func (d *deadLetters) document(source []byte, err *elastic.Error) {
	if d.topic == "" {
		return
	}
	d.produce(context.Background(), &kgo.Record{Topic: d.topic, Value: source, Headers: []kgo.RecordHeader{
		{Key: "reason", Value: []byte("rejected by elasticsearch: " + err.Error())},
	}})
}

func (d *deadLetters) produce(ctx context.Context, r *kgo.Record) {
	d.count.Add(1)
	d.client.Produce(ctx, r, func(_ *kgo.Record, err error) {
		if err == nil || ctx.Err() != nil {
			return
		}
		d.failed.Add(1)
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.told {
			d.told = true
			d.logger.Error("dead letters cannot be written", "topic", d.topic, "error", err)
		}
	})
}

// flush waits until the dead letters so far are written or failed for good.
func (d *deadLetters) flush(ctx context.Context) error {
	if d.topic == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := d.client.Flush(ctx); err != nil {
		return fmt.Errorf("write dead letters to %s: %w", d.topic, err)
	}
	return nil
}
