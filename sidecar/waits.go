package main

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/status"
)

// heldBackAfter is how far beyond a window a partition may be behind the furthest one before it is said to hold the tidemark back.
const heldBackAfter = 5 * time.Second

// explained is the state of a partition with what it waits for before it can seal more; empty where nothing is in its way.
type explained struct {
	status.PartitionStatus
	waits string
}

// status is the state of the partition, with the ledger of each rollup.
func (p *partition) status(store status.Component, now time.Time) (explained, []rollup.Ledger, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.view
	s := explained{PartitionStatus: status.PartitionStatus{
		Partition: p.id.String(), State: v.state, NextOffset: v.position, EndOffset: max(p.logEnd, v.position),
		OpenWindows: v.windows, OpenKeys: v.keys, Lost: p.lost,
	}}
	s.Lag = s.EndOffset - s.NextOffset
	for _, g := range p.gaps {
		s.Lost += g.to - g.from
	}
	for b := range p.batches {
		s.UnacknowledgedDocuments += b.Documents()
	}
	if v.known {
		s.Watermark, s.SealedThrough = known(v.watermark), known(v.sealed)
		s.LastEventAt = known(v.newest)
	}
	switch {
	case p.failure != nil:
		s.State, s.Reason = status.Blocked, p.failure.Error()
	case p.orphaned:
		s.Reason = "the topic was deleted: what was read of it is being written"
	case !store.OK && len(p.batches) > 0:
		s.State, s.Reason = status.Paused, "waits until its documents are written: "+store.Error
	case v.switchAt > 0:
		s.Reason = fmt.Sprintf("read under the earlier definitions up to offset %d", v.switchAt)
	case s.Lost > 0:
		s.Reason = fmt.Sprintf("kafka deleted %s records before they were read", humanize.Comma(s.Lost))
	}
	s.waits = p.waits(&s.PartitionStatus, now)
	return s, v.ledgers, p.failure
}

// waits is what the partition waits for before it can seal more. The caller holds p.mu.
func (p *partition) waits(s *status.PartitionStatus, now time.Time) string {
	v := &p.view
	left := p.services.holdOff() - now.Sub(p.held)
	switch {
	case !p.services.mayWrite():
		return "waits until the consumer group confirms this member"
	case !v.known:
		return "is being taken over"
	case s.Lag > 0 && v.newest == aggregate.Never:
		return fmt.Sprintf("is behind by %s events", humanize.Comma(s.Lag))
	case s.Lag > 0:
		return fmt.Sprintf("is behind by %s events: the newest that was read is of %s", humanize.Comma(s.Lag), formatTime(v.newest))
	case len(p.batches) > 0:
		return fmt.Sprintf("waits until Elasticsearch has taken %s documents", humanize.Comma(int64(s.UnacknowledgedDocuments)))
	case !v.safe && left > 0:
		return fmt.Sprintf("has no more events, and waits %s until no earlier owner can be writing", left.Round(time.Second))
	case v.watermark == aggregate.Never:
		return "waits for its first event: once another partition is further, it follows"
	case p.queued == 0:
		return fmt.Sprintf("was read to its end: it is sealed when nothing comes for %s", p.stream.IdleTimeout)
	}
	return ""
}

// explain says which partition holds the tidemark of a rollup back, and why each partition that does is behind the furthest.
func explain(r *status.RollupStatus, window int64, waits map[string]string) {
	furthest, sealing := int64(aggregate.Never), false
	for i := range r.Partitions {
		if sealed := r.Partitions[i].SealedThrough; sealed != nil {
			furthest, sealing = max(furthest, *sealed), true
		}
	}
	behind := func(p *status.PartitionStatus) bool {
		return p.SealedThrough == nil || furthest-*p.SealedThrough > window+heldBackAfter.Milliseconds()
	}
	var holder *status.PartitionStatus
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if !behind(p) {
			continue
		}
		if p.Reason == "" || p.Lost > 0 && p.State != status.Blocked && p.State != status.Paused {
			p.Reason = joinReasons(p.Reason, waits[p.Partition])
		}
		if holder == nil || earlier(p.SealedThrough, holder.SealedThrough) {
			holder = p
		}
	}
	if holder != nil && (sealing || holder.State == status.Blocked) {
		r.HeldBy, r.HeldReason = holder.Partition, holder.Reason
	}
}

func joinReasons(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// earlier reports whether one time is before another; unknown ones are before all.
func earlier(a, b *int64) bool {
	if a == nil || b == nil {
		return a == nil && b != nil
	}
	return *a < *b
}
