package chaos

import (
	"context"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// eventsPerSecond go to all partitions together, but for those that are silent.
	eventsPerSecond = 2_400
	// produceEvery is how often events are made.
	produceEvery = 100 * time.Millisecond
	// maxBuffered bounds the events that wait for Kafka: more than come while it restarts.
	maxBuffered = 60 * eventsPerSecond
	// maxTimestampAhead is how far the timestamps of records may be ahead of Kafka's clock, which by itself allows an hour.
	maxTimestampAhead = 2 * time.Hour
)

// acknowledged is an event that was sent. Its offset is -1 until Kafka said that it keeps it.
type acknowledged struct {
	offset int64
	sum    uint32
}

// producer writes events at a steady rate, and remembers what Kafka acknowledged.
type producer struct {
	client *kgo.Client

	mu   sync.Mutex
	sent [partitions][]acknowledged // by the number of the event in its partition, which is the record's key
	err  error
}

func newProducer(kafka string) (*producer, error) {
	// Idempotent, without a limit of tries, also where a broker that starts or ends closes a connection at once: what was sent is in the log once.
	client, err := kgo.NewClient(
		kgo.SeedBrokers(kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(maxBuffered), kgo.ProducerLinger(20*time.Millisecond),
		kgo.UnknownTopicRetries(-1), kgo.StopProducerOnDataLossDetected(), kgo.AlwaysRetryEOF(),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the producer: %w", err)
	}
	return &producer{client: client}, nil
}

// run produces until the context ends. Partitions fall silent now and then, often for longer than the idle timeout. Half of those that speak again begin
// with what they would have said meanwhile.
func (p *producer) run(ctx context.Context, seed uint64) {
	ticker := time.NewTicker(produceEvery)
	defer ticker.Stop()
	rnd := rand.New(rand.NewPCG(seed, 2))
	var silent, missed [partitions]int // for so many rounds
	each := eventsPerSecond * int(produceEvery/time.Millisecond) / 1000 / partitions
	for ctx.Err() == nil {
		for partition := range int32(partitions) {
			if silent[partition] > 0 {
				silent[partition]--
				continue
			}
			now := time.Now()
			for i := missed[partition]; i >= 0; i-- {
				for range each {
					p.send(context.WithoutCancel(ctx), partition, time.Time{}, makeEvent(rnd, now.Add(-time.Duration(i)*produceEvery)))
				}
			}
			missed[partition] = 0
			if rnd.IntN(250) == 0 {
				silent[partition] = 10 + rnd.IntN(130)
				missed[partition] = silent[partition] * rnd.IntN(2)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// endHour ends the last hour that events were written for: each partition gets one more event, which with its record's timestamp is past it.
func (p *producer) endHour(ctx context.Context, now time.Time) {
	past := pastHour(now)
	for partition := range int32(partitions) {
		p.send(context.WithoutCancel(ctx), partition, past, lastEvent(past))
	}
}

// pastHour is a minute after the end of the hour of the latest event that can have been written by now.
func pastHour(now time.Time) time.Time {
	return now.Add(maxEventAhead).Truncate(time.Hour).Add(time.Hour + time.Minute)
}

// send writes an event. The record's timestamp is at, or the present where that is zero.
func (p *producer) send(ctx context.Context, partition int32, at time.Time, value []byte) {
	p.mu.Lock()
	number := len(p.sent[partition])
	p.sent[partition] = append(p.sent[partition], acknowledged{offset: -1, sum: crc32.ChecksumIEEE(value)})
	p.mu.Unlock()
	record := &kgo.Record{Topic: topic, Partition: partition, Key: strconv.AppendInt(nil, int64(number), 10), Value: value, Timestamp: at}
	p.client.Produce(ctx, record, func(r *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.err = fmt.Errorf("write to %s/%d: %w", topic, partition, err)
			return
		}
		p.sent[partition][number].offset = r.Offset
	})
}

// finish waits until Kafka has acknowledged everything.
func (p *producer) finish(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("wait until Kafka has all events: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// produced is how many events were sent.
func (p *producer) produced() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sent := range p.sent {
		n += len(sent)
	}
	return n
}
