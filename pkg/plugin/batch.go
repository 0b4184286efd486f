package plugin

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

// asked is a search, with the number of the catalog that it was planned by.
type asked struct {
	query.Request
	catalog int64
}

// batch gathers the searches of workers that go through queries at the same time. When all of them wait for an answer, what they wait for is sent together,
// so that a request with many queries costs about as many requests to Elasticsearch as one of its queries.
type batch struct {
	// send carries out searches within the context of the request that the batch is for, and gives their results in the same order.
	send    func([]asked) []search.Result
	sending sync.WaitGroup

	mu      sync.Mutex
	workers int     // that have not left
	waiting int     // of them, those that wait for an answer
	calls   []*call // that are not sent yet
}

// call is what one query asks for at once.
type call struct {
	searches []asked
	results  []search.Result // readable once done is closed
	done     chan struct{}
	answered bool
}

// newBatch is a batch for a number of workers. Each has to leave it; then wait returns.
func newBatch(workers int, send func([]asked) []search.Result) *batch {
	return &batch{workers: workers, send: send}
}

// search is what a query that was planned by a catalog asks by. A query asks once at a time.
func (b *batch) search(catalog int64) query.Search {
	return func(ctx context.Context, requests []query.Request) ([]query.Response, error) {
		if len(requests) == 0 {
			return nil, nil
		}
		c := &call{searches: make([]asked, len(requests)), done: make(chan struct{})}
		for i, r := range requests {
			c.searches[i] = asked{r, catalog}
		}
		b.enter(c)
		select {
		case <-c.done:
			return search.Responses(c.results)
		case <-ctx.Done():
			b.giveUp(c)
			return nil, gaveUp(ctx)
		}
	}
}

// gaveUp is the error of a search whose asker waits no more.
func gaveUp(ctx context.Context) error {
	return fmt.Errorf("the search was given up: %w", ctx.Err())
}

func (b *batch) enter(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting++
	b.calls = append(b.calls, c)
	b.sendWhenAllWait()
}

func (b *batch) giveUp(c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = slices.DeleteFunc(b.calls, func(other *call) bool { return other == c })
	b.settle(c)
}

// leave says that a worker asks for nothing more.
func (b *batch) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.workers--
	b.sendWhenAllWait()
}

// wait returns when nothing is under way any more.
func (b *batch) wait() { b.sending.Wait() }

// settle takes a call off those that are waited for, at the moment when its worker can go on: otherwise the first of several that go on would ask alone.
func (b *batch) settle(c *call) {
	if !c.answered {
		c.answered = true
		b.waiting--
	}
}

func (b *batch) sendWhenAllWait() {
	if b.waiting < b.workers || len(b.calls) == 0 {
		return
	}
	calls := b.calls
	b.calls = nil
	b.sending.Go(func() { b.carryOut(calls) })
}

// carryOut answers the calls. What goes wrong on the way, a panic too, is the error of all of them, so that no worker waits for ever.
func (b *batch) carryOut(calls []*call) {
	var all []asked
	for _, c := range calls {
		all = append(all, c.searches...)
	}
	results := b.resultsOf(all)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range calls {
		n := len(c.searches)
		c.results, results = results[:n:n], results[n:]
		b.settle(c)
		close(c.done)
	}
}

func (b *batch) resultsOf(searches []asked) (results []search.Result) {
	defer func() {
		if cause := recover(); cause != nil {
			backend.Logger.Error("searching panicked", "cause", cause, "stack", string(debug.Stack()))
			results = search.Failed(len(searches), backend.PluginErrorf("the search failed by a fault of the plugin, please report it: %v", cause))
		}
	}()
	if results = b.send(searches); len(results) != len(searches) {
		results = search.Failed(len(searches), backend.PluginErrorf("%d searches had %d results: that is a fault of the plugin, please report it", len(searches), len(results)))
	}
	return results
}
