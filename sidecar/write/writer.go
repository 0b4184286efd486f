// Package write brings rollup documents to Elasticsearch: whole values under deterministic ids, item by item acknowledged, and tried again until they
// are written or can never be.
package write

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidemark/tidemark/pkg/elastic"
)

const (
	// linger is how long documents wait for more, so that a request is not one window's alone.
	linger = 5 * time.Millisecond
	// maxPieceBytes is about what a batch encodes before it hands over, and what an open batch holds of the bytes in flight.
	maxPieceBytes = 256 << 10
	// relaxAfter is how long requests stay smaller after one was too large, before they may be twice as large.
	relaxAfter = 10 * time.Second
)

// Bulker sends a bulk request; *elastic.Client does.
type Bulker interface {
	Bulk(ctx context.Context, body []byte) (*elastic.BulkResponse, error)
}

// Options of a Writer. Zero values take the defaults.
type Options struct {
	// Senders is how many requests are under way at once, of which at most half, but one at least, send again what failed. Default: 2.
	Senders int
	// RequestBytes is how large a request becomes, unless a single document is larger. Requests are smaller for a while after the answer that one is too
	// large. Default: 4 MiB.
	RequestBytes int
	// InFlightBytes bounds what is encoded and not acknowledged yet, with what is being encoded; adding to a batch waits beyond it. Besides it there is
	// at most one document a batch, and one request a sender. Default: 64 MiB.
	InFlightBytes int64
	// BackoffMin and BackoffMax bound the pause before another try, which is drawn at random below a doubling limit. Default: 100 ms and 5 s.
	BackoffMin, BackoffMax time.Duration
	// MayWrite is asked before every request; while it is false, requests wait. Default: always.
	MayWrite func() bool
	// UnknownField is called when an index does not know a field of its rollup, before the documents are sent again. Default: nothing is done.
	UnknownField func(ctx context.Context)
	// Reject is told of each document that can never be accepted: its action line and its source line. Default: nobody.
	Reject func(source []byte, err *elastic.Error)
	Logger *slog.Logger
}

// Stats counts what a Writer did since it was made. InFlight is what holds of Options.InFlightBytes at the moment.
type Stats struct {
	Documents, Bytes, Requests, Retries, Superseded, Rejected, InFlight atomic.Int64
}

// Writer sends batches. Its methods are safe for concurrent use.
type Writer struct {
	client     Bulker
	opts       Options
	room       *semaphore.Weighted // the bytes in flight
	pieceBytes int64
	wake       chan struct{} // of one place: there may be something to send
	Stats      Stats

	touched touched

	mending sync.Mutex
	mended  time.Time // when UnknownField returned last

	mu         sync.Mutex
	ready      []group // in the order in which they came
	readyBytes int
	retry      []group   // items that failed, in the order in which they are due
	resending  int       // requests under way with items that failed
	limit      int       // how large a request becomes at the moment
	limited    time.Time // when that changed
	aloneAfter time.Time // a document that is too large for a request is not sent again before
	outage     int       // requests since the last answer
	holdUntil  time.Time // nothing is sent before
	failed     int       // items whose last try failed
	failure    error
	since      time.Time
}

// New gives a writer; Run makes it work.
func New(client Bulker, opts Options) *Writer {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&opts.Senders, 2)
	def(&opts.RequestBytes, 4<<20)
	if opts.InFlightBytes == 0 {
		opts.InFlightBytes = 64 << 20
	}
	if opts.BackoffMin == 0 {
		opts.BackoffMin = 100 * time.Millisecond
	}
	if opts.BackoffMax == 0 {
		opts.BackoffMax = 5 * time.Second
	}
	if opts.MayWrite == nil {
		opts.MayWrite = func() bool { return true }
	}
	if opts.UnknownField == nil {
		opts.UnknownField = func(context.Context) {}
	}
	if opts.Reject == nil {
		opts.Reject = func([]byte, *elastic.Error) {}
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	return &Writer{
		client: client, opts: opts, room: semaphore.NewWeighted(opts.InFlightBytes), wake: make(chan struct{}, 1), limit: opts.RequestBytes,
		pieceBytes: min(maxPieceBytes, int64(opts.RequestBytes), opts.InFlightBytes),
	}
}

// Run sends what is added until the context ends, and then returns. What is not acknowledged by then is not written.
func (w *Writer) Run(ctx context.Context) {
	var senders sync.WaitGroup
	for range w.opts.Senders {
		senders.Go(func() { w.send(ctx) })
	}
	senders.Wait()
}

// send makes requests of what waits, one after the other.
func (w *Writer) send(ctx context.Context) {
	for {
		s, wait := w.take()
		switch {
		case len(s.items) == 0:
			if !w.await(ctx, wait) {
				return
			}
			continue
		case ctx.Err() != nil:
			return
		case !w.opts.MayWrite():
			w.giveBack(s)
			w.pause(w.opts.BackoffMin, errNotMember)
			continue
		}
		w.signal() // another sender looks for more
		w.deliver(ctx, s)
	}
}

var errNotMember = errors.New("the membership in the consumer group is not confirmed: writing waits for Kafka")

// await waits for something to send, for some time, or for as long as it takes where that is negative. It is false where the context ended.
func (w *Writer) await(ctx context.Context, limit time.Duration) bool {
	var due <-chan time.Time
	if limit >= 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-w.wake:
	case <-due:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// backoff draws the pause before the next try, after some that failed.
func (w *Writer) backoff(attempts int) time.Duration {
	limit := w.opts.BackoffMin << min(attempts, 20)
	if limit > w.opts.BackoffMax || limit <= 0 {
		limit = w.opts.BackoffMax
	}
	return limit/2 + rand.N(limit/2)
}

// pause keeps every sender from sending for a while.
func (w *Writer) pause(d time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holdUntil = time.Now().Add(d)
	w.block(err)
}

// block notes why something is not written. It needs mu.
func (w *Writer) block(err error) {
	if w.failure == nil {
		w.opts.Logger.Warn("writing is blocked", "error", err)
		w.since = time.Now()
	}
	w.failure = err
}

// clear notes, where nothing waits after a failure, that writing goes on. It needs mu.
func (w *Writer) clear() {
	if w.failure != nil && w.failed == 0 {
		w.opts.Logger.Info("writing goes on", "after", time.Since(w.since).Round(time.Millisecond))
		w.failure, w.since = nil, time.Now()
	}
}

// clearIdle notes, where nothing waits at all, that nothing is kept from being written. It needs mu.
func (w *Writer) clearIdle() {
	if len(w.ready) == 0 && len(w.retry) == 0 {
		w.clear()
	}
}

// Blocked is why documents wait to be sent again, and since when; nil where none do.
func (w *Writer) Blocked() (since time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since, w.failure
}
