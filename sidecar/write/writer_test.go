package write_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/write"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a Bulker that answers as its test says.
type cluster struct {
	mu       sync.Mutex
	requests []int // how many documents each had
	stored   map[string]int
	deleted  []string
	answer   func(request, item int, id string) *elastic.Error
	refuse   func(request, items int, body []byte) error
}

func newCluster() *cluster { return &cluster{stored: map[string]int{}} }

func (c *cluster) Bulk(_ context.Context, body []byte) (*elastic.BulkResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids, deletions := actions(body)
	request := len(c.requests)
	c.requests = append(c.requests, len(ids))
	if c.refuse != nil {
		if err := c.refuse(request, len(ids), body); err != nil {
			return nil, err
		}
	}
	response := &elastic.BulkResponse{}
	for i, id := range ids {
		item := elastic.BulkItem{Index: index, ID: id, Status: http.StatusOK}
		if c.answer != nil {
			item.Err = c.answer(request, i, id)
		}
		switch {
		case item.Err != nil:
		case deletions[i]:
			c.deleted = append(c.deleted, id)
		default:
			c.stored[id]++
		}
		response.Items = append(response.Items, item)
	}
	return response, nil
}

// actions gives the ids that the actions of a bulk request are about, and which of them are deletions.
func actions(body []byte) (ids []string, deletions []bool) {
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	for i := 0; i < len(lines); i++ {
		var action map[string]struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(lines[i], &action); err != nil {
			panic(err)
		}
		for op, a := range action {
			ids, deletions = append(ids, a.ID), append(deletions, op == "delete")
			if op != "delete" {
				i++
			}
		}
	}
	return ids, deletions
}

func (c *cluster) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.stored)
}

var definition = func() rollup.Definition {
	d := rollup.Definition{Name: "r", Window: rollup.Tier(10 * time.Second), Dimensions: []rollup.Field{{Name: "host", Path: "h"}}}
	d.Normalize()
	return d
}()

// index is that of document.
var index = rollup.IndexName("p", "r", definition.Window, 10_000)

var target = write.Target{Prefix: "p", Definition: &definition, Hash: definition.Hash()}

func document(i int) *rollup.Document {
	return &rollup.Document{Start: 10_000, Grouping: definition.Groupings[0], Dimensions: []string{fmt.Sprint("h", i)}, Count: int64(i + 1)}
}

// submit adds n documents of the full grouping, with i+1 events each, to a batch, and closes it.
func submit(ctx context.Context, w *write.Writer, n int, done func(write.Result)) (*write.Batch, error) {
	b := w.Begin(done)
	for i := range n {
		if err := b.Add(ctx, target, document(i)); err != nil {
			return b, err
		}
	}
	err := b.Close()
	return b, err
}

func tooMany() *elastic.Error {
	return &elastic.Error{Status: http.StatusTooManyRequests, Type: "es_rejected_execution_exception"}
}

func TestWriterBringsEachDocumentToAnEnd(t *testing.T) {
	for _, test := range []struct {
		name      string
		documents int
		answer    func(request, item int, id string) *elastic.Error
		refuse    func(request, items int, body []byte) error
		stored    int
		result    write.Result
		requests  []int
		mended    int
	}{
		{name: "all at once", documents: 3, stored: 3, requests: []int{3}},
		{
			name: "only what failed is sent again", documents: 4, stored: 4, requests: []int{4, 2, 1},
			answer: func(request, item int, _ string) *elastic.Error {
				if request == 0 && item >= 2 || request == 1 && item == 1 {
					return tooMany()
				}
				return nil
			},
		},
		{
			name: "a refused request is sent again", documents: 2, stored: 2, requests: []int{2, 2, 2},
			refuse: func(request, _ int, _ []byte) error {
				if request < 2 {
					return &elastic.ConnectionError{Address: "x", Err: errors.New("reset")}
				}
				return nil
			},
		},
		{
			name: "a newer value in the index is a success", documents: 2, stored: 1, requests: []int{2},
			answer: func(_, item int, _ string) *elastic.Error {
				if item == 0 {
					return &elastic.Error{Status: http.StatusConflict, Type: "version_conflict_engine_exception"}
				}
				return nil
			},
		},
		{
			name: "what a mapping never accepts is rejected", documents: 3, stored: 2, requests: []int{3}, result: write.Result{Rejected: 2},
			answer: func(_, item int, _ string) *elastic.Error {
				if item == 1 {
					return &elastic.Error{Status: http.StatusBadRequest, Type: "document_parsing_exception"}
				}
				return nil
			},
		},
		{
			name: "an index that lacks a field is mended", documents: 1, stored: 1, requests: []int{1, 1}, mended: 1,
			answer: func(request, _ int, _ string) *elastic.Error {
				if request == 0 {
					return &elastic.Error{Status: http.StatusBadRequest, Type: "strict_dynamic_mapping_exception"}
				}
				return nil
			},
		},
		{
			name: "a cluster without room for shards blocks", documents: 1, stored: 1, requests: []int{1, 1, 1, 1},
			answer: func(request, _ int, _ string) *elastic.Error {
				if request < 3 {
					return &elastic.Error{Status: http.StatusBadRequest, Type: "validation_exception", Reason: "this action would add [2] shards"}
				}
				return nil
			},
		},
		{
			name: "a body that is too large is split", documents: 4, stored: 4, requests: []int{4, 2, 1, 1, 1, 1},
			refuse: func(_, items int, _ []byte) error {
				if items > 1 {
					return &elastic.Error{Status: http.StatusRequestEntityTooLarge}
				}
				return nil
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster()
				c.answer, c.refuse = test.answer, test.refuse
				mended := 0
				w := write.New(c, write.Options{Senders: 1, UnknownField: func(context.Context) { mended++ }})
				ctx, cancel := context.WithCancel(t.Context())
				go w.Run(ctx)
				done := make(chan write.Result, 1)
				if _, err := submit(ctx, w, test.documents, func(r write.Result) { done <- r }); err != nil {
					t.Fatal(err)
				}
				if got := <-done; got != test.result {
					t.Errorf("result %+v, want %+v", got, test.result)
				}
				cancel()
				synctest.Wait()
				if len(c.stored) != test.stored || !slices.Equal(c.requests, test.requests) || mended != test.mended {
					t.Errorf("%d documents stored by requests of %v, mended %d times; want %d by %v, %d times", len(c.stored), c.requests, mended, test.stored, test.requests, test.mended)
				}
				checkIdle(t, w)
			})
		})
	}
}

// checkIdle fails where the writer still holds something.
func checkIdle(t *testing.T, w *write.Writer) {
	t.Helper()
	if _, err := w.Blocked(); err != nil {
		t.Errorf("still blocked: %v", err)
	}
	if n := w.Stats.InFlight.Load(); n != 0 {
		t.Errorf("%d bytes are still in flight", n)
	}
}

// BenchmarkAdd encodes documents and hands them to a cluster that takes everything.
func BenchmarkAdd(b *testing.B) {
	w := write.New(accepting{}, write.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	doc := document(1)
	batch := w.Begin(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := batch.Add(ctx, target, doc); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Close(); err != nil {
		b.Fatal(err)
	}
	cancel()
	<-ended
}

type accepting struct{}

func (accepting) Bulk(_ context.Context, body []byte) (*elastic.BulkResponse, error) {
	return &elastic.BulkResponse{Items: make([]elastic.BulkItem, bytes.Count(body, []byte("\n"))/2)}, nil
}
