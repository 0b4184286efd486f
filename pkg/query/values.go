package query

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// MaxValues is how many values of a dimension can be asked for at once.
const MaxValues = 1000

// ValuesInput asks which values a dimension has.
type ValuesInput struct {
	Dimension string
	// Search keeps the values that contain it, in any case; empty keeps all.
	Search string
	// Regex keeps the values that match it as a whole, in Go's syntax; empty keeps all.
	Regex string
	// Filters keep the values of events that meet all of them.
	Filters []Filter
	// Limit is 1 to MaxValues; 0 stands for MaxValues.
	Limit int
	// From and To bound the time range in milliseconds since the epoch; both 0 for all time.
	From, To int64
	// Rollup is what the progress index says about the rollup, Prefix the index prefix.
	Rollup *rollup.CatalogEntry
	Prefix string
}

// Value is a value of a dimension, with the events that have it.
type Value struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// valuesPerShard is how many values each shard considers: where a day has more, the choice among them is an estimate, as is good enough to choose from.
const valuesPerShard = 10_000

// Values lists the values of a dimension, the ones with the most events first. The second result tells whether there are more than the limit. A long time
// range is read from coarser tiers, whose windows can reach a little beyond its ends; where several tiers have a part of it, the counts of values that are
// rare in one of them are estimates.
func Values(ctx context.Context, in ValuesInput, search Search) ([]Value, bool, error) {
	limit := in.Limit
	if limit == 0 {
		limit = MaxValues
	}
	if limit < 0 || limit > MaxValues {
		return nil, false, Invalid("limit is %d: 1 to %d are allowed", in.Limit, MaxValues)
	}
	requests, err := in.requests(limit)
	if err != nil {
		return nil, false, err
	}
	responses, err := ask(ctx, search, requests)
	if err != nil {
		return nil, false, err
	}
	counts := map[string]int64{}
	type found struct {
		Values struct {
			Buckets []struct {
				Key   string `json:"key"`
				Total number `json:"total"`
			} `json:"buckets"`
		} `json:"values"`
	}
	for _, r := range responses {
		answer, err := read[found](r)
		if err != nil {
			return nil, false, err
		}
		for _, b := range answer.Values.Buckets {
			counts[b.Key] += int64(b.Total.value)
		}
	}
	values, truncated := MostFrequent(counts, limit)
	return values, truncated, nil
}

// MostFrequent gives up to limit values, the ones with the most events first and equal ones in their own order, and whether there are more.
func MostFrequent(counts map[string]int64, limit int) ([]Value, bool) {
	values := make([]Value, 0, len(counts))
	for v, n := range counts {
		values = append(values, Value{Value: v, Count: n})
	}
	slices.SortFunc(values, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return values[:min(limit, len(values))], len(values) > limit
}

func (in *ValuesInput) requests(limit int) ([]Request, error) {
	from, to := in.From, in.To
	if from == 0 && to == 0 {
		to = maxTime
	} else if from < 0 || to > maxTime || from >= to {
		return nil, Invalid("the time range %d to %d (ms) is not one: it begins at 1970 or later and before it ends", from, to)
	}
	asked := Query{GroupBy: []string{in.Dimension}, Filters: in.Filters}
	if err := asked.normalizeFilters(); err != nil {
		return nil, err
	}
	in.Filters = asked.Filters
	further, mustNot, err := in.conditions()
	if err != nil {
		return nil, err
	}
	grouped, err := in.grouped(asked.dimensions())
	if err != nil {
		return nil, err
	}
	parts := stretches(in.Rollup, from, to)
	size := limit + 1
	if len(parts) > 1 { // what is rare in one can be frequent in another
		size = min(5*size, valuesPerShard)
	}
	requests := make([]Request, len(parts))
	for i, s := range parts {
		where, must := s.read(in.Rollup, in.Prefix, grouped)
		body, err := encode(aggregate(append(must, further...), mustNot, object{"values": object{
			"terms": object{
				"field": rollup.DimensionField(in.Dimension), "size": size, "shard_size": valuesPerShard, "order": []object{{"total": "desc"}, {"_key": "asc"}},
			},
			"aggs": object{"total": sumOf(rollup.FieldCount)},
		}}))
		if err != nil {
			return nil, err
		}
		requests[i] = Request{Indices: where, Body: body}
	}
	return requests, nil
}

// grouped checks the dimensions that are asked for and filtered by.
func (in *ValuesInput) grouped(dimensions []string) (object, error) {
	spec := &in.Rollup.Spec
	for _, name := range dimensions {
		if spec.Dimension(name) < 0 {
			return nil, Invalid("rollup %q has no dimension %s: it has %s", in.Rollup.Rollup, quote(name), list(names(spec.Dimensions)))
		}
	}
	grouped, found := groupedBy(in.Rollup, dimensions)
	if !found {
		return nil, Invalid("rollup %q is kept by no grouping that holds %s", in.Rollup.Rollup, list(dimensions))
	}
	return grouped, nil
}

// conditions are what the documents of the values meet, and what they do not.
func (in *ValuesInput) conditions() (must, mustNot []object, err error) {
	field := rollup.DimensionField(in.Dimension)
	if in.Search != "" {
		pattern, err := contains(in.Search)
		if err != nil {
			return nil, nil, Invalid("the search text is too long: at most %d bytes are allowed, and less with many letters", maxPatternBytes)
		}
		must = append(must, object{"regexp": object{field: object{"value": pattern}}})
	}
	if in.Regex != "" {
		pattern, err := lucene(in.Regex)
		if err != nil {
			return nil, nil, Invalid("%v", err)
		}
		must = append(must, object{"regexp": object{field: object{"value": pattern}}})
	}
	filtered, mustNot, err := conditionsOf(in.Filters)
	return append(must, filtered...), mustNot, err
}
