package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

func testMetrics(t testing.TB) *metrics {
	t.Helper()
	m, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// valueOf reads a counter or a gauge.
func valueOf(t testing.TB, c prometheus.Collector) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

func TestAnswersAreGivenAgainAsLongAsTheyAreRight(t *testing.T) {
	sealed := asked{Request: query.Request{Indices: []string{"i"}, Body: []byte("a"), Valid: "v1"}}
	tail := asked{Request: query.Request{Indices: []string{"i"}, Body: []byte("a")}}
	edit := func(s asked, change func(*asked)) asked { change(&s); return s }
	complete := func(s *asked) { s.Complete = true }
	type step struct {
		after  time.Duration
		search asked
		sent   bool
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a sealed answer", []step{{0, sealed, true}, {0, sealed, false}, {sealedLife - 1, sealed, false}, {1, sealed, true}}},
		{"another token", []step{{0, sealed, true}, {0, edit(sealed, func(s *asked) { s.Valid = "v2" }), true}, {time.Minute, sealed, false}}},
		{"another index", []step{{0, sealed, true}, {0, edit(sealed, func(s *asked) { s.Indices = []string{"j"} }), true}}},
		{"another body", []step{{0, sealed, true}, {0, edit(sealed, func(s *asked) { s.Body = []byte("b") }), true}}},
		{"complete ones by themselves", []step{{0, sealed, true}, {0, edit(sealed, complete), true}, {time.Minute, edit(sealed, complete), false}}},
		{"what is not sealed is kept for a moment", []step{{0, tail, true}, {recentLife - 1, tail, false}, {1, tail, true}}},
		{"what is not sealed, and must be complete, is not kept", []step{{0, edit(tail, complete), true}, {0, edit(tail, complete), true}}},
		{"a failure is not kept", []step{{0, edit(tail, func(s *asked) { s.Body = []byte("bad") }), true}, {0, edit(tail, func(s *asked) { s.Body = []byte("bad") }), true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := epoch
			var s sent
			m := testMetrics(t)
			cache := newCache(1<<20, func() time.Time { return now }, m, func(_ context.Context, r []query.Request) []search.Result { return s.note(r) })
			for i, step := range c.steps {
				now = now.Add(step.after)
				before := len(s.bodies)
				r := cache.search(t.Context(), []asked{step.search})[0]
				if got := len(s.bodies) > before; got != step.sent {
					t.Errorf("step %d: sent %t", i, got)
				}
				if r.Err == nil && string(r.Response.Aggregations) != string(step.search.Body) {
					t.Errorf("step %d: answered with %s", i, r.Response.Aggregations)
				}
			}
			cache.clear()
			if n := valueOf(t, m.bytes); n != 0 {
				t.Errorf("%v bytes are left", n)
			}
		})
	}
}

func TestIncompleteAnswersAreNotKept(t *testing.T) {
	for name, response := range map[string]query.Response{"failed shards": {FailedShards: 1}, "a search that timed out": {TimedOut: true}} {
		t.Run(name, func(t *testing.T) {
			n := 0
			now := epoch
			cache := newCache(1<<20, func() time.Time { return now }, testMetrics(t), func(context.Context, []query.Request) []search.Result {
				n++
				return []search.Result{{Response: response}}
			})
			for range 3 {
				now = now.Add(time.Minute)
				cache.search(t.Context(), []asked{{Request: query.Request{Valid: "v"}}, {Request: query.Request{Valid: "v"}}})
			}
			if n != 3 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestTheCacheKeepsNoMoreThanItMay(t *testing.T) {
	const most = 1 << 20
	m := testMetrics(t)
	now := epoch
	var s sent
	cache := newCache(most, func() time.Time { return now }, m, func(_ context.Context, r []query.Request) []search.Result { return s.note(r) })
	ask := func(i, size int, valid string) {
		body := fmt.Sprintf("%04d", i) + strings.Repeat("x", size)
		cache.search(t.Context(), []asked{{Request: query.Request{Body: []byte(body), Valid: valid}}})
		if n := valueOf(t, m.bytes); n > most {
			t.Fatalf("%v bytes are kept", n)
		}
	}
	for i := range 300 {
		ask(i, 10_000, "v")
		ask(i, 10_000, "")
	}
	ask(1000, most, "v")
	if n := valueOf(t, m.bytes); n < most/2 {
		t.Errorf("only %v bytes are kept", n)
	}
	if valueOf(t, m.evictions) < 300 {
		t.Error("few answers made room")
	}
	now = now.Add(time.Minute)
	before := valueOf(t, m.bytes)
	ask(2000, 1, "")
	if after := valueOf(t, m.bytes); after > before-most/8 {
		t.Errorf("answers of a moment are still there a minute later: %v bytes, before %v", after, before)
	}
}

func TestACacheOfNothingStillSharesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var s sent
		cache := newCache(0, time.Now, testMetrics(t), func(_ context.Context, r []query.Request) []search.Result {
			<-release
			return s.note(r)
		})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				r := cache.search(t.Context(), []asked{{Request: bodies("a")[0]}, {Request: bodies("b")[0]}, {Request: bodies("a")[0]}})
				if string(r[0].Response.Aggregations) != "a" || string(r[1].Response.Aggregations) != "b" || string(r[2].Response.Aggregations) != "a" {
					t.Errorf("answered with %v", r)
				}
			})
		}
		synctest.Wait()
		close(release)
		group.Wait()
		if diff := cmp.Diff([][]string{{"a", "b"}}, s.bodies); diff != "" {
			t.Errorf("sent: %s", diff)
		}
		cache.search(t.Context(), []asked{{Request: bodies("a")[0]}})
		if len(s.bodies) != 2 {
			t.Error("an answer was kept")
		}
	})
}

func TestAnAlertSharesOnlyWhatWasPlannedByTheSameCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var s sent
		cache := newCache(1<<20, time.Now, testMetrics(t), func(_ context.Context, r []query.Request) []search.Result {
			<-release
			return s.note(r)
		})
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				cache.search(t.Context(), []asked{{Request: query.Request{Body: []byte("a"), Complete: true}, catalog: int64(i % 2)}})
			})
		}
		synctest.Wait()
		close(release)
		group.Wait()
		if len(s.bodies) != 2 {
			t.Errorf("sent %d times for two catalogs", len(s.bodies))
		}
	})
}

func TestWhoWaitsForOneThatGoesAwaySendsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var s sent
		cache := newCache(1<<20, time.Now, testMetrics(t), func(ctx context.Context, r []query.Request) []search.Result {
			select {
			case <-release:
				return s.note(r)
			case <-ctx.Done():
				return search.Failed(len(r), ctx.Err())
			}
		})
		first, cancel := context.WithCancel(t.Context())
		gone := make(chan search.Result, 1)
		go func() { gone <- cache.search(first, []asked{{Request: bodies("a")[0]}})[0] }()
		synctest.Wait()
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if r := cache.search(t.Context(), []asked{{Request: bodies("a")[0]}})[0]; r.Err != nil {
					t.Errorf("who stays gets %v", r.Err)
				}
			})
		}
		leaving, leave := context.WithCancel(t.Context())
		left := make(chan search.Result, 1)
		go func() { left <- cache.search(leaving, []asked{{Request: bodies("a")[0]}})[0] }()
		synctest.Wait()
		leave()
		if r := <-left; !errors.Is(r.Err, context.Canceled) {
			t.Errorf("who leaves gets %v", r.Err)
		}
		cancel()
		if r := <-gone; !errors.Is(r.Err, context.Canceled) {
			t.Errorf("who goes away gets %v", r.Err)
		}
		synctest.Wait()
		close(release)
		group.Wait()
		if diff := cmp.Diff([][]string{{"a"}}, s.bodies); diff != "" {
			t.Errorf("sent: %s", diff)
		}
	})
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		cache := newCache(1<<20, time.Now, testMetrics(t), func(context.Context, []query.Request) []search.Result {
			<-release
			panic("oh")
		})
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				cache.search(t.Context(), []asked{{Request: bodies("a")[0]}})
			})
		}
		synctest.Wait()
		close(release)
		group.Wait()
	})
}

func TestSearchesBeyondTheLimitWaitInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var running atomic.Int32
		each := limited(func(_ context.Context, r []query.Request) []search.Result {
			running.Add(1)
			<-release
			return make([]search.Result, len(r))
		})
		var group sync.WaitGroup
		for range sendsAtOnce + 3 {
			group.Go(func() { each(t.Context(), bodies("a")) })
			synctest.Wait()
		}
		if running.Load() != sendsAtOnce {
			t.Errorf("%d at the same time", running.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if r := each(ctx, bodies("a", "b")); len(r) != 2 || !errors.Is(r[1].Err, context.Canceled) {
			t.Errorf("who does not wait gets %v", r)
		}
		close(release)
		group.Wait()
	})
}
