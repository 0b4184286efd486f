package write_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/write"
)

// start runs a writer until the test ends.
func start(t *testing.T, c write.Bulker, opts write.Options) *write.Writer {
	t.Helper()
	w := write.New(c, opts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

// pass lets the bubble's time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, until the time has come and everybody waits
	synctest.Wait()
}

func readOnly() *elastic.Error {
	return &elastic.Error{Status: http.StatusForbidden, Type: "cluster_block_exception", Reason: "index read-only"}
}

// TestMemoryIsBoundedWhileNothingIsAccepted has many partitions close large windows while Elasticsearch is away for an hour, or refuses every document.
func TestMemoryIsBoundedWhileNothingIsAccepted(t *testing.T) {
	const partitions, keys, limit = 8, 1_000, 64 << 10
	for name, fail := range map[string]func(c *cluster, away *atomic.Bool){
		"away": func(c *cluster, away *atomic.Bool) {
			c.refuse = func(int, int, []byte) error {
				if away.Load() {
					return &elastic.ConnectionError{Address: "x", Err: errors.New("connection refused")}
				}
				return nil
			}
		},
		"read-only": func(c *cluster, away *atomic.Bool) {
			c.answer = func(int, int, string) *elastic.Error {
				if away.Load() {
					return readOnly()
				}
				return nil
			}
		},
		"too large": func(c *cluster, away *atomic.Bool) {
			c.refuse = func(int, int, []byte) error {
				if away.Load() {
					return &elastic.Error{Status: http.StatusRequestEntityTooLarge}
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster()
				var away atomic.Bool
				away.Store(true)
				fail(c, &away)
				w := start(t, c, write.Options{InFlightBytes: limit, RequestBytes: limit / 4})
				batches := make([]*write.Batch, partitions)
				var work sync.WaitGroup
				var acknowledged atomic.Int64
				var encoded atomic.Int64
				for p := range partitions {
					batches[p] = w.Begin(func(r write.Result) {
						if r != (write.Result{}) {
							t.Errorf("result %+v", r)
						}
						acknowledged.Add(1)
					})
					work.Go(func() {
						for k := range keys {
							doc := document(k)
							doc.Partition = &rollup.Partition{Topic: "t", Number: int32(p)}
							if err := batches[p].Add(t.Context(), target, doc); err != nil {
								t.Error(err)
								return
							}
							encoded.Add(int64(len(doc.AppendJSON(nil, &definition, target.Hash))))
						}
						if err := batches[p].Close(); err != nil {
							t.Error(err)
						}
					})
				}
				for range 60 {
					pass(time.Minute)
					if n := w.Stats.InFlight.Load(); n > limit || n < limit/2 {
						t.Fatalf("%d bytes are in flight, of %d allowed", n, limit)
					}
				}
				if n := encoded.Load(); n > limit {
					t.Errorf("documents of %d bytes were encoded, of %d allowed", n, limit)
				}
				since, err := w.Blocked()
				if err == nil || time.Since(since) < 59*time.Minute || acknowledged.Load() != 0 {
					t.Errorf("blocked since %s: %v; %d acknowledged", time.Since(since), err, acknowledged.Load())
				}
				away.Store(false)
				work.Wait()
				pass(time.Minute)
				if c.count() != partitions*keys || acknowledged.Load() != partitions {
					t.Errorf("%d documents stored, %d batches acknowledged", c.count(), acknowledged.Load())
				}
				checkIdle(t, w)
			})
		})
	}
}

func TestRefusedDocumentsDoNotKeepOthersFromBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		var blocked atomic.Bool
		blocked.Store(true)
		c.answer = func(_, _ int, id string) *elastic.Error {
			if blocked.Load() && strings.HasPrefix(id, "old") {
				return readOnly()
			}
			return nil
		}
		w := start(t, c, write.Options{})
		begin := time.Now()
		var stuck []bool
		for i := range 6 { // more than there are senders, each a request of its own
			stuck = append(stuck, false)
			b := w.Begin(func(write.Result) { stuck[i] = true })
			if err := b.AddRaw(t.Context(), "p-old", fmt.Sprint("old", i), 1, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			pass(20 * time.Millisecond)
		}
		for range 100 {
			written := false
			if _, err := submit(t.Context(), w, 3, func(write.Result) { written = true }); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if !written {
				t.Fatal("documents of another index are not written")
			}
			if since, err := w.Blocked(); err == nil || !strings.Contains(err.Error(), "cluster_block_exception") || since.Sub(begin) > time.Second {
				t.Fatalf("blocked since %s: %v", since.Sub(begin), err)
			}
		}
		if retries := w.Stats.Retries.Load(); retries < 6*20 || retries > 6*60 {
			t.Errorf("%d retries of 6 documents in 100 seconds", retries)
		}
		blocked.Store(false)
		pass(6 * time.Second)
		if slices.Contains(stuck, false) {
			t.Errorf("acknowledged: %v", stuck)
		}
		checkIdle(t, w)
	})
}

// TestDocumentLargerThanARequestBlocksOnlyItself has a limit for requests that one document is beyond.
func TestDocumentLargerThanARequestBlocksOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		var limit atomic.Int64
		limit.Store(1_000_000)
		largest := map[time.Duration]int{}
		begin := time.Now()
		c.refuse = func(_, _ int, body []byte) error {
			if int64(len(body)) > limit.Load() {
				return &elastic.Error{Status: http.StatusRequestEntityTooLarge, Reason: "request entity too large"}
			}
			largest[time.Since(begin).Truncate(time.Hour)] = max(largest[time.Since(begin).Truncate(time.Hour)], len(body))
			return nil
		}
		w := start(t, c, write.Options{InFlightBytes: 100_000, RequestBytes: 50_000})
		acknowledged := false
		b := w.Begin(func(write.Result) { acknowledged = true })
		for i, size := range []int{100, 20_000, 200_000, 100} { // one is more than a piece, one more than may be in flight
			if err := b.AddRaw(t.Context(), "p-i", fmt.Sprint("d", i), 1, []byte(`{"x":"`+strings.Repeat("x", size)+`"}`)); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		limit.Store(10_000)
		b = w.Begin(nil)
		if err := b.AddRaw(t.Context(), "p-i", "large", 1, []byte(`{"x":"`+strings.Repeat("x", 20_000)+`"}`)); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := submit(t.Context(), w, 300, nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		_, err := w.Blocked()
		if err == nil || !strings.Contains(err.Error(), "raise http.max_content_length") || !strings.Contains(err.Error(), `"_id":"large"`) {
			t.Errorf("blocked by %v", err)
		}
		if c.count() != 4+300 || !acknowledged {
			t.Errorf("%d documents stored: %v", c.count(), slices.Sorted(maps.Keys(c.stored))[:5])
		}
		limit.Store(1_000_000)
		pass(time.Hour)
		if c.count() != 4+301 {
			t.Errorf("%d documents stored", c.count())
		}
		checkIdle(t, w)
		if _, err := submit(t.Context(), w, 300, nil); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if n := largest[time.Hour]; n < 40_000 {
			t.Errorf("requests stay at %d bytes after the limit was raised", n)
		}
	})
}

func TestCancelledBatchesGiveEverythingBack(t *testing.T) {
	for name, test := range map[string]struct {
		answer  func(request, item int, id string) *elastic.Error
		refuse  func(request, items int, body []byte) error
		mayNot  bool
		keys    int
		waiting bool // for room
	}{
		"not sent":              {mayNot: true, keys: 3},
		"without an answer":     {refuse: func(int, int, []byte) error { return &elastic.ConnectionError{Err: errors.New("reset")} }, keys: 3},
		"waiting for a retry":   {answer: func(int, int, string) *elastic.Error { return tooMany() }, keys: 3},
		"waiting for room":      {answer: func(int, int, string) *elastic.Error { return tooMany() }, keys: 1000, waiting: true},
		"waiting, without room": {refuse: func(int, int, []byte) error { return &elastic.ConnectionError{Err: errors.New("reset")} }, keys: 1000, waiting: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster()
				c.answer, c.refuse = test.answer, test.refuse
				w := start(t, c, write.Options{InFlightBytes: 10_000, RequestBytes: 5_000, MayWrite: func() bool { return !test.mayNot }})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				open := w.Begin(func(write.Result) { t.Error("a cancelled batch was acknowledged") })
				if err := open.Add(ctx, target, document(1)); err != nil {
					t.Fatal(err)
				}
				var closed *write.Batch
				result := make(chan error, 1)
				go func() {
					var err error
					closed, err = submit(ctx, w, test.keys, func(write.Result) { t.Error("a cancelled batch was acknowledged") })
					result <- err
				}()
				pass(time.Minute)
				if _, err := w.Blocked(); err == nil {
					t.Error("a writer that cannot write does not say so")
				}
				cancel()
				if test.waiting {
					if err := <-result; !errors.Is(err, context.Canceled) {
						t.Errorf("error %v", err)
					}
				} else if err := <-result; err != nil {
					t.Error(err)
				}
				closed.Cancel()
				open.Cancel()
				if err := open.Close(); !errors.Is(err, write.ErrCancelled) {
					t.Errorf("closing a cancelled batch: %v", err)
				}
				if err := open.AddDelete(ctx, "i", "x", 1); !errors.Is(err, write.ErrCancelled) {
					t.Errorf("adding to a cancelled batch: %v", err)
				}
				synctest.Wait()
				checkIdle(t, w)
				n := len(c.requests)
				pass(time.Minute)
				if len(c.requests) != n {
					t.Errorf("%d requests after everything was cancelled", len(c.requests)-n)
				}
			})
		})
	}
}

func TestDeletionsAreAcknowledgedWithTheirBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.answer = func(_, _ int, id string) *elastic.Error {
			if id == "newer" {
				return &elastic.Error{Status: http.StatusConflict, Type: "version_conflict_engine_exception"}
			}
			return nil
		}
		w := start(t, c, write.Options{})
		acknowledged := 0
		b := w.Begin(func(write.Result) { acknowledged++ })
		for _, id := range []string{"a", "newer", "with \"quotes\"\n"} {
			if err := b.AddDelete(t.Context(), "p-i", id, 7); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Add(t.Context(), target, document(0)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if acknowledged != 0 {
			t.Error("an open batch was acknowledged")
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if acknowledged != 1 || len(c.stored) != 1 || !slices.Equal(c.deleted, []string{"a", "with \"quotes\"\n"}) || w.Stats.Superseded.Load() != 1 {
			t.Errorf("acknowledged %d times, stored %v, deleted %q", acknowledged, c.stored, c.deleted)
		}
		empty := w.Begin(func(write.Result) { acknowledged++ })
		if err := empty.Close(); err != nil || acknowledged != 2 {
			t.Errorf("an empty batch: %v, acknowledged %d times", err, acknowledged)
		}
		checkIdle(t, w)
	})
}
