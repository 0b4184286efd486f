package main

import (
	"context"
	"math"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// definitionsOf finds the stream with the definitions that the state was made under: the configured one, or an earlier one. It waits for Elasticsearch.
func (p *partition) definitionsOf(ctx context.Context, s *aggregate.State) (*stream, error) {
	if p.stream.matches(s) {
		return p.stream, nil
	}
	hashes := make([]string, len(s.Rollups))
	for i, r := range s.Rollups {
		hashes[i] = r.Definition
	}
	p.logger.Info("the definitions have changed: the partition is read under the earlier ones first", "up_to_offset", s.End)
	return p.services.earlier(ctx, hashes)
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
	p.engine, p.active = aggregate.NewEngine(plan, next), p.stream
	p.logger.Info("the definitions changed", "from_offset", old.Offset, "watermark", formatTime(old.Watermark))
	if !p.commitBarrier(ctx, p.engine.State()) {
		return nil
	}
	return p.reading
}

// progress is what the progress index tells of the partition, a document for each rollup, after the state was committed.
func (p *partition) progress(s *aggregate.State, owner string, now int64) []rollup.PartitionProgress {
	p.mu.Lock()
	end, definitions := max(p.logEnd, s.End), p.stream.definitions
	if len(s.Rollups) != len(p.stream.hashes) || !p.stream.matches(s) {
		definitions = nil // of earlier definitions; the progress is told again after the change
	}
	p.mu.Unlock()
	var documents []rollup.PartitionProgress
	for i, d := range definitions {
		doc := rollup.PartitionProgress{
			Kind: rollup.KindPartition, Rollup: d.Name, Stream: p.stream.Name, Partition: p.id.String(), TopicID: encodeTopicID(p.id.TopicID),
			Definition: p.stream.hashes[i], NextOffset: s.Offset, EndOffset: end, Lag: max(0, end-s.Offset), Ledger: s.Rollups[i].Ledger(),
			Lineage: s.Lineage, Commit: s.Commit, Owner: owner, UpdatedAt: now,
			SealedThrough: known(s.SealedThrough), Watermark: known(s.Watermark),
		}
		documents = append(documents, doc)
	}
	return documents
}

// kept is what the progress index keeps of the partition's committed state.
func (p *partition) kept(s *aggregate.State, owner string, now int64) (rollup.PartitionState, error) {
	text, err := s.Encode()
	kept := rollup.PartitionState{
		Kind: rollup.KindState, Stream: p.stream.Name, Partition: p.id.String(), TopicID: encodeTopicID(p.id.TopicID),
		NextOffset: s.Offset, Lineage: s.Lineage, Commit: s.Commit, Owner: owner, UpdatedAt: now,
	}
	kept.Spec.State = text
	return kept, err
}

// known is nil for a time that is not known yet.
func known(ms int64) *int64 {
	if ms == aggregate.Never {
		return nil
	}
	return &ms
}

func formatTime(ms int64) string {
	if ms == aggregate.Never {
		return "none"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}
