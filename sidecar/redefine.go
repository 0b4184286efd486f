package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// definitionsOf finds the stream with the definitions that the state was made under: the configured one, or an earlier one. It waits for Elasticsearch.
func (p *partition) definitionsOf(ctx context.Context, s *aggregate.State) (*stream, error) {
	if p.stream.matches(s) {
		return p.stream, nil
	}
	hashes := hashesOf(s)
	p.logger.Info("the definitions have changed: the partition is read under the earlier ones first", "up_to_offset", s.End)
	earlier, err := p.services.earlier(ctx, hashes)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w; %s", err, howToBeginAnew(p.id))
	}
	return earlier, err
}

// hashesOf names the definitions that a state was made under.
func hashesOf(s *aggregate.State) []string {
	hashes := make([]string, len(s.Rollups))
	for i, r := range s.Rollups {
		hashes[i] = r.Definition
	}
	return hashes
}

// findSwitch waits until no earlier owner can be running any more, and then for the end of the log: no document of the earlier definitions holds an event
// beyond it. It is false where the work ended meanwhile.
func (p *partition) findSwitch(ctx context.Context) bool {
	if !p.awaitHoldOff(ctx) {
		return false
	}
	since := time.Now()
	for {
		p.mu.Lock()
		end, at := p.logEnd, p.endAt
		if p.orphaned { // everything that will ever come is here
			end, at = math.MaxInt64, time.Now()
		}
		p.mu.Unlock()
		if at.After(since) {
			p.switchAt = max(p.switchAt, end)
			return true
		}
		if !sleep(ctx, tickEvery) {
			return false
		}
	}
}

// atSwitch reports whether everything that the earlier definitions have to count is counted.
func (p *partition) atSwitch() bool {
	if p.active == p.stream {
		return false
	}
	if p.engine.Position() >= p.switchAt {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue) > 0 && p.queue[0].Offset >= p.switchAt
}

// redefining goes over from the earlier definitions to the configured ones. Nothing is open.
func (p *partition) redefining(ctx context.Context) state {
	plan, err := p.stream.plan()
	if err != nil {
		p.fail(err)
		return p.refused
	}
	old := p.engine.State()
	ledgers := map[string]aggregate.RollupState{}
	for i, d := range p.active.definitions {
		ledgers[d.Name] = old.Rollups[i]
	}
	next := old
	next.Since, next.SinceOffset, next.Rollups = old.Watermark, old.Offset, nil
	for i, d := range p.stream.definitions {
		kept := aggregate.RollupState{Before: aggregate.Unknown}
		if before, known := ledgers[d.Name]; known {
			kept.Counted, kept.Rejected, kept.Before = before.Counted, before.Rejected, before.Ledger().Documented()
		}
		kept.Definition = p.stream.hashes[i]
		next.Rollups = append(next.Rollups, kept)
	}
	before := p.engine
	p.engine, p.active = aggregate.NewEngine(plan, next), p.stream
	p.teller.goOn(before, p.engine)
	p.logger.Info("the definitions changed", "from_offset", old.Offset, "watermark", formatTime(old.Watermark))
	if !p.commitBarrier(ctx, p.engine.State()) {
		return p.over()
	}
	return p.reading
}
