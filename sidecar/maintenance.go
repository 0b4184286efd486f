package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/write"
)

// maintenance is what the commands use that look at Kafka and Elasticsearch from beside the sidecars.
type maintenance struct {
	cfg     *config.Config
	streams []*stream
	store   *elastic.Client
	kafka   *kgo.Client
	admin   *kadm.Client
	catalog *catalog
	logger  *slog.Logger
	out     io.Writer // for results
	notes   io.Writer // for progress
}

func newMaintenance(cfg *config.Config, logger *slog.Logger, out, notes io.Writer) (*maintenance, error) {
	m := &maintenance{cfg: cfg, logger: logger, out: out, notes: notes}
	for _, c := range cfg.Streams {
		s, err := newStream(c)
		if err != nil {
			return nil, err
		}
		m.streams = append(m.streams, s)
	}
	options, err := consume.ClientOptions(cfg.Kafka)
	if err != nil {
		return nil, err
	}
	if m.store, err = newElasticClient(cfg.Elasticsearch); err != nil {
		return nil, err
	}
	if m.kafka, err = kgo.NewClient(options...); err != nil {
		m.store.Close()
		return nil, fmt.Errorf("set up the Kafka client: %w", err)
	}
	m.admin = kadm.NewClient(m.kafka)
	m.catalog = newCatalog(m.store, cfg.Elasticsearch.IndexPrefix, m.streams, m.kafka, logger).moving(cfg.Elasticsearch)
	return m, nil
}

func (m *maintenance) Close() {
	m.kafka.Close()
	m.store.Close()
}

// startWriter gives a writer that works until stop is called. What cannot be accepted is told to reject; nil is told nothing.
func (m *maintenance) startWriter(ctx context.Context, reject func([]byte, *elastic.Error)) (w *write.Writer, stop func()) {
	w = write.New(m.store, write.Options{UnknownField: m.catalog.mend, Reject: reject})
	writing, end := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.Run(writing)
	}()
	return w, func() {
		end()
		<-stopped
	}
}

func (m *maintenance) prefix() string { return m.cfg.Elasticsearch.IndexPrefix }

// logPartition is one partition of a stream as Kafka holds it.
type logPartition struct {
	rollup.Partition
	stream           *stream
	partitions       int // of the topic
	committed        int64
	metadata         string
	logStart, logEnd int64
}

// errNoOffset is that the group has committed nothing for a partition.
var errNoOffset = errors.New("the group has no offset for the partition")

// state is what the group committed for the partition.
func (p *logPartition) state() (aggregate.State, error) {
	if p.committed < 0 {
		return aggregate.State{}, errNoOffset
	}
	s, err := aggregate.DecodeState(p.committed, p.metadata)
	if err != nil {
		return s, err
	}
	if s.TopicID != p.TopicID {
		return s, errors.New("the committed offset belongs to an earlier topic of the same name, which was deleted")
	}
	err = truncated(&s, p.logEnd)
	return s, err
}

// partitions lists the partitions of the streams, in the order of the configuration.
func (m *maintenance) partitions(ctx context.Context) ([]logPartition, error) {
	var topics []string
	for _, s := range m.streams {
		topics = append(topics, s.Topics...)
	}
	details, err := m.admin.ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("describe the topics: %w", err)
	}
	committed, err := m.admin.FetchOffsets(ctx, m.cfg.Kafka.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the offsets committed by group %q: %w", m.cfg.Kafka.Group, err)
	}
	starts, err := m.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("find where the logs begin: %w", err)
	}
	ends, err := m.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("find where the logs end: %w", err)
	}
	var all []logPartition
	for _, s := range m.streams {
		for _, topic := range s.Topics {
			detail := details[topic]
			if detail.Err != nil {
				return nil, fmt.Errorf("topic %q of stream %q: %w", topic, s.Name, detail.Err)
			}
			for _, number := range detail.Partitions.Numbers() {
				p := logPartition{
					Partition: rollup.Partition{Topic: topic, TopicID: detail.ID, Number: number}, stream: s, partitions: len(detail.Partitions), committed: -1,
				}
				if c, ok := committed.Lookup(topic, number); ok && c.Err == nil && c.At >= 0 {
					p.committed, p.metadata = c.At, c.Metadata
				}
				for _, lookup := range []struct {
					in  kadm.ListedOffsets
					out *int64
				}{{starts, &p.logStart}, {ends, &p.logEnd}} {
					found, ok := lookup.in.Lookup(topic, number)
					if !ok || found.Err != nil {
						return nil, fmt.Errorf("find the offsets of %s: %w", p.String(), errors.Join(found.Err, errors.New("no broker told")))
					}
					*lookup.out = found.Offset
				}
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// offsetAt is the first offset from which on a record can hold an event of the time t, in milliseconds, or of a later one: an event is at most max_ahead
// before its record's own timestamp. It fails where Kafka has deleted records that could.
func (m *maintenance) offsetAt(ctx context.Context, p *logPartition, t int64) (int64, error) {
	t -= milliseconds(p.stream.MaxAhead)
	offset := p.logStart
	if t > 0 {
		found, err := m.admin.ListOffsetsAfterMilli(ctx, t, p.Topic)
		if err != nil {
			return 0, fmt.Errorf("find the offset of %s in %s: %w", formatTime(t), p.String(), err)
		}
		at, ok := found.Lookup(p.Topic, p.Number)
		if !ok || at.Err != nil {
			return 0, fmt.Errorf("find the offset of %s in %s: %w", formatTime(t), p.String(), errors.Join(at.Err, errors.New("no broker told")))
		}
		offset = at.Offset
		if at.Timestamp < 0 { // no record is that new
			return p.logEnd, nil
		}
	}
	if offset > p.logStart || p.logStart == 0 {
		return offset, nil
	}
	first, err := m.firstTime(ctx, p)
	if err != nil {
		return 0, err
	}
	deleted := &deletedError{partition: p, earliest: -1}
	if first >= 0 {
		deleted.earliest = first + milliseconds(p.stream.MaxAhead) + 1
	}
	return 0, deleted
}

// deletedError is that Kafka has deleted records that could hold events of the time that was asked for.
type deletedError struct {
	partition *logPartition
	// earliest is the first time, in milliseconds, that no deleted record can hold events of; negative where the log has no record.
	earliest int64
}

func (e *deletedError) Error() string {
	if e.earliest < 0 {
		return e.partition.String() + ": kafka holds no record of that time any more"
	}
	return fmt.Sprintf("%s: kafka has deleted the records before offset %d, and with them perhaps events of that time: what can be rebuilt begins at %s",
		e.partition.String(), e.partition.logStart, time.UnixMilli(e.earliest).UTC().Format(time.RFC3339Nano))
}

// or is the one of two refusals that names the later time, which is put on a grid. Another error is given back.
func (e *deletedError) or(err error, grid rollup.Tier) (*deletedError, error) {
	var deleted *deletedError
	if !errors.As(err, &deleted) || deleted.earliest < 0 {
		return nil, err
	}
	deleted.earliest = grid.StartFrom(deleted.earliest)
	if e == nil || deleted.earliest > e.earliest {
		return deleted, nil
	}
	return e, nil
}

// firstTime is the timestamp of the first record of the log, in milliseconds, or -1 without one.
func (m *maintenance) firstTime(ctx context.Context, p *logPartition) (int64, error) {
	first := int64(-1)
	err := m.read(ctx, p, p.logStart, p.logEnd, func(r *kgo.Record) bool {
		first = r.Timestamp.UnixMilli()
		return false
	})
	return first, err
}

// stalled is how long a log may hand out nothing before its end.
const stalled = time.Minute

// read hands on the records of a partition from one offset on, until another is reached or yield is false.
func (m *maintenance) read(ctx context.Context, p *logPartition, from, to int64, yield func(*kgo.Record) bool) error {
	if from >= to {
		return nil
	}
	options, err := consume.ClientOptions(m.cfg.Kafka)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.Topic: {p.Number: kgo.NewOffset().At(from)}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(1<<20),
	)...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer client.Close()
	for {
		fetched, cancel := context.WithTimeout(ctx, stalled)
		fetches := client.PollFetches(fetched)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) {
				return fmt.Errorf("read %s: kafka handed out nothing for %s before offset %d", p.String(), stalled, to)
			}
			return fmt.Errorf("read %s: %w", p.String(), e.Err)
		}
		for _, r := range fetches.Records() {
			if r.Offset >= to || !yield(r) || r.Offset == to-1 {
				return nil
			}
		}
	}
}

// record is what the engine reads of a Kafka record.
func record(r *kgo.Record) aggregate.Record {
	timestamp := int64(-1)
	if r.Attrs.TimestampType() >= 0 {
		timestamp = r.Timestamp.UnixMilli()
	}
	return aggregate.Record{Offset: r.Offset, Timestamp: timestamp, Value: r.Value}
}

// choose finds the named rollups, or all.
func (m *maintenance) choose(names []string) (map[string]bool, error) {
	chosen := map[string]bool{}
	var known []string
	for _, s := range m.streams {
		for i := range s.definitions {
			name := s.definitions[i].Name
			known = append(known, name)
			chosen[name] = len(names) == 0 || slices.Contains(names, name)
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Errorf("--rollup %q: the configuration has the rollups %q", name, known)}
		}
	}
	return chosen, nil
}

// checkPartitions refuses names that no partition of the configured topics can have, before anything is asked for.
func (m *maintenance) checkPartitions(names []string) error {
	var topics []string
	for _, s := range m.streams {
		topics = append(topics, s.Topics...)
	}
	for _, name := range names {
		i := max(0, strings.LastIndexByte(name, '/'))
		if _, err := strconv.ParseUint(strings.TrimPrefix(name[i:], "/"), 10, 31); err != nil || i == 0 {
			return usageError{fmt.Errorf("--partition %q: a topic and a number are needed, such as topic/3", name)}
		}
		if topic := name[:i]; !slices.Contains(topics, topic) {
			return usageError{fmt.Errorf("--partition %q: the configuration has the topics %q", name, topics)}
		}
	}
	return nil
}

// chosenPartitions lists the named partitions, "topic/3", or all.
func (m *maintenance) chosenPartitions(ctx context.Context, names []string) ([]logPartition, error) {
	all, err := m.partitions(ctx)
	if err != nil || len(names) == 0 {
		return all, err
	}
	var chosen []logPartition
	for _, name := range names {
		i := slices.IndexFunc(all, func(p logPartition) bool { return p.String() == name })
		if i < 0 {
			return nil, usageError{fmt.Errorf("--partition %q: there is no such partition", name)}
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
