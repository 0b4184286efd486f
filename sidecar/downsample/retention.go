package downsample

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// expire removes the indices of each tier whose retention has passed, and that every coarser tier has made its windows of.
//
// Retention is measured by what is sealed, not by the clock: a correction for a window goes to a tier only if it arrives within the tier's retention (see
// rollup.Definition.TierOf), so when everything that arrived by then is sealed, nothing can be written to the index any more.
func (r *round) expire(ctx context.Context) error {
	spec := &r.progress.Spec
	if len(spec.Tiers) == 0 || len(r.entry.Spec.Retention) == 0 {
		return nil
	}
	for i := range spec.Tiers {
		t := &spec.Tiers[i]
		keep, limited := r.keep(t.Tier)
		if !limited {
			return nil // coarser ones are kept at least as long
		}
		until := r.settled(i, keep)
		from := max(t.From, r.whole(i))
		indices, err := r.indices(ctx, i)
		if err != nil {
			return err
		}
		removed := t.Removed
		for _, x := range indices {
			if x.span.To <= until {
				removed = max(removed, x.span.To)
			}
		}
		if removed > t.Removed || from > t.From {
			t.Removed, t.From = removed, from
			if err := r.save(ctx); err != nil { // before anything is removed, so that nothing is made of what is left
				return err
			}
		}
		for _, x := range indices {
			if x.span.To <= min(t.Removed, until) {
				if err := r.remove(ctx, x); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// keep is how long a tier is kept, in milliseconds, by the definitions under which partitions are read. It is false where that is for ever.
func (r *round) keep(t rollup.Tier) (int64, bool) {
	keep, limited := int64(0), true
	for _, p := range r.newest {
		k := slices.IndexFunc(r.entry.Definitions, func(d rollup.DefinitionProgress) bool { return d.Definition == p.Definition })
		if k < 0 {
			return 0, false
		}
		d := &r.entry.Definitions[k].Spec
		if !slices.Contains(d.Chain(), t) {
			continue // it writes none of these
		}
		kept, some := d.Kept(t)
		limited = limited && some
		keep = max(keep, kept+d.Window.Milliseconds())
	}
	return keep, limited && keep > 0
}

// whole is the time from which the i-th tier, which has a limit, holds every correction that is sealed: before, some went to coarser tiers.
func (r *round) whole(i int) int64 {
	t := &r.progress.Spec.Tiers[i]
	keep := int64(math.MaxInt64)
	for k := range r.entry.Definitions {
		d := &r.entry.Definitions[k].Spec
		tier := t.Tier
		if i == 0 {
			tier = d.Window
		}
		if kept, limited := d.Kept(tier); limited {
			keep = min(keep, kept)
		}
	}
	if keep == math.MaxInt64 {
		return 0
	}
	from := r.sealed - keep
	if i+1 < len(r.progress.Spec.Tiers) {
		from = min(from, r.progress.Spec.Tiers[i+1].Through) // which takes over
	}
	return max(0, t.Tier.StartFrom(from))
}

// settled is the time up to which the windows of the i-th tier can be removed.
func (r *round) settled(i int, keep int64) int64 {
	until := r.sealed - keep
	for _, t := range r.progress.Spec.Tiers[i+1:] {
		until = min(until, t.Through)
		if t.Arrived < r.sealed {
			return 0
		}
		if len(t.Again) > 0 {
			until = min(until, t.Again[0].From)
		}
	}
	return until
}

// mergeSegments merges the segments of the indices whose windows seldom change any more.
func (r *round) mergeSegments(ctx context.Context) error {
	if r.MergeAfter == 0 {
		return nil
	}
	merged := false
	for i := range r.progress.Spec.Tiers {
		t := &r.progress.Spec.Tiers[i]
		until := r.sealed
		if i > 0 {
			until = t.Through
		}
		until -= r.MergeAfter.Milliseconds()
		if until-t.Merged < millisecondsPerDay {
			continue // indices hold a day at least
		}
		indices, err := r.indices(ctx, i)
		if err != nil {
			return err
		}
		for _, x := range indices {
			if x.span.To <= t.Merged || x.span.To > until {
				continue
			}
			if err := r.store.ForceMerge(ctx, x.name); err != nil && !elastic.IsNotFound(err) {
				return err
			}
			t.Merged, merged = x.span.To, true
		}
	}
	if !merged {
		return nil
	}
	return r.save(ctx)
}

const millisecondsPerDay = 86_400_000

// aged is an index with the time whose windows it holds.
type aged struct {
	name string
	span rollup.Span
}

// indices lists the indices of the i-th tier; those of the finest are of the windows of all definitions.
func (r *round) indices(ctx context.Context, i int) ([]aged, error) {
	tiers := []rollup.Tier{r.progress.Spec.Tiers[i].Tier}
	if i == 0 {
		for k := range r.entry.Definitions {
			if w := r.entry.Definitions[k].Spec.Window; !slices.Contains(tiers, w) && r.progress.Spec.Tier(w) == nil {
				tiers = append(tiers, w)
			}
		}
	}
	var all []aged
	for _, t := range tiers {
		listed, err := r.store.ListIndices(ctx, rollup.IndexPattern(r.Prefix, r.entry.Rollup, t))
		if err != nil {
			return nil, err
		}
		for _, x := range listed {
			if span, own := rollup.IndexSpan(r.Prefix, r.entry.Rollup, t, x.Name); own {
				all = append(all, aged{x.Name, span})
			}
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Or(cmp.Compare(a.span.To, b.span.To), cmp.Compare(a.name, b.name)) })
	return all, nil
}

// remove deletes an index, unless it has documents of partitions that the coarser tiers do not hold yet. What it held is kept as sums.
func (r *round) remove(ctx context.Context, x aged) error {
	sums, err := r.sums(ctx, x.name)
	if err != nil {
		return err
	}
	if len(r.progress.Spec.Tiers) > 1 && slices.ContainsFunc(sums, r.uncovered) {
		return nil
	}
	removed := rollup.RemovedIndex{Kind: rollup.KindRemoved, Rollup: r.entry.Rollup, UpdatedAt: r.Now().UnixMilli()}
	removed.Spec.Index, removed.Spec.Span, removed.Spec.Sums = x.name, x.span, sums
	// Once only: what a partition wrote to the index when it had been removed is in a coarser tier, as documents of its own.
	if err := r.put(ctx, removed.ID(), 1, &removed); err != nil && !errors.Is(err, ErrOvertaken) {
		return err
	}
	if err := r.store.DeleteIndex(ctx, x.name); err != nil && !elastic.IsNotFound(err) {
		return err
	}
	r.Logger.Info("index removed: its retention has passed", "index", x.name, "rollup", r.entry.Rollup)
	return nil
}

func (r *round) uncovered(s rollup.RemovedSum) bool {
	p := rollup.PartitionProgress{Rollup: r.entry.Rollup, Partition: s.Partition, TopicID: s.TopicID}
	return !slices.Contains(r.progress.Spec.Covered, p.ID())
}

// sums adds up what an index holds of documents that partitions wrote.
func (r *round) sums(ctx context.Context, index string) ([]rollup.RemovedSum, error) {
	type group struct {
		Key   rollup.RemovedSum       `json:"key"`
		Value struct{ Value float64 } `json:"value"`
	}
	var sources []object
	for _, field := range []string{rollup.FieldPartition, rollup.FieldTopicID, rollup.FieldDefinition, rollup.FieldGrouping} {
		sources = append(sources, object{field: object{"terms": object{"field": field}}})
	}
	groups, err := groupsOf[group](ctx, r, index, object{}, sources, object{"sum": object{"field": rollup.FieldCount}})
	sums := make([]rollup.RemovedSum, len(groups))
	for i, g := range groups {
		sums[i] = g.Key
		sums[i].Count = int64(g.Value.Value)
	}
	return sums, err
}

// promote brings what a partition that appeared late wrote, to windows that were removed from the tiers that it belongs to, to the finest tier that still has
// their time, as documents of its own: the others cannot be made anew of what is left.
func (r *round) promote(ctx context.Context, of *rollup.PartitionProgress, from int64) (err error) {
	tiers := r.progress.Spec.Tiers
	if from >= tiers[0].Removed {
		return nil
	}
	batch := r.Begin()
	defer func() {
		if closing := batch.Close(ctx); err == nil {
			err = closing
		}
	}()
	for k := range r.entry.Definitions {
		d := &r.entry.Definitions[k].Spec
		to := tiers[0].Removed
		sources := []rollup.Tier{d.Window}
		for _, t := range tiers[1:] {
			if t.Tier <= d.Window || t.Tier%d.Window != 0 {
				continue
			}
			for _, source := range sources {
				p := pass{round: r, batch: batch, definition: d, hash: r.entry.Definitions[k].Definition, source: source, tier: t.Tier, version: r.made(), partition: of}
				if _, err := p.run(ctx, max(t.Removed, t.Tier.Start(from)), to); err != nil {
					return err
				}
			}
			to = t.Removed
			sources = append(sources, t.Tier) // corrections can have gone there
		}
	}
	return nil
}
