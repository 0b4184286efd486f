package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// allPartitions stands for the partition of what is counted over all.
const allPartitions = -1

// key says which aggregate an event belongs to, within one rollup and grouping. A dimension that the grouping does not have is empty.
type key struct {
	partition  int32 // allPartitions in coarser tiers
	window     int64 // its start, in milliseconds
	host, path string
}

// measure is the aggregate of a measure. Smallest and largest have a meaning only where count is not zero.
type measure struct {
	count             int64
	sum, size         float64 // size is the sum of absolute values, by which rounding is judged
	smallest, largest float64
}

func (m *measure) add(v float64) {
	m.merge(measure{count: 1, sum: v, size: max(v, -v), smallest: v, largest: v})
}

func (m *measure) merge(o measure) {
	if o.count == 0 {
		return
	}
	if m.count == 0 {
		m.smallest, m.largest = o.smallest, o.largest
	}
	m.smallest, m.largest = min(m.smallest, o.smallest), max(m.largest, o.largest)
	m.count += o.count
	m.sum += o.sum
	m.size += o.size
}

// sums is everything that is counted for a key.
type sums struct {
	count, bytes, errors int64
	offset, n            measure
	late                 int64 // of documents: how many of the events came in corrections; the truth does not know
}

func (s *sums) merge(o *sums) {
	s.count += o.count
	s.bytes += o.bytes
	s.errors += o.errors
	s.late += o.late
	s.offset.merge(o.offset)
	s.n.merge(o.n)
}

// ledger is a partition's ledger of a rollup, as far as the log alone decides it.
type ledger struct {
	consumed, documented, filtered, undecodable, quarantined int64
}

// tally is the truth about one rollup.
type tally struct {
	spec rollupSpec
	// from is the offset in each partition from which the rollup counts.
	from      [partitions]int64
	groupings []map[key]*sums // in the order of spec.all
	ledgers   [partitions]ledger
}

func newTally(spec rollupSpec, from [partitions]int64) *tally {
	t := &tally{spec: spec, from: from}
	for range spec.all() {
		t.groupings = append(t.groupings, map[key]*sums{})
	}
	return t
}

// class is what becomes of an event before rollups differ.
type class int

const (
	counted class = iota
	undecodable
	dropped
	quarantined
)

// reading is a record of the topic as it is to be understood.
type reading struct {
	record *kgo.Record
	event  event
	at     int64 // milliseconds
	class  class
}

func read(r *kgo.Record) *reading {
	e := &reading{record: r}
	switch {
	case json.Unmarshal(r.Value, &e.event) != nil:
		e.class = undecodable
	case e.event.Level != nil && *e.event.Level == "noise":
		e.class = dropped
	case e.event.Timestamp == nil:
		e.class = undecodable
	default:
		at, err := time.Parse(time.RFC3339Nano, *e.event.Timestamp)
		e.at = at.UnixMilli()
		if err != nil {
			e.class = undecodable
		} else if at.After(r.Timestamp.Add(maxAhead)) {
			e.class = quarantined
		}
	}
	return e
}

// add counts one record of the topic.
func (t *tally) add(e *reading) {
	if e.record.Offset < t.from[e.record.Partition] {
		return
	}
	l := &t.ledgers[e.record.Partition]
	l.consumed++
	switch {
	case e.class == undecodable:
		l.undecodable++
	case e.class == quarantined:
		l.quarantined++
	case e.class == dropped || t.spec.passes != nil && !t.spec.passes(e.event):
		l.filtered++
	default:
		l.documented++
		t.count(e.record, &e.event, e.at)
	}
}

func (t *tally) count(r *kgo.Record, e *event, at int64) {
	one := sums{count: 1, bytes: int64(len(r.Value))}
	if e.Level != nil && *e.Level == "error" {
		one.errors = 1
	}
	if e.Log.Offset != nil {
		one.offset.add(*e.Log.Offset)
	}
	if e.N != nil {
		one.n.add(*e.N)
	}
	window := t.spec.window.Milliseconds()
	for g, grouping := range t.spec.all() {
		k := key{partition: r.Partition, window: at / window * window}
		for _, dimension := range grouping {
			switch dimension {
			case "host":
				k.host = text(e.Host.Name)
			case "path":
				k.path = text(e.Log.File.Path)
			}
		}
		s := t.groupings[g][k]
		if s == nil {
			s = &sums{}
			t.groupings[g][k] = s
		}
		s.merge(&one)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// logEnds gives the offset after the last record of each partition.
func logEnds(ctx context.Context, client *kgo.Client) (ends [partitions]int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return ends, fmt.Errorf("find where the logs end: %w", err)
	}
	for p := range ends {
		found, ok := listed.Lookup(topic, int32(p))
		if !ok {
			return ends, fmt.Errorf("find where the log of partition %d ends: no broker told", p)
		}
		ends[p] = found.Offset
	}
	return ends, nil
}

// readTopic hands every record of the topic to the tallies, in the order of each partition's log, and checks that the log is what was sent: each event once,
// at the offset that Kafka told. It returns where the events are that cannot be counted.
func readTopic(ctx context.Context, kafka string, ends [partitions]int64, p *producer, tallies []*tally) (bad []place, err error) {
	begin := map[int32]kgo.Offset{}
	left := 0
	for i, end := range ends {
		if end > 0 {
			begin[int32(i)] = kgo.NewOffset().At(0)
			left++
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka), kgo.AlwaysRetryEOF(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin}))
	if err != nil {
		return nil, fmt.Errorf("set up a consumer: %w", err)
	}
	defer client.Close()
	var next [partitions]int64
	var broken []error
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the topic: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if err := p.verify(r, next[r.Partition]); err != nil && len(broken) < 10 {
				broken = append(broken, err)
			}
			next[r.Partition]++
			if next[r.Partition] == ends[r.Partition] {
				left--
			}
			e := read(r)
			if e.class == undecodable || e.class == quarantined {
				bad = append(bad, place{partition: r.Partition, offset: r.Offset})
			}
			for _, t := range tallies {
				t.add(e)
			}
		})
	}
	for partition, n := range next {
		if sent := len(p.sent[partition]); int64(sent) != n {
			broken = append(broken, fmt.Errorf("partition %d holds %d events, %d were sent", partition, n, sent))
		}
	}
	return bad, errors.Join(broken...)
}

// verify checks a record against what was sent.
func (p *producer) verify(r *kgo.Record, offset int64) error {
	number, err := strconv.Atoi(string(r.Key))
	sent := p.sent[r.Partition]
	if err != nil || number < 0 || number >= len(sent) {
		return fmt.Errorf("partition %d holds a record that was not sent, at offset %d", r.Partition, r.Offset)
	}
	if s := sent[number]; s.offset != r.Offset || s.sum != crc32.ChecksumIEEE(r.Value) || r.Offset != offset {
		return fmt.Errorf("event %d of partition %d was acknowledged at offset %d, and is found at %d", number, r.Partition, s.offset, r.Offset)
	}
	return nil
}
