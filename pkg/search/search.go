// Package search carries the query layer's requests to Elasticsearch.
package search

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
)

// atOnce is how many searches go to Elasticsearch in one request: an answer can hold tens of thousands of buckets for each.
const atOnce = 64

// Over is query.Search over a client. Its errors are the client's.
func Over(client *elastic.Client) query.Search {
	return func(ctx context.Context, requests []query.Request) ([]query.Response, error) {
		responses := make([]query.Response, 0, len(requests))
		for len(requests) > 0 {
			n := min(atOnce, len(requests))
			some, err := multi(ctx, client, requests[:n])
			if err != nil {
				return nil, err
			}
			responses, requests = append(responses, some...), requests[n:]
		}
		return responses, nil
	}
}

func multi(ctx context.Context, client *elastic.Client, requests []query.Request) ([]query.Response, error) {
	searches := make([]elastic.SearchRequest, len(requests))
	for i, r := range requests {
		searches[i] = elastic.SearchRequest{Indices: r.Indices, Body: r.Body, Complete: r.Complete}
	}
	answers, err := client.MultiSearch(ctx, searches)
	if err != nil {
		return nil, err
	}
	responses := make([]query.Response, len(answers))
	for i, a := range answers {
		if a.Err != nil {
			return nil, a.Err
		}
		if responses[i], err = response(a); err != nil {
			return nil, err
		}
	}
	return responses, nil
}

func response(a elastic.SearchResponse) (query.Response, error) {
	r := query.Response{TimedOut: a.TimedOut, FailedShards: a.Shards.Failed, Aggregations: a.Aggregations}
	if len(a.Shards.Failures) > 0 {
		first := a.Shards.Failures[0]
		r.ShardFailure = first.Index + ": " + first.Reason
	}
	r.Hits = make([]json.RawMessage, len(a.Hits.Hits))
	for i, h := range a.Hits.Hits {
		r.Hits[i] = h.Source
	}
	if n := len(a.Hits.Hits); n > 0 && len(a.Hits.Hits[n-1].Sort) > 0 {
		after, err := json.Marshal(a.Hits.Hits[n-1].Sort)
		if err != nil {
			return r, fmt.Errorf("read the sort values of a document: %w", err)
		}
		r.After = after
	}
	return r, nil
}
