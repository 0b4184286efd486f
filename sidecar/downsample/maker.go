package downsample

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// Store is what a Maker asks of Elasticsearch; *elastic.Client does it.
type Store interface {
	Search(ctx context.Context, req elastic.SearchRequest) (*elastic.SearchResponse, error)
	Bulk(ctx context.Context, body []byte) (*elastic.BulkResponse, error)
	Refresh(ctx context.Context, indices ...string) error
	ListIndices(ctx context.Context, pattern string) ([]elastic.IndexInfo, error)
	DeleteIndex(ctx context.Context, name string) error
	ForceMerge(ctx context.Context, index string) error
}

// Batch takes documents on their way to Elasticsearch. Close waits until each is written, or can never be; it is called after an error too.
type Batch interface {
	Index(ctx context.Context, index, id string, version int64, source []byte) error
	Delete(ctx context.Context, index, id string, version int64) error
	Close(ctx context.Context) error
}

// Options of a Maker.
type Options struct {
	// Prefix is the index prefix.
	Prefix string
	// Begin opens a batch.
	Begin func() Batch
	// MergeAfter is how long after its end, in sealed time, the segments of an index are merged into one; 0 is never.
	MergeAfter time.Duration
	// Made is told of each span of windows that was made, with the documents written; nil is told nothing.
	Made func(name string, tier rollup.Tier, span rollup.Span, documents int)
	// Now is the clock; nil is time.Now.
	Now    func() time.Time
	Logger *slog.Logger
}

// Maker makes the coarser tiers of rollups.
type Maker struct {
	store Store
	Options
}

// New gives a Maker.
func New(store Store, o Options) *Maker {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Made == nil {
		o.Made = func(string, rollup.Tier, rollup.Span, int) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Maker{store: store, Options: o}
}

// ErrOvertaken is that somebody else changed the progress document meanwhile. What was made stays; the next round goes on from what is told then.
var ErrOvertaken = errors.New("another maker was faster")

// maxBehind bounds the partitions that searches leave out by name; with more, it is waited until some have caught up.
const maxBehind = 500

// round is one rollup on its way up its tiers.
type round struct {
	*Maker
	entry *rollup.CatalogEntry
	// newest is the progress of each partition, of the topic of its name that was told of last.
	newest map[string]*rollup.PartitionProgress
	// sealed is the time up to which everything is sealed, in whole seconds.
	sealed   int64
	progress rollup.TiersProgress
	version  int64 // of the progress document; 0 for none
	// behind are the partitions that the tiers do not cover yet: what they wrote is left out until they have caught up.
	behind []*rollup.PartitionProgress
}

// Round brings the coarser tiers of one rollup up to where it is sealed, as entry tells, and removes what has outlived its retention. It tells its progress on
// the way, so that what an error or the end of the context interrupts goes on from there.
func (m *Maker) Round(ctx context.Context, entry *rollup.CatalogEntry) error {
	sealed, known := entry.Sealed()
	if !known || len(entry.Spec.Tiers) == 0 && len(entry.Spec.Retention) == 0 {
		return nil
	}
	r := &round{Maker: m, entry: entry, newest: newest(entry)}
	if err := r.load(ctx); err != nil {
		return err
	}
	r.sealed = r.bounded(sealed)
	if err := m.store.Refresh(ctx, rollup.IndicesOf(m.Prefix, entry.Rollup)); err != nil { // what is sealed is to be found, whoever wrote it
		return err
	}
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.cover(ctx); err != nil {
		return err
	}
	if r.sealed < r.reached() || len(r.behind) > maxBehind {
		return nil // the entry is older than what is told, or a partition has to catch up: what is to be made again would lack corrections
	}
	for i := 1; i < len(r.progress.Spec.Tiers); i++ {
		if err := r.raise(ctx, i); err != nil {
			return err
		}
	}
	if err := r.expire(ctx); err != nil {
		return err
	}
	return r.mergeSegments(ctx)
}

// bounded holds what is sealed back for the partitions that the tiers cover, and to whole seconds: the tidemark takes one whose topic was made anew for sealed
// as far as the one before was, but it can still write corrections of the time between.
func (r *round) bounded(sealed int64) int64 {
	for _, p := range r.newest {
		if p.SealedThrough != nil && slices.Contains(r.progress.Spec.Covered, p.ID()) && slices.Contains(r.entry.Partitions, p.Partition) {
			sealed = min(sealed, *p.SealedThrough)
		}
	}
	return sealed - sealed%1000
}

func newest(entry *rollup.CatalogEntry) map[string]*rollup.PartitionProgress {
	newest := map[string]*rollup.PartitionProgress{}
	for i := range entry.Progress {
		p := &entry.Progress[i]
		if before := newest[p.Partition]; before == nil || p.UpdatedAt > before.UpdatedAt {
			newest[p.Partition] = p
		}
	}
	return newest
}

// reached is the time up to which what is sealed is in the coarser tiers, or remembered.
func (r *round) reached() int64 {
	reached := int64(0)
	for i := range r.progress.Spec.Tiers {
		t := &r.progress.Spec.Tiers[i]
		reached = max(reached, t.Through, t.Arrived)
	}
	return reached
}

// Redo has everything that the coarser tiers hold of a span made anew in the next rounds, and tells readers, also of a rollup without coarser tiers, that its
// documents have changed.
func (m *Maker) Redo(ctx context.Context, entry *rollup.CatalogEntry, span rollup.Span) error {
	for {
		r := &round{Maker: m, entry: entry}
		if err := r.load(ctx); err != nil {
			return err
		}
		r.progress.Spec.Redo(span.From, span.To, m.Now().UnixMilli())
		if err := r.save(ctx); !errors.Is(err, ErrOvertaken) {
			return err
		}
	}
}

// made is the version of the documents that the round writes: of a later generation, or with more corrections in them, it is larger.
func (r *round) made() int64 {
	const secondsBits = 34 // until the year 2514
	return r.progress.Spec.Generation<<secondsBits + max(r.sealed, 0)/1000
}

// source is the tier whose documents a definition's windows of the tier t are made of: the coarsest one below. The second result is false where the definition's
// own windows are not shorter than t, or do not fit into it.
func (r *round) source(d *rollup.Definition, t rollup.Tier) (rollup.Tier, bool) {
	best := d.Window
	if best <= 0 || best >= t || t%best != 0 {
		return 0, false
	}
	for _, p := range r.progress.Spec.Tiers[1:] {
		if s := p.Tier; s > best && s < t && t%s == 0 && s%d.Window == 0 {
			best = s
		}
	}
	return best, true
}
