package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// offerEvery is how often a position is committed that moved without any window closing.
const offerEvery = 5 * time.Second

// offer publishes the engine's state for committing, where it says more than the last one.
func (p *partition) offer() {
	s := p.engine.State()
	s.Lost = p.lostBefore(s.Offset)
	sealed := s.SealedThrough > p.offered.SealedThrough
	moved := s.Offset > p.offered.Offset && time.Since(p.offering) > offerEvery
	if !sealed && !moved {
		return
	}
	p.offered, p.offering = s, time.Now()
	p.mu.Lock()
	p.commits++
	s.Commit = p.commits
	p.commit = &s
	p.mu.Unlock()
}

// commitNow commits a state and waits for it, trying again as long as it takes. It is false where the work ended meanwhile.
func (p *partition) commitNow(ctx context.Context, s aggregate.State) bool {
	p.commits++
	s.Commit = p.commits
	s.Lost = p.lostBefore(s.Offset)
	p.offered, p.offering = s, time.Now()
	p.mu.Lock()
	p.commit = &s
	p.mu.Unlock()
	p.services.commitSoon()
	for {
		p.mu.Lock()
		committed := p.done != nil && p.done.Commit >= s.Commit || p.orphaned // of a topic that is gone nothing is kept
		p.mu.Unlock()
		if committed {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.wake:
		}
	}
}

// commitBarrier commits a state and waits until the progress index keeps it: an owner that is put back to what is kept there must not find itself before
// a barrier that was passed. It is false where the work ended meanwhile.
func (p *partition) commitBarrier(ctx context.Context, s aggregate.State) bool {
	if !p.commitNow(ctx, s) {
		return false
	}
	for {
		p.mu.Lock()
		told := p.orphaned || p.told >= p.done.Commit
		p.mu.Unlock()
		if told {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.wake:
		}
	}
}

// wasTold notes that the progress index keeps a state.
func (p *partition) wasTold(s *aggregate.State) {
	p.mu.Lock()
	p.told = max(p.told, s.Commit)
	p.mu.Unlock()
	p.notify()
}

// committable is the state to commit next, or nil.
func (p *partition) committable() *aggregate.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.orphaned {
		return nil
	}
	return p.commit
}

// committed notes that a state was committed.
func (p *partition) committed(s *aggregate.State) {
	p.mu.Lock()
	p.done = s
	p.fold(s.Offset)
	if p.commit == s {
		p.commit = nil
	}
	p.mu.Unlock()
	p.notify()
}
