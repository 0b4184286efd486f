package query

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// A response that is given again is read once: a second query has the same answer although the text is gone. Both may come at the same time.
func TestResponsesThatAreGivenAgainAreReadOnce(t *testing.T) {
	documents := &store{}
	for _, at := range []int64{20, 50, 100} {
		documents.add(testIndex, fmt.Appendf(nil, `{"@timestamp":%d,"grouping":"path","dim.path":"/a","count":%d}`, at*second, at))
	}
	kept := map[string]Response{}
	in := testInput(Query{GroupBy: []string{"path"}})
	first, err := Run(t.Context(), in, func(ctx context.Context, requests []Request) ([]Response, error) {
		responses, err := documents.search(ctx, requests)
		for i := range responses {
			responses[i].Reading = &Reading{}
			kept[string(requests[i].Body)] = responses[i]
		}
		return responses, err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := valuesOf(t, first)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			again, err := Run(t.Context(), in, func(_ context.Context, requests []Request) ([]Response, error) {
				responses := make([]Response, len(requests))
				for i, r := range requests {
					responses[i] = kept[string(r.Body)]
					responses[i].Aggregations = []byte("{")
				}
				return responses, nil
			})
			if err != nil {
				t.Error(err)
			} else if got := valuesOf(t, again); got != want {
				t.Errorf("%s, first %s", got, want)
			}
		})
	}
	group.Wait()
}
