package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// offerEvery is how often a position is committed that moved without any window closing.
const offerEvery = 5 * time.Second

// offer publishes the engine's state for committing, where it says more than the last one. It is false where the state cannot be committed.
func (p *partition) offer() bool {
	s := p.engine.State()
	sealed := s.SealedThrough > p.offered.SealedThrough
	moved := s.Offset > p.offered.Offset && time.Since(p.offering) > offerEvery
	return !sealed && !moved || p.publish(&s)
}

// publish gives a state to the committer. Where it does not fit into a commit the partition cannot go on.
func (p *partition) publish(s *aggregate.State) bool {
	p.commits++
	s.Commit = p.commits
	s.Lost = p.lostBefore(s.Offset)
	metadata, err := s.Encode()
	if err != nil {
		p.fail(err)
		return false
	}
	p.offered, p.offering = *s, time.Now()
	p.mu.Lock()
	p.commit, p.metadata = s, metadata
	p.mu.Unlock()
	return true
}

// commitNow commits a state and waits for it, trying again as long as it takes. It is false where the work ended meanwhile, or the partition has failed.
func (p *partition) commitNow(ctx context.Context, s aggregate.State) bool {
	if !p.publish(&s) {
		return false
	}
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
// a barrier that was passed. It is false where the work ended meanwhile, or the partition has failed.
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

// committable is the state to commit next, or nil, with its encoding.
func (p *partition) committable() (s *aggregate.State, metadata string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.orphaned {
		return nil, ""
	}
	return p.commit, p.metadata
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
