package downsample

import (
	"context"
	"math"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// tellEvery is how often progress is told during long work.
	tellEvery = 5 * time.Second
	// arrivedSlack is how much Arrived may be behind what is known to be without corrections, before it is told for its own sake.
	arrivedSlack = time.Minute
)

// raise brings the i-th tier up to date: first the windows that have to be made anew, then the next ones.
func (r *round) raise(ctx context.Context, i int) error {
	t := &r.progress.Spec.Tiers[i]
	// What was made of documents that are removed stays as it is.
	complete := r.complete(t.Tier)
	t.Through = max(t.Through, complete)
	t.Done(rollup.Span{From: math.MinInt64, To: complete})
	if err := r.corrections(ctx, i); err != nil {
		return err
	}
	for len(t.Again) > 0 {
		if err := r.stretch(ctx, i, t.Again[0], t.Done); err != nil {
			return err
		}
	}
	end := t.Tier.Start(r.available(t.Tier))
	if end <= t.Through {
		return nil
	}
	return r.stretch(ctx, i, rollup.Span{From: t.Through, To: end}, func(s rollup.Span) {
		t.Through = s.To
		t.Made = max(t.Made, t.Through)
	})
}

// available is the time up to which everything is there that the windows of a tier are made of.
func (r *round) available(t rollup.Tier) int64 {
	end := r.sealed
	for i := range r.entry.Definitions {
		if source, made := r.source(&r.entry.Definitions[i].Spec, t); made {
			if p := r.progress.Spec.Tier(source); p != nil && source != r.entry.Definitions[i].Spec.Window {
				end = min(end, p.Through)
			}
		}
	}
	return end
}

// complete is the time from which everything is there that the windows of a tier are made of.
func (r *round) complete(t rollup.Tier) int64 {
	from := r.progress.Spec.Tier(t).Removed
	for i := range r.entry.Definitions {
		source, made := r.source(&r.entry.Definitions[i].Spec, t)
		if !made {
			continue
		}
		p := r.progress.Spec.Tier(source)
		if p == nil { // the window of an earlier definition is removed with the present one's
			p = &r.progress.Spec.Tiers[0]
		}
		from = max(from, t.StartFrom(p.Removed))
	}
	return from
}

// corrections finds the windows that corrections came for since the last time, and has them made anew.
func (r *round) corrections(ctx context.Context, i int) error {
	t := &r.progress.Spec.Tiers[i]
	if r.sealed <= t.Arrived {
		return nil
	}
	from, found := r.complete(t.Tier), false
	for k := range r.entry.Definitions {
		d := &r.entry.Definitions[k].Spec
		if _, made := r.source(d, t.Tier); !made || from >= t.Through {
			continue
		}
		length := d.Window.Milliseconds()
		late := []object{
			term(rollup.FieldDefinition, r.entry.Definitions[k].Definition), term(rollup.FieldLate, true), within(rollup.FieldTime, from, t.Through),
			within(rollup.FieldArrived, t.Arrived-length+1, r.sealed-length+1),
		}
		for _, finer := range append([]rollup.Tier{d.Window}, r.finer(t.Tier)...) {
			windows, err := r.windows(ctx, rollup.IndexPattern(r.Prefix, d.Name, finer), object{"filter": late}, t.Tier)
			if err != nil {
				return err
			}
			for _, w := range windows {
				t.Redo(w.start, w.start+1)
				found = true
			}
		}
	}
	due := r.sealed-t.Arrived >= arrivedSlack.Milliseconds()
	t.Arrived = r.sealed
	if found || due {
		return r.save(ctx)
	}
	return nil
}

// finer are the made tiers below one.
func (r *round) finer(t rollup.Tier) []rollup.Tier {
	var finer []rollup.Tier
	for _, p := range r.progress.Spec.Tiers[1:] {
		if p.Tier < t {
			finer = append(finer, p.Tier)
		}
	}
	return finer
}

// stretch makes the windows of a span, and tells on the way up to where.
func (r *round) stretch(ctx context.Context, i int, span rollup.Span, done func(rollup.Span)) error {
	t := &r.progress.Spec.Tiers[i]
	length := t.Tier.Milliseconds()
	step := length
	for from := span.From; from < span.To; {
		began := r.Now()
		part, documents := rollup.Span{From: from, To: from}, 0
		for part.To < span.To && r.Now().Sub(began) < tellEvery {
			next := min(span.To, part.To+step)
			n, err := r.make(ctx, i, part.To, next)
			if err != nil {
				return err
			}
			part.To, documents = next, documents+n
			if step < 1000*length && n < passDocuments {
				step *= 2
			}
		}
		if err := r.store.Refresh(ctx, rollup.IndexPattern(r.Prefix, r.entry.Rollup, t.Tier)); err != nil {
			return err
		}
		done(part)
		if err := r.save(ctx); err != nil {
			return err
		}
		r.Made(r.entry.Rollup, t.Tier, part, documents)
		from = part.To
	}
	return nil
}

// window is a window of a coarser tier, and how many documents it is made of.
type window struct{ start, documents int64 }

// windows lists the windows of a tier that documents have a part in.
func (r *round) windows(ctx context.Context, pattern string, conditions object, t rollup.Tier) ([]window, error) {
	type group struct {
		Key   struct{ Start int64 } `json:"key"`
		Value struct{ Value int64 } `json:"value"`
	}
	sources := []object{{"start": object{"date_histogram": object{"field": rollup.FieldTime, "fixed_interval": interval(t)}}}}
	// The groups' own counts are of events.
	groups, err := groupsOf[group](ctx, r, pattern, conditions, sources, object{"value_count": object{"field": rollup.FieldGrouping}})
	all := make([]window, len(groups))
	for i, g := range groups {
		all[i] = window{start: g.Key.Start, documents: g.Value.Value}
	}
	return all, err
}
