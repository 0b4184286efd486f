package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// stateIndex tells what is loaded.
const stateIndex = benchPrefix + "-state"

// keptState is what a run has loaded completely, as the next one finds it.
type keptState struct {
	// To is where the events end (ms), and Events what there is of them.
	To     int64  `json:"to"`
	Events string `json:"events"`

	complete bool
}

// what names everything that decides about the documents.
func (b *bench) what() string {
	return fmt.Sprint(b.options.events, b.behind, b.raw, b.hosts, b.paths, b.span, b.fine, b.long)
}

// findKept looks for what an earlier run has left. What is not wanted, or something else, is removed.
func (b *bench) findKept(ctx context.Context) (*keptState, error) {
	begin := &keptState{To: time.Now().UnixMilli(), Events: b.what()}
	begin.To -= begin.To % tierFine.Milliseconds()
	if !b.keep {
		return begin, b.remove(ctx)
	}
	answer, err := b.client.Search(ctx, elastic.SearchRequest{Indices: []string{stateIndex}, Body: json.RawMessage(`{"size":1}`)})
	if err != nil {
		return nil, err
	}
	if len(answer.Hits.Hits) == 0 {
		return begin, b.remove(ctx)
	}
	kept := &keptState{complete: true}
	if err := json.Unmarshal(answer.Hits.Hits[0].Source, kept); err != nil {
		return nil, fmt.Errorf("read what is loaded: %w", err)
	}
	if kept.Events != begin.Events {
		return begin, b.remove(ctx)
	}
	b.progress.say("measuring what is loaded already: events up to %s", time.UnixMilli(kept.To).UTC().Format(time.RFC3339))
	return kept, nil
}

// leave tells the next run what is loaded.
func (b *bench) leave(ctx context.Context, s *keptState) error {
	if !b.keep || s.complete {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	w := b.newWriter(ctx, "")
	return errors.Join(w.index(ctx, stateIndex, "1", 1, text), w.close(), b.client.Refresh(ctx, stateIndex))
}
