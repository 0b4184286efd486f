package main

import (
	"context"
	"math"
	"slices"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// gap is a range of offsets, without its end, that Kafka deleted before they were read.
type gap struct{ from, to int64 }

// Skip notes that Kafka deleted records before they were read.
func (p *partition) Skip(from, to int64) {
	p.logger.Warn("kafka deleted records before they were read: its retention is shorter than the backlog", "records", to-from, "from", from, "to", to)
	p.mu.Lock()
	p.gaps = append(p.gaps, gap{from, to})
	p.mu.Unlock()
	p.notify()
}

// skip moves the engine over gaps that it has reached, and reports whether it did.
func (p *partition) skip() bool {
	p.mu.Lock()
	next := int64(math.MaxInt64)
	if len(p.queue) > 0 {
		next = p.queue[0].Offset
	}
	to := int64(-1)
	for _, g := range p.gaps {
		if g.to <= next {
			to = max(to, g.to)
		}
	}
	p.mu.Unlock()
	if to <= p.engine.Position() {
		return false
	}
	p.engine.Skip(to)
	return true
}

// lostBefore is how many records Kafka deleted unread before the given offset: what a replay from there does not find out by itself.
func (p *partition) lostBefore(offset int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := p.lost
	for _, g := range p.gaps {
		if g.from < offset {
			lost += g.to - g.from
		}
	}
	return lost
}

// fold forgets the gaps before an offset that was committed. The caller holds p.mu.
func (p *partition) fold(offset int64) {
	p.gaps = slices.DeleteFunc(p.gaps, func(g gap) bool {
		if g.to > offset {
			return false
		}
		p.lost += g.to - g.from
		return true
	})
}

// Fail stops the reading for good.
func (p *partition) Fail(err error) {
	p.mu.Lock()
	p.broken = err
	p.mu.Unlock()
	p.notify()
}

// Finish has the partition write what was read of a topic that is gone, and end. It returns when that is done or the context ends.
func (p *partition) Finish(ctx context.Context) {
	p.mu.Lock()
	p.orphaned = true
	p.mu.Unlock()
	p.notify()
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
}

// isOrphaned reports whether the topic is gone.
func (p *partition) isOrphaned() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orphaned
}

// finishing writes the open windows of a topic that is gone. Nothing is committed, and no hold-off is needed: no event comes any more that an earlier
// owner could count in another way.
func (p *partition) finishing(ctx context.Context) state {
	p.teller.tell(p.engine, true)
	windows, _ := p.engine.Seal(aggregate.Never)
	if p.write(ctx, windows) {
		p.awaitAcknowledgements(ctx)
	}
	return nil
}
