package query

import (
	"context"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// MaxValues is how many values of a dimension can be asked for at once.
const MaxValues = 1000

// ValuesInput asks which values a dimension has.
type ValuesInput struct {
	Dimension string
	// Search keeps the values that contain it, in any case; empty keeps all.
	Search string
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

// Values lists the values of a dimension, the ones with the most events first. The second result tells whether there are more than the limit.
func Values(ctx context.Context, in ValuesInput, search Search) ([]Value, bool, error) {
	limit := in.Limit
	if limit == 0 {
		limit = MaxValues
	}
	if limit < 0 || limit > MaxValues {
		return nil, false, Invalid("limit is %d: 1 to %d are allowed", in.Limit, MaxValues)
	}
	request, err := in.request(limit)
	if err != nil {
		return nil, false, err
	}
	responses, err := ask(ctx, search, []Request{request})
	if err != nil {
		return nil, false, err
	}
	var answer struct {
		Values struct {
			Buckets []struct {
				Key   string `json:"key"`
				Total number `json:"total"`
			} `json:"buckets"`
		} `json:"values"`
	}
	if err := decode(responses[0], &answer); err != nil {
		return nil, false, err
	}
	values := make([]Value, 0, limit)
	for _, b := range answer.Values.Buckets[:min(limit, len(answer.Values.Buckets))] {
		values = append(values, Value{Value: b.Key, Count: int64(b.Total.value)})
	}
	return values, len(answer.Values.Buckets) > limit, nil
}

func (in *ValuesInput) request(limit int) (Request, error) {
	spec := &in.Rollup.Spec
	if spec.Dimension(in.Dimension) < 0 {
		return Request{}, Invalid("rollup %q has no dimension %s: it has %s", in.Rollup.Rollup, quote(in.Dimension), list(names(spec.Dimensions)))
	}
	grouping, found := spec.SmallestGrouping([]string{in.Dimension})
	if !found {
		return Request{}, Invalid("rollup %q is kept by no grouping that holds %s", in.Rollup.Rollup, quote(in.Dimension))
	}
	field := rollup.DimensionField(in.Dimension)
	must := []object{term(rollup.FieldGrouping, grouping.String())}
	where := []string{rollup.IndexPattern(in.Prefix, in.Rollup.Rollup, spec.Window)}
	if in.From != 0 || in.To != 0 {
		if in.From < 0 || in.To > maxTime || in.From >= in.To {
			return Request{}, Invalid("the time range %d to %d (ms) is not one: it begins at 1970 or later and before it ends", in.From, in.To)
		}
		tier := max(spec.Window.Milliseconds(), 1)
		start, end := alignDown(in.From, tier), alignUp(in.To, tier)
		must = append(must, during(start, end))
		where = indices(in.Prefix, in.Rollup.Rollup, spec.Window, start, end)
	}
	if in.Search != "" {
		pattern, err := contains(in.Search)
		if err != nil {
			return Request{}, Invalid("the search text is too long: at most %d bytes are allowed, and less with many letters", maxPatternBytes)
		}
		must = append(must, object{"regexp": object{field: object{"value": pattern}}})
	}
	body, err := encode(aggregate(must, nil, object{"values": object{
		"terms": object{"field": field, "size": limit + 1, "shard_size": valuesPerShard, "order": []object{{"total": "desc"}, {"_key": "asc"}}},
		"aggs":  object{"total": sumOf(rollup.FieldCount)},
	}}))
	return Request{Indices: where, Body: body}, err
}
