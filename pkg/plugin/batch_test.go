package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

// sent records what a batch or a cache sends on, and answers each search with its own body.
type sent struct {
	mu     sync.Mutex
	bodies [][]string
}

func (s *sent) note(requests []query.Request) []search.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]search.Result, len(requests))
	var bodies []string
	for i, r := range requests {
		bodies = append(bodies, string(r.Body))
		results[i].Response.Aggregations = r.Body
		if strings.HasPrefix(string(r.Body), "bad") {
			results[i] = search.Result{Err: errors.New(string(r.Body))}
		}
	}
	s.bodies = append(s.bodies, bodies)
	return results
}

func requestsOf(searches []asked) []query.Request {
	requests := make([]query.Request, len(searches))
	for i, s := range searches {
		requests[i] = s.Request
	}
	return requests
}

func bodies(names ...string) []query.Request {
	requests := make([]query.Request, len(names))
	for i, n := range names {
		requests[i] = query.Request{Indices: []string{"i"}, Body: []byte(n)}
	}
	return requests
}

// inTurn has workers search one after the other, so that what is sent has a certain order. Each step is what one query asks for at once.
func inTurn(t *testing.T, b *batch, queries [][][]string) []error {
	t.Helper()
	errs := make([]error, len(queries))
	var group sync.WaitGroup
	for i, steps := range queries {
		group.Go(func() {
			defer b.leave()
			for _, names := range steps {
				responses, err := b.search(1)(t.Context(), bodies(names...))
				if err != nil {
					errs[i] = err
					return
				}
				for j, r := range responses {
					if string(r.Aggregations) != names[j] {
						t.Errorf("%s is answered with %s", names[j], r.Aggregations)
					}
				}
			}
		})
		synctest.Wait()
	}
	group.Wait()
	b.wait()
	return errs
}

func TestSearchesOfOneStepAreSentTogether(t *testing.T) {
	for _, c := range []struct {
		name    string
		queries [][][]string
		want    [][]string
	}{
		{"a query alone", [][][]string{{{"a"}, {"b", "c"}}}, [][]string{{"a"}, {"b", "c"}}},
		{"two alike", [][][]string{{{"a1"}, {"a2"}}, {{"b1"}, {"b2"}}}, [][]string{{"a1", "b1"}, {"a2", "b2"}}},
		{"one that needs fewer steps", [][][]string{{{"a1"}, {"a2"}, {"a3"}}, {{"b1"}}}, [][]string{{"a1", "b1"}, {"a2"}, {"a3"}}},
		{"one that asks for nothing", [][][]string{{{"a1"}}, {}}, [][]string{{"a1"}}},
		{"one that fails", [][][]string{{{"a1"}, {"a2"}}, {{"bad"}, {"b2"}}}, [][]string{{"a1", "bad"}, {"a2"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s sent
				b := newBatch(len(c.queries), func(all []asked) []search.Result { return s.note(requestsOf(all)) })
				errs := inTurn(t, b, c.queries)
				for _, steps := range s.bodies[1:] { // workers go on at the same time
					if len(steps) == 2 && steps[0] > steps[1] {
						steps[0], steps[1] = steps[1], steps[0]
					}
				}
				if diff := cmp.Diff(c.want, s.bodies); diff != "" {
					t.Errorf("what was sent (-want +got):\n%s", diff)
				}
				for i, err := range errs {
					if failed := strings.HasPrefix(fmt.Sprint(c.queries[i]), "[[bad"); (err != nil) != failed {
						t.Errorf("query %d ends with %v", i, err)
					}
				}
			})
		})
	}
}

func TestAFaultOfSendingEndsAllThatWait(t *testing.T) {
	for name, send := range map[string]func([]asked) []search.Result{
		"a panic":         func([]asked) []search.Result { panic("oh") },
		"too few results": func([]asked) []search.Result { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, err := range inTurn(t, newBatch(2, send), [][][]string{{{"a"}}, {{"b"}}}) {
					if !backend.IsPluginError(err) {
						t.Errorf("ends with %v", err)
					}
				}
			})
		})
	}
}

func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sent
		b := newBatch(2, func(all []asked) []search.Result { return s.note(requestsOf(all)) })
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			defer b.leave()
			_, err := b.search(1)(ctx, bodies("a"))
			gone <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up gets %v", err)
		}
		synctest.Wait()
		_, err := b.search(1)(t.Context(), bodies("b"))
		b.leave()
		b.wait()
		if diff := cmp.Diff([][]string{{"b"}}, s.bodies); err != nil || diff != "" {
			t.Errorf("%v, sent: %s", err, diff)
		}
	})
}

func TestWhoGivesUpWhileItIsSentKeepsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var s sent
		b := newBatch(1, func(all []asked) []search.Result {
			<-release
			return s.note(requestsOf(all))
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := b.search(1)(ctx, bodies("a")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(release)
		if _, err := b.search(1)(t.Context(), bodies("b")); err != nil {
			t.Error(err)
		}
		b.leave()
		b.wait()
	})
}
