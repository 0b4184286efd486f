package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// catalogPage is how many documents of the progress index one search returns: Elasticsearch's index.max_result_window.
	catalogPage = 10_000
	// catalogPages bounds what the progress index may hold.
	catalogPages = 20
)

// LoadCatalog reads the rollups and their progress from the progress index. A missing index is an empty catalog.
func LoadCatalog(ctx context.Context, prefix string, search Search) (*rollup.Catalog, error) {
	definitions, err := LoadDefinitions(ctx, prefix, search)
	if err != nil {
		return nil, err
	}
	partitions, err := loadKind(ctx, prefix, rollup.KindPartition, []string{"rollup", "partition", "topic_id"}, search)
	if err != nil {
		return nil, err
	}
	tiers, err := loadKind(ctx, prefix, rollup.KindTiers, []string{"rollup"}, search)
	if err != nil {
		return nil, err
	}
	return rollup.ParseCatalog(slices.Concat(definitions, partitions, tiers))
}

// LoadDefinitions reads all definitions that the rollups ever had from the progress index, as they are kept there.
func LoadDefinitions(ctx context.Context, prefix string, search Search) ([]json.RawMessage, error) {
	return loadKind(ctx, prefix, rollup.KindDefinition, []string{"rollup", "definition"}, search)
}

// loadKind reads all documents of one kind, sorted by the fields that together name a document.
func loadKind(ctx context.Context, prefix, kind string, by []string, search Search) ([]json.RawMessage, error) {
	var all []json.RawMessage
	var after []string
	for range catalogPages {
		request, err := catalogRequest(prefix, kind, by, after)
		if err != nil {
			return nil, err
		}
		responses, err := ask(ctx, search, []Request{request})
		if err != nil {
			return nil, err
		}
		hits := responses[0].Hits
		all = append(all, hits...)
		if len(hits) < catalogPage {
			return all, nil
		}
		if after, err = sortValues(hits[len(hits)-1], by); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("the index %s holds more than %d documents of one kind", rollup.ProgressIndex(prefix), catalogPage*catalogPages)
}

func catalogRequest(prefix, kind string, by, after []string) (Request, error) {
	order := make([]object, len(by))
	for i, field := range by {
		order[i] = object{field: "asc"}
	}
	body := object{
		"size":             catalogPage,
		"track_total_hits": false,
		"query":            object{"bool": object{"filter": []object{term("kind", kind)}}},
		"sort":             order,
	}
	if after != nil {
		body["search_after"] = after
	}
	raw, err := encode(body)
	return Request{Indices: []string{rollup.ProgressIndex(prefix)}, Body: raw, Complete: true}, err
}

func sortValues(source json.RawMessage, by []string) ([]string, error) {
	var fields map[string]any
	if err := json.Unmarshal(source, &fields); err != nil {
		return nil, fmt.Errorf("read a progress document: %w", err)
	}
	values := make([]string, len(by))
	for i, field := range by {
		text, known := fields[field].(string)
		if !known {
			return nil, fmt.Errorf("a progress document lacks the field %s", field)
		}
		values[i] = text
	}
	return values, nil
}
