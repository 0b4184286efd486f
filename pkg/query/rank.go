package query

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// key is the values of the dimensions that a query groups by, in that order; places beyond them are empty.
type key [maxGroupBy]string

func compareKeys(a, b key) int { return slices.Compare(a[:], b[:]) }

type rankedKey struct {
	key   key
	value *float64
}

// compareRanks orders keys by their value, the largest first and those without one last; equal ones by the key.
func compareRanks(a, b rankedKey) int {
	switch {
	case a.value == nil && b.value == nil:
	case a.value == nil:
		return 1
	case b.value == nil:
		return -1
	default:
		if order := cmp.Compare(*b.value, *a.value); order != 0 {
			return order
		}
	}
	return compareKeys(a.key, b.key)
}

// ranking is what rank found: the chosen keys in the keys' order, and how many there are in all.
type ranking struct {
	keys  []key
	total int
}

// rank finds every key in the range and chooses those with the largest values. Days are different indices, so a terms aggregation of a limited size
// would choose from what each day found largest, which is not the largest of all; pages of a composite aggregation miss none.
func (r *run) rank(ctx context.Context, keep int) (ranking, error) {
	var best []rankedKey
	total := 0
	var after json.RawMessage
	for {
		page, err := r.rankPage(ctx, after)
		if err != nil {
			return ranking{}, err
		}
		for _, b := range page.Buckets {
			k := rankedKey{value: r.plan.statistic.value(b.metrics, float64(r.plan.end-r.plan.start)/1000)}
			for i, name := range r.plan.GroupBy {
				k.key[i] = b.Key[name]
			}
			best = append(best, k)
		}
		if total += len(page.Buckets); total > r.plan.limits.Keys {
			return ranking{}, Invalid("there are more than %d combinations of values of %s in this range: filter, choose a shorter range, or group by fewer dimensions",
				r.plan.limits.Keys, list(r.plan.GroupBy))
		}
		slices.SortFunc(best, compareRanks)
		best = slices.Clip(best[:min(len(best), keep)])
		if len(page.Buckets) < r.plan.limits.PageKeys || len(page.After) == 0 || bytes.Equal(page.After, after) {
			break
		}
		after = page.After
	}
	keys := make([]key, len(best))
	for i, k := range best {
		keys[i] = k.key
	}
	slices.SortFunc(keys, compareKeys)
	return ranking{keys: keys, total: total}, nil
}

type keyPage struct {
	After   json.RawMessage `json:"after_key"`
	Buckets []struct {
		Key map[string]string `json:"key"`
		metrics
	} `json:"buckets"`
}

func (r *run) rankPage(ctx context.Context, after json.RawMessage) (keyPage, error) {
	sources := make([]object, len(r.plan.GroupBy))
	for i, name := range r.plan.GroupBy {
		sources[i] = object{name: object{"terms": object{"field": rollup.DimensionField(name)}}}
	}
	composite := object{"size": r.plan.limits.PageKeys, "sources": sources}
	if len(after) > 0 {
		composite["after"] = after
	}
	request, err := r.plan.request(object{"keys": object{"composite": composite, "aggs": r.plan.statistic.aggregations(r.plan.Measure)}})
	if err != nil {
		return keyPage{}, err
	}
	responses, err := r.ask(ctx, []Request{request})
	if err != nil {
		return keyPage{}, err
	}
	var answer struct {
		Keys keyPage `json:"keys"`
	}
	return answer.Keys, decode(responses[0], &answer)
}
