package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// A partition that has taken nothing for stuckAfter, since what it writes is not acknowledged, is paused while more than pauseBytes wait to be
	// aggregated, and goes on below resumeBytes.
	stuckAfter  = time.Second
	pauseBytes  = 512 << 10
	resumeBytes = 256 << 10
	// recordOverhead is what a record takes besides its key and value, in bytes.
	recordOverhead = 250
	// batchRecords is how many records are aggregated before windows are closed and acknowledgements looked at.
	batchRecords = 5_000
)

// Deliver queues records, and pauses the fetching where too many wait for nothing.
func (p *partition) Deliver(records []*kgo.Record) {
	size := 0
	for _, r := range records {
		size += recordBytes(r)
	}
	p.mu.Lock()
	p.queue = append(p.queue, records...)
	p.queued += size
	switch {
	case p.paused:
	case p.queued > pauseBytes && time.Since(p.taken) > stuckAfter:
		p.paused = true
		p.backlog.add(size - p.queued)
		p.services.pause(p.key, true) // under the lock, so that it does not come after the resumption
	default:
		p.backlog.add(size)
	}
	p.mu.Unlock()
	p.notify()
}

// recordBytes is about what a queued record takes.
func recordBytes(r *kgo.Record) int { return len(r.Value) + len(r.Key) + recordOverhead }

// take gives the next records, and whether the work is to end.
func (p *partition) take() (records []*kgo.Record, drain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.queue), batchRecords)
	if p.active != p.stream {
		n = beforeOffset(p.queue[:n], p.switchAt)
	}
	records = p.queue[:n:n]
	p.queue = p.queue[n:]
	size := 0
	for _, r := range records {
		size += recordBytes(r)
	}
	p.taken = time.Now()
	p.queued -= size
	if len(p.queue) == 0 {
		p.queue = nil
	}
	switch {
	case !p.paused:
		p.backlog.add(-size)
	case p.queued < resumeBytes:
		p.paused = false
		p.backlog.add(p.queued)
		p.services.pause(p.key, false)
	}
	return records, p.drain
}

// beforeOffset is how many of the records come before an offset.
func beforeOffset(records []*kgo.Record, offset int64) int {
	for i, r := range records {
		if r.Offset >= offset {
			return i
		}
	}
	return len(records)
}
