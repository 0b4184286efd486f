package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// storedPage is how many documents one search returns.
const storedPage = 5_000

// stored is a document as Elasticsearch holds it.
type stored struct {
	source
	index, id string
	version   int64
}

// lineage is the one that the document's version is of.
func (s stored) lineage() int64 { return s.version >> versionBits }

// The bounds of what a date field is asked for, in milliseconds: 0001-01-01 and 9999-12-31.
const (
	startOfTime = -62_135_596_800_000
	endOfTime   = 253_402_214_400_000
)

// span is a filter for a time field in [from, to); Never is from the beginning.
func span(field string, from, to int64) map[string]any {
	return map[string]any{"range": map[string]any{field: map[string]any{"gte": max(from, startOfTime), "lt": max(to, startOfTime)}}}
}

// stored gives the documents of the partition whose windows start in [from, to), in the order of their starts.
func (b *rebuild) stored(ctx context.Context, pattern string, from, to int64) iter.Seq2[stored, error] {
	return b.documentsOf(ctx, b.partition.Partition, pattern, from, to)
}

func (m *maintenance) documentsOf(ctx context.Context, p rollup.Partition, pattern string, from, to int64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		if err := m.store.Refresh(ctx, pattern); err != nil {
			yield(stored{}, err)
			return
		}
		body := map[string]any{
			"size": storedPage, "version": true, "track_total_hits": false,
			"query": map[string]any{"bool": map[string]any{"filter": []any{
				map[string]any{"term": map[string]any{rollup.FieldPartition: p.String()}},
				map[string]any{"term": map[string]any{rollup.FieldTopicID: encodeTopicID(p.TopicID)}},
				span(rollup.FieldTime, from, to),
			}}},
			// Documents of one time are in one index of one shard, where each has a sequence number of its own.
			"sort": []any{map[string]any{rollup.FieldTime: "asc"}, map[string]any{"_seq_no": "asc"}},
		}
		for hit, err := range elastic.Pages(ctx, m.store.Search, elastic.SearchRequest{Indices: []string{pattern}, Complete: true}, body) {
			s := source{}
			if err == nil {
				if s, err = readSource(hit.Source); err != nil {
					err = fmt.Errorf("document %s of index %s: %w", hit.ID, hit.Index, err)
				}
			}
			if !yield(stored{source: s, index: hit.Index, id: hit.ID, version: hit.Version}, err) || err != nil {
				return
			}
		}
	}
}
