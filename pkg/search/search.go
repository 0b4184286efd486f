// Package search carries the query layer's requests to Elasticsearch.
package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
)

// What one request to Elasticsearch holds at most. An answer of so many searches can be longer than the client reads; it is asked for in halves then.
const (
	maxSearches = 64
	maxBytes    = 8 << 20
)

// Result is the answer to one search, or why there is none.
type Result struct {
	Response query.Response
	Err      error
}

// Each carries out searches, as many as possible in one request to Elasticsearch, and gives their results in the same order.
type Each func(ctx context.Context, requests []query.Request) []Result

// OverEach is Each over a client. Its errors are the client's.
func OverEach(client *elastic.Client) Each {
	return func(ctx context.Context, requests []query.Request) []Result {
		results := make([]Result, 0, len(requests))
		for len(requests) > 0 {
			n := fitting(requests)
			results = append(results, multi(ctx, client, requests[:n])...)
			requests = requests[n:]
		}
		return results
	}
}

// Over is query.Search over a client. Its errors are the client's.
func Over(client *elastic.Client) query.Search { return OverEach(client).All }

// All is query.Search: one search that fails makes it fail as a whole.
func (e Each) All(ctx context.Context, requests []query.Request) ([]query.Response, error) {
	return Responses(e(ctx, requests))
}

// Responses are those of the results, or the first error among them.
func Responses(results []Result) ([]query.Response, error) {
	responses := make([]query.Response, len(results))
	for i, r := range results {
		if r.Err != nil {
			return nil, r.Err
		}
		responses[i] = r.Response
	}
	return responses, nil
}

// Failed is n times the same error.
func Failed(n int, err error) []Result {
	results := make([]Result, n)
	for i := range results {
		results[i].Err = err
	}
	return results
}

// fitting is how many of the requests, at least one, go into one request to Elasticsearch.
func fitting(requests []query.Request) int {
	length := 0
	for i, r := range requests {
		length += len(r.Body)
		if i == maxSearches || i > 0 && length > maxBytes {
			return i
		}
	}
	return len(requests)
}

func multi(ctx context.Context, client *elastic.Client, requests []query.Request) []Result {
	searches := make([]elastic.SearchRequest, len(requests))
	for i, r := range requests {
		searches[i] = elastic.SearchRequest{Indices: r.Indices, Body: r.Body, RequestCache: requestCache(r), Complete: r.Complete}
	}
	answers, err := client.MultiSearch(ctx, searches)
	if n, long := len(requests), (*elastic.TooLongError)(nil); errors.As(err, &long) && n > 1 {
		return append(multi(ctx, client, requests[:n/2]), multi(ctx, client, requests[n/2:])...)
	}
	if err != nil {
		return Failed(len(requests), err)
	}
	results := make([]Result, len(answers))
	for i, a := range answers {
		if a.Err != nil {
			results[i].Err = fmt.Errorf("search %.200s: %w", requests[i].Indices[0], a.Err)
			continue
		}
		results[i].Response, results[i].Err = response(a)
	}
	return results
}

// requestCache asks the shards to keep an answer that other readers will ask for in the same bytes, whatever the index's setting is. It is for searches
// that return no documents only: of the others, Elasticsearch would keep the wrong half. Shards leave out by themselves what timed out, and every answer
// when the index has changed.
func requestCache(r query.Request) *bool {
	if size := gjson.GetBytes(r.Body, "size"); r.Valid == "" || !size.Exists() || size.Int() != 0 {
		return nil
	}
	yes := true
	return &yes
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
