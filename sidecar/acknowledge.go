package main

import (
	"context"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/write"
)

type acknowledgement struct {
	window *aggregate.Window
	engine *aggregate.Engine
	result write.Result
	batch  *write.Batch
}

// write hands over the documents of closed windows; it waits while too many are not written yet. It is false where the work ended meanwhile.
func (p *partition) write(ctx context.Context, windows []*aggregate.Window) bool {
	for _, w := range windows {
		var b *write.Batch
		engine := p.engine
		b = p.services.begin(func(r write.Result) {
			p.mu.Lock()
			p.acks = append(p.acks, acknowledgement{window: w, engine: engine, result: r, batch: b})
			p.mu.Unlock()
			p.notify()
		})
		p.mu.Lock()
		p.batches[b] = struct{}{}
		p.mu.Unlock()
		target := write.Target{Prefix: p.services.prefix(), Definition: &w.Rollup().Definition, Hash: w.Rollup().Hash, Lineage: p.lineage}
		err := w.Documents(p.id, func(doc *rollup.Document) error { return b.Add(ctx, target, doc) })
		if err == nil {
			err = b.Close()
		}
		if err != nil {
			p.logger.Debug("window given up", "rollup", target.Definition.Name, "error", err)
			return false
		}
		p.logger.Debug("window closed", "rollup", target.Definition.Name, "keys", w.Keys(), "documents", b.Documents())
	}
	return true
}

// acknowledge passes to the engine what the writer has acknowledged.
func (p *partition) acknowledge() {
	p.mu.Lock()
	acks := p.acks
	p.acks = nil
	for _, a := range acks {
		delete(p.batches, a.batch)
	}
	p.mu.Unlock()
	for _, a := range acks {
		a.engine.Acknowledge(a.window, a.result.Rejected, a.result.RejectedOverflow)
	}
}

// awaitAcknowledgements waits until nothing is being written. It is false where the work ended meanwhile.
func (p *partition) awaitAcknowledgements(ctx context.Context) bool {
	for {
		p.acknowledge()
		p.mu.Lock()
		waiting := len(p.batches)
		p.mu.Unlock()
		if waiting == 0 {
			return ctx.Err() == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.wake:
		}
	}
}
