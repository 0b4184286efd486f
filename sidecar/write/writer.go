// Package write brings rollup documents to Elasticsearch: whole values under deterministic ids, item by item acknowledged, and tried again until they
// are written or can never be.
package write

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// linger is how long a sender waits for more documents, so that a request is not one window's alone.
const linger = 5 * time.Millisecond

// Bulker sends a bulk request; *elastic.Client does.
type Bulker interface {
	Bulk(ctx context.Context, body []byte) (*elastic.BulkResponse, error)
}

// Options of a Writer. Zero values take the defaults.
type Options struct {
	// Senders is how many requests are under way at once. Default: 2.
	Senders int
	// RequestBytes is about how large a request becomes. Default: 4 MiB.
	RequestBytes int
	// InFlightBytes bounds what was submitted and is not acknowledged yet; Submit waits beyond it. Default: 64 MiB.
	InFlightBytes int64
	// BackoffMin and BackoffMax bound the pause before another try, which is drawn at random below a doubling limit. Default: 100 ms and 5 s.
	BackoffMin, BackoffMax time.Duration
	// MayWrite is asked before every request; while it is false, requests wait. Default: always.
	MayWrite func() bool
	// UnknownField is called when an index does not know a field of its rollup, before the documents are sent again. Default: nothing is done.
	UnknownField func(ctx context.Context)
	// Reject is told of each document that can never be accepted. Default: nobody.
	Reject func(source []byte, err *elastic.Error)
	Logger *slog.Logger
}

// Stats counts what a Writer did since it was made.
type Stats struct {
	Documents, Bytes, Requests, Retries, Superseded, Rejected atomic.Int64
}

// Writer sends batches. Its methods are safe for concurrent use.
type Writer struct {
	client   Bulker
	opts     Options
	queue    chan []item
	inFlight *semaphore.Weighted
	Stats    Stats

	mu      sync.Mutex
	failure error
	since   time.Time
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
	return &Writer{client: client, opts: opts, queue: make(chan []item), inFlight: semaphore.NewWeighted(opts.InFlightBytes)}
}

// Run sends what is submitted until the context ends, and then returns. What is not acknowledged by then is not written.
func (w *Writer) Run(ctx context.Context) {
	var senders sync.WaitGroup
	for range w.opts.Senders {
		senders.Go(func() { w.send(ctx) })
	}
	senders.Wait()
}

// Submit hands a batch over; the caller must not change it any more. It waits while too much is in flight, and returns the context's error where that
// ends first: then the batch is not complete, and its done function is not called.
func (w *Writer) Submit(ctx context.Context, b *Batch) error {
	b.pending.Store(int64(len(b.items)))
	if len(b.items) == 0 {
		b.pending.Store(1)
		b.settle(1)
		return nil
	}
	for rest := b.items; len(rest) > 0; {
		n, size := 1, rest[0].to-rest[0].from
		for n < len(rest) && size < w.opts.RequestBytes {
			size += rest[n].to - rest[n].from
			n++
		}
		if err := w.inFlight.Acquire(ctx, w.weight(rest[:n])); err != nil {
			b.Cancel()
			return fmt.Errorf("wait for earlier documents to be written: %w", err)
		}
		select {
		case w.queue <- rest[:n]:
		case <-ctx.Done():
			w.inFlight.Release(w.weight(rest[:n]))
			b.Cancel()
			return fmt.Errorf("hand documents to the writer: %w", ctx.Err())
		}
		rest = rest[n:]
	}
	return nil
}

// weight is what items count against the bytes in flight: never more than there can be, so that a single large document passes.
func (w *Writer) weight(items []item) int64 {
	return min(int64(items[len(items)-1].to-items[0].from), w.opts.InFlightBytes)
}

// send takes what is queued, joins it to requests, and sees each through.
func (w *Writer) send(ctx context.Context) {
	for {
		var groups [][]item
		select {
		case first := <-w.queue:
			groups = append(groups, first)
		case <-ctx.Done():
			return
		}
		size := w.weight(groups[0])
		lingered := time.NewTimer(linger)
	more:
		for size < int64(w.opts.RequestBytes) {
			select {
			case next := <-w.queue:
				groups = append(groups, next)
				size += w.weight(next)
			case <-lingered.C:
				break more
			}
		}
		lingered.Stop()
		var items []item
		for _, g := range groups {
			items = append(items, g...)
		}
		w.deliver(ctx, items)
		for _, g := range groups {
			w.inFlight.Release(w.weight(g))
		}
	}
}

// deliver sends the items until each is written, rejected or cancelled, or the context ends.
func (w *Writer) deliver(ctx context.Context, items []item) {
	for attempt := 0; ; attempt++ {
		if attempt > 0 && !pause(ctx, w.backoff(attempt)) {
			return
		}
		if items = live(items); len(items) == 0 {
			return
		}
		if attempt > 0 {
			w.Stats.Retries.Add(int64(len(items)))
		}
		if !w.opts.MayWrite() {
			w.fail(errors.New("the membership in the consumer group is not confirmed: writing waits for Kafka"))
			continue
		}
		remaining, err := w.try(ctx, items)
		if ctx.Err() != nil {
			return
		}
		w.fail(err)
		var answer *elastic.Error
		if errors.As(err, &answer) && answer.UnknownField() {
			w.opts.UnknownField(ctx)
		}
		if errors.As(err, &answer) && answer.Status == http.StatusRequestEntityTooLarge && len(items) > 1 {
			w.deliver(ctx, items[:len(items)/2])
			items = items[len(items)/2:]
			attempt = -1
			continue
		}
		if len(remaining) < len(items) {
			attempt = 0 // something went through: begin the pauses anew
		}
		items = remaining
	}
}

// try sends one request and settles what it decided. It returns the items to send again, and why.
func (w *Writer) try(ctx context.Context, items []item) ([]item, error) {
	size := 0
	for _, it := range items {
		size += it.to - it.from
	}
	body := make([]byte, 0, size)
	for _, it := range items {
		body = append(body, it.bytes()...)
	}
	w.Stats.Requests.Add(1)
	response, err := w.client.Bulk(ctx, body)
	if err != nil {
		return items, err
	}
	if len(response.Items) != len(items) {
		return items, fmt.Errorf("elasticsearch answered for %d documents where %d were sent", len(response.Items), len(items))
	}
	var again []item
	var failure error
	for i, it := range items {
		switch answer := response.Items[i].Err; {
		case answer == nil:
			w.Stats.Documents.Add(1)
			w.Stats.Bytes.Add(int64(it.to - it.from))
		case answer.Superseded():
			w.Stats.Superseded.Add(1)
		case answer.Permanent() && !answer.UnknownField():
			w.Stats.Rejected.Add(1)
			w.opts.Logger.Error("document rejected", "error", answer, "document", string(it.bytes()))
			w.opts.Reject(it.bytes(), answer)
			it.reject()
		default:
			failure = answer
			again = append(again, it)
			continue
		}
		it.batch.settle(1)
	}
	return again, failure
}

func live(items []item) []item {
	kept := items[:0:0]
	for _, it := range items {
		if !it.batch.cancelled.Load() {
			kept = append(kept, it)
		}
	}
	return kept
}

func (w *Writer) backoff(attempt int) time.Duration {
	limit := w.opts.BackoffMin << min(attempt, 20)
	if limit > w.opts.BackoffMax || limit <= 0 {
		limit = w.opts.BackoffMax
	}
	return limit/2 + rand.N(limit/2)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *Writer) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil && w.failure == nil:
		w.opts.Logger.Warn("writing is blocked", "error", err)
		w.since = time.Now()
	case err == nil && w.failure != nil:
		w.opts.Logger.Info("writing goes on", "after", time.Since(w.since).Round(time.Millisecond))
		w.since = time.Now()
	}
	w.failure = err
}

// Blocked is why nothing is written at the moment, and since when; nil where the last request succeeded.
func (w *Writer) Blocked() (since time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since, w.failure
}
