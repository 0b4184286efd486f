// Package consume reads Kafka as a member of a consumer group: it takes partitions over and gives them up, hands their records on, tells where their
// logs end, and commits what it is told to.
package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/plugin/kslog"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
)

const (
	// pollRecords bounds how many records one poll takes out of the client's buffers.
	pollRecords = 10_000
	// endOffsetsEvery is how often the ends of the logs are asked for.
	endOffsetsEvery = time.Second
	// adminTimeout bounds a request that is not a fetch.
	adminTimeout = 15 * time.Second
	// endsTimeout bounds the question where the logs end.
	endsTimeout = 5 * time.Second
	// closeTimeout bounds the leaving of the group.
	closeTimeout = 2 * time.Second
)

// Assignment is a partition that this member has to take care of from now on.
type Assignment struct {
	rollup.Partition
	// Committed is the offset that the group committed, with its metadata; -1 where there is none.
	Committed int64
	Metadata  string
	// Start is the first offset to read where nothing is committed.
	Start int64
	// Partitions is how many partitions the topic has.
	Partitions int
	// LogStart and LogEnd are the log's first offset and the one after its last.
	LogStart, LogEnd int64
}

// Processor takes care of one partition while this process owns it.
type Processor interface {
	// Deliver hands records over, in the order of the log. It must not block; it owns the slice.
	Deliver(records []*kgo.Record)
	// EndOffset tells that the log ended at the given offset when it was asked for.
	EndOffset(offset int64)
	// Stop ends the work on the partition; nothing is written or committed for it after it returned.
	Stop()
}

// OpenFunc begins the work on a partition. It returns the offset to read from. With an error the partition is owned, but not read.
type OpenFunc func(Assignment) (Processor, int64, error)

// Options of a Group.
type Options struct {
	Kafka  config.Kafka
	Topics []string
	Open   OpenFunc
	// Counted reads from a commit's metadata how many partitions the topic had when the committed one was begun; 0 where it does not tell.
	Counted func(offset int64, metadata string) int
	// Refuse is told of partitions that Open did not begin, and Forget when such a partition is given up.
	Refuse func(rollup.Partition, error)
	Forget func(Key)
	Logger *slog.Logger
}

// Key names a partition within the group's topics.
type Key struct {
	Topic     string
	Partition int32
}

// Group is the membership in a consumer group.
type Group struct {
	opts   Options
	client *kgo.Client
	admin  *kadm.Client
	lease  lease
	// joined is closed when client and admin are set: the client calls back as soon as it is made.
	joined chan struct{}
	// release ends the keeping of the lease.
	release context.CancelFunc
	keeping sync.WaitGroup

	mu       sync.Mutex
	owned    map[Key]Processor
	failures map[operation]failure
	since    time.Time  // when failures became empty, or was not any more
	commit   sync.Mutex // held while a commit is under way
}

// NewGroup prepares the membership; Run joins, and Close must be called in any case. Errors are about the configuration.
func NewGroup(opts Options) (*Group, error) {
	g := &Group{opts: opts, owned: map[Key]Processor{}, failures: map[operation]failure{}, joined: make(chan struct{}), lease: lease{timeout: opts.Kafka.SessionTimeout}}
	if _, err := g.clientOptions(); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Group) clientOptions() ([]kgo.Opt, error) {
	options, err := ClientOptions(g.opts.Kafka)
	if err != nil {
		return nil, err
	}
	options = append(options,
		kgo.ConsumerGroup(g.opts.Kafka.Group),
		kgo.ConsumeTopics(g.opts.Topics...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(g.opts.Kafka.SessionTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, g.opts.Kafka.SessionTimeout/3)),
		kgo.RebalanceTimeout(max(60*time.Second, g.opts.Kafka.SessionTimeout)),
		kgo.DisableAutoCommit(),
		kgo.MetadataMaxAge(30*time.Second), // topics and partitions that appear are read soon
		kgo.BlockRebalanceOnPoll(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // their offsets are part of the position
		kgo.FetchMaxBytes(8<<20),
		kgo.FetchMaxPartitionBytes(1<<20),
		kgo.AdjustFetchOffsetsFn(g.adjust),
		kgo.OnPartitionsRevoked(g.revoked),
		kgo.OnPartitionsLost(g.lost),
		kgo.WithLogger(kslog.New(slog.New(quiet{g.opts.Logger.Handler()}))),
	)
	if g.opts.Kafka.InstanceID != "" {
		options = append(options, kgo.InstanceID(g.opts.Kafka.InstanceID))
	}
	return options, nil
}

// Join makes this process a member of the group, which is given partitions from then on. Run must follow.
func (g *Group) Join() error {
	options, err := g.clientOptions()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	g.client, g.admin = client, kadm.NewClient(client)
	g.admin.SetTimeoutMillis(int32(adminTimeout.Milliseconds()))
	close(g.joined)
	ctx, cancel := context.WithCancel(context.Background())
	g.release = cancel
	g.keeping.Go(func() { g.lease.keep(ctx, g.client, g.opts.Kafka.Group, g.opts.Kafka.InstanceID) })
	return nil
}

// Run reads until the context ends. Then the partitions are still owned: Close gives them up.
func (g *Group) Run(ctx context.Context) {
	var background sync.WaitGroup
	background.Go(func() { g.watchEnds(ctx) })
	defer background.Wait()
	for ctx.Err() == nil {
		fetches := g.client.PollRecords(ctx, pollRecords)
		if fetches.IsClientClosed() {
			return
		}
		g.dispatch(ctx, fetches)
		g.client.AllowRebalance()
	}
}

func (g *Group) dispatch(ctx context.Context, fetches kgo.Fetches) {
	fetches.EachError(func(topic string, partition int32, err error) {
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, kerr.UnknownTopicID) {
			err = fmt.Errorf("%w: the topic was deleted and made anew, restart the sidecar to read it from its beginning", err)
		}
		g.note(fetching, fmt.Errorf("read %s/%d: %w", topic, partition, err))
	})
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 {
			return
		}
		g.mu.Lock()
		processor := g.owned[Key{p.Topic, p.Partition}]
		g.mu.Unlock()
		if processor != nil {
			processor.Deliver(p.Records)
		}
	})
}

// adjust is called when partitions were assigned, before they are read.
func (g *Group) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-g.joined
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	assignments, err := g.describe(ctx, offsets)
	g.note(assigning, err)
	if err != nil {
		return nil, err
	}
	for _, a := range assignments {
		key := Key{a.Topic, a.Number}
		processor, from, err := g.opts.Open(a)
		if err != nil {
			g.opts.Logger.Error("partition does not start", "partition", a.String(), "error", err)
			g.client.PauseFetchPartitions(map[string][]int32{a.Topic: {a.Number}})
			g.opts.Refuse(a.Partition, err)
			from = a.LogEnd
		} else {
			g.client.ResumeFetchPartitions(map[string][]int32{a.Topic: {a.Number}})
			g.mu.Lock()
			g.owned[key] = processor
			g.mu.Unlock()
		}
		offsets[a.Topic][a.Number] = kgo.NewOffset().At(from).WithEpoch(-1)
	}
	return offsets, nil
}

// describe gathers what is known of the partitions.
func (g *Group) describe(ctx context.Context, offsets map[string]map[int32]kgo.Offset) ([]Assignment, error) {
	var topics []string
	for topic := range offsets {
		topics = append(topics, topic)
	}
	if len(topics) == 0 {
		return nil, nil
	}
	details, err := g.admin.ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("describe the topics: %w", err)
	}
	committed, err := g.admin.FetchOffsets(ctx, g.opts.Kafka.Group)
	if err != nil {
		return nil, fmt.Errorf("read the offsets committed by group %q: %w", g.opts.Kafka.Group, err)
	}
	starts, err := g.admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("find where the logs begin: %w", err)
	}
	ends, err := g.admin.ListCommittedOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("find where the logs end: %w", err)
	}
	configured := starts
	switch g.opts.Kafka.Start {
	case "", "earliest":
	case "latest":
		configured = ends
	default:
		t, err := time.Parse(time.RFC3339, g.opts.Kafka.Start)
		if err != nil {
			return nil, fmt.Errorf("kafka.start: %w", err)
		}
		if configured, err = g.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...); err != nil {
			return nil, fmt.Errorf("find the offsets of %s: %w", g.opts.Kafka.Start, err)
		}
	}
	var assignments []Assignment
	for topic, partitions := range offsets {
		for number := range partitions {
			a := Assignment{Partition: rollup.Partition{Topic: topic, TopicID: details[topic].ID, Number: number}, Committed: -1}
			for _, lookup := range []struct {
				in  kadm.ListedOffsets
				out *int64
			}{{starts, &a.LogStart}, {ends, &a.LogEnd}, {configured, &a.Start}} {
				found, ok := lookup.in.Lookup(topic, number)
				if !ok {
					return nil, fmt.Errorf("find the offsets of %s: no broker told", a.String())
				}
				if found.Err != nil {
					return nil, fmt.Errorf("find the offsets of %s: %w", a.String(), found.Err)
				}
				*lookup.out = found.Offset
			}
			a.Partitions = len(details[topic].Partitions)
			if g.appeared(committed[topic], number) {
				a.Start = a.LogStart
			}
			if c, ok := committed.Lookup(topic, number); ok && c.Err == nil && c.At >= 0 {
				a.Committed, a.Metadata = c.At, c.Metadata
			}
			assignments = append(assignments, a)
		}
	}
	return assignments, nil
}

// appeared reports whether a partition came into being after the group had begun to read its topic, so that all of it is to be read.
func (g *Group) appeared(committed map[int32]kadm.OffsetResponse, number int32) bool {
	for _, c := range committed {
		if n := g.opts.Counted(c.At, c.Metadata); c.Err == nil && c.At >= 0 && n > 0 && int(number) >= n {
			return true
		}
	}
	return false
}

// revoked gives partitions up; commits under way are waited for, and later ones left out.
func (g *Group) revoked(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	var stopping sync.WaitGroup
	g.mu.Lock()
	for topic, numbers := range partitions {
		for _, number := range numbers {
			key := Key{topic, number}
			if p := g.owned[key]; p != nil {
				delete(g.owned, key)
				stopping.Go(p.Stop)
			} else {
				stopping.Go(func() { g.opts.Forget(key) })
			}
		}
	}
	g.mu.Unlock()
	stopping.Wait()
	g.awaitCommit()
}

// awaitCommit returns when the commit that is under way has ended.
func (g *Group) awaitCommit() {
	g.commit.Lock()
	g.commit.Unlock() //nolint:staticcheck,gocritic // holding the lock for a moment is the purpose
}

func (g *Group) lost(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	g.lease.end()
	g.opts.Logger.Warn("the membership in the group was lost: another member goes on with the partitions", "group", g.opts.Kafka.Group)
	g.revoked(ctx, client, partitions)
}

// Pause stops or resumes reading a partition, for back pressure.
func (g *Group) Pause(key Key, paused bool) {
	partition := map[string][]int32{key.Topic: {key.Partition}}
	if paused {
		g.client.PauseFetchPartitions(partition)
	} else {
		g.client.ResumeFetchPartitions(partition)
	}
}

// MayWrite reports whether no other member can have been given this one's partitions yet.
func (g *Group) MayWrite() bool { return g.lease.valid() }

// Commit is an offset to commit, with what a replay from it needs.
type Commit struct {
	Key      Key
	Owner    Processor
	Offset   int64
	Metadata string
}

// Commit commits offsets and returns the ones that failed or are not this process's any more. It returns an error where the whole request failed.
func (g *Group) Commit(ctx context.Context, commits []Commit) (failed map[Key]error, err error) {
	g.commit.Lock()
	defer g.commit.Unlock()
	failed = map[Key]error{}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	metadata := map[Key]string{}
	g.mu.Lock()
	for _, c := range commits {
		if g.owned[c.Key] != c.Owner {
			failed[c.Key] = ErrGivenAway
			continue
		}
		if offsets[c.Key.Topic] == nil {
			offsets[c.Key.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[c.Key.Topic][c.Key.Partition] = kgo.EpochOffset{Epoch: -1, Offset: c.Offset}
		metadata[c.Key] = c.Metadata
	}
	g.mu.Unlock()
	if len(offsets) == 0 {
		return failed, nil
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				text := metadata[Key{r.Topics[i].Topic, p.Partition}]
				p.Metadata = &text
			}
		}
		return nil
	})
	g.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse, e error) {
		err = e
		if r == nil {
			return
		}
		for key, e := range refused(r) {
			failed[key] = e
		}
	})
	if err != nil {
		err = fmt.Errorf("commit offsets: %w", err)
	}
	g.note(committing, err)
	return failed, err
}

// watchEnds asks for the ends of the logs and tells the processors.
func (g *Group) watchEnds(ctx context.Context) {
	ticker := time.NewTicker(endOffsetsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		g.mu.Lock()
		owned := make(map[Key]Processor, len(g.owned))
		topics := map[string]bool{}
		for key, p := range g.owned {
			owned[key] = p
			topics[key.Topic] = true
		}
		g.mu.Unlock()
		if len(owned) == 0 {
			g.note(asking, g.ping(ctx))
			continue
		}
		names := make([]string, 0, len(topics))
		for topic := range topics {
			names = append(names, topic)
		}
		limited, cancel := context.WithTimeout(ctx, endsTimeout)
		ends, err := g.admin.ListCommittedOffsets(limited, names...)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			err = fmt.Errorf("find where the logs end: %w", err)
		}
		g.note(asking, err) // of what a part of the brokers answered, the ends are known all the same
		for key, p := range owned {
			if end, ok := ends.Lookup(key.Topic, key.Partition); ok && end.Err == nil {
				p.EndOffset(end.Offset)
			}
		}
	}
}

// ping asks whether a broker answers, for a member without partitions.
func (g *Group) ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	if err := g.client.Ping(limited); err != nil && ctx.Err() == nil {
		return fmt.Errorf("reach a broker of %q: %w", g.opts.Kafka.Brokers, err)
	}
	return nil
}

// Close leaves the group, so that other members take over at once. Where Kafka does not answer it gives up after closeTimeout.
func (g *Group) Close() {
	if g.client == nil {
		return
	}
	g.release()
	g.lease.end()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.keeping.Wait()
		g.client.CloseAllowingRebalance()
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
		g.opts.Logger.Warn("kafka does not confirm that this member leaves the group: its partitions are given away after the session timeout")
	}
}
