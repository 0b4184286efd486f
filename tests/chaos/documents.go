package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// pageSize is how many documents a search brings.
const pageSize = 10_000

// document is a rollup document, as Elasticsearch holds it.
type document struct {
	Time       int64  `json:"@timestamp"`
	Partition  string `json:"partition"`
	Grouping   string `json:"grouping"`
	Definition string `json:"definition"`
	Late       bool   `json:"late"`
	Overflow   bool   `json:"overflow"`
	Count      int64  `json:"count"`
	DocCount   int64  `json:"_doc_count"`
	Bytes      int64  `json:"bytes"`
	Host       string `json:"dim.host"`
	Path       string `json:"dim.path"`
	Errors     int64  `json:"c.errors"`

	OffsetCount int64   `json:"m.offset.count"`
	OffsetSum   float64 `json:"m.offset.sum"`
	OffsetMin   float64 `json:"m.offset.min"`
	OffsetMax   float64 `json:"m.offset.max"`
	NCount      int64   `json:"m.n.count"`
	NSum        float64 `json:"m.n.sum"`
	NMin        float64 `json:"m.n.min"`
	NMax        float64 `json:"m.n.max"`
}

func (d *document) sums() *sums {
	return &sums{
		count: d.Count, bytes: d.Bytes, errors: d.Errors,
		offset: measure{count: d.OffsetCount, sum: d.OffsetSum, smallest: d.OffsetMin, largest: d.OffsetMax},
		n:      measure{count: d.NCount, sum: d.NSum, smallest: d.NMin, largest: d.NMax},
	}
}

// progress is a progress document of a partition and rollup.
type progress struct {
	Rollup        string           `json:"rollup"`
	Partition     string           `json:"partition"`
	Definition    string           `json:"definition"`
	SealedThrough *int64           `json:"sealed_through"`
	NextOffset    int64            `json:"next_offset"`
	Ledger        map[string]int64 `json:"ledger"`
	Owner         string           `json:"owner"`
}

// store reads Elasticsearch, without any fault between.
type store struct {
	url    string
	client http.Client
}

func newStore(url string) *store {
	return &store{url: url, client: http.Client{Timeout: 30 * time.Second}}
}

func (s *store) call(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(mustEncode(body))
	}
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, content)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answers %s: %.300s", method, path, response.Status, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

type shards struct {
	Total, Successful int
}

// search hands every document of the indices to each, in no order.
func (s *store) search(ctx context.Context, indices string, query any, each func(json.RawMessage) error) error {
	var refreshed struct {
		Shards shards `json:"_shards"`
	}
	if err := s.call(ctx, http.MethodPost, "/"+indices+"/_refresh", nil, &refreshed); err != nil {
		return err
	}
	var view struct{ ID string }
	if err := s.call(ctx, http.MethodPost, "/"+indices+"/_pit?keep_alive=2m", nil, &view); err != nil {
		return err
	}
	defer func() {
		_ = s.call(context.WithoutCancel(ctx), http.MethodDelete, "/_pit", map[string]string{"id": view.ID}, &struct{}{})
	}()
	request := map[string]any{
		"size": pageSize, "query": query, "pit": map[string]string{"id": view.ID, "keep_alive": "2m"}, "sort": []any{map[string]string{"_shard_doc": "asc"}},
		"track_total_hits": false,
	}
	for {
		var page struct {
			Shards shards `json:"_shards"`
			Hits   struct {
				Hits []struct {
					Source json.RawMessage `json:"_source"`
					Sort   json.RawMessage `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := s.call(ctx, http.MethodPost, "/_search", request, &page); err != nil {
			return err
		}
		if page.Shards.Successful != page.Shards.Total {
			return fmt.Errorf("search %s: %d of %d shards answered", indices, page.Shards.Successful, page.Shards.Total)
		}
		for _, hit := range page.Hits.Hits {
			if err := each(hit.Source); err != nil {
				return err
			}
		}
		if len(page.Hits.Hits) < pageSize {
			return nil
		}
		request["search_after"] = page.Hits.Hits[len(page.Hits.Hits)-1].Sort
	}
}

// documents reads the documents of a rollup.
func (s *store) documents(ctx context.Context, rollup string, each func(*document) error) error {
	return s.search(ctx, prefix+"-"+rollup+"-*", map[string]any{"match_all": struct{}{}}, func(source json.RawMessage) error {
		var d document
		if err := json.Unmarshal(source, &d); err != nil {
			return fmt.Errorf("read a document of rollup %s: %w", rollup, err)
		}
		return each(&d)
	})
}

// progress reads how far each rollup and partition is.
func (s *store) progress(ctx context.Context) (all []progress, err error) {
	err = s.search(ctx, prefix+"-progress", map[string]any{"term": map[string]string{"kind": "partition"}}, func(source json.RawMessage) error {
		var p progress
		if err := json.Unmarshal(source, &p); err != nil {
			return fmt.Errorf("read a progress document: %w", err)
		}
		all = append(all, p)
		return nil
	})
	return all, err
}
