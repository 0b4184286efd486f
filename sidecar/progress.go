package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/write"
)

// refreshAtOnce bounds the indices that one request names, since its first line must not be longer than 4 KiB.
const refreshAtOnce = 15

// progressLoop keeps the progress documents in step with the commits.
func (pl *pipeline) progressLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-pl.progressWake:
		}
		if !pl.writeProgress(ctx) && sleep(ctx, commitEvery) {
			wakeUp(pl.progressWake)
		}
	}
}

// writeProgress writes what was committed and is not told yet. What fails is kept for the next time. Calls wait for each other: an index that one has yet to
// refresh is touched no more for the next.
func (pl *pipeline) writeProgress(ctx context.Context) bool {
	select {
	case pl.telling <- struct{}{}:
		defer func() { <-pl.telling }()
	case <-ctx.Done():
		return false
	}
	pl.mu.Lock()
	pending := pl.progress
	pl.progress = map[*partition]*aggregate.State{}
	pl.mu.Unlock()
	var documents []rollup.PartitionProgress
	var states []rollup.PartitionState
	now := time.Now().UnixMilli()
	for p, s := range pending {
		kept, err := keptOf(p.id, p.stream.Name, s, pl.owner, now)
		if err != nil {
			p.fail(err)
			continue
		}
		states = append(states, kept)
		documents = append(documents, p.progress(s, pl.owner, now)...)
	}
	err := makeVisible(ctx, pl.client, pl.writer)
	if err == nil {
		err = pl.catalog.tell(ctx, documents, states)
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if err != nil && pl.untold == nil && ctx.Err() == nil {
		pl.untoldSince = time.Now()
		pl.logger.Warn("progress cannot be written", "error", err)
	}
	pl.untold = err
	if err == nil {
		for p, s := range pending {
			p.wasTold(s)
		}
		return true
	}
	for p, s := range pending {
		if pl.progress[p] == nil {
			pl.progress[p] = s
		}
	}
	return false
}

// makeVisible lets searches find every document that a writer was acknowledged, before it is told that they are there: each index is refreshed in its own time.
func makeVisible(ctx context.Context, client *elastic.Client, w *write.Writer) error {
	touched := w.Touched()
	for some := range slices.Chunk(touched, refreshAtOnce) {
		if err := client.Refresh(ctx, some...); err != nil {
			w.Touch(touched...)
			return err
		}
	}
	return nil
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

// keptOf is what the progress index keeps of a partition's committed state.
func keptOf(id rollup.Partition, stream string, s *aggregate.State, owner string, now int64) (rollup.PartitionState, error) {
	text, err := s.Encode()
	kept := rollup.PartitionState{
		Kind: rollup.KindState, Stream: stream, Partition: id.String(), TopicID: encodeTopicID(id.TopicID),
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

// read gives what the progress index holds.
func (c *catalog) read(ctx context.Context) (*rollup.Catalog, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	return query.LoadCatalog(ctx, c.prefix, search.Over(c.client))
}

// insist tries to do something with Elasticsearch until it succeeds or the context ends.
func (c *catalog) insist(ctx context.Context, try func() error) error {
	for told := false; ; told = true {
		err := try()
		if err == nil {
			return nil
		}
		if !told && ctx.Err() == nil {
			c.logger.Warn("the progress index does not answer as it should: it is tried again", "error", err)
		}
		if !sleep(ctx, retryMax) {
			return ctx.Err()
		}
	}
}

// search searches the progress index for everything that was written.
func (c *catalog) search(ctx context.Context, body string) ([]json.RawMessage, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	response, err := c.client.Search(ctx, elastic.SearchRequest{Indices: []string{rollup.ProgressIndex(c.prefix)}, Body: json.RawMessage(body), Complete: true})
	if err != nil {
		return nil, err
	}
	sources := make([]json.RawMessage, 0, len(response.Hits.Hits))
	for _, hit := range response.Hits.Hits {
		sources = append(sources, hit.Source)
	}
	return sources, nil
}

// tell writes partitions' progress and states.
func (c *catalog) tell(ctx context.Context, documents []rollup.PartitionProgress, states []rollup.PartitionState) error {
	c.logger.Debug("progress told", "documents", len(documents), "partitions", len(states))
	b := &write.Request{}
	for i := range states {
		s := &states[i]
		if err := add(b, c.prefix, s.ID(), rollup.Version(s.Lineage, s.Commit), s); err != nil {
			return err
		}
	}
	for i := range documents {
		d := &documents[i]
		if err := add(b, c.prefix, d.ID(), rollup.Version(d.Lineage, d.Commit), d); err != nil {
			return err
		}
	}
	return c.bulk(ctx, b)
}

func add(b *write.Request, prefix, id string, version int64, doc any) error {
	source, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode progress document %s: %w", id, err)
	}
	b.Index(rollup.ProgressIndex(prefix), id, version, source)
	return nil
}

// bulk writes the batch at once. Documents that were superseded by newer ones are no error.
func (c *catalog) bulk(ctx context.Context, b *write.Request) error {
	if b.Documents() == 0 {
		return nil
	}
	response, err := c.client.Bulk(ctx, b.Body())
	if err != nil {
		return err
	}
	for _, item := range response.Items {
		if item.Err != nil && !item.Err.Superseded() {
			return fmt.Errorf("write progress document %s: %w", item.ID, item.Err)
		}
	}
	return nil
}

func encodeTopicID(id [16]byte) string { return hex.EncodeToString(id[:]) }
