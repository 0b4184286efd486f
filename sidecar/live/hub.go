package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// linger is how long a view is kept after its last subscriber.
	linger = 5 * time.Second
	// silentAfter is how long nothing is heard of a partition until its events count as missing.
	silentAfter = 15 * time.Second
	// maxBuilding is how many views are made, and how many snapshots written, at a time: each can take as much memory as its view.
	maxBuilding = 2
)

// HubOptions are what a Hub is made of.
type HubOptions struct {
	Log     *Log
	Rollups []rollup.Definition
	// Filter compiles the JSON of a filter of the query model; nil for one that all events meet.
	Filter func(text string) (*Condition, error)
	// Partitions names the partitions of a stream that are known, such as "topic/3".
	Partitions func(stream string) []string
	// Unavailable says why there is nothing to tell, where there is a reason. Default: never.
	Unavailable func() error
	// Listen tells the members that there are readers, and Listened reports whether they know: they tell less often while there are none. Default: they need not
	// be told.
	Listen   func()
	Listened func() bool
	// History is how far back a view goes. Default: 15 minutes.
	History time.Duration
	// MaxSubscribers (default 1000) and MaxViews (100) bound who is told; MaxKeys (20,000) the keys of a view, and MaxBytes (128 MiB) about the memory of all
	// views.
	MaxSubscribers, MaxViews, MaxKeys int
	MaxBytes                          int64
	// Token is what readers have to bring, as a bearer token. Default: empty, nothing.
	Token string
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// Logger hears of what cannot be told. Default: slog's.
	Logger *slog.Logger
}

// Errors of Subscribe that come of limits: later, or elsewhere, it may work.
var (
	ErrBusy = errors.New("too much is read live")
	// ErrClosed is for a hub that tells nothing any more.
	ErrClosed = errors.New("the live stream ends")
)

// Hub tells subscribers what the log holds, in views that those share who ask for the same. It is safe for concurrent use.
type Hub struct {
	opts      HubOptions
	rollups   map[string]*rollup.Definition
	building  chan struct{}
	encoding  chan struct{} // of as many places as snapshots are written at a time
	rows      atomic.Int64  // of all views
	bytes     atomic.Int64  // about what those take
	viewCount atomic.Int64
	running   sync.WaitGroup
	metrics   *metrics
	stop      context.CancelFunc // of what goes on besides the views

	mu            sync.Mutex
	views         map[string]*view
	subscriptions map[*Subscription]struct{}
	closed        bool
}

// NewHub makes a hub. Close ends it.
func NewHub(o HubOptions) *Hub {
	setDefault(&o.History, 15*time.Minute)
	setDefault(&o.MaxSubscribers, 1000)
	setDefault(&o.MaxViews, 100)
	setDefault(&o.MaxKeys, 20_000)
	setDefault(&o.MaxBytes, 128<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Partitions == nil {
		o.Partitions = func(string) []string { return nil }
	}
	if o.Unavailable == nil {
		o.Unavailable = func() error { return nil }
	}
	h := &Hub{
		opts: o, rollups: map[string]*rollup.Definition{}, building: make(chan struct{}, maxBuilding), encoding: make(chan struct{}, maxBuilding), views: map[string]*view{},
		subscriptions: map[*Subscription]struct{}{},
	}
	for i := range o.Rollups {
		h.rollups[o.Rollups[i].Name] = &o.Rollups[i]
	}
	h.metrics = newMetrics(h)
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	if o.Listen != nil {
		h.running.Go(func() { h.listening(ctx) })
	}
	return h
}

func setDefault[T int | int64 | time.Duration](value *T, standard T) {
	if *value <= 0 {
		*value = standard
	}
}

// Subscribe makes a subscription, which begins with a snapshot. It waits until the view is made. Errors are ErrBusy, ErrClosed, the context's, and that
// there is no such rollup.
func (h *Hub) Subscribe(ctx context.Context, q Query, e Encoding) (*Subscription, error) {
	if err := h.awaken(ctx); err != nil {
		return nil, err
	}
	s := &Subscription{hub: h, wake: make(chan struct{}, 1), stale: true}
	v, err := h.enter(s, &q) //nolint:contextcheck // the view outlives who subscribes first
	if err != nil {
		return nil, err
	}
	select {
	case <-v.built:
	case <-ctx.Done():
		h.leave(s)
		return nil, ctx.Err()
	}
	if err := v.subscribe(s, e); err != nil {
		h.leave(s)
		return nil, err
	}
	return s, nil
}

// enter finds or makes the view of a query, which stays while a subscription has it.
func (h *Hub) enter(s *Subscription, q *Query) (*view, error) {
	definition := h.rollups[q.Rollup]
	if definition == nil {
		return nil, fmt.Errorf("%w %q", errUnknownRollup, q.Rollup)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if len(h.subscriptions) >= h.opts.MaxSubscribers {
		return nil, fmt.Errorf("%w: there are %d readers, which is the limit (live.max_subscribers)", ErrBusy, len(h.subscriptions))
	}
	key := q.key()
	v := h.views[key]
	if v == nil {
		if len(h.views) >= h.opts.MaxViews {
			return nil, fmt.Errorf("%w: %d different queries are read, which is the limit", ErrBusy, len(h.views))
		}
		v = h.newView(q, definition)
		h.views[key] = v
		h.viewCount.Store(int64(len(h.views)))
	}
	s.view = v
	v.subscribed++
	h.subscriptions[s] = struct{}{}
	return v, nil
}

// newView begins a view. It ends by itself when nobody has subscribed to it for a while.
func (h *Hub) newView(q *Query, d *rollup.Definition) *view {
	shape := wire.Shape{Rollup: d.Name, Interval: q.Interval, Dimensions: q.GroupBy}
	for _, m := range d.Measures {
		shape.Measures = append(shape.Measures, m.Name)
	}
	for _, c := range d.Conditions {
		shape.Conditions = append(shape.Conditions, c.Name)
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &view{hub: h, query: *q, stream: d.Stream, shape: shape, stop: stop, built: make(chan struct{}), outlets: map[Encoding]*outlet{}}
	h.running.Go(func() { v.run(ctx) })
	return v
}

// leave ends a subscription.
func (h *Hub) leave(s *Subscription) {
	s.mu.Lock()
	s.closed, s.queue = true, nil
	s.mu.Unlock()
	h.mu.Lock()
	_, subscribed := h.subscriptions[s]
	delete(h.subscriptions, s)
	if subscribed {
		s.view.subscribed--
		s.view.emptyAt = h.opts.Now()
	}
	h.mu.Unlock()
	if subscribed {
		s.view.unsubscribe(s)
	}
}

// expire ends the view where nobody has subscribed to it for a while.
func (h *Hub) expire(v *view, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v.subscribed > 0 || now.Sub(v.emptyAt) < linger {
		return false
	}
	if key := v.query.key(); h.views[key] == v {
		delete(h.views, key)
		h.viewCount.Store(int64(len(h.views)))
	}
	return true
}

// Close ends all streams with a reason, and waits for the end of the work. Nothing can be subscribed to any more.
func (h *Hub) Close(reason string) {
	h.mu.Lock()
	h.closed = true
	views := make([]*view, 0, len(h.views))
	for key, v := range h.views {
		views = append(views, v)
		delete(h.views, key)
	}
	h.viewCount.Store(0)
	h.mu.Unlock()
	h.stop()
	for _, v := range views {
		v.end(reason) // first, since a view that stops ends for a reason of its own
		v.stop()
	}
	h.running.Wait()
}

// missing names the partitions of a stream that nothing was heard of for a while, in order.
func (h *Hub) missing(stream string, now time.Time) []string {
	heard := map[string]time.Time{}
	for source, at := range h.opts.Log.Heard(stream) {
		name := rollup.Partition{Topic: source.Topic, Number: source.Number}.String()
		if at.After(heard[name]) {
			heard[name] = at
		}
	}
	var missing []string
	for _, name := range h.opts.Partitions(stream) {
		if at, known := heard[name]; !known || now.Sub(at) >= silentAfter {
			missing = append(missing, name)
		}
	}
	return missing
}

// unreadable tells of a part of a batch that cannot be read.
func (h *Hub) unreadable(b *Batch, name string, err error) {
	h.metrics.unreadable.Inc()
	h.opts.Logger.Warn("live batch not readable", "partition", rollup.Partition{Topic: b.Source.Topic, Number: b.Source.Number}.String(), "rollup", name, "error", err)
}
