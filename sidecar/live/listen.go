package live

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// listenEvery is how often a member says that it has readers, and listenedFor how long that holds.
	listenEvery = 5 * time.Second
	listenedFor = 15 * time.Second
	// awakening is how long it takes the members, once they know that somebody listens, to tell what they have counted by then.
	awakening = 800 * time.Millisecond
	// listenKey is the key of records that say so.
	listenKey = "listening"
)

// Listen says to all members that somebody reads what they tell, so that they do every second.
func (f *Feed) Listen() {
	if client := f.current(); client != nil {
		r := &kgo.Record{Topic: f.opts.Topic, Key: []byte(listenKey), Headers: []kgo.RecordHeader{{Key: headerVersion, Value: []byte(recordVersion)}}}
		client.TryProduce(context.Background(), r, nil)
	}
}

// Listened reports whether some member had readers in the last seconds.
func (f *Feed) Listened() bool { return time.Since(time.UnixMilli(f.listened.Load())) < listenedFor }

// hear notes a record that says that somebody reads. It is false for others.
func (f *Feed) hear(r *kgo.Record) bool {
	if string(r.Key) != listenKey {
		return false
	}
	f.listened.Store(min(r.Timestamp.UnixMilli(), time.Now().UnixMilli()))
	return true
}

// listening says again and again that there are readers, while there are.
func (h *Hub) listening(ctx context.Context) {
	ticker := time.NewTicker(listenEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		h.mu.Lock()
		n := len(h.subscriptions)
		h.mu.Unlock()
		if n > 0 {
			h.opts.Listen()
		}
	}
}

// awaken has the members tell what they hold back while nobody reads it.
func (h *Hub) awaken(ctx context.Context) error {
	if h.opts.Listen == nil || h.opts.Listened() {
		return nil
	}
	h.opts.Listen()
	timer := time.NewTimer(awakening)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
