package main

import (
	"context"
	"sync"
	"time"
)

// backlogBytes is how much may wait to be aggregated, over all partitions, before nothing more is read. Records that were read and not taken would have to
// be read again, which paused partitions cannot spare.
const backlogBytes = 24 << 20

// backlogPatience is how long nothing is read at most. Partitions that cannot write must not keep others waiting: they come to hold as much as they may.
const backlogPatience = 500 * time.Millisecond

// backlog is what waits to be aggregated in all partitions but those that are paused.
type backlog struct {
	mu    sync.Mutex
	bytes int
	room  chan struct{} // closed when there is room again; nil while there is
}

// add counts bytes that wait, or with a negative number ones that do no more.
func (b *backlog) add(n int) {
	if b == nil || n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += n
	if b.room != nil && b.bytes < backlogBytes {
		close(b.room)
		b.room = nil
	}
}

// await returns when there is room, or it took too long, or the context ends.
func (b *backlog) await(ctx context.Context) {
	b.mu.Lock()
	if b.bytes >= backlogBytes && b.room == nil {
		b.room = make(chan struct{})
	}
	room := b.room
	b.mu.Unlock()
	if room == nil {
		return
	}
	patience := time.NewTimer(backlogPatience)
	defer patience.Stop()
	select {
	case <-room:
	case <-patience.C:
	case <-ctx.Done():
	}
}
