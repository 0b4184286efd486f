package query

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	jsoniter "github.com/json-iterator/go"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Request is one Elasticsearch search. Indices that do not exist are to be passed over.
type Request struct {
	// Indices are index names or patterns, at least one.
	Indices []string `json:"indices"`
	// Body is the search's JSON.
	Body json.RawMessage `json:"body"`
	// Complete wants failed shards and time-outs to be errors, not missing from the answer.
	Complete bool `json:"complete,omitempty"`
	// Valid is for callers that keep answers: a request with the same indices, body and Valid has the same answer, which covers sealed windows alone. It
	// changes when late corrections or a rebuild can have changed them. Empty: the answer is not to be kept.
	Valid string `json:"valid,omitempty"`
}

// Response is the answer to one Request.
type Response struct {
	// TimedOut is set where the search ended before it had seen everything.
	TimedOut bool `json:"timedOut,omitempty"`
	// FailedShards counts the shards that are missing from the answer, and ShardFailure is why the first of them failed.
	FailedShards int    `json:"failedShards,omitempty"`
	ShardFailure string `json:"shardFailure,omitempty"`
	// Hits are the sources of the documents found, and After the sort values of the last of them, as they came.
	Hits  []json.RawMessage `json:"hits,omitempty"`
	After json.RawMessage   `json:"after,omitempty"`
	// Aggregations is the answer's object of that name; empty where no index was searched.
	Aggregations json.RawMessage `json:"aggregations,omitempty"`
	// Reading is for callers that give a response again to the same request: with it, the aggregations are read once. It can be nil.
	Reading *Reading `json:"-"`
}

// Reading keeps what the aggregations of a response say. It takes up to about as much memory as their JSON.
type Reading struct {
	mu   sync.Mutex
	what any
}

// Search carries out requests, at best in one go, and gives their responses in the same order. A request that fails makes it fail as a whole. It must be
// safe to call with the number of requests that Limits allow, and bounds by itself how many of them it sends at a time.
type Search func(ctx context.Context, requests []Request) ([]Response, error)

// ask is Search with what every caller has to check.
func ask(ctx context.Context, search Search, requests []Request) ([]Response, error) {
	responses, err := search(ctx, requests)
	if err != nil {
		return nil, err
	}
	if len(responses) != len(requests) {
		return nil, fmt.Errorf("%d searches had %d answers", len(requests), len(responses))
	}
	return responses, nil
}

// answers reads JSON several times as fast as encoding/json does: an answer has a hundred thousand numbers and more.
var answers = jsoniter.ConfigCompatibleWithStandardLibrary

// read gives what the aggregations of a response say; of a response without, where no index was searched, it is empty. Others may be reading it as well.
func read[T any](r Response) (*T, error) {
	if r.Reading == nil {
		return decode[T](r.Aggregations)
	}
	r.Reading.mu.Lock()
	defer r.Reading.mu.Unlock()
	if what, is := r.Reading.what.(*T); is {
		return what, nil
	}
	what, err := decode[T](r.Aggregations)
	if err == nil {
		r.Reading.what = what
	}
	return what, err
}

func decode[T any](text []byte) (*T, error) {
	what := new(T)
	if len(text) > 0 {
		if err := answers.Unmarshal(text, what); err != nil {
			return nil, fmt.Errorf("read the answer of Elasticsearch: %w", err)
		}
	}
	return what, nil
}

type object map[string]any

// encode writes a search's body. Keys are sorted, so that equal searches are equal bytes, which Elasticsearch's request cache needs.
func encode(body object) (json.RawMessage, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write a search: %w", err)
	}
	return raw, nil
}

// aggregate is the body of a search that returns no documents, only aggregations over those that meet all of must and none of mustNot.
func aggregate(must, mustNot []object, aggregations object) object {
	conditions := object{"filter": must}
	if len(mustNot) > 0 {
		conditions["must_not"] = mustNot
	}
	return object{"size": 0, "track_total_hits": false, "query": object{"bool": conditions}, "aggs": aggregations}
}

func term(field string, value any) object { return object{"term": object{field: value}} }

// during is the documents whose windows start in [start, end).
func during(start, end int64) object {
	return object{"range": object{rollup.FieldTime: object{"gte": start, "lt": end, "format": "epoch_millis"}}}
}
