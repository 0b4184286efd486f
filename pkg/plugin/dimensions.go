package plugin

import (
	"context"
	"net/http"
	"slices"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// tagValues is how many values of a dimension an ad hoc filter offers.
	tagValues = 200
	// tagRollups is how many rollups are asked for them where the call names none.
	tagRollups = 10
)

// tag is what Grafana's ad hoc filters offer.
type tag struct {
	Text  string `json:"text"`
	Value string `json:"value"`
	// Count is the events that have the value; absent of keys.
	Count *int64 `json:"count,omitempty"`
}

func (d *Datasource) listDimensions(r *http.Request, p parameters) (any, error) {
	entry, err := d.rollup(r.Context(), p.text("rollup"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"dimensions": fieldNames(entry.Spec.Dimensions)}, nil
}

func (d *Datasource) listValues(r *http.Request, p parameters) (any, error) {
	entry, err := d.rollup(r.Context(), p.text("rollup"))
	if err != nil {
		return nil, err
	}
	in, err := d.valuesInput(p)
	if err != nil {
		return nil, err
	}
	in.Rollup, in.Dimension = entry, p.text("dimension")
	values, truncated, err := query.Values(r.Context(), in, d.cache.all)
	if err != nil {
		return nil, err
	}
	return map[string]any{"values": values, "truncated": truncated}, nil
}

// valuesInput reads the parameters of values, but for the rollup and the dimension.
func (d *Datasource) valuesInput(p parameters) (query.ValuesInput, error) {
	in := query.ValuesInput{Search: p.text("search"), Regex: p.text("regex"), Prefix: d.settings.prefix}
	var limit int64
	if err := p.numbers(map[string]*int64{"from": &in.From, "to": &in.To, "limit": &limit}); err != nil {
		return in, err
	}
	if limit < 0 || limit > query.MaxValues {
		return in, query.Invalid("limit is %d: 1 to %d are allowed", limit, query.MaxValues)
	}
	in.Limit = int(limit)
	var err error
	in.Filters, err = p.filters()
	return in, err
}

// listTagKeys lists the dimensions of one rollup, or of all.
func (d *Datasource) listTagKeys(r *http.Request, p parameters) (any, error) {
	entries, err := d.chosenRollups(r.Context(), p.text("rollup"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, fieldNames(e.Spec.Dimensions)...)
	}
	slices.Sort(names)
	keys := []tag{}
	for _, name := range slices.Compact(names) {
		keys = append(keys, tag{Text: name, Value: name})
	}
	return map[string]any{"keys": keys}, nil
}

// listTagValues lists the values of a dimension in one rollup, or in all that have it and what is filtered by.
func (d *Datasource) listTagValues(r *http.Request, p parameters) (any, error) {
	entries, err := d.chosenRollups(r.Context(), p.text("rollup"))
	if err != nil {
		return nil, err
	}
	in, err := d.valuesInput(p)
	if err != nil {
		return nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = tagValues
	}
	in.Dimension, in.Limit = p.text("key"), query.MaxValues
	if p.text("rollup") == "" {
		entries = slices.DeleteFunc(entries, func(e *rollup.CatalogEntry) bool { return !has(e, &in) })
		entries = entries[:min(len(entries), tagRollups)]
	}
	counts := map[string]int64{}
	truncated := false
	for _, e := range entries {
		in.Rollup = e
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
	tags := []tag{}
	for _, v := range values {
		tags = append(tags, tag{Text: v.Value, Value: v.Value, Count: &v.Count})
	}
	return map[string]any{"values": tags, "truncated": truncated || more}, nil
}

// has reports whether a rollup has all dimensions that values are asked for by.
func has(e *rollup.CatalogEntry, in *query.ValuesInput) bool {
	return e.Spec.Dimension(in.Dimension) >= 0 && !slices.ContainsFunc(in.Filters, func(f query.Filter) bool { return e.Spec.Dimension(f.Dimension) < 0 })
}

// chosenRollups is the rollup of that name, or all where there is none.
func (d *Datasource) chosenRollups(ctx context.Context, name string) ([]*rollup.CatalogEntry, error) {
	if name != "" {
		entry, err := d.rollup(ctx, name)
		return []*rollup.CatalogEntry{entry}, err
	}
	catalog, err := d.rollups(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*rollup.CatalogEntry, len(catalog.Rollups))
	for i := range catalog.Rollups {
		all[i] = &catalog.Rollups[i]
	}
	return all, nil
}
