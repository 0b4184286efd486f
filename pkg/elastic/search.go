package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// SearchRequest is one search. Indices that do not exist are passed over unless MustExist is set, patterns that match none find nothing.
type SearchRequest struct {
	Indices []string        // names or patterns; at least one
	Body    json.RawMessage // the query, aggregations, sort and size
	// RequestCache asks to keep the answer in the shards' caches, or not to; nil is the index's setting.
	RequestCache *bool
	// MustExist makes a named index that does not exist an error, which IsNotFound knows.
	MustExist bool
	// Complete makes shards that fail or time out an error of the search, not a part that is missing from its answer.
	Complete bool
}

// SearchResponse is the answer to one search.
type SearchResponse struct {
	Took         int // ms
	TimedOut     bool
	Shards       Shards
	Hits         Hits
	Aggregations json.RawMessage
	// Status and Err are of this search where it was one of several; Err is nil where it succeeded.
	Status int
	Err    *Error
}

// Shards counts the shards that a search asked. Failed ones are missing from the answer.
type Shards struct {
	Total, Successful, Skipped, Failed int
	Failures                           []ShardFailure
}

// ShardFailure is why shards of one index failed.
type ShardFailure struct{ Index, Type, Reason string }

// Hits are the documents that a search found.
type Hits struct {
	// Total counts all documents that match, of which Hits holds a page; 0 where the request does not track it.
	Total int64
	// TotalIsLowerBound is set where counting stopped early.
	TotalIsLowerBound bool
	Hits              []Hit
}

// Hit is one document.
type Hit struct {
	Index, ID string
	Version   int64 // where the request asks for it
	Source    json.RawMessage
	// Sort holds the values to search after; numbers are json.Number, so they marshal as they came.
	Sort []any
}

type searchAnswer struct {
	Took     int  `json:"took"`
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total      int `json:"total"`
		Successful int `json:"successful"`
		Skipped    int `json:"skipped"`
		Failed     int `json:"failed"`
		Failures   []struct {
			Index  string    `json:"index"`
			Reason errorBody `json:"reason"`
		} `json:"failures"`
	} `json:"_shards"`
	Hits struct {
		Total *struct {
			Value    int64  `json:"value"`
			Relation string `json:"relation"`
		} `json:"total"`
		Hits []struct {
			Index   string          `json:"_index"`
			ID      string          `json:"_id"`
			Version int64           `json:"_version"`
			Source  json.RawMessage `json:"_source"`
			Sort    []any           `json:"sort"`
		} `json:"hits"`
	} `json:"hits"`
	Aggregations json.RawMessage `json:"aggregations"`
	Status       int             `json:"status"`
	Error        *errorBody      `json:"error"`
}

func (a *searchAnswer) response() SearchResponse {
	r := SearchResponse{Took: a.Took, TimedOut: a.TimedOut, Aggregations: a.Aggregations, Status: a.Status}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	if a.Error != nil {
		r.Err = a.Error.error(r.Status)
	}
	r.Shards = Shards{Total: a.Shards.Total, Successful: a.Shards.Successful, Skipped: a.Shards.Skipped, Failed: a.Shards.Failed}
	for _, f := range a.Shards.Failures {
		r.Shards.Failures = append(r.Shards.Failures, ShardFailure{Index: f.Index, Type: f.Reason.Type, Reason: f.Reason.Reason})
	}
	if t := a.Hits.Total; t != nil {
		r.Hits.Total, r.Hits.TotalIsLowerBound = t.Value, t.Relation == "gte"
	}
	for _, h := range a.Hits.Hits {
		r.Hits.Hits = append(r.Hits.Hits, Hit{Index: h.Index, ID: h.ID, Version: h.Version, Source: h.Source, Sort: h.Sort})
	}
	return r
}

// Search carries out one search. Failed shards and a search that timed out are told in the response, unless the request wants it complete.
func (c *Client) Search(ctx context.Context, req SearchRequest) (*SearchResponse, error) {
	if err := checkNames(req.Indices...); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	yes, partial, ignore := true, !req.Complete, !req.MustExist
	request := esapi.SearchRequest{
		Index: req.Indices, Body: bytes.NewReader(req.Body), IgnoreUnavailable: &ignore, AllowNoIndices: &yes,
		AllowPartialSearchResults: &partial, RequestCache: req.RequestCache,
	}
	var answer searchAnswer
	if err := c.do(ctx, request, &answer); err != nil {
		return nil, fmt.Errorf("search %s: %w", strings.Join(req.Indices, ","), err)
	}
	response := answer.response()
	return &response, nil
}

// searchesAtOnce is how many searches of one request Elasticsearch works on at a time: a panel of many series is to leave room for others.
const searchesAtOnce = 8

// MultiSearch carries out several searches in one request and gives their answers in the same order. A search that failed has its error in its response.
func (c *Client) MultiSearch(ctx context.Context, reqs []SearchRequest) ([]SearchResponse, error) {
	if len(reqs) == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	for i, req := range reqs {
		if err := appendSearch(&body, req); err != nil {
			return nil, fmt.Errorf("search %d of %d: %w", i+1, len(reqs), err)
		}
	}
	var answer struct {
		Responses []searchAnswer `json:"responses"`
	}
	most := min(searchesAtOnce, len(reqs))
	request := esapi.MsearchRequest{Body: &body, MaxConcurrentSearches: &most, Header: http.Header{"Content-Type": {"application/x-ndjson"}}}
	if err := c.do(ctx, request, &answer); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	if len(answer.Responses) != len(reqs) {
		return nil, fmt.Errorf("search: Elasticsearch gave %d answers to %d searches", len(answer.Responses), len(reqs))
	}
	responses := make([]SearchResponse, len(reqs))
	for i := range answer.Responses {
		responses[i] = answer.Responses[i].response()
	}
	return responses, nil
}

func appendSearch(body *bytes.Buffer, req SearchRequest) error {
	if err := checkNames(req.Indices...); err != nil {
		return err
	}
	header, err := json.Marshal(struct {
		Index             []string `json:"index"`
		IgnoreUnavailable bool     `json:"ignore_unavailable"`
		AllowNoIndices    bool     `json:"allow_no_indices"`
		AllowPartial      bool     `json:"allow_partial_search_results"`
		RequestCache      *bool    `json:"request_cache,omitempty"`
	}{req.Indices, !req.MustExist, true, !req.Complete, req.RequestCache})
	if err != nil {
		return err
	}
	body.Write(header)
	body.WriteByte('\n')
	if err := json.Compact(body, req.Body); err != nil { // a search must be one line
		return fmt.Errorf("its body is not JSON: %w", err)
	}
	body.WriteByte('\n')
	return nil
}
