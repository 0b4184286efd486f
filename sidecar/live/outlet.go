package live

import (
	"fmt"

	wire "github.com/tidemark/tidemark/pkg/live"
)

// outlet writes a view's batches in one encoding, once for all its subscribers. It is used under the view's lock.
type outlet struct {
	encoding    Encoding
	shape       *wire.Shape
	encoder     *wire.Encoder // nil for JSON lines
	subscribers map[*Subscription]struct{}
	snapshot    []byte // of the view as it was told last; nil until someone asks
	encoded     int    // batches
}

func newOutlet(s *wire.Shape, e Encoding) (*outlet, error) {
	o := &outlet{encoding: e, shape: s, subscribers: map[*Subscription]struct{}{}}
	if e.Format == FormatJSON {
		return o, nil
	}
	var err error
	o.encoder, err = wire.NewEncoder(*s, e.Compression)
	return o, err
}

func (o *outlet) opening() []byte {
	if o.encoder == nil {
		return nil
	}
	return o.encoder.Opening()
}

func (o *outlet) closing() []byte {
	if o.encoder == nil {
		return nil
	}
	return o.encoder.Closing()
}

func (o *outlet) encode(b wire.Batch) ([]byte, error) {
	o.encoded++
	var text []byte
	var err error
	if o.encoder == nil {
		text, err = wire.Line(*o.shape, b)
	} else {
		text, err = o.encoder.Batch(b)
	}
	if err != nil {
		return nil, fmt.Errorf("write a batch of rollup %q: %w", o.shape.Rollup, err)
	}
	return text, nil
}

// tell gives a batch to all subscribers.
func (v *view) tell(b wire.Batch) {
	for _, o := range v.outlets {
		o.snapshot = nil
		text, err := o.encode(b)
		if err != nil {
			v.hub.opts.Logger.Error("live batch not written", "rollup", v.query.Rollup, "error", err)
			v.endOutlet(o, "a batch could not be written")
			continue
		}
		v.hub.metrics.encoded.Inc()
		for s := range o.subscribers {
			if dropped := s.push(text); dropped > 0 {
				v.hub.metrics.dropped.Add(float64(dropped))
			}
		}
	}
}

// tellSnapshot has every subscriber begin anew.
func (v *view) tellSnapshot() {
	for _, o := range v.outlets {
		o.snapshot = nil
		for s := range o.subscribers {
			s.anew()
		}
	}
}

// snapshotOf is everything that the view has told, encoded once until it tells more.
func (v *view) snapshotOf(o *outlet) ([]byte, error) {
	if o.snapshot != nil {
		return o.snapshot, nil
	}
	v.hub.encoding <- struct{}{}
	defer func() { <-v.hub.encoding }()
	b := wire.Batch{Note: v.note(wire.Snapshot, v.hub.opts.Now())}
	b.Rows, b.Cut = v.table.all(v.from, v.through)
	var err error
	o.snapshot, err = o.encode(b)
	return o.snapshot, err
}

// last is what a stream ends with.
func (v *view) last(o *outlet, reason string) []byte {
	note := v.note(wire.End, v.hub.opts.Now())
	note.Reason = reason
	text, err := o.encode(wire.Batch{Note: note})
	if err != nil {
		return nil // a note has nothing that cannot be written
	}
	return append(text[:len(text):len(text)], o.closing()...)
}

func (v *view) endOutlet(o *outlet, reason string) {
	last := v.last(o, reason)
	for s := range o.subscribers {
		s.end(last)
	}
}

// end is the end of the view, which every subscriber is told. Only the first reason counts.
func (v *view) end(reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended != "" {
		return
	}
	v.ended = reason
	for _, o := range v.outlets {
		v.endOutlet(o, reason)
	}
	v.account(0, 0)
}

// subscribe adds a subscriber to the outlet of an encoding. The view was made.
func (v *view) subscribe(s *Subscription, e Encoding) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.table == nil || v.ended != "" {
		return ErrClosed
	}
	o := v.outlets[e]
	if o == nil {
		var err error
		if o, err = newOutlet(&v.shape, e); err != nil {
			return err
		}
		v.outlets[e] = o
	}
	o.subscribers[s] = struct{}{}
	s.outlet = o
	return nil
}

// unsubscribe takes a subscriber away, and the outlet with the last.
func (v *view) unsubscribe(s *Subscription) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s.outlet == nil {
		return
	}
	delete(s.outlet.subscribers, s)
	if len(s.outlet.subscribers) == 0 {
		delete(v.outlets, s.outlet.encoding)
	}
}
