package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/write"
)

const (
	// rebuildRows bounds the keys that are counted in one pass over a log.
	rebuildRows = 500_000
	// versionBits is how many bits of a document's version are below its lineage.
	versionBits = 48
)

// rebuild compares what Elasticsearch holds of one partition with what its log says, window by window, and writes the windows that differ anew.
type rebuild struct {
	*maintenance
	partition   *logPartition
	state       aggregate.State
	plan        *aggregate.Plan
	definitions map[string][]rollup.Definition // all that each rollup ever had
	chosen      []bool                         // by the stream's definitions
	writer      *write.Writer                  // nil: differences are only told
	lineage     int64
	report      *replayReport
	count       *aggregate.Recount // of the pass that is under way
	repeated    []int64            // of each rollup, what its record tells
	// allowLoss has windows written also where Kafka, which has deleted records, holds fewer events than their documents.
	allowLoss bool
}

// newRebuild fails where the partition cannot be compared: its owner has not committed a state under the configured definitions.
func (m *maintenance) newRebuild(p *logPartition, chosen map[string]bool, definitions map[string][]rollup.Definition, report *replayReport) (*rebuild, error) {
	s, err := p.state()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", p.String(), err, howToGoOn(p.Partition))
	}
	if !p.stream.matches(&s) {
		return nil, fmt.Errorf("%s: the sidecars have not gone over to the configured definitions yet: start them with this configuration, and wait until they have", p.String())
	}
	plan, err := p.stream.plan()
	if err != nil {
		return nil, err
	}
	b := &rebuild{maintenance: m, partition: p, state: s, plan: plan, definitions: definitions, report: report}
	for i := range p.stream.definitions {
		b.chosen = append(b.chosen, chosen[p.stream.definitions[i].Name])
	}
	return b, nil
}

// grid is the length at whose multiples the windows begin together of all definitions that the chosen rollups ever had.
func (b *rebuild) grid() rollup.Tier {
	var chosen []rollup.Definition
	for i, d := range b.partition.stream.definitions {
		if b.chosen[i] {
			chosen = append(chosen, d)
		}
	}
	return grid(chosen, b.definitions)
}

// grid is the length at whose multiples the windows begin together of some rollups, under their definitions and earlier ones of the same names. Windows
// divide a day evenly, and so does it.
func grid(definitions []rollup.Definition, earlier map[string][]rollup.Definition) rollup.Tier {
	common := rollup.Tier(time.Second)
	for _, d := range definitions {
		for _, other := range append(slices.Clone(earlier[d.Name]), d) {
			a, b := common, other.Window
			for b != 0 {
				a, b = b, a%b
			}
			common = common / a * other.Window
		}
	}
	return common
}

// align widens a range until no window of any definition that the rollups ever had lies across its ends.
func (b *rebuild) align(from, to int64) (int64, int64) {
	grid := b.grid()
	return grid.Start(from), grid.StartFrom(to)
}

// run goes through the windows that start in [from, to), as many at a time as fit into memory.
func (b *rebuild) run(ctx context.Context, from, to int64) error {
	from, to = b.align(from, min(to, max(b.state.SealedThrough, from)))
	if kept := b.kept(); from < kept {
		b.report.say("%s: windows before %s are not in the finest tier any more, and stay as they are in the coarser ones", b.partition.String(), formatTime(kept))
		from = kept
	}
	for from < to {
		begin, err := b.offsetAt(ctx, b.partition, from)
		if err != nil {
			return err
		}
		count := aggregate.NewRecount(b.plan, b.state, b.chosen, from, to, rebuildRows)
		b.count = count
		b.report.reading(b.partition, begin, b.state.End)
		err = b.read(ctx, b.partition, begin, b.partition.logEnd, func(r *kgo.Record) bool {
			if !r.Attrs.IsControl() {
				count.Add(record(r))
			}
			b.report.read(r.Offset)
			return !count.Done(r.Offset + 1)
		})
		if err != nil {
			return err
		}
		for i := range b.partition.stream.definitions {
			if b.chosen[i] {
				if err := b.compare(ctx, i, count.Windows(i), from, count.End()); err != nil {
					return err
				}
			}
		}
		from = count.End()
	}
	return nil
}

// kept is the time from which every document of the chosen rollups is in the finest tier: corrections that came later than its retention are in coarser ones.
func (b *rebuild) kept() int64 {
	kept := int64(aggregate.Never)
	for i := range b.partition.stream.definitions {
		d := &b.partition.stream.definitions[i]
		if keep, limited := d.Kept(d.Window); limited && b.chosen[i] && b.state.SealedThrough != aggregate.Never && b.state.SealedThrough < endOfTime {
			kept = max(kept, b.grid().StartFrom(b.state.SealedThrough-keep))
		}
	}
	return kept
}

// compare goes through one rollup's windows in the order of their starts, those of the log and those of the documents.
func (b *rebuild) compare(ctx context.Context, i int, windows []*aggregate.Window, from, to int64) error {
	d := &b.partition.stream.definitions[i]
	old, places, err := b.otherWindows(ctx, d, from, to)
	if err != nil {
		return err
	}
	if old, err = b.leave(i, old, windows, places); err != nil {
		return err
	}
	at := func(start int64) (counted []*aggregate.Window) {
		for len(windows) > 0 && windows[0].Start() <= start {
			counted = append(counted, windows[0])
			windows = windows[1:]
		}
		return counted
	}
	settle := func(start int64, documents []stored) error {
		for len(windows) > 0 && windows[0].Start() < start {
			earlier := windows[0].Start()
			if err := b.settle(ctx, i, earlier, at(earlier), nil, places[earlier]); err != nil {
				return err
			}
		}
		return b.settle(ctx, i, start, at(start), documents, places[start])
	}
	var same []stored
	for doc, err := range b.stored(ctx, rollup.IndexPattern(b.prefix(), d.Name, d.Window), from, to) {
		if err != nil {
			return err
		}
		if len(same) > 0 && same[0].integer(rollup.FieldTime) != doc.integer(rollup.FieldTime) {
			if err := settle(same[0].integer(rollup.FieldTime), same); err != nil {
				return err
			}
			same = nil
		}
		same = append(same, doc)
	}
	if len(same) > 0 {
		if err := settle(same[0].integer(rollup.FieldTime), same); err != nil {
			return err
		}
	}
	for len(windows) > 0 {
		start := windows[0].Start()
		if err := b.settle(ctx, i, start, at(start), nil, places[start]); err != nil {
			return err
		}
	}
	_, err = b.replace(ctx, i, nil, nil, old, 0)
	return err
}

// place is what is known of a window from the documents of earlier definitions with windows of another length.
type place struct {
	covered bool // by these
	left    bool // they are, since Kafka has deleted events that they hold
}

// otherWindows finds the documents of earlier definitions with windows of another length that the present ones take the place of, and the present windows
// that these cover.
func (b *rebuild) otherWindows(ctx context.Context, d *rollup.Definition, from, to int64) (old []stored, places map[int64]place, err error) {
	places = map[int64]place{}
	seen := map[rollup.Tier]bool{d.Window: true}
	for _, other := range b.definitions[d.Name] {
		if seen[other.Window] {
			continue
		}
		seen[other.Window] = true
		for doc, err := range b.stored(ctx, rollup.IndexPattern(b.prefix(), d.Name, other.Window), from, to) {
			if err != nil {
				return nil, nil, err
			}
			start, length := doc.integer(rollup.FieldTime), other.Window.Milliseconds()
			if doc.closing(length) > b.state.Since || start+length > d.Window.Start(b.state.Since) {
				continue
			}
			old = append(old, doc)
			for at := d.Window.Start(start); at < start+length; at += d.Window.Milliseconds() {
				places[at] = place{covered: true}
			}
		}
	}
	return old, places, nil
}

// leave takes out of the documents with windows of another length those that hold more events than Kafka has for the same time, and marks the places of
// the windows that would take over from them.
func (b *rebuild) leave(i int, old []stored, windows []*aggregate.Window, places map[int64]place) ([]stored, error) {
	if len(old) == 0 || !b.mayLackEvents() {
		return old, nil
	}
	d := &b.partition.stream.definitions[i]
	cell := grid([]rollup.Definition{*d}, b.definitions)
	had, has := map[int64]int64{}, map[int64]int64{}
	for _, doc := range old {
		had[cell.Start(doc.integer(rollup.FieldTime))] += b.events(i, doc)
	}
	for _, w := range windows {
		if w.Closing() > b.state.Since {
			continue
		}
		counted := cells{}
		for _, part := range []*aggregate.Window{w, b.count.Repetitions(w)} {
			if err := b.addWindow(counted, part); err != nil {
				return nil, err
			}
		}
		has[cell.Start(w.Start())] += counted.events(d.Groupings[0].String())
	}
	short := func(at int64) bool { return has[cell.Start(at)] < had[cell.Start(at)] }
	for at := range places {
		places[at] = place{covered: true, left: short(at)}
	}
	for _, at := range slices.Sorted(maps.Keys(had)) {
		if short(at) {
			b.report.differs(d.Name, b.partition, at, had[at], has[at], 0, true)
		}
	}
	return slices.DeleteFunc(old, func(doc stored) bool { return short(doc.integer(rollup.FieldTime)) }), nil
}

// mayLackEvents reports whether Kafka may have deleted records that are in documents, and these are to be kept: records' timestamps can go back, so those
// that are left do not tell of which times the others were.
func (b *rebuild) mayLackEvents() bool { return b.partition.logStart > 0 && !b.allowLoss }

// events is how many events a document of the i-th rollup tells of, under the grouping that counts each once.
func (b *rebuild) events(i int, doc stored) int64 {
	present := &b.partition.stream.definitions[i]
	full := present.Groupings[0].String()
	for _, d := range b.definitions[present.Name] {
		if doc.text(rollup.FieldDefinition) == d.Hash() {
			full = d.Groupings[0].String()
		}
	}
	if doc.text(rollup.FieldGrouping) != full {
		return 0
	}
	return doc.integer(rollup.FieldCount)
}

// settle compares one window, and replaces it where that is needed. What closed before the present definitions took over is looked at by itself.
func (b *rebuild) settle(ctx context.Context, i int, start int64, counted []*aggregate.Window, documents []stored, known place) error {
	end := start + b.partition.stream.definitions[i].Window.Milliseconds()
	b.report.Windows++
	for _, before := range []bool{true, false} {
		if before && (end > b.state.Since || known.left) {
			continue // what earlier definitions hold of such a window stays
		}
		h := half{start: start, before: before, had: cells{}, has: cells{}, foreign: before && known.covered}
		if err := b.gather(&h, i, counted, documents); err != nil {
			return err
		}
		if err := b.settleHalf(ctx, i, &h); err != nil {
			return err
		}
	}
	return nil
}

// half is what documents and log say of a window before, or since, the present definitions took over.
type half struct {
	start      int64
	before     bool
	had, has   cells // in the documents, and in the log
	documents  []stored
	windows    []*aggregate.Window
	documented int64 // events in the documents
	foreign    bool  // some documents are of another definition
}

func (b *rebuild) gather(h *half, i int, counted []*aggregate.Window, documents []stored) error {
	length := b.partition.stream.definitions[i].Window.Milliseconds()
	of := func(closing int64) bool {
		return closing <= b.state.SealedThrough && (closing <= b.state.Since) == h.before
	}
	for _, doc := range documents {
		if !of(doc.closing(length)) {
			continue
		}
		h.foreign = h.foreign || doc.text(rollup.FieldDefinition) != b.partition.stream.hashes[i]
		h.documents = append(h.documents, doc)
		h.documented += b.events(i, doc)
		h.had.add(doc.source)
	}
	for _, w := range counted {
		if !of(w.Closing()) {
			continue
		}
		h.windows = append(h.windows, w)
		if err := b.addWindow(h.has, w); err != nil {
			return err
		}
	}
	return nil
}

func (b *rebuild) settleHalf(ctx context.Context, i int, h *half) error {
	keys := h.has.differing(h.had)
	if keys == 0 && !h.foreign {
		return nil
	}
	most, err := b.withRepetitions(h.windows)
	if err != nil {
		return err
	}
	d := &b.partition.stream.definitions[i]
	if most != nil && !h.foreign && h.had.within(h.has, most) && h.had.agree(d.Groupings) {
		b.report.Unsure++
		return nil
	}
	full := d.Groupings[0].String()
	events := h.has.events(full)
	if events < h.documented && b.mayLackEvents() {
		b.report.differs(d.Name, b.partition, h.start, h.documented, events, keys, true)
		return nil
	}
	again := int64(0)
	if most != nil && !h.before {
		again = most.events(full) - events
	}
	var lacking map[cellKey]bool
	old := h.documents
	if !h.foreign {
		lacking = h.has.lacking(h.had)
	}
	if lacking != nil { // the others are right
		old = nil
		if b.writer == nil && b.state.Rollups[i].Ledger().Rejected > 0 {
			b.report.lacking++
		}
	}
	written, err := b.replace(ctx, i, h.windows, lacking, old, again)
	if err != nil {
		return err
	}
	if !written { // they are where they were
		b.report.Unacceptable++
		return nil
	}
	b.report.differs(d.Name, b.partition, h.start, h.documented, events, keys, false)
	return nil
}

// withRepetitions is what windows say together with the repetitions that they leave out, or nil where there are none.
func (b *rebuild) withRepetitions(windows []*aggregate.Window) (cells, error) {
	if !slices.ContainsFunc(windows, func(w *aggregate.Window) bool { return b.count.Repetitions(w) != nil }) {
		return nil, nil
	}
	most := cells{}
	for _, w := range windows {
		for _, part := range []*aggregate.Window{w, b.count.Repetitions(w)} {
			if err := b.addWindow(most, part); err != nil {
				return nil, err
			}
		}
	}
	return most, nil
}

// addWindow adds what the documents of a window would say; nil has none.
func (b *rebuild) addWindow(to cells, w *aggregate.Window) error {
	if w == nil {
		return nil
	}
	return w.Documents(b.partition.Partition, func(doc *rollup.Document) error {
		s, err := readSource(doc.AppendJSON(nil, &w.Rollup().Definition, w.Rollup().Hash))
		if err != nil {
			return err
		}
		to.add(s)
		return nil
	})
}

// replace writes windows, or only the keys that are lacking where these are given, and removes the other documents. Of events that came again, which the
// windows hold once, the ledger may have counted up to the given number more. It is false where Elasticsearch can accept none of the documents, so that
// nothing is changed.
func (b *rebuild) replace(ctx context.Context, i int, windows []*aggregate.Window, lacking map[cellKey]bool, old []stored, again int64) (bool, error) {
	if b.writer == nil || len(windows) == 0 && len(old) == 0 {
		return true, nil
	}
	if err := b.beginLineage(ctx, i, again, old); err != nil {
		return false, err
	}
	before := b.writer.Stats.Rejected.Load()
	done := make(chan write.Result, 1)
	batch := b.writer.Begin(func(r write.Result) { done <- r })
	kept := map[string]bool{}
	definition := &b.partition.stream.definitions[i]
	target := write.Target{Prefix: b.prefix(), Definition: definition, Hash: b.partition.stream.hashes[i], Lineage: b.lineage}
	for _, w := range windows {
		err := w.Documents(b.partition.Partition, func(doc *rollup.Document) error {
			if lacking != nil {
				s, err := readSource(doc.AppendJSON(nil, definition, target.Hash))
				if err != nil || !lacking[s.key()] {
					return err
				}
			}
			kept[doc.ID(target.Hash)] = true
			return batch.Add(ctx, target, doc)
		})
		if err != nil {
			return false, err
		}
	}
	removed := int64(0)
	for _, doc := range old {
		if kept[doc.id] {
			continue
		}
		removed++
		if err := batch.AddDelete(ctx, doc.index, doc.id, b.lineage<<versionBits); err != nil {
			return false, err
		}
	}
	if err := batch.Close(); err != nil {
		return false, err
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case r := <-done:
		written := int64(len(kept)) - (b.writer.Stats.Rejected.Load() - before)
		b.report.Written += written
		b.report.Removed += removed
		if written == 0 && removed == 0 {
			return false, nil
		}
		b.report.Rejected += r.Rejected + r.RejectedOverflow
		return true, nil
	}
}
