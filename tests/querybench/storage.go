package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// storedTier is what one tier takes.
type storedTier struct {
	tier             time.Duration
	documents, bytes int64 // measured
	window           int   // documents of a window in which every source writes
}

// measureStorage measures the bytes of a document of each tier after its segments were merged, and those of a raw one.
func (b *bench) measureStorage(ctx context.Context) error {
	k := b.largest()
	var stored []storedTier
	for _, tier := range []time.Duration{tierFine, tierMiddle, tierCoarse} {
		pattern := rollup.IndexPattern(k.prefix, k.definition.Name, rollup.Tier(tier))
		if err := b.server.merge(ctx, pattern); err != nil {
			return err
		}
		documents, bytes, err := b.stored(ctx, pattern)
		if err != nil {
			return err
		}
		s := storedTier{tier: tier, documents: documents, bytes: bytes, window: len(k.coarse)}
		if tier == tierFine {
			s.window = len(k.fine)
		}
		stored = append(stored, s)
	}
	raw := storedTier{}
	if b.raw {
		var err error
		if raw.documents, raw.bytes, err = b.stored(ctx, rawIndex); err != nil {
			return err
		}
	}
	b.report.addStorage(b, stored, raw)
	return nil
}

func (b *bench) stored(ctx context.Context, pattern string) (documents, bytes int64, err error) {
	indices, err := b.client.ListIndices(ctx, pattern)
	for _, index := range indices {
		documents += index.Docs
		bytes += index.Bytes
	}
	return documents, bytes, err
}
