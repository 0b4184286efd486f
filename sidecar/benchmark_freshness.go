package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// freshnessResult is how soon events are found. Times are in milliseconds from the moment at which their window could close: its end, plus the lateness.
type freshnessResult struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	// Windows are those that were measured.
	Windows   int     `json:"windows"`
	Events    int64   `json:"events"`
	PerSecond float64 `json:"per_second"`
	Seconds   float64 `json:"seconds"`
	// Cores is how many cores the sidecar used on average.
	Cores     float64 `json:"cores"`
	PeakBytes int64   `json:"peak_memory_bytes"`
	// Live is how soon the live stream has told them, which was read meanwhile.
	Live *liveResult `json:"live"`
}

const (
	freshnessWindow   = time.Second
	freshnessLateness = time.Second
	// freshnessMargin is how far before the last event a window can close for certain: every partition has had events since.
	freshnessMargin = 100 * time.Millisecond
	// searchEvery is how often Elasticsearch is asked; the times are longer by half of that on average.
	searchEvery = 25 * time.Millisecond
)

// freshness measures how soon events are found that are produced at a steady rate.
func (b *benchmark) freshness(ctx context.Context) (err error) {
	s := benchmarkStream{window: freshnessWindow, lateness: freshnessLateness, rollups: b.options.rollups, maxKeys: b.events.Hosts * b.events.Paths}
	count := int64(b.options.duration.Seconds() * float64(b.options.rate))
	r, err := b.openRun(ctx, partFreshness, s, feedOrder{Events: b.events, Count: count, PerSecond: b.options.rate})
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if err != nil {
		return err
	}
	if err := r.startSidecar(ctx); err != nil {
		return err
	}
	before, err := r.awaitReady(ctx, b.options.partitions)
	if err != nil {
		return err
	}
	told, err := r.watchLive(ctx)
	if err != nil {
		return err
	}
	defer told.end()
	b.notes.say("bench: producing %s events a second for %s", grouped(b.options.rate), b.options.duration)
	if err := r.beginProducing(); err != nil {
		return err
	}
	f, err := r.watch(ctx, count)
	if err != nil {
		return err
	}
	if f.Live, err = told.close(); err != nil {
		return err
	}
	after, err := r.sample(ctx)
	if err != nil {
		return err
	}
	f.Cores = (after.cpu - before.cpu).Seconds() / after.at.Sub(before.at).Seconds()
	f.PeakBytes = max(after.resident, r.sidecar.peakBytes())
	b.report.Freshness = f
	return nil
}

// awaitReady waits until every partition is being read.
func (r *benchmarkRun) awaitReady(ctx context.Context, partitions int) (sidecarSample, error) {
	for limit := time.Now().Add(stalledAfter); ; {
		sample, err := r.sample(ctx)
		if err != nil || sample.ready >= partitions {
			return sample, err
		}
		if time.Now().After(limit) {
			return sample, fmt.Errorf("%d of %d partitions are read: tidemark run said\n%s", sample.ready, partitions, r.sidecar.said.String())
		}
		if err := r.pause(ctx, scrapeEvery); err != nil {
			return sample, err
		}
	}
}

// arrival is how many events of a window were found together, and how long after it could close.
type arrival struct {
	window int64
	events int64
	after  time.Duration
}

// watch asks for the events of every window until all are found.
func (r *benchmarkRun) watch(ctx context.Context, events int64) (*freshnessResult, error) {
	found := map[int64]int64{}
	var arrivals []arrival
	var total int64
	changed := time.Now()
	for total < events {
		windows, err := r.searchable(ctx)
		if err != nil && (!elastic.Retryable(err) || time.Since(changed) > stalledAfter) { // a new index has no shards at first
			return nil, err
		}
		now := time.Now()
		for window, n := range windows {
			if n > found[window] {
				closed := time.UnixMilli(window).Add(freshnessWindow + freshnessLateness)
				arrivals = append(arrivals, arrival{window, n - found[window], now.Sub(closed)})
				total += n - found[window]
				found[window], changed = n, now
			}
		}
		if now.Sub(changed) > stalledAfter {
			return nil, fmt.Errorf("%s of %s events are found: tidemark run said\n%s", grouped(total), grouped(events), r.sidecar.said.String())
		}
		r.notes.saySometimes("bench: %s of %s events are found", grouped(total), grouped(events))
		if err := r.pause(ctx, searchEvery); err != nil {
			return nil, err
		}
	}
	produced, err := r.await(ctx, func(a *feedAnswer) bool { return a.Done })
	if err != nil {
		return nil, err
	}
	return summarizeArrivals(arrivals, produced), nil
}

// searchable counts the events of each window that a search finds, without a refresh before it. It asks for the totals: they are the last of a window's
// documents to be written, and so few that the search does not take the machine from those it measures.
func (r *benchmarkRun) searchable(ctx context.Context) (map[int64]int64, error) {
	pattern := rollup.IndexPattern(r.name, benchmarkRollupName(0), rollup.Tier(freshnessWindow))
	response, err := r.elastic.Search(ctx, elastic.SearchRequest{Indices: []string{pattern}, Complete: true, Body: json.RawMessage(
		`{"size":0,"query":{"term":{"grouping":"total"}},"aggs":{"windows":{"date_histogram":{"field":"@timestamp","fixed_interval":"1s","min_doc_count":1},` +
			`"aggs":{"events":{"sum":{"field":"count"}}}}}}`)})
	if err != nil {
		return nil, fmt.Errorf("search the documents: %w", err)
	}
	if len(response.Aggregations) == 0 {
		return nil, nil // no index yet
	}
	var answer struct {
		Windows struct {
			Buckets []struct {
				Key    int64 `json:"key"`
				Events struct {
					Value float64 `json:"value"`
				} `json:"events"`
			} `json:"buckets"`
		} `json:"windows"`
	}
	if err := json.Unmarshal(response.Aggregations, &answer); err != nil {
		return nil, fmt.Errorf("search the documents: %w", err)
	}
	windows := map[int64]int64{}
	for _, bucket := range answer.Windows.Buckets {
		windows[bucket.Key] = int64(bucket.Events.Value)
	}
	return windows, nil
}

// summarizeArrivals leaves out the last windows, which no later event closed.
func summarizeArrivals(arrivals []arrival, produced feedAnswer) *freshnessResult {
	f := &freshnessResult{Events: produced.Produced, Seconds: float64(produced.Last-produced.First) / 1000}
	f.PerSecond = float64(f.Events) / max(f.Seconds, 0.001)
	windows := map[int64]bool{}
	var total int64
	arrivals = slices.DeleteFunc(arrivals, func(a arrival) bool {
		if a.window+(freshnessWindow+freshnessLateness).Milliseconds() > produced.Last-freshnessMargin.Milliseconds() {
			return true
		}
		windows[a.window] = true
		total += a.events
		return false
	})
	f.Windows = len(windows)
	slices.SortFunc(arrivals, func(a, b arrival) int { return int(a.after - b.after) })
	percentile := func(share float64) float64 {
		rank := int64(share * float64(total))
		for _, a := range arrivals {
			if rank -= a.events; rank <= 0 {
				return float64(a.after.Microseconds()) / 1000
			}
		}
		return 0
	}
	f.P50, f.P90, f.P99, f.Max = percentile(0.5), percentile(0.9), percentile(0.99), percentile(1)
	return f
}
