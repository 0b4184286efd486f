package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// Searcher carries out one search, as Client.Search does.
type Searcher func(ctx context.Context, req SearchRequest) (*SearchResponse, error)

// Pages goes through all documents that a search finds, some at a time. The body is that of the first page: its size is a page's, and its sort tells any two
// documents apart. Pages keeps its search_after. The sequence ends with the first error.
func Pages(ctx context.Context, search Searcher, req SearchRequest, body map[string]any) iter.Seq2[Hit, error] {
	return func(yield func(Hit, error) bool) {
		for {
			var err error
			if req.Body, err = json.Marshal(body); err != nil {
				yield(Hit{}, fmt.Errorf("ask for documents: %w", err))
				return
			}
			response, err := search(ctx, req)
			if err != nil {
				yield(Hit{}, err)
				return
			}
			for _, hit := range response.Hits.Hits {
				if !yield(hit, nil) {
					return
				}
				body["search_after"] = hit.Sort
			}
			if size, _ := body["size"].(int); len(response.Hits.Hits) < size || len(response.Hits.Hits) == 0 {
				return
			}
		}
	}
}
