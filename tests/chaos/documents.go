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
	Index      string `json:"-"`
	Time       int64  `json:"@timestamp"`
	Partition  string `json:"partition"`
	Grouping   string `json:"grouping"`
	Definition string `json:"definition"`
	Late       bool   `json:"late"`
	Overflow   bool   `json:"overflow"`
	Count      int64  `json:"count"`
	LateCount  int64  `json:"late_count"`
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
	s := &sums{
		count: d.Count, bytes: d.Bytes, errors: d.Errors, late: d.LateCount,
		offset: measure{count: d.OffsetCount, sum: d.OffsetSum, smallest: d.OffsetMin, largest: d.OffsetMax},
		n:      measure{count: d.NCount, sum: d.NSum, smallest: d.NMin, largest: d.NMax},
	}
	if d.Late {
		s.late += d.Count
	}
	for _, m := range []*measure{&s.offset, &s.n} { // the values themselves are not known any more
		m.size = float64(m.count) * max(-m.smallest, m.largest)
	}
	return s
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

// tiersProgress is a rollup's progress document of its tiers.
type tiersProgress struct {
	Rollup string `json:"rollup"`
	Spec   struct {
		Tiers []tierProgress `json:"tiers"`
	} `json:"spec"`
}

// tierProgress tells of one tier which windows there are, in milliseconds.
type tierProgress struct {
	Tier    string `json:"tier"`
	From    int64  `json:"from"`
	Through int64  `json:"through"`
	Again   []span `json:"again"`
}

// span is the time from From up to, and without, To.
type span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
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
func (s *store) search(ctx context.Context, indices string, query any, each func(index string, source json.RawMessage) error) error {
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
					Index  string          `json:"_index"`
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
			if err := each(hit.Index, hit.Source); err != nil {
				return err
			}
		}
		if len(page.Hits.Hits) < pageSize {
			return nil
		}
		request["search_after"] = page.Hits.Hits[len(page.Hits.Hits)-1].Sort
	}
}

// documents reads the documents of a rollup, of all its tiers.
func (s *store) documents(ctx context.Context, rollup string, each func(*document) error) error {
	return s.search(ctx, prefix+"-"+rollup+"-*", map[string]any{"match_all": struct{}{}}, func(index string, source json.RawMessage) error {
		d := document{Index: index}
		if err := json.Unmarshal(source, &d); err != nil {
			return fmt.Errorf("read a document of rollup %s: %w", rollup, err)
		}
		return each(&d)
	})
}

// progress reads how far each rollup and partition is.
func (s *store) progress(ctx context.Context) ([]progress, error) {
	return told[progress](ctx, s, "partition")
}

// tiers reads how far the tiers of each rollup are made.
func (s *store) tiers(ctx context.Context) ([]tiersProgress, error) {
	return told[tiersProgress](ctx, s, "tiers")
}

// told reads the progress documents of a kind.
func told[T any](ctx context.Context, s *store, kind string) (all []T, err error) {
	err = s.search(ctx, prefix+"-progress", map[string]any{"term": map[string]string{"kind": kind}}, func(_ string, source json.RawMessage) error {
		var one T
		if err := json.Unmarshal(source, &one); err != nil {
			return fmt.Errorf("read a progress document of kind %s: %w", kind, err)
		}
		all = append(all, one)
		return nil
	})
	return all, err
}
