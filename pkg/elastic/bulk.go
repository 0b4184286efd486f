package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/klauspost/compress/gzip"
)

// compressFrom is the body's length from which compression is worth its time; a shorter one fits a few packets anyway.
const compressFrom = 4 << 10

// BulkResponse is the answer to a bulk request that the cluster took up.
type BulkResponse struct {
	// Items are in the order of the request's actions, one each.
	Items []BulkItem
}

// BulkItem is what became of one action.
type BulkItem struct {
	Action    string // what was asked for: index, create, delete or update
	Index, ID string
	Status    int
	// Err is nil where the action was carried out, and where a document to be deleted is not there.
	Err *Error
}

var bulkFilter = []string{"items.*._index", "items.*._id", "items.*.status", "items.*.error"}

// Bulk sends actions and documents, a JSON object a line, each line ended by a newline. An error means that the request as a whole was refused or got no
// answer; what became of each action is in the response's items. A longer body is sent compressed, at the fastest level. The body may be used again after Bulk returned.
func (c *Client) Bulk(ctx context.Context, body []byte) (*BulkResponse, error) {
	request := esapi.BulkRequest{
		Body: bytes.NewReader(body), FilterPath: bulkFilter, Header: http.Header{"Content-Type": {"application/x-ndjson"}},
		Timeout: c.timeout / 2, // for a shard that is away, so that what the others did is answered within the request's time
	}
	if len(body) >= compressFrom {
		compressed, err := compress(body)
		if err != nil {
			return nil, err
		}
		request.Body = bytes.NewReader(compressed)
		request.Header.Set("Content-Encoding", "gzip")
	}
	var answer struct {
		Items []map[string]struct {
			Index  string          `json:"_index"`
			ID     string          `json:"_id"`
			Status int             `json:"status"`
			Error  json.RawMessage `json:"error"`
		} `json:"items"`
	}
	if err := c.do(ctx, request, &answer); err != nil {
		return nil, fmt.Errorf("write to Elasticsearch: %w", err)
	}
	response := &BulkResponse{Items: make([]BulkItem, 0, len(answer.Items))}
	for _, actions := range answer.Items {
		for action, item := range actions {
			result := BulkItem{Action: action, Index: item.Index, ID: item.ID, Status: item.Status}
			absent := action == "delete" && item.Status == http.StatusNotFound && len(item.Error) == 0
			if item.Status >= http.StatusMultipleChoices && !absent {
				result.Err = itemError(item.Status, item.Index, item.Error)
			}
			response.Items = append(response.Items, result)
		}
		if len(actions) != 1 {
			return nil, errors.New("write to Elasticsearch: the answer has an item that is not about one action")
		}
	}
	return response, nil
}

func itemError(status int, index string, body json.RawMessage) *Error {
	var structured errorBody
	if err := json.Unmarshal(body, &structured); err != nil {
		return &Error{Status: status, Index: index}
	}
	e := structured.error(status)
	if e.Index == "" {
		e.Index = index
	}
	return e
}

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return w
}}

func compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	w := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(w)
	w.Reset(&b)
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("compress a bulk request: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress a bulk request: %w", err)
	}
	return b.Bytes(), nil
}
