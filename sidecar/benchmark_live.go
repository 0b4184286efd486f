package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/live"
)

// liveResult is how soon events are told by the live stream. Times are in milliseconds from the event's own.
type liveResult struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	// Events are those that were told.
	Events int64 `json:"events"`
}

// liveWatch reads the live stream of a sidecar by the second and notes when events are told.
type liveWatch struct {
	end    context.CancelFunc
	ended  sync.WaitGroup
	failed error
	told   []toldEvents
}

// toldEvents are further events of a second that were told together, after those of it that were told before.
type toldEvents struct {
	second        int64 // ms
	before, count int64
	at            int64 // ms
}

// watchLive begins to read.
func (r *benchmarkRun) watchLive(ctx context.Context) (*liveWatch, error) {
	ctx, cancel := context.WithCancel(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/api/v1/live?interval=1s&rollup="+benchmarkRollupName(0), http.NoBody)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ask for the live stream: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ask for the live stream: %w", err)
	}
	w := &liveWatch{end: cancel}
	w.ended.Go(func() {
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode != http.StatusOK {
			w.failed = fmt.Errorf("the live stream was answered with %s", response.Status)
			return
		}
		if err := w.read(response.Body); err != nil && ctx.Err() == nil {
			w.failed = err
		}
	})
	return w, nil
}

func (w *liveWatch) read(stream io.Reader) error {
	reader, err := live.NewReader(stream)
	if err != nil {
		return err
	}
	defer reader.Close()
	known := map[int64]int64{}
	for {
		b, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		for i := range b.Rows {
			row := &b.Rows[i]
			if before := known[row.Start]; row.Count > before {
				w.told = append(w.told, toldEvents{second: row.Start, before: before, count: row.Count - before, at: now})
				known[row.Start] = row.Count
			}
		}
	}
}

// close ends the reading and sums up. The events of a second are taken to be evenly spread in it, and to be told in their order.
func (w *liveWatch) close() (*liveResult, error) {
	w.end()
	w.ended.Wait()
	if w.failed != nil {
		return nil, w.failed
	}
	whole := map[int64]int64{}
	for _, t := range w.told {
		whole[t.second] += t.count
	}
	var after []float64
	for _, t := range w.told {
		for i := range t.count {
			after = append(after, float64(t.at-t.second)-1000*(float64(t.before+i)+0.5)/float64(whole[t.second]))
		}
	}
	result := &liveResult{Events: int64(len(after))}
	if len(after) == 0 {
		return result, nil
	}
	slices.Sort(after)
	at := func(share float64) float64 { return after[min(int(share*float64(len(after))), len(after)-1)] }
	result.P50, result.P90, result.P99, result.Max = at(0.5), at(0.9), at(0.99), at(1)
	return result, nil
}
