package live

import (
	"math"
	"slices"
	"time"
)

// chain is the batches of one source, without overlaps and in the order of their offsets. Epochs do not fall along it.
type chain struct {
	stream       string
	next         int64 // offset that the next batch is to begin at
	epoch        int64
	newest       int64 // event time (ms) before next, or a later one
	completeFrom int64 // ms: from when on the batches held have all events
	heard        time.Time
	held         []*held
}

// verdict is what becomes of a batch.
type verdict int

const (
	repeated verdict = iota // it tells what is known, or comes from an earlier owner
	joined
	afterGap // what is before it is missing
)

// newChain begins with a batch, which is yet to be taken. What was before it is missing.
func newChain(b *Batch) *chain {
	return &chain{stream: b.Stream, next: b.From, epoch: b.Epoch, newest: b.NewestBefore, completeFrom: after(b.NewestBefore)}
}

// after is the first second (ms) that begins behind an event time.
func after(newest int64) int64 {
	const second = 1000
	if newest == math.MinInt64 || newest > math.MaxInt64-second {
		return newest
	}
	start := newest - newest%second
	if newest%second < 0 {
		start -= second
	}
	return start + second
}

// take decides about a batch by its offsets and epoch alone, and gives the batches that do not hold any more: who owned the source before did not know
// that another had taken over, and the new owner tells the same events itself.
func (c *chain) take(b *Batch) (v verdict, removed []*held) {
	v = joined
	switch {
	case b.Epoch < c.epoch, b.Epoch == c.epoch && b.From < c.next:
		return repeated, nil
	case b.From > c.next:
		v = afterGap
	case b.From < c.next:
		for n := len(c.held); n > 0 && c.held[n-1].To > b.From; n = len(c.held) {
			last := c.held[n-1]
			if last.From < b.From {
				v = afterGap // the beginning of what it told is lost with it
			}
			removed = append(removed, last)
			c.held = slices.Delete(c.held, n-1, n)
		}
	}
	if v == afterGap {
		c.completeFrom = max(c.completeFrom, after(b.NewestBefore))
	}
	c.stream, c.epoch, c.next, c.newest = b.Stream, b.Epoch, b.To, max(c.newest, b.NewestBefore, b.Newest)
	return v, removed
}

// expire removes the oldest batch, which the log does not hold any more.
func (c *chain) expire(h *held) {
	c.completeFrom = max(c.completeFrom, after(h.Newest))
	if len(c.held) > 0 && c.held[0] == h {
		c.held[0] = nil
		c.held = c.held[1:]
	}
}
