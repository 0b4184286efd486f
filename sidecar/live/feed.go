package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// retryEvery is how long the feed waits before it tries again to use the topic.
	retryEvery = 10 * time.Second
	// takeoverTimeout bounds the wait for what earlier owners told.
	takeoverTimeout = 2 * time.Second
)

// FeedOptions are what a Feed is made of.
type FeedOptions struct {
	// Kafka are the options of a client for the brokers.
	Kafka []kgo.Opt
	// Topic is the live topic; it is created where it does not exist.
	Topic string
	// History is how far back the topic is read at first.
	History time.Duration
	// Log is given all batches of the topic.
	Log    *Log
	Logger *slog.Logger
}

// Feed writes the batches of this member into the live topic, and reads those of all members from it. While the topic cannot be used, batches are dropped:
// nothing waits for the feed. It is safe for concurrent use.
type Feed struct {
	opts  FeedOptions
	stats feedStats
	// listened is when a member with readers was heard of last, ms since the epoch.
	listened atomic.Int64

	mu     sync.Mutex
	client *kgo.Client // nil while the topic cannot be used
	// position is the offset of the topic that is read next; moved is closed when it has changed.
	position int64
	moved    chan struct{}
	err      error
	since    time.Time
	// tried is closed when it is known for the first time whether the topic can be used.
	tried chan struct{}
	once  sync.Once
}

type feedStats struct{ published, dropped, failed, read, broken, cut atomic.Int64 }

// FeedStats counts batches: those published by this member, dropped since there was no room or no topic, and not taken by Kafka; and those read, and not
// understood, of all members. Cut counts this member's events that are in no row.
type FeedStats struct{ Published, Dropped, Failed, Read, Broken, Cut int64 }

// NewFeed prepares a feed; Run lets it work.
func NewFeed(o FeedOptions) *Feed {
	return &Feed{opts: o, moved: make(chan struct{}), tried: make(chan struct{}), since: time.Now(), err: errors.New("the live topic is not read to its end yet")}
}

// Run reads the topic until the context ends. Where the topic cannot be used it tries again now and then.
func (f *Feed) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		f.note(err)
		timer := time.NewTimer(retryEvery)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// note keeps whether the topic can be used.
func (f *Feed) note(err error) {
	f.mu.Lock()
	before := f.err
	f.err = err
	changed := (before == nil) != (err == nil)
	if changed {
		f.since = time.Now()
	}
	f.mu.Unlock()
	f.once.Do(func() { close(f.tried) })
	switch {
	case err == nil && changed:
		f.opts.Logger.Info("the live topic is read", "topic", f.opts.Topic)
	case err != nil && (changed || before.Error() != err.Error()):
		f.opts.Logger.Warn("there are no live values while the live topic cannot be used: it is tried again", "topic", f.opts.Topic, "error", err)
	}
}

// Err is why the topic cannot be used, or nil, and since when.
func (f *Feed) Err() (since time.Time, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.since, f.err
}

// Stats counts what became of batches.
func (f *Feed) Stats() FeedStats {
	s := &f.stats
	return FeedStats{Published: s.published.Load(), Dropped: s.dropped.Load(), Failed: s.failed.Load(), Read: s.read.Load(), Broken: s.broken.Load(), Cut: s.cut.Load()}
}

// Publish writes a batch. It does not wait: where there is no room the batch is dropped, which readers see by the offsets of the next one.
func (f *Feed) Publish(b *Batch) {
	f.mu.Lock()
	client := f.client
	f.mu.Unlock()
	for i := range b.Parts {
		f.stats.cut.Add(b.Parts[i].Cut)
	}
	if client == nil {
		f.stats.dropped.Add(1)
		return
	}
	client.TryProduce(context.Background(), b.record(f.opts.Topic), func(_ *kgo.Record, err error) {
		switch {
		case err == nil:
			f.stats.published.Add(1)
		case errors.Is(err, kgo.ErrMaxBuffered), errors.Is(err, kgo.ErrClientClosed):
			f.stats.dropped.Add(1)
		default:
			if f.stats.failed.Add(1) == 1 {
				f.opts.Logger.Warn("a batch of live values could not be written", "topic", f.opts.Topic, "error", err)
			}
		}
	})
}

// Place is where a source's new owner goes on.
type Place struct {
	// Next is the first offset that was not told, and Newest the newest event time (ms) before it, or a later one; math.MinInt64 for none.
	Next, Newest int64
	// Epoch is that of the batch told last.
	Epoch int64
}

// Takeover finds where the new owner of a source goes on, when everything that the topic holds by now is read; it waits 2 s at most. It is false where
// nothing is known of the source.
func (f *Feed) Takeover(ctx context.Context, s Source) (Place, bool) {
	ctx, cancel := context.WithTimeout(ctx, takeoverTimeout)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-f.tried:
	}
	if client := f.current(); client != nil {
		if end, err := endOf(ctx, client, f.opts.Topic); err == nil {
			f.await(ctx, end)
		}
	}
	return f.opts.Log.place(s)
}

func (f *Feed) current() *kgo.Client {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.client
}

// await returns when the topic is read up to an offset, when it cannot be read, or when the context ends.
func (f *Feed) await(ctx context.Context, end int64) {
	for {
		f.mu.Lock()
		moved, there := f.moved, f.client == nil || f.position >= end
		f.mu.Unlock()
		if there {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}

// use makes a client the one that publishes, or ends that with nil, and notes what is read next.
func (f *Feed) use(client *kgo.Client, position int64) {
	f.mu.Lock()
	f.client = client
	f.mu.Unlock()
	f.move(position)
}

func (f *Feed) move(position int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = position
	close(f.moved)
	f.moved = make(chan struct{})
}
