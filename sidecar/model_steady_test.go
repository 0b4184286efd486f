package main

import (
	"fmt"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// compareWithSteadyRun compares the documents, to the byte, with those of a run in which nothing fails.
func (w *world) compareWithSteadyRun() (wrong []string) {
	s := modelStream(0, w.idle, w.lateKeys)
	want := map[string]modelDocument{}
	for _, l := range w.logs {
		plan, err := s.plan()
		if err != nil {
			return []string{err.Error()}
		}
		e := aggregate.NewEngine(plan, plan.Begin(0, 0, l.id.TopicID))
		for _, r := range l.records {
			e.Add(aggregate.Record{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Value: r.Value})
			for _, window := range e.Close() {
				keep(want, l.id, window)
			}
		}
	}
	for key, doc := range want {
		if got := w.store.documents[key]; got != doc {
			wrong = append(wrong, fmt.Sprintf("%s: the store has\n%+v, without faults it would have\n%+v", key, got, doc))
		}
	}
	for key, doc := range w.store.documents {
		if _, known := want[key]; !known {
			wrong = append(wrong, fmt.Sprintf("%s: without faults the store would not have %+v", key, doc))
		}
	}
	return wrong
}

// keep writes a window as a store does in which nothing fails.
func keep(documents map[string]modelDocument, id rollup.Partition, window *aggregate.Window) {
	r := window.Rollup()
	err := window.Documents(id, func(doc *rollup.Document) error {
		kept := modelDocument{rollup.Version(0, doc.LastOffset), string(doc.AppendJSON(nil, &r.Definition, r.Hash))}
		if !poisoned(kept.source) {
			documents[rollup.IndexName(modelPrefix, r.Definition.Name, r.Definition.Window, doc.Start)+"/"+doc.ID(r.Hash)] = kept
		}
		return nil
	})
	if err != nil {
		panic(err) // the function above gives none
	}
}
