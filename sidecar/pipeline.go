package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/write"
)

const (
	// commitEvery is how often offsets are committed, where there is something to commit.
	commitEvery = time.Second
	// drainTimeout bounds the end of the work: what is not written by then is rebuilt by the next owner.
	drainTimeout = 6 * time.Second
)

// pipeline wires the stages together: Kafka, one partition after the other, Elasticsearch.
type pipeline struct {
	cfg     *config.Config
	streams []*stream
	topics  map[string]*stream
	client  *elastic.Client
	group   *consume.Group
	// kafkaClient is for everything but the membership in the group.
	kafkaClient *kgo.Client
	writer      *write.Writer
	letters     *deadLetters
	backlog     backlog
	catalog     *catalog
	tiers       tiersState
	live        *liveValues // nil: not wanted
	logger      *slog.Logger
	owner       string
	started     time.Time

	commitWake   chan struct{}
	progressWake chan struct{}
	telling      chan struct{} // of one place, which whoever tells progress has

	mu         sync.Mutex
	partitions map[consume.Key]*partition
	refused    map[consume.Key]refusal
	progress   map[*partition]*aggregate.State
	// untold is why the progress cannot be written, and since when.
	untold      error
	untoldSince time.Time
}

type refusal struct {
	id  rollup.Partition
	err error
}

func newPipeline(cfg *config.Config, client *elastic.Client, logger *slog.Logger) (*pipeline, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	pl := &pipeline{
		cfg: cfg, client: client, logger: logger, topics: map[string]*stream{}, owner: fmt.Sprintf("%s/%d", host, os.Getpid()), started: time.Now(),
		commitWake: make(chan struct{}, 1), progressWake: make(chan struct{}, 1), telling: make(chan struct{}, 1),
		partitions: map[consume.Key]*partition{}, refused: map[consume.Key]refusal{}, progress: map[*partition]*aggregate.State{},
	}
	var topics []string
	for _, c := range cfg.Streams {
		s, err := newStream(c)
		if err != nil {
			return nil, err
		}
		pl.streams = append(pl.streams, s)
		for _, topic := range c.Topics {
			pl.topics[topic] = s
			topics = append(topics, topic)
		}
	}
	pl.group, err = consume.NewGroup(consume.Options{Kafka: cfg.Kafka, Topics: topics, Open: pl.open, Counted: counted, Refuse: pl.refuse, Forget: pl.forget, Room: pl.backlog.await, Logger: logger})
	if err != nil {
		return nil, err
	}
	options, err := consume.ClientOptions(cfg.Kafka)
	if err != nil {
		return nil, err
	}
	// A broker that ends in the middle of a greeting is no reason to give a dead letter up.
	if pl.kafkaClient, err = kgo.NewClient(append(options, kgo.AlwaysRetryEOF())...); err != nil {
		return nil, fmt.Errorf("set up the Kafka client: %w", err)
	}
	if pl.live, err = newLiveValues(cfg, logger); err != nil {
		return nil, err
	}
	pl.letters = newDeadLetters(pl.kafkaClient, cfg.Kafka.DeadLetterTopic, logger)
	pl.catalog = newCatalog(client, cfg.Elasticsearch.IndexPrefix, pl.streams, pl.kafkaClient, logger).moving(cfg.Elasticsearch)
	pl.writer = write.New(client, write.Options{MayWrite: pl.group.MayWrite, UnknownField: pl.catalog.mend, Reject: pl.letters.document, Logger: logger})
	return pl, nil
}

// Run works until the context ends, and then writes and commits what is under way. It returns an error only where it cannot work at all.
func (pl *pipeline) Run(ctx context.Context) error {
	// The services outlive the reading, so that what was read can still be written.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var background sync.WaitGroup
	defer background.Wait()
	defer pl.kafkaClient.Close()
	defer pl.group.Close()
	defer stop()
	if err := pl.catalog.register(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	pl.letters.ensureTopic(ctx)
	if pl.live != nil {
		background.Go(func() { pl.live.feed.Run(serving) })
	}
	// Not before it can work: a member is given partitions.
	if err := pl.group.Join(); err != nil { //nolint:contextcheck // the membership outlives the context, so that it ends in order
		return err
	}
	background.Go(func() { pl.writer.Run(serving) })
	background.Go(func() { pl.commitLoop(serving) })
	background.Go(func() { pl.progressLoop(serving) })
	background.Go(func() { pl.catalog.refreshLoop(serving) })
	background.Go(func() { pl.healthLoop(serving) })
	reading, end := context.WithCancel(ctx)
	defer end()
	background.Go(func() { pl.tiersLoop(reading) })
	err := pl.group.Run(ctx)
	end()
	pl.drain(serving)
	return err
}

// drain lets every partition finish what it has aggregated.
func (pl *pipeline) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	var draining sync.WaitGroup
	for _, p := range pl.owned() {
		draining.Go(func() { p.Drain(ctx) })
	}
	draining.Wait()
	pl.writeProgress(ctx)
	for _, p := range pl.owned() {
		p.Stop()
	}
}

func (pl *pipeline) owned() []*partition {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	all := make([]*partition, 0, len(pl.partitions))
	for _, p := range pl.partitions {
		all = append(all, p)
	}
	return all
}

// open begins the work on a partition that the group assigned.
func (pl *pipeline) open(a consume.Assignment) (consume.Processor, int64, error) {
	s := pl.topics[a.Topic]
	key := consume.Key{Topic: a.Topic, Partition: a.Number}
	p := &partition{
		id: a.Partition, key: key, stream: s, services: pl, backlog: &pl.backlog, memory: pl.group.Reading(), logger: pl.logger.With("partition", a.String(), "stream", s.Name),
		newEvent: time.Now(), held: time.Now(), wake: make(chan struct{}, 1), batches: map[*write.Batch]struct{}{},
		firstEnd: a.LogEnd,
	}
	p.teller = pl.live.teller(p, a)
	initial, err := p.resume(a)
	if err != nil {
		return nil, 0, err
	}
	pl.mu.Lock()
	pl.partitions[key] = p
	delete(pl.refused, key)
	pl.mu.Unlock()
	// The owner before may have been killed when it had committed, and not yet refreshed what it wrote.
	for i := range s.definitions {
		pl.writer.Touch(rollup.IndicesOf(pl.prefix(), s.definitions[i].Name))
	}
	p.start(initial)
	if p.undecided {
		return p, consume.Undecided, nil
	}
	return p, initial.Offset, nil
}

func (pl *pipeline) refuse(id rollup.Partition, err error) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	key := consume.Key{Topic: id.Topic, Partition: id.Number}
	delete(pl.partitions, key)
	pl.refused[key] = refusal{id, err}
}

// forget drops a partition that was refused and is another member's now.
func (pl *pipeline) forget(key consume.Key) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	delete(pl.refused, key)
}

// gone forgets a partition whose work ended.
func (pl *pipeline) gone(p *partition) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.partitions[p.key] == p {
		delete(pl.partitions, p.key)
	}
}

func (pl *pipeline) begin(done func(write.Result)) *write.Batch { return pl.writer.Begin(done) }

func (pl *pipeline) commitSoon() { wakeUp(pl.commitWake) }

func wakeUp(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (pl *pipeline) deadLetter(ctx context.Context, id rollup.Partition, r *kgo.Record, reason string) {
	pl.letters.record(ctx, id, r, reason)
}

func (pl *pipeline) pause(key consume.Key, paused bool) { pl.group.Pause(key, paused) }

func (pl *pipeline) holdOff() time.Duration { return holdOff(pl.cfg) }

// holdOff is how long a process can be writing after the group heard of it last: its lease, and a request.
func holdOff(c *config.Config) time.Duration {
	return c.Kafka.SessionTimeout + c.Elasticsearch.RequestTimeout
}

func (pl *pipeline) mayWrite() bool { return pl.group.MayWrite() }

func (pl *pipeline) prefix() string { return pl.cfg.Elasticsearch.IndexPrefix }

func (pl *pipeline) groupName() string { return pl.cfg.Kafka.Group }

func (pl *pipeline) checkNew(ctx context.Context, id rollup.Partition) (anew bool, err error) {
	return pl.catalog.checkNew(ctx, id)
}

func (pl *pipeline) readFrom(p *partition, offset int64) { pl.group.ReadFrom(p.key, p, offset) }

func (pl *pipeline) earlier(ctx context.Context, hashes []string) (*stream, error) {
	return pl.catalog.earlier(ctx, hashes)
}

func (pl *pipeline) furthest(name string) int64 {
	furthest := int64(aggregate.Never)
	for _, p := range pl.owned() {
		if p.stream.Name == name {
			p.mu.Lock()
			if p.view.known {
				furthest = max(furthest, p.view.watermark)
			}
			p.mu.Unlock()
		}
	}
	return furthest
}

// commitLoop commits what the partitions offer, all in one request.
func (pl *pipeline) commitLoop(ctx context.Context) {
	ticker := time.NewTicker(commitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-pl.commitWake:
		}
		pl.commitOnce(ctx)
	}
}

func (pl *pipeline) commitOnce(ctx context.Context) {
	var commits []consume.Commit
	states := map[consume.Key]*aggregate.State{}
	partitions := map[consume.Key]*partition{}
	for _, p := range pl.owned() {
		s, metadata := p.committable()
		if s == nil {
			continue
		}
		commits = append(commits, consume.Commit{Key: p.key, Owner: p, Offset: s.Offset, Metadata: metadata})
		states[p.key], partitions[p.key] = s, p
	}
	if len(commits) == 0 {
		return
	}
	if err := pl.letters.flush(ctx); err != nil {
		pl.logger.Warn("offsets are not committed before the dead letters are written", "error", err)
		return
	}
	failed, err := pl.group.Commit(ctx, commits)
	if err != nil {
		return // the group tells; the next round tries again
	}
	for key, p := range partitions {
		if e := failed[key]; e != nil {
			level := slog.LevelWarn
			if consume.Rebalancing(e) {
				level = slog.LevelDebug
			}
			pl.logger.Log(ctx, level, "offset not committed", "partition", p.id.String(), "error", e)
			continue
		}
		p.committed(states[key])
		pl.logger.Debug("offset committed", "partition", p.id.String(), "offset", states[key].Offset, "sealed_through", formatTime(states[key].SealedThrough))
		pl.mu.Lock()
		pl.progress[p] = states[key]
		pl.mu.Unlock()
	}
	wakeUp(pl.progressWake)
}
