package plugin

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

// sendsAtOnce is how many requests with searches one data source has under way: each can carry as many searches as Elasticsearch works on at a time, and
// its answer is in memory as a whole. The others wait in line.
const sendsAtOnce = 8

// limited lets at most sendsAtOnce callers search at the same time.
func limited(next search.Each) search.Each {
	slots := semaphore.NewWeighted(sendsAtOnce)
	return func(ctx context.Context, requests []query.Request) []search.Result {
		if slots.Acquire(ctx, 1) != nil {
			return search.Failed(len(requests), gaveUp(ctx))
		}
		defer slots.Release(1)
		return next(ctx, requests)
	}
}

// measured counts what is sent.
func measured(next search.Each, now func() time.Time, m *metrics) search.Each {
	return func(ctx context.Context, requests []query.Request) []search.Result {
		begun := now()
		results := next(ctx, requests)
		m.duration.Observe(now().Sub(begun).Seconds())
		m.searches.Add(float64(len(requests)))
		for _, r := range results {
			if r.Err != nil {
				m.failures.Inc()
			}
		}
		return results
	}
}
