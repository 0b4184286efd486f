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
	"github.com/twmb/franz-go/plugin/kslog"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
)

const (
	// pollRecords bounds how many records one poll takes out of the client's buffers.
	pollRecords = 5_000
	// A well compressed topic inflates to many times what is fetched.
	fetchBytes          = 2 << 20
	fetchPartitionBytes = 256 << 10
	// fetchWait is how long a broker waits for records, and a partition that is read again after a pause for that.
	fetchWait = 250 * time.Millisecond
	// adminTimeout bounds a request that is not a fetch.
	adminTimeout = 15 * time.Second
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
	// Generation is that of the group when the partition was assigned. It grows with each division of the partitions.
	Generation int32
	// LogStart and LogEnd are the log's first offset and the one after its last.
	LogStart, LogEnd int64
}

// Processor takes care of one partition while this process owns it.
type Processor interface {
	// Deliver hands records over, in the order of the log. It must not block; it owns the slice.
	Deliver(records []*kgo.Record)
	// EndOffset tells that the log ended at the given offset at a time that is not before asked.
	EndOffset(offset int64, asked time.Time)
	// Skip tells that Kafka deleted the records from one offset up to, and without, another before they were handed over. It must not block.
	Skip(from, to int64)
	// Fail tells that the log cannot be read on: no more records come. It must not block.
	Fail(err error)
	// Finish tells that the topic is gone and no offset of it can be committed any more. It returns when what was handed over is written as far as it
	// goes, or the context ends.
	Finish(ctx context.Context)
	// Stop ends the work on the partition; nothing is written or committed for it after it returned.
	Stop()
}

// OpenFunc begins the work on a partition. It returns the offset to read from, or Undecided. With an error the partition is owned, but not read.
type OpenFunc func(Assignment) (Processor, int64, error)

// Undecided is for an offset that a processor cannot tell yet: nothing is read before Group.ReadFrom.
const Undecided = -1

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
	// Room returns when more records can be taken; nil: always.
	Room   func(context.Context)
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
	// buffers hold the fetched records.
	buffers buffers
	// joined is closed when client and admin are set: the client calls back as soon as it is made.
	joined chan struct{}
	// release ends the keeping of the lease.
	release context.CancelFunc
	keeping sync.WaitGroup

	// look wakes the watching before its time.
	look chan struct{}

	mu     sync.Mutex
	owned  map[Key]*holding
	topics map[string]*topic
	// seeks are offsets to read on from; interrupt ends the polling so that they are taken.
	seeks     map[Key]seek
	interrupt context.CancelFunc
	expelled  error // why this member can never be one again
	failures  map[operation]failure
	since     time.Time  // when failures became empty, or was not any more
	commit    sync.Mutex // held while a commit is under way
}

// holding is a partition that this member owns.
type holding struct {
	Processor
	id    [16]byte // of the topic
	next  int64    // the offset after the last record handed over
	begun bool     // records were handed over
	// Fetching is paused while it is not known from where on, while the processor takes no more, while it is in doubt how the log goes on, and when it
	// cannot be read on.
	undecided, full, failed bool
	doubt                   *doubt
}

// NewGroup prepares the membership; Run joins, and Close must be called in any case. Errors are about the configuration.
func NewGroup(opts Options) (*Group, error) {
	g := &Group{
		opts: opts, lease: lease{timeout: opts.Kafka.SessionTimeout}, joined: make(chan struct{}), look: make(chan struct{}, 1),
		owned: map[Key]*holding{}, topics: map[string]*topic{}, seeks: map[Key]seek{}, failures: map[operation]failure{},
	}
	for _, name := range opts.Topics {
		g.topics[name] = &topic{former: map[[16]byte]bool{}}
	}
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
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // records that are gone are counted here first
		kgo.KeepControlRecords(),                    // their offsets are part of the position
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(fetchBytes),
		kgo.FetchMaxPartitionBytes(fetchPartitionBytes),
		kgo.WithDecompressor(newDecompressor(&g.buffers)),
		kgo.AdjustFetchOffsetsFn(g.adjust),
		kgo.OnPartitionsRevoked(g.revoked),
		kgo.OnPartitionsLost(g.lost),
		kgo.WithHooks(sessionHook{g}),
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
	g.lease.end() // none yet
	g.keeping.Go(func() { g.lease.keep(ctx, g.client, g.opts.Kafka.Group, g.opts.Kafka.InstanceID) })
	return nil
}

// Run reads until the context ends. Then the partitions are still owned: Close gives them up. It returns an error where the membership has ended for good.
func (g *Group) Run(ctx context.Context) error {
	var background sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	background.Go(func() { g.watch(watching) })
	defer background.Wait()
	defer stop()
	for ctx.Err() == nil {
		polling := g.polling(ctx)
		fetches := g.client.PollRecords(polling, pollRecords)
		if fetches.IsClientClosed() {
			break
		}
		g.seek() // while the group cannot divide the partitions anew
		g.dispatch(ctx, fetches)
		g.client.AllowRebalance()
		if g.opts.Room != nil {
			g.opts.Room(ctx)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.expelled
}

// polling is the context of the next poll, which ends where there is something to seek.
func (g *Group) polling(ctx context.Context) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.interrupt != nil {
		g.interrupt()
	}
	ctx, g.interrupt = context.WithCancel(ctx)
	for _, s := range g.seeks {
		if !s.tried {
			g.interrupt()
		}
	}
	return ctx
}

func (g *Group) dispatch(ctx context.Context, fetches kgo.Fetches) {
	for _, fetch := range fetches {
		for _, t := range fetch.Topics {
			for _, p := range t.Partitions {
				key := Key{t.Topic, p.Partition}
				if p.Err != nil && ctx.Err() == nil {
					g.failed(key, p.Err)
				}
				if len(p.Records) > 0 {
					g.deliver(key, t.TopicID, p.Records)
				}
			}
		}
	}
}

// deliver hands records over. Those of another topic of the same name than the one that was taken over are left out: it is taken over anew.
func (g *Group) deliver(key Key, id [16]byte, records []*kgo.Record) {
	g.mu.Lock()
	h := g.owned[key]
	if h != nil && id != ([16]byte{}) && h.id != ([16]byte{}) && id != h.id {
		g.topics[key.Topic].strange = true
		h = nil
	}
	if h != nil {
		if first := records[0].Offset; !h.begun && first > h.next {
			g.suspect(key, h, &doubt{from: h.next, to: first})
		}
		h.begun, h.next = true, records[len(records)-1].Offset+1
	}
	g.mu.Unlock()
	if h != nil {
		h.Deliver(records)
	}
}

// failed looks at what a partition could not be read for.
func (g *Group) failed(key Key, err error) {
	var loss *kgo.ErrDataLoss
	switch {
	case errors.Is(err, context.Canceled): // to seek
	case errors.Is(err, kerr.OffsetOutOfRange):
		g.mu.Lock()
		if h := g.owned[key]; h != nil && h.doubt == nil {
			g.suspect(key, h, &doubt{outOfRange: true, from: h.next})
		}
		g.mu.Unlock()
	case errors.As(err, &loss):
		g.fail(key, &TruncatedError{Next: loss.ConsumedTo, End: loss.ResetTo})
	case errors.Is(err, kerr.UnknownTopicID):
		g.mu.Lock()
		if t := g.topics[key.Topic]; t != nil {
			t.strange = true
		}
		g.mu.Unlock()
		g.note(fetching, fmt.Errorf("read %s/%d: the topic was deleted, or made anew: %w", key.Topic, key.Partition, err))
	case key.Topic == "":
		g.note(fetching, fmt.Errorf("be a member of group %q: %w", g.opts.Kafka.Group, err))
	default:
		g.note(fetching, fmt.Errorf("read %s/%d: %w", key.Topic, key.Partition, err))
	}
}

// Reading makes what a partition reports its reading to, so that the memory of records is used again. Records that are not reported are garbage some time.
func (g *Group) Reading() *Reading { return &Reading{buffers: &g.buffers} }

// Pause stops or resumes reading a partition, for back pressure.
func (g *Group) Pause(key Key, paused bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if h := g.owned[key]; h != nil {
		h.full = paused
		g.throttle(key, h)
	}
}

// throttle fetches a partition, or does not. The caller holds g.mu.
func (g *Group) throttle(key Key, h *holding) {
	partition := map[string][]int32{key.Topic: {key.Partition}}
	if h.undecided || h.full || h.failed || h.doubt != nil && h.doubt.outOfRange {
		g.client.PauseFetchPartitions(partition)
	} else {
		g.client.ResumeFetchPartitions(partition)
	}
}

// ReadFrom tells the offset to read a partition from whose processor could not tell it at first.
func (g *Group) ReadFrom(key Key, of Processor, offset int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seekTo(key, of, offset)
}

// MayWrite reports whether no other member can have been given this one's partitions yet.
func (g *Group) MayWrite() bool { return g.lease.valid() }

// Waits reports whether the group has yet to tell this member which partitions are its own, and since when. That none is can be told too.
func (g *Group) Waits() (since time.Time, waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	partitions := 0
	for _, t := range g.topics {
		partitions += t.partitions
	}
	if len(g.owned) > 0 || partitions == 0 {
		return time.Time{}, false
	}
	return g.lease.lapsed()
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
