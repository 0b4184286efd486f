package write_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
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
	answer   func(request, item int, id string) *elastic.Error
	refuse   func(request, items int) error
}

func (c *cluster) Bulk(_ context.Context, body []byte) (*elastic.BulkResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	request := len(c.requests)
	c.requests = append(c.requests, len(lines)/2)
	if c.refuse != nil {
		if err := c.refuse(request, len(lines)/2); err != nil {
			return nil, err
		}
	}
	response := &elastic.BulkResponse{}
	for i := 0; i < len(lines); i += 2 {
		_, rest, _ := bytes.Cut(lines[i], []byte(`"_id":"`))
		id, _, _ := bytes.Cut(rest, []byte(`"`))
		item := elastic.BulkItem{ID: string(id), Status: http.StatusOK}
		if c.answer != nil {
			item.Err = c.answer(request, i/2, string(id))
		}
		if item.Err == nil {
			c.stored[string(id)]++
		}
		response.Items = append(response.Items, item)
	}
	return response, nil
}

var definition = func() rollup.Definition {
	d := rollup.Definition{Name: "r", Window: rollup.Tier(10 * time.Second), Dimensions: []rollup.Field{{Name: "host", Path: "h"}}}
	d.Normalize()
	return d
}()

// batch has n documents of the full grouping, with i+1 events each.
func batch(n int, done func(write.Result)) *write.Batch {
	b := write.NewBatch(done)
	target := write.Target{Prefix: "p", Definition: &definition, Hash: definition.Hash()}
	for i := range n {
		b.Add(target, &rollup.Document{Start: 10_000, Grouping: definition.Groupings[0], Dimensions: []string{fmt.Sprint("h", i)}, Count: int64(i + 1)})
	}
	return b
}

func tooMany() *elastic.Error {
	return &elastic.Error{Status: http.StatusTooManyRequests, Type: "es_rejected_execution_exception"}
}

func TestWriterBringsEachDocumentToAnEnd(t *testing.T) {
	for _, test := range []struct {
		name      string
		documents int
		answer    func(request, item int, id string) *elastic.Error
		refuse    func(request, items int) error
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
			refuse: func(request, _ int) error {
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
			name: "a body that is too large is split", documents: 4, stored: 4, requests: []int{4, 2, 1, 1, 2, 1, 1},
			refuse: func(_, items int) error {
				if items > 1 {
					return &elastic.Error{Status: http.StatusRequestEntityTooLarge}
				}
				return nil
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &cluster{stored: map[string]int{}, answer: test.answer, refuse: test.refuse}
				mended := 0
				w := write.New(c, write.Options{Senders: 1, UnknownField: func(context.Context) { mended++ }})
				ctx, cancel := context.WithCancel(t.Context())
				go w.Run(ctx)
				done := make(chan write.Result, 1)
				if err := w.Submit(ctx, batch(test.documents, func(r write.Result) { done <- r })); err != nil {
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
				if _, err := w.Blocked(); err != nil {
					t.Errorf("still blocked: %v", err)
				}
			})
		})
	}
}

func TestWriterHoldsBackWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{stored: map[string]int{}, answer: func(int, int, string) *elastic.Error { return tooMany() }}
		w := write.New(c, write.Options{Senders: 1, InFlightBytes: 600, RequestBytes: 200})
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		submitted := make(chan error, 1)
		go func() { submitted <- w.Submit(ctx, batch(100, nil)) }()
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's time: as long as the cluster is busy nothing more is taken
		select {
		case err := <-submitted:
			t.Fatalf("all was taken though nothing was written: %v", err)
		default:
		}
		if _, err := w.Blocked(); err == nil {
			t.Error("a writer that cannot write does not say so")
		}
		cancel()
		if err := <-submitted; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
	})
}

func TestCancelledBatchIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{stored: map[string]int{}}
		var allowed atomic.Bool
		w := write.New(c, write.Options{Senders: 1, MayWrite: allowed.Load})
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx)
		b := batch(3, func(write.Result) { t.Error("a cancelled batch was acknowledged") })
		if err := w.Submit(ctx, b); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		b.Cancel()
		allowed.Store(true)
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's time: long enough for every pause
		if len(c.requests) != 0 {
			t.Errorf("requests: %v", c.requests)
		}
		cancel()
		synctest.Wait()
	})
}
