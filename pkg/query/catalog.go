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

// The kinds of documents in the progress index, each with the fields that together name a document.
var (
	definitionsKept = kindKept{rollup.KindDefinition, []string{"rollup", "definition"}}
	partitionsKept  = kindKept{rollup.KindPartition, []string{"rollup", "partition", "topic_id"}}
	tiersKept       = kindKept{rollup.KindTiers, []string{"rollup"}}
)

type kindKept struct {
	kind string
	by   []string
}

// LoadCatalog reads the rollups and their progress from the progress index. A missing index is an empty catalog.
func LoadCatalog(ctx context.Context, prefix string, search Search) (*rollup.Catalog, error) {
	all, err := loadKinds(ctx, prefix, search, definitionsKept, partitionsKept, tiersKept)
	if err != nil {
		return nil, err
	}
	return rollup.ParseCatalog(all)
}

// LoadDefinitions reads all definitions that the rollups ever had from the progress index, as they are kept there.
func LoadDefinitions(ctx context.Context, prefix string, search Search) ([]json.RawMessage, error) {
	return loadKinds(ctx, prefix, search, definitionsKept)
}

// loadKinds reads all documents of some kinds: a page of each at a time, which are asked for together.
func loadKinds(ctx context.Context, prefix string, search Search, kinds ...kindKept) ([]json.RawMessage, error) {
	found := make([][]json.RawMessage, len(kinds))
	after := make([][]string, len(kinds))
	open := make([]int, len(kinds))
	for i := range open {
		open[i] = i
	}
	for range catalogPages {
		requests := make([]Request, len(open))
		for i, k := range open {
			var err error
			if requests[i], err = catalogRequest(prefix, kinds[k].kind, kinds[k].by, after[k]); err != nil {
				return nil, err
			}
		}
		responses, err := ask(ctx, search, requests)
		if err != nil {
			return nil, err
		}
		var more []int
		for i, k := range open {
			hits := responses[i].Hits
			found[k] = append(found[k], hits...)
			if len(hits) < catalogPage {
				continue
			}
			if after[k], err = sortValues(hits[len(hits)-1], kinds[k].by); err != nil {
				return nil, err
			}
			more = append(more, k)
		}
		if open = more; len(open) == 0 {
			return slices.Concat(found...), nil
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
