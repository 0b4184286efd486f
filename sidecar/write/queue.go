package write

import (
	"context"
	"slices"
	"time"
)

// group is items that wait together until a time.
type group struct {
	items []item
	due   time.Time
}

// sending is the items of one request.
type sending struct {
	items []item
	bytes int
	again bool // they come from the retry set
}

// acquire waits for room among the bytes in flight and takes it: as much as asked for, but never more than there can be.
func (w *Writer) acquire(ctx context.Context, bytes int64) (int64, error) {
	weight := min(bytes, w.opts.InFlightBytes)
	if err := w.room.Acquire(ctx, weight); err != nil {
		return 0, err
	}
	w.Stats.InFlight.Add(weight)
	return weight, nil
}

func (w *Writer) release(weight int64) {
	w.Stats.InFlight.Add(-weight)
	w.room.Release(weight)
}

// enqueue takes over a piece.
func (w *Writer) enqueue(p *piece) {
	w.mu.Lock()
	if p.batch.cancelled.Load() { // looked at under the lock, under which Cancel drops what is here
		w.mu.Unlock()
		w.release(p.weight)
		return
	}
	w.ready = append(w.ready, group{items: p.items, due: time.Now().Add(linger)})
	w.readyBytes += len(p.body)
	w.mu.Unlock()
	w.signal()
}

func (w *Writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// drop removes what waits of a cancelled batch.
func (w *Writer) drop(b *Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, set := range []*[]group{&w.ready, &w.retry} {
		for g := range *set {
			kept := (*set)[g].items[:0:0]
			for _, it := range (*set)[g].items {
				if it.piece.batch != b {
					kept = append(kept, it)
					continue
				}
				if i == 0 {
					w.readyBytes -= it.to - it.from
				}
				w.let(it)
			}
			(*set)[g].items = kept
		}
		*set = slices.DeleteFunc(*set, func(g group) bool { return len(g.items) == 0 })
	}
	w.clearIdle()
}

// let gives up an item, which is settled or cancelled. It needs mu.
func (w *Writer) let(it item) {
	if it.failed {
		w.failed--
	}
	if it.piece.left.Add(-1) == 0 {
		w.release(it.piece.weight)
	}
}

// take gives the items of the next request, or how long to wait for some; a negative time is as long as it takes.
func (w *Writer) take() (sending, time.Duration) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if wait := w.holdUntil.Sub(now); wait > 0 {
		return sending{}, wait
	}
	w.relax(now)
	wait := time.Duration(-1)
	if len(w.retry) > 0 && w.resending < max(1, w.opts.Senders/2) {
		first := w.retry[0].due
		if w.retry[0].items[0].alone && w.aloneAfter.After(first) {
			first = w.aloneAfter
		}
		if wait = first.Sub(now); wait <= 0 {
			due, _ := slices.BinarySearchFunc(w.retry, now, func(g group, t time.Time) int {
				if g.due.After(t) {
					return 1
				}
				return -1
			})
			s := w.collect(&w.retry, due)
			s.again = true
			w.resending++
			return s, 0
		}
	}
	if len(w.ready) == 0 {
		return sending{}, wait
	}
	if fresh := w.ready[0].due.Sub(now); fresh > 0 && w.readyBytes < w.limit {
		if wait < 0 || fresh < wait {
			wait = fresh
		}
		return sending{}, wait
	}
	s := w.collect(&w.ready, len(w.ready))
	w.readyBytes -= s.bytes
	return s, 0
}

// collect takes items, up to a request's size and at least one, from the first groups of a set. It needs mu.
func (w *Writer) collect(set *[]group, groups int) sending {
	var s sending
	for groups > 0 {
		first := &(*set)[0]
		n := 0
		for ; n < len(first.items); n++ {
			it := &first.items[n]
			size := it.to - it.from
			if count := len(s.items) + n; count > 0 && (s.bytes+size > w.limit || it.alone) {
				break
			}
			s.bytes += size
			if it.alone {
				n++
				break
			}
		}
		s.items = append(s.items, first.items[:n]...)
		if n < len(first.items) || s.items[len(s.items)-1].alone {
			first.items = first.items[n:]
			if len(first.items) == 0 {
				*set = (*set)[1:]
			}
			break
		}
		*set = (*set)[1:]
		groups--
	}
	if len(*set) == 0 {
		*set = nil // lets go of the array
	}
	return s
}

// giveBack puts what was not sent, or got no answer, back before everything else.
func (w *Writer) giveBack(s sending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	items := w.live(s.items)
	if s.again {
		w.resending--
	}
	switch {
	case len(items) == 0:
		w.clearIdle()
	case s.again:
		w.retry = slices.Insert(w.retry, 0, group{items: items})
	default:
		w.ready = slices.Insert(w.ready, 0, group{items: items})
		for _, it := range items {
			w.readyBytes += it.to - it.from
		}
	}
}

// later keeps items for another try. It needs mu.
func (w *Writer) later(items []item, due time.Time) {
	if len(items) == 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(w.retry, due, func(g group, t time.Time) int { return g.due.Compare(t) })
	w.retry = slices.Insert(w.retry, at, group{items: items, due: due})
}

// live gives the items whose batch is not cancelled, and lets go of the others. It needs mu.
func (w *Writer) live(items []item) []item {
	kept := items[:0]
	for _, it := range items {
		if it.piece.batch.cancelled.Load() {
			w.let(it)
			continue
		}
		kept = append(kept, it)
	}
	return kept
}
