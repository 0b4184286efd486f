package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// bufferedRecords and bufferedBytes bound what waits for Kafka in memory.
	bufferedRecords = 10_000
	bufferedBytes   = 16 << 20
	// maxRecordBytes is what an unchanged broker accepts in one batch, less the batch's own head.
	maxRecordBytes = 1_000_000

	firstRetry = 250 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// ClientOptions are what a client that a Producer uses is made with, besides the brokers and how to reach them: idempotent, acknowledged by all
// replicas, partitioned by key, with a bounded buffer that blocks when it is full.
func ClientOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MaxBufferedRecords(bufferedRecords),
		kgo.MaxBufferedBytes(bufferedBytes),
		kgo.ProducerBatchMaxBytes(maxRecordBytes),
		kgo.ProducerLinger(50 * time.Millisecond),
		kgo.AlwaysRetryEOF(), // a broker that ends in the middle of a greeting is no reason to give an event up
	}
}

// Producer sends events to one topic. It is safe for concurrent use.
type Producer struct {
	client *kgo.Client
	topic  string
	logger *slog.Logger

	sent, failed atomic.Int64
	waiting      atomic.Int64
	// away and refused are true while events wait or fail, so that each is logged once.
	away, refused atomic.Bool
}

// ProducerStats tells what became of the events.
type ProducerStats struct {
	// Sent events were acknowledged by Kafka; Failed ones never will be.
	Sent, Failed int64
	// Buffered events wait in memory; Waiting calls of Produce are held back because the buffer is full.
	Buffered, Waiting int64
}

// NewProducer makes a producer to topic. The client is made with ClientOptions, and stays the caller's to close, after Close. The logger, and the
// client's, must not be one whose lines go through this very producer.
func NewProducer(client *kgo.Client, topic string, logger *slog.Logger) *Producer {
	if logger == nil {
		logger = slog.Default()
	}
	return &Producer{client: client, topic: topic, logger: logger}
}

// EnsureTopic creates the topic where it does not exist, with the given partitions, or as many as the brokers' default where partitions is 0. While
// Kafka does not answer it tries again until ctx is done; it returns an error where Kafka refuses.
func (p *Producer) EnsureTopic(ctx context.Context, partitions int32) error {
	if partitions <= 0 {
		partitions = -1 // the brokers' default
	}
	wait := firstRetry
	for {
		err := p.createTopic(ctx, partitions)
		var refusal *kerr.Error
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("create topic %q: %w", p.topic, ctx.Err())
		case errors.As(err, &refusal) && !refusal.Retriable:
			return fmt.Errorf("create topic %q: %w (create it yourself, or allow this client to)", p.topic, err)
		}
		if wait == firstRetry {
			p.logger.Warn("no answer from Kafka; trying again until there is one", "topic", p.topic, "error", err.Error())
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

func (p *Producer) createTopic(ctx context.Context, partitions int32) error {
	admin := kadm.NewClient(p.client)
	topics, err := admin.ListTopics(ctx, p.topic)
	if err != nil {
		return err
	}
	if t, listed := topics[p.topic]; listed && t.Err == nil {
		return nil
	}
	_, err = admin.CreateTopic(ctx, partitions, -1, nil, p.topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// Produce hands one event to the client and takes over the slices. It waits while the buffer is full, and returns an error only where ctx is done or the
// event is too long for Kafka; what Kafka says later shows in Stats and in the log.
func (p *Producer) Produce(ctx context.Context, key, value []byte) error {
	if len(key)+len(value) > maxRecordBytes/2 {
		p.failed.Add(1)
		return fmt.Errorf("an event for topic %q is %d bytes long: up to %d are allowed", p.topic, len(key)+len(value), maxRecordBytes/2)
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	if p.full() && p.away.CompareAndSwap(false, true) {
		p.logger.Warn("waiting, since Kafka takes no more events", "topic", p.topic, "buffered", p.client.BufferedProduceRecords())
	}
	// The end of ctx ends the wait for room, not the delivery of what was accepted.
	record := &kgo.Record{Topic: p.topic, Key: key, Value: value, Context: context.WithoutCancel(ctx)}
	p.client.Produce(ctx, record, func(_ *kgo.Record, err error) { p.finished(err) })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("send an event to topic %q: %w", p.topic, err)
	}
	return nil
}

func (p *Producer) full() bool {
	return p.client.BufferedProduceRecords() >= bufferedRecords || p.client.BufferedProduceBytes() >= bufferedBytes
}

func (p *Producer) finished(err error) {
	if err != nil {
		p.failed.Add(1)
		if !errors.Is(err, context.Canceled) && p.refused.CompareAndSwap(false, true) {
			p.logger.Error("an event was refused by Kafka and is lost", "topic", p.topic, "error", err.Error())
		}
		return
	}
	p.sent.Add(1)
	p.refused.Store(false)
	if p.away.CompareAndSwap(true, false) {
		p.logger.Info("events are taken by Kafka again", "topic", p.topic)
	}
}

// Stats tells what became of the events so far.
func (p *Producer) Stats() ProducerStats {
	return ProducerStats{Sent: p.sent.Load(), Failed: p.failed.Load(), Buffered: p.client.BufferedProduceRecords(), Waiting: p.waiting.Load()}
}

// Close waits until everything buffered is sent, or ctx is done, and tells how many events were not.
func (p *Producer) Close(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("send the last events to topic %q: %d were not acknowledged: %w", p.topic, p.client.BufferedProduceRecords(), err)
	}
	return nil
}

// Register adds the producer's metrics to r: tidemark_collect_events_total by outcome, tidemark_collect_buffered_events and tidemark_collect_waiting.
func (p *Producer) Register(r prometheus.Registerer) error {
	labels := func(outcome string) prometheus.Labels { return prometheus.Labels{"topic": p.topic, "outcome": outcome} }
	const name, text = "tidemark_collect_events_total", "Events that were handed to Kafka, by what became of them."
	topic := prometheus.Labels{"topic": p.topic}
	for _, c := range []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: text, ConstLabels: labels("sent")}, func() float64 { return float64(p.sent.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: text, ConstLabels: labels("failed")}, func() float64 { return float64(p.failed.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidemark_collect_buffered_events", Help: "Events in memory that Kafka has not acknowledged.", ConstLabels: topic},
			func() float64 { return float64(p.Stats().Buffered) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidemark_collect_waiting", Help: "Calls that wait because the buffer is full.", ConstLabels: topic},
			func() float64 { return float64(p.waiting.Load()) }),
	} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the metrics of topic %q: %w", p.topic, err)
		}
	}
	return nil
}
