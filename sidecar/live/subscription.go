package live

import (
	"context"
	"io"
	"sync"

	wire "github.com/tidemark/tidemark/pkg/live"
)

// queueLength is how many batches wait for a subscriber. More are dropped.
const queueLength = 8

// Subscription is one reader of a view.
type Subscription struct {
	hub    *Hub
	view   *view
	outlet *outlet
	wake   chan struct{}

	mu      sync.Mutex
	opened  bool
	stale   bool     // a snapshot is needed before anything else
	dropped int64    // batches since it was told last
	queue   [][]byte // what waits
	last    []byte   // what the stream ends with, once it does
	closed  bool
}

// push adds a batch, and drops all that waits where that is too much. It returns how many were dropped.
func (s *Subscription) push(batch []byte) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var dropped int64
	switch {
	case s.last != nil:
		return 0
	case s.stale && s.dropped == 0: // the snapshot that comes has it
		return 0
	case s.stale:
		dropped = 1
	case len(s.queue) == queueLength:
		dropped = int64(len(s.queue)) + 1
		s.queue, s.stale = nil, true
	default:
		s.queue = append(s.queue, batch)
	}
	s.dropped += dropped
	s.notify()
	return dropped
}

// anew has the subscriber begin with a snapshot.
func (s *Subscription) anew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.queue, s.stale = nil, true
		s.notify()
	}
}

// end has the stream end after what waits.
func (s *Subscription) end(last []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = last
		if s.last == nil {
			s.last = []byte{}
		}
		s.notify()
	}
}

func (s *Subscription) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for the next bytes of the stream, which the caller must not change. After the last it returns io.EOF.
func (s *Subscription) Next(ctx context.Context) ([]byte, error) {
	for {
		if text, err := s.next(); text != nil || err != nil {
			return text, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// next gives what is there to read; nil for nothing.
func (s *Subscription) next() ([]byte, error) {
	s.mu.Lock()
	switch {
	case s.closed:
		s.mu.Unlock()
		return nil, io.EOF
	case s.stale:
		s.mu.Unlock()
		return s.resume()
	}
	defer s.mu.Unlock()
	if len(s.queue) > 0 {
		batch := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		return batch, nil
	}
	if s.last != nil {
		s.closed = true
		return s.last, nil
	}
	return nil, nil
}

// resume gives a snapshot of the view, after the beginning of the stream, or after what says how much was dropped.
func (s *Subscription) resume() ([]byte, error) {
	v := s.view
	v.mu.Lock() // first, as wherever both are held
	defer v.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale, s.queue = false, nil
	if s.last != nil && s.opened { // a stream that begins has its snapshot, even where it ends at once
		if text, err := s.before(nil); text != nil || err != nil {
			return text, err
		}
		s.closed = true
		return s.last, nil
	}
	snapshot, err := v.snapshotOf(s.outlet)
	if err != nil {
		return nil, err
	}
	if text, err := s.before(snapshot); text != nil || err != nil {
		return text, err
	}
	return snapshot, nil
}

// before gives what comes first, and has next come after it; nil where there is nothing before it.
func (s *Subscription) before(next []byte) ([]byte, error) {
	var first []byte
	if !s.opened {
		s.opened = true
		first = s.outlet.opening()
	}
	if s.dropped > 0 {
		note := s.view.note(wire.Heartbeat, s.hub.opts.Now())
		note.Dropped, s.dropped = s.dropped, 0
		text, err := s.outlet.encode(wire.Batch{Note: note})
		if err != nil {
			return nil, err
		}
		first = append(first[:len(first):len(first)], text...)
	}
	if first != nil && next != nil {
		s.queue = append(s.queue, next)
	}
	return first, nil
}

// End ends the stream after what waits.
func (s *Subscription) End(reason string) {
	s.view.mu.Lock()
	last := s.view.last(s.outlet, reason)
	s.view.mu.Unlock()
	s.end(last)
}

// Close ends the subscription. What comes after the end of the stream is nothing.
func (s *Subscription) Close() { s.hub.leave(s) }
