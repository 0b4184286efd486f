package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// wholeResult is what the whole path costs.
type wholeResult struct {
	Rows []benchmarkRow `json:"rows"`
	// Events were consumed, Bytes is what they and their batches take before compression, CompressionRatio what is left of that.
	Events           int64   `json:"events"`
	Bytes            int64   `json:"bytes"`
	CompressionRatio float64 `json:"compression_ratio"`
	// Documents is how many there are in Elasticsearch, of all rollups.
	Documents int64 `json:"documents"`
	PeakBytes int64 `json:"peak_memory_bytes"`
	// CPUSeconds is the time of the whole process, from its start to its exit.
	CPUSeconds float64 `json:"cpu_seconds"`
}

const (
	// scrapeEvery is how often the sidecar is asked for its metrics. An answer costs it about a millisecond.
	scrapeEvery = 200 * time.Millisecond
	// steadyFrom is the share of the events from which on the sidecar is taken to run steadily.
	steadyFrom = 0.2
	// stalledAfter is how long nothing may happen.
	stalledAfter = 90 * time.Second
)

// whole lets a sidecar catch up with events that were produced before.
func (b *benchmark) whole(ctx context.Context) (err error) {
	s := benchmarkStream{window: benchmarkWindow, lateness: benchmarkLateness, rollups: b.options.rollups, maxKeys: b.events.Hosts * b.events.Paths}
	events := b.events
	// All events are of the past, so that none is ahead of the clock.
	events.Start = time.Now().Add(-time.Duration(float64(b.options.events)/float64(events.Rate)*float64(time.Second)) - time.Minute).Truncate(time.Second)
	r, err := b.openRun(ctx, partWhole, s, feedOrder{Events: events, Count: b.options.events})
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, r.close(ctx))
		}
	}()
	if err != nil {
		return err
	}
	produced, err := b.produceAll(ctx, r)
	if err != nil {
		return err
	}
	b.notes.say("bench: tidemark run is catching up")
	if err := r.startSidecar(ctx); err != nil {
		return err
	}
	w := &wholeResult{Bytes: produced.Raw, CompressionRatio: float64(produced.Sent) / float64(max(1, produced.Raw))}
	samples, err := b.catchUp(ctx, r)
	if err != nil {
		return err
	}
	w.Rows = wholeRows(samples, b.options.events, b.events.Bytes)
	w.Events = samples[len(samples)-1].consumed
	if w.Documents, err = r.awaitDocuments(ctx, b.options.events); err != nil {
		return err
	}
	for _, sample := range samples {
		w.PeakBytes = max(w.PeakBytes, sample.resident)
	}
	w.PeakBytes = max(w.PeakBytes, r.sidecar.peakBytes())
	closed = true
	if err := r.close(ctx); err != nil {
		return err
	}
	state := r.sidecar.cmd.ProcessState
	w.CPUSeconds = (state.UserTime() + state.SystemTime()).Seconds()
	b.report.Whole = w
	return nil
}

// produceAll lets all events be produced.
func (b *benchmark) produceAll(ctx context.Context, r *benchmarkRun) (feedAnswer, error) {
	b.notes.say("bench: producing %s events", grouped(b.options.events))
	if err := r.beginProducing(); err != nil {
		return feedAnswer{}, err
	}
	return r.await(ctx, func(a *feedAnswer) bool {
		b.notes.saySometimes("bench: produced %s of %s events", grouped(a.Produced), grouped(b.options.events))
		return a.Done
	})
}

// catchUp watches the sidecar until it has consumed all events.
func (b *benchmark) catchUp(ctx context.Context, r *benchmarkRun) ([]sidecarSample, error) {
	var samples []sidecarSample
	progressed := time.Now()
	for {
		sample, err := r.sample(ctx)
		if err != nil {
			return nil, errors.Join(err, r.pause(ctx, time.Second)) // which tells where the process has ended
		}
		if n := len(samples); n == 0 || samples[n-1].consumed < sample.consumed {
			progressed = sample.at
		}
		samples = append(samples, sample)
		switch {
		case sample.consumed >= b.options.events:
			return samples, nil
		case time.Since(progressed) > stalledAfter:
			return nil, fmt.Errorf("tidemark run stands still at %s of %s events: it said\n%s", grouped(sample.consumed), grouped(b.options.events), r.sidecar.said.String())
		}
		b.notes.saySometimes("bench: consumed %s of %s events", grouped(sample.consumed), grouped(b.options.events))
		if err := r.pause(ctx, scrapeEvery); err != nil {
			return nil, err
		}
	}
}

// wholeRows are the costs from the start of the process on, and of the steady state.
func wholeRows(samples []sidecarSample, events int64, bytes int) []benchmarkRow {
	last := samples[len(samples)-1]
	// By the clock the start counts from the first answer: nothing is read before it.
	start := sidecarSample{at: samples[0].at}
	steady := start
	for _, sample := range samples {
		if sample.consumed >= int64(steadyFrom*float64(events)) && sample.consumed < last.consumed {
			steady = sample
			break
		}
	}
	rows := []benchmarkRow{between("from the start of the process", &start, &last, bytes)}
	if steady.consumed > 0 {
		rows = append(rows, between(fmt.Sprintf("steady state, from %.0f %% on", 100*float64(steady.consumed)/float64(events)), &steady, &last, bytes))
	}
	return rows
}

func between(name string, a, z *sidecarSample, bytes int) benchmarkRow {
	count := float64(z.consumed - a.consumed)
	row := benchmarkRow{
		Name: name, Unit: "event", Count: z.consumed - a.consumed,
		CPUMicroseconds: float64((z.cpu - a.cpu).Microseconds()) / count, Allocations: (z.objects - a.objects) / count,
	}
	if seconds := z.at.Sub(a.at).Seconds(); seconds > 0 {
		row.PerSecond = count / seconds
		row.BytesPerSecond = row.PerSecond * float64(bytes)
	}
	return row
}

// awaitDocuments waits until every grouping of every rollup holds all events, and counts the documents.
func (r *benchmarkRun) awaitDocuments(ctx context.Context, events int64) (documents int64, err error) {
	found, changed := "", time.Now()
	for {
		held, count, err := r.heldEvents(ctx)
		if err != nil && (!elastic.Retryable(err) || time.Since(changed) > stalledAfter) { // a new index has no shards at first
			return 0, err
		}
		complete := len(held) == len(benchmarkGroupings)*r.stream.rollups
		for _, n := range held {
			complete = complete && n == events
		}
		if complete {
			return count, nil
		}
		if now := fmt.Sprint(held); now != found {
			found, changed = now, time.Now()
		}
		if time.Since(changed) > stalledAfter {
			return 0, fmt.Errorf("%s events were produced, the groupings hold %s", grouped(events), found)
		}
		r.notes.saySometimes("bench: waiting until the last windows are written")
		if err := r.pause(ctx, scrapeEvery); err != nil {
			return 0, err
		}
	}
}

// heldEvents counts the events in the documents of each rollup and grouping, and the documents.
func (r *benchmarkRun) heldEvents(ctx context.Context) (held map[string]int64, documents int64, err error) {
	held = map[string]int64{}
	for n := range r.stream.rollups {
		pattern := rollup.IndexPattern(r.name, benchmarkRollupName(n), rollup.Tier(r.stream.window))
		if err := r.elastic.Refresh(ctx, pattern); err != nil {
			return nil, 0, err
		}
		response, err := r.elastic.Search(ctx, elastic.SearchRequest{Indices: []string{pattern}, Complete: true, Body: json.RawMessage(
			`{"size":0,"track_total_hits":true,"aggs":{"groupings":{"terms":{"field":"grouping","size":100},"aggs":{"events":{"sum":{"field":"count"}}}}}}`)})
		if err != nil {
			return nil, 0, fmt.Errorf("count the events in the documents: %w", err)
		}
		documents += response.Hits.Total
		if len(response.Aggregations) == 0 {
			continue // no index yet
		}
		var answer struct {
			Groupings struct {
				Buckets []struct {
					Key    string `json:"key"`
					Events struct {
						Value float64 `json:"value"`
					} `json:"events"`
				} `json:"buckets"`
			} `json:"groupings"`
		}
		if err := json.Unmarshal(response.Aggregations, &answer); err != nil {
			return nil, 0, fmt.Errorf("count the events in the documents: %w", err)
		}
		for _, bucket := range answer.Groupings.Buckets {
			held[benchmarkRollupName(n)+" by "+bucket.Key] = int64(bucket.Events.Value)
		}
	}
	return held, documents, nil
}
