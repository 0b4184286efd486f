package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/status"
)

// idle reports whether the log ended with the newest record when the idle timeout had passed after it.
func (p *partition) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.paused && len(p.queue) == 0 && p.logEnd == p.engine.Position() && p.endAt.Sub(p.newEvent) >= p.stream.IdleTimeout
}

// rest shows what the partition does while nothing comes.
func (p *partition) rest() {
	name := status.Reading
	if p.idle() {
		name = status.Idle
	}
	p.mu.Lock()
	p.view.state = name
	p.mu.Unlock()
}

// barrierDue reports whether the partition is idle and a barrier would tell something new: windows are open, or the tidemark can be raised.
func (p *partition) barrierDue() bool {
	if !p.heldSafely() || !p.services.mayWrite() || !p.idle() || !p.readNew() {
		return false
	}
	if windows, _ := p.engine.OpenWindows(); windows > 0 {
		return true
	}
	target := p.target()
	return p.engine.Idle() && target != aggregate.Never && target-target%p.stream.grid > p.engine.Watermark()
}

// crowded reports whether late events hold too much memory: past windows stay open until the window of their arrival closes. A barrier closes them.
func (p *partition) crowded() bool {
	keys := p.engine.LateKeys()
	if keys <= p.stream.MaxLateKeys || !p.readNew() {
		return false
	}
	p.logger.Warn("late events hold too many keys: the open windows are sealed", "keys", keys, "allowed", p.stream.MaxLateKeys)
	return true
}

// readNew reports whether what comes has been read by no owner before. Among what was read there must be no barrier: an earlier owner may have written
// whole windows that a barrier would cut in two.
func (p *partition) readNew() bool {
	if !p.newKnown {
		// An orderly end does not tell how far owners before that one had read: where the log ended since then does.
		alone := p.held
		if !p.safe {
			alone = alone.Add(p.services.holdOff())
		}
		p.mu.Lock()
		if p.endAt.After(alone) {
			p.newFrom, p.newKnown = p.logEnd, true
		}
		p.mu.Unlock()
	}
	return p.newKnown && p.engine.Position() >= p.newFrom
}

// target is the time that an idle partition's watermark is raised to: what it would be if events still came as they did, since their timestamps keep a
// distance from the clock that the log tells. A partition that never had an event follows the others of its stream.
func (p *partition) target() int64 {
	behind := p.engine.Behind()
	if behind < 0 {
		return p.services.furthest(p.stream.Name)
	}
	return time.Now().UnixMilli() - behind
}

// heldSafely reports whether no earlier owner of the partition can still be sending.
func (p *partition) heldSafely() bool {
	return p.safe || time.Since(p.held) > p.services.holdOff()
}

// awaitHoldOff waits until no earlier owner can be sending and this one may. It is false where the work is to end before.
func (p *partition) awaitHoldOff(ctx context.Context) bool {
	for !p.heldSafely() || !p.services.mayWrite() {
		if p.isDraining() || !sleep(ctx, tickEvery) {
			return false
		}
	}
	return true
}

// sleep is false where the context ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
