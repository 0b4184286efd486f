package downsample

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// passDocuments is about how many documents one pass reads, unless a single window has more.
	passDocuments = 20_000
	// pageDocuments is how many documents are in memory at once, besides those of one key: sketches can have 16 KiB.
	pageDocuments = 2000
)

func interval(t rollup.Tier) string { return strconv.FormatInt(t.Milliseconds(), 10) + "ms" }

// make makes the windows of the i-th tier that start in [from, to), and gives how many documents were written. Documents of windows that were made before, and
// that nothing stands for any more, are removed.
func (r *round) make(ctx context.Context, i int, from, to int64) (written int, err error) {
	t := &r.progress.Spec.Tiers[i]
	batch := r.Begin()
	defer func() {
		if closing := batch.Close(ctx); err == nil {
			err = closing
		}
	}()
	for k := range r.entry.Definitions {
		d := &r.entry.Definitions[k].Spec
		source, made := r.source(d, t.Tier)
		if !made {
			continue
		}
		p := pass{round: r, batch: batch, definition: d, hash: r.entry.Definitions[k].Definition, source: source, tier: t.Tier, version: r.made()}
		n, err := p.run(ctx, from, to)
		if written += n; err != nil {
			return written, err
		}
	}
	if from < t.Made {
		return written, r.removeOlder(ctx, batch, t.Tier, from, to)
	}
	return written, nil
}

// pass makes windows of one definition.
type pass struct {
	*round
	batch      Batch
	definition *rollup.Definition
	hash       string
	source     rollup.Tier // of the documents that are read
	tier       rollup.Tier // of those that are written
	version    int64
	partition  *rollup.PartitionProgress // whose documents are read and written; nil for those of all, which become one
	indices    []string                  // that hold the windows in hand
	written    int
	encoded    []byte
}

// conditions are the documents of windows that start in [from, to), without the corrections that are not sealed yet.
func (p *pass) conditions(from, to int64, further ...object) object {
	length := p.definition.Window.Milliseconds()
	leftOut := []object{{"range": object{rollup.FieldArrived: object{"gt": p.sealed - length, "format": "epoch_millis"}}}}
	if p.partition != nil {
		further = append(further[:len(further):len(further)], ofPartition(p.partition)...)
	} else {
		for _, behind := range p.behind {
			leftOut = append(leftOut, object{"bool": object{"filter": ofPartition(behind)}})
		}
	}
	return object{
		"filter":   append([]object{term(rollup.FieldDefinition, p.hash), within(rollup.FieldTime, from, to)}, further...),
		"must_not": leftOut,
	}
}

// run reads as many windows at a time as are few documents.
//
// Another maker can be removing what is read. It tells so before, so what was found is everything while nothing was told; and from then on the indices are
// named, so that one that vanishes is an error and not an absence.
func (p *pass) run(ctx context.Context, from, to int64) (written int, err error) {
	windows, err := p.windows(ctx, rollup.IndexPattern(p.Prefix, p.entry.Rollup, p.source), p.conditions(from, to), p.tier)
	if err != nil || len(windows) == 0 {
		return 0, errors.Join(err, p.unchanged(ctx))
	}
	if err := p.unchanged(ctx); err != nil {
		return 0, err
	}
	for len(windows) > 0 {
		n, documents := 1, windows[0].documents
		for n < len(windows) && documents+windows[n].documents <= passDocuments {
			documents += windows[n].documents
			n++
		}
		p.indices = p.indices[:0]
		for _, w := range windows[:n] {
			if name := rollup.IndexName(p.Prefix, p.entry.Rollup, p.source, w.start); !slices.Contains(p.indices, name) {
				p.indices = append(p.indices, name)
			}
		}
		if err := p.merge(ctx, windows[0].start, windows[n-1].start+p.tier.Milliseconds()); err != nil {
			return p.written, err
		}
		windows = windows[n:]
	}
	return p.written, nil
}

// merge goes through the documents of each grouping in the order of their keys, so that those of one are next to each other.
func (p *pass) merge(ctx context.Context, from, to int64) error {
	for _, g := range p.definition.Groupings {
		of := []object{term(rollup.FieldGrouping, g.String())}
		var order []object
		for _, name := range g {
			order = append(order, object{rollup.DimensionField(name): object{"order": "asc", "unmapped_type": "keyword"}})
		}
		for _, overflow := range []bool{false, true} {
			conditions := p.conditions(from, to, of...)
			if overflow {
				conditions = p.conditions(from, to, append(of, term(rollup.FieldOverflow, true))...)
				order = nil
			} else {
				conditions["must_not"] = append(conditions["must_not"].([]object), term(rollup.FieldOverflow, true))
			}
			if err := p.mergeSorted(ctx, conditions, order); err != nil {
				return err
			}
		}
	}
	return nil
}

// DocumentError is that a document cannot be read, so that nothing can be made of its window before somebody mends it.
type DocumentError struct {
	Rollup, Index, ID string
	// Span is the document's window.
	Span rollup.Span
	Err  error
}

// Error names the document and the command that writes it anew.
func (e *DocumentError) Error() string {
	from, to := time.UnixMilli(e.Span.From).UTC().Format(time.RFC3339), time.UnixMilli(e.Span.To).UTC().Format(time.RFC3339)
	return fmt.Sprintf("document %s of index %s, of the window at %s of rollup %q: %v: tidemark replay --rollup %s --from %s --to %s writes it anew", e.ID, e.Index, from, e.Rollup, e.Err, e.Rollup, from, to)
}

// Unwrap gives what is wrong.
func (e *DocumentError) Unwrap() error { return e.Err }

// part is a document that is read.
type part struct {
	id      string
	version int64
	doc     rollup.Document
}

func (p *pass) mergeSorted(ctx context.Context, conditions object, order []object) error {
	var same []part // of one key and window
	for hit, err := range p.documents(ctx, elastic.SearchRequest{Indices: p.indices, MustExist: true, Complete: true}, conditions, order) {
		if err != nil {
			return err
		}
		doc, err := rollup.ParseDocument(hit.Source, p.definition)
		if err != nil {
			return &DocumentError{Rollup: p.entry.Rollup, Index: hit.Index, ID: hit.ID, Span: rollup.Span{From: doc.Start, To: doc.Start + p.source.Milliseconds()}, Err: err}
		}
		if len(same) > 0 && !p.together(&same[0].doc, &doc) {
			if err := p.write(ctx, same); err != nil {
				return err
			}
			same = same[:0]
		}
		same = append(same, part{id: hit.ID, version: hit.Version, doc: doc})
	}
	return p.write(ctx, same)
}

func (p *pass) together(a, b *rollup.Document) bool {
	return p.tier.Start(a.Start) == p.tier.Start(b.Start) && slices.Equal(a.Dimensions, b.Dimensions)
}

// write merges the documents of one key and window, in an order that follows from them alone, since sums of floats depend on it.
func (p *pass) write(ctx context.Context, parts []part) error {
	if len(parts) == 0 {
		return nil
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.doc.Start, b.doc.Start), cmp.Compare(a.id, b.id), cmp.Compare(b.version, a.version))
	})
	// A document that is written anew between two pages can be on both.
	parts = slices.CompactFunc(parts, func(a, b part) bool { return a.id == b.id })
	first, d := &parts[0].doc, p.definition
	merged := rollup.Document{
		Start: p.tier.Start(first.Start), Grouping: first.Grouping, Dimensions: first.Dimensions, Overflow: first.Overflow, Measures: make([]rollup.Measure, len(d.Measures)),
		Sketches: make([]*rollup.Sketch, len(d.Percentiles)), Conditions: make([]int64, len(d.Conditions)), Distinct: make([]*rollup.Distinct, len(d.Distinct)),
	}
	for i := range parts {
		merged.Merge(&parts[i].doc)
	}
	if p.partition != nil {
		var err error
		if merged.Partition, err = p.partition.Names(); err != nil {
			return err
		}
		if p.source != d.Window { // not to be taken for what is made of the finest tier
			merged.LateCount, merged.Correction = 0, &rollup.Correction{Arrived: merged.Start, Opened: p.source.Milliseconds()}
		}
	}
	p.encoded = merged.AppendJSON(p.encoded[:0], d, p.hash)
	p.written++
	return p.batch.Index(ctx, rollup.IndexName(p.Prefix, p.entry.Rollup, p.tier, merged.Start), merged.ID(p.hash), p.version, p.encoded)
}

// documents pages through the documents that meet conditions in the request's indices, in the order given, those of one key in the order of their times.
func (r *round) documents(ctx context.Context, request elastic.SearchRequest, conditions object, order []object) iter.Seq2[elastic.Hit, error] {
	// Documents of one time are in one index of one shard, where each has a sequence number of its own.
	order = append(order[:len(order):len(order)], object{rollup.FieldTime: "asc"}, object{"_seq_no": "asc"})
	return elastic.Pages(ctx, r.store.Search, request, object{
		"size": pageDocuments, "version": true, "track_total_hits": false, "query": object{"bool": conditions}, "sort": order,
	})
}

// removeOlder removes the merged documents of windows that start in [from, to) and were not written by this round. Documents that a partition wrote to the tier
// itself stay.
func (r *round) removeOlder(ctx context.Context, batch Batch, t rollup.Tier, from, to int64) error {
	// What was just written need not be visible: then the older one is found, and its deletion refused for the newer version.
	conditions := object{
		"filter":   []object{within(rollup.FieldTime, from, to)},
		"must_not": []object{{"exists": object{"field": rollup.FieldPartition}}},
	}
	pattern := rollup.IndexPattern(r.Prefix, r.entry.Rollup, t)
	for hit, err := range r.documents(ctx, elastic.SearchRequest{Indices: []string{pattern}, Complete: true}, conditions, nil) {
		if err != nil {
			return err
		}
		if hit.Version < r.made() {
			if err := batch.Delete(ctx, hit.Index, hit.ID, r.made()-1); err != nil {
				return err
			}
		}
	}
	return nil
}
