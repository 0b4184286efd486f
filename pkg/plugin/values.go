package plugin

import (
	"context"
	"net/http"
	"slices"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// valuesRollups is how many rollups can be asked for values together.
const valuesRollups = 10

// listValues lists the values of a dimension in one rollup, or in several together. Of several, each is asked for what it has: one that lacks the dimension
// is passed over, and so are filters by a dimension that only others have.
func (d *Datasource) listValues(r *http.Request, p parameters) (any, error) {
	entries, err := d.namedRollups(r.Context(), p["rollup"])
	if err != nil {
		return nil, err
	}
	in, err := d.valuesInput(p)
	if err != nil {
		return nil, err
	}
	limit, filters := in.Limit, in.Filters
	if len(entries) > 1 { // what is rare in one can be frequent in another
		in.Limit = query.MaxValues
	}
	counts := map[string]int64{}
	truncated := false
	for _, e := range entries {
		lacks := func(name string) bool { return e.Spec.Dimension(name) < 0 && has(entries, name) }
		if lacks(in.Dimension) {
			continue
		}
		in.Rollup = e
		in.Filters = slices.DeleteFunc(slices.Clone(filters), func(f query.Filter) bool { return lacks(f.Dimension) })
		values, more, err := query.Values(r.Context(), in, d.cache.all)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			counts[v.Value] += v.Count
		}
		truncated = truncated || more
	}
	values, more := query.MostFrequent(counts, limit)
	return map[string]any{"values": values, "truncated": truncated || more}, nil
}

// has reports whether any of the rollups has a dimension.
func has(entries []*rollup.CatalogEntry, name string) bool {
	return slices.ContainsFunc(entries, func(e *rollup.CatalogEntry) bool { return e.Spec.Dimension(name) >= 0 })
}

// valuesInput reads the parameters of values, but for the rollups. The limit is never 0.
func (d *Datasource) valuesInput(p parameters) (query.ValuesInput, error) {
	in := query.ValuesInput{Dimension: p.text("dimension"), Search: p.text("search"), Regex: p.text("regex"), Prefix: d.settings.prefix}
	var limit int64
	if err := p.numbers(map[string]*int64{"from": &in.From, "to": &in.To, "limit": &limit}); err != nil {
		return in, err
	}
	if limit < 0 || limit > query.MaxValues {
		return in, query.Invalid("limit is %d: 1 to %d are allowed", limit, query.MaxValues)
	}
	if limit == 0 {
		limit = query.MaxValues
	}
	in.Limit = int(limit)
	var err error
	in.Filters, err = p.filters()
	return in, err
}

// namedRollups finds the rollups of a call, each once.
func (d *Datasource) namedRollups(ctx context.Context, names []string) ([]*rollup.CatalogEntry, error) {
	if len(names) == 0 {
		names = []string{""}
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) > valuesRollups {
		return nil, query.Invalid("there are %d rollups: at most %d are allowed together", len(names), valuesRollups)
	}
	entries := make([]*rollup.CatalogEntry, len(names))
	for i, name := range names {
		var err error
		if entries[i], err = d.rollup(ctx, name); err != nil {
			return nil, err
		}
	}
	return entries, nil
}
