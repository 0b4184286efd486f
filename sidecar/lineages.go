package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/write"
)

// replayRecord tells in the progress index that a rollup was rebuilt from one partition, and under which lineage.
type replayRecord struct {
	Kind       string `json:"kind"`
	Rollup     string `json:"rollup"`
	Stream     string `json:"stream"`
	Partition  string `json:"partition"`
	TopicID    string `json:"topic_id"`
	Definition string `json:"definition"`
	Lineage    int64  `json:"lineage"`
	UpdatedAt  int64  `json:"updated_at"`
	Spec       struct {
		// Repeated is how many events, at most, came again when their windows had closed, so that the ledger counted them, and are written once.
		Repeated int64 `json:"repeated"`
	} `json:"spec"`
}

// beginLineage finds a lineage that is newer than all before, those of the documents to be replaced among them, and records it, with what it changes, before
// anything is written under it.
func (b *rebuild) beginLineage(ctx context.Context, i int, again int64, old []stored) error {
	if b.lineage == 0 {
		records, err := b.catalog.replays(ctx, b.partition.Partition)
		if err != nil {
			return err
		}
		b.lineage = lastLineage(records, b.state.Lineage) + 1
		for j := range b.partition.stream.definitions {
			b.repeated = append(b.repeated, repeated(records, b.partition.stream.definitions[j].Name, b.state.Lineage))
		}
	}
	b.repeated[i] += again
	for _, doc := range old {
		b.lineage = max(b.lineage, doc.lineage()+1)
	}
	r := replayRecord{
		Kind: rollup.KindReplay, Rollup: b.partition.stream.definitions[i].Name, Stream: b.partition.stream.Name, Partition: b.partition.String(),
		TopicID: encodeTopicID(b.partition.TopicID), Definition: b.partition.stream.hashes[i], Lineage: b.lineage, UpdatedAt: time.Now().UnixMilli(),
	}
	r.Spec.Repeated = b.repeated[i]
	return b.catalog.record(ctx, &r)
}

// lastLineage is the largest lineage that replays began, and at least the one given.
func lastLineage(records []replayRecord, least int64) int64 {
	for i := range records {
		least = max(least, records[i].Lineage)
	}
	return least
}

// repeated is what the replays since a lineage began tell of a rollup's repetitions.
func repeated(records []replayRecord, name string, lineage int64) int64 {
	for i := range records {
		if r := &records[i]; r.Rollup == name && r.Lineage > lineage {
			return r.Spec.Repeated
		}
	}
	return 0
}

// record keeps that a rollup was rebuilt.
func (c *catalog) record(ctx context.Context, r *replayRecord) error {
	b := &write.Request{}
	id := strings.Join([]string{r.Kind, r.Rollup, r.Partition, r.TopicID}, ":")
	if err := add(b, c.prefix, id, r.Lineage, r); err != nil {
		return err
	}
	return c.bulk(ctx, b)
}

// replays are the records of what was rebuilt from a partition's log.
func (c *catalog) replays(ctx context.Context, id rollup.Partition) ([]replayRecord, error) {
	query, err := json.Marshal(map[string]any{"size": 10_000, "query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"kind": rollup.KindReplay}},
		map[string]any{"term": map[string]any{"partition": id.String()}},
		map[string]any{"term": map[string]any{"topic_id": encodeTopicID(id.TopicID)}},
	}}}})
	if err != nil {
		return nil, fmt.Errorf("ask for what was rebuilt: %w", err)
	}
	sources, err := c.search(ctx, string(query))
	if err != nil {
		return nil, err
	}
	records := make([]replayRecord, len(sources))
	for i := range sources {
		if err := json.Unmarshal(sources[i], &records[i]); err != nil {
			return nil, fmt.Errorf("read what was rebuilt: %w", err)
		}
	}
	return records, nil
}
