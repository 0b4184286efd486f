package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/status"
)

func TestPipelineCountsEveryEventOnce(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.produce(0, 3_000)
		run := b.start(configuration)
		b.await(run)
		checkPages(t, b, run)
		run.end()

		b.produce(60, 2_000) // while nothing runs
		run = b.start(configuration)
		b.await(run)
		b.checkLedger(run)
		b.produce(30, 500) // long sealed
		b.await(run)
		b.checkLedger(run)
		run.end()
		b.checkDeadLetters()
	})
}

// checkLedger waits until the ledger on /status accounts for every event.
func (b *bench) checkLedger(run *running) {
	b.t.Helper()
	var ledger rollup.Ledger
	run.eventually(func() bool {
		for _, r := range run.status().Streams[0].Rollups {
			if r.Name == "writes" {
				ledger = r.Ledger
			}
		}
		return ledger.Consumed == b.produced
	}, func() string { return fmt.Sprintf("%d events were produced, the ledger is %+v", b.produced, ledger) })
	if !ledger.Balanced() || ledger.Documented() != total(b.truth) || ledger.Undecodable != b.bad {
		b.t.Fatalf("%d events are in documents and %d cannot be counted, the ledger is %+v", total(b.truth), b.bad, ledger)
	}
}

func checkPages(t *testing.T, b *bench, run *running) {
	t.Helper()
	for path, want := range map[string]string{
		"/healthz": "", "/readyz": "", "/": "<html",
		"/metrics":        `tidemark_events_total{`,
		"/api/v1/catalog": `"name":"writes"`,
	} {
		if code, body := run.get(path); code != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answers %d: %.300s", path, code, body)
		}
	}
	var s status.Snapshot
	run.eventually(func() bool {
		s = run.status()
		partitions := s.Streams[0].Rollups[0].Partitions
		return len(partitions) == testPartitions && !slices.ContainsFunc(partitions, func(p status.PartitionStatus) bool {
			return p.Lag != 0 || p.SealedThrough == nil
		})
	}, func() string { return fmt.Sprintf("not every partition is read and sealed: %+v", s) })
	catalog, err := (&catalog{client: b.elastic, prefix: b.prefix}).read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entry, ok := catalog.Rollup("writes")
	if !ok || len(entry.Partitions) != testPartitions {
		t.Fatalf("catalog: %+v", catalog)
	}
}

// checkDeadLetters reads the dead letters back.
func (b *bench) checkDeadLetters() {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka), kgo.ConsumeTopics(b.topic+"-dead"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(b.t.Context(), deadline)
	defer cancel()
	seen := map[string]bool{}
	for int64(len(seen)) < b.bad {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			b.t.Fatalf("%d of %d dead letters: %v", len(seen), b.bad, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			if headers["reason"] != "truncated" || headers["topic"] != b.topic || headers["offset"] == "" || headers["partition"] == "" {
				b.t.Errorf("headers of a dead letter: %v", headers)
			}
			seen[headers["partition"]+"/"+headers["offset"]] = true
		})
	}
}

func TestChangedDefinitionCountsEveryEventOnce(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.produce(0, 1_000)
		run := b.start(b.configure())
		b.await(run)
		run.end()
		b.produce(60, 1_000)
		// A new rollup, and a measure more.
		run = b.start(b.configure("measures: {n: n}", "measures: {n: n, m: t}", "groupings: [[host], []]", "groupings: [[host], []]\n      - name: more\n        window: 30s"))
		b.await(run)
		b.produce(120, 1_000)
		b.await(run)
		b.checkLedger(run)
		run.end()
	})
}

func TestElasticsearchAwayLosesNothing(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	var mu sync.Mutex
	away := true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		refuse := away
		mu.Unlock()
		if refuse {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		forward(w, r, store)
	}))
	t.Cleanup(proxy.Close)
	b := newBench(t, kafka, store)
	b.store = proxy.URL
	b.produce(0, 2_000)
	run := b.start(b.configure())
	var body string
	run.eventually(func() bool {
		var code int
		code, body = run.get("/readyz")
		return code == http.StatusServiceUnavailable && strings.Contains(body, "elasticsearch")
	}, func() string { return "readyz does not say that Elasticsearch is away: " + body })
	set := func(v bool) { mu.Lock(); away = v; mu.Unlock() }
	set(false)
	b.await(run)
	set(true)
	b.produce(60, 1_000)
	run.eventually(func() bool {
		code, _ := run.get("/readyz")
		return code == http.StatusServiceUnavailable
	}, func() string { return "readyz does not say that Elasticsearch went away" })
	set(false)
	b.await(run)
	b.checkLedger(run)
	run.end()
}

func forward(w http.ResponseWriter, r *http.Request, to string) {
	request, err := http.NewRequestWithContext(r.Context(), r.Method, to+r.URL.RequestURI(), r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	request.Header = r.Header
	request.ContentLength = r.ContentLength
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func TestOffsetOfOthersIsNotStartedFrom(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	b.produce(0, 300)
	offsets := kadm.Offsets{}
	offsets.AddOffset(b.topic, 1, 5, -1)
	if err := kadm.NewClient(b.client).CommitAllOffsets(t.Context(), b.topic, offsets); err != nil {
		t.Fatal(err)
	}
	run := b.start(b.configure())
	var reasons []string
	run.eventually(func() bool {
		reasons = run.status().Reasons
		return slices.ContainsFunc(reasons, func(r string) bool { return strings.Contains(r, "carries no state of tidemark") })
	}, func() string { return fmt.Sprintf("reasons: %q", reasons) })
	run.end()
}

// TestTooManyLateKeysAreSealed has events of a long past that come at once, in partitions that nobody else has read.
func TestTooManyLateKeysAreSealed(t *testing.T) {
	for _, test := range []struct {
		name    string
		backlog bool // they are there before the sidecar
	}{
		{"as they come", false}, {"in a backlog", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEveryBackend(t, func(t *testing.T, b *bench) {
				configuration := b.configure("idle_timeout: 1s", "idle_timeout: 1s\n    max_late_keys: 20")
				var run *running
				if !test.backlog {
					run = b.start(configuration)
				}
				b.produce(3600, 500)
				if !test.backlog {
					b.await(run)
				}
				for minute := range int64(4) {
					b.produce(minute*60, 500)
				}
				if test.backlog {
					run = b.start(configuration)
				}
				b.await(run)
				b.checkLedger(run)
				if !strings.Contains(run.log.String(), "late events hold too many keys") {
					t.Error("no barrier was taken")
				}
				b.must("verify", "--config", configuration)
				run.end()
			})
		})
	}
}
