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
	value float64
	some  bool
	first bool
}

// compareRanks orders keys by their value, the largest first and those without one last, but for those that are to come first; equal ones by the key.
func compareRanks(a, b rankedKey) int {
	switch {
	case a.first && !b.first:
		return -1
	case b.first && !a.first:
		return 1
	case a.some && !b.some:
		return -1
	case b.some && !a.some:
		return 1
	case a.some:
		if order := cmp.Compare(b.value, a.value); order != 0 {
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

// silentFirst reports whether series without events in the range are kept before others. Whoever looks back wants them to stay; with Top the largest are
// wanted, and with another series these are told apart.
func (p *plan) silentFirst() bool { return !p.lookback.none() && p.Top == 0 && !p.Other }

// choose takes the keys with the largest values, after those that are to come first.
func (p *plan) choose(totals map[key]*metrics, keep int) ranking {
	seconds := 0.0
	for _, b := range p.buckets[p.lead:] {
		seconds += float64(b.to-b.from) / 1000
	}
	all := make([]rankedKey, 0, len(totals))
	for k, m := range totals {
		ranked := rankedKey{key: k, first: p.silentFirst() && !m.found}
		ranked.value, ranked.some = p.statistic.value(m, seconds)
		all = append(all, ranked)
	}
	slices.SortFunc(all, compareRanks)
	keys := make([]key, min(keep, len(all)))
	for i := range keys {
		keys[i] = all[i].key
	}
	slices.SortFunc(keys, compareKeys)
	return ranking{keys: keys, total: len(all)}
}

// pager asks one source for all its keys.
type pager struct {
	source       *source
	aggregations object // of each key; nil where only the keys are wanted
	after        json.RawMessage
	done         bool
}

// totals finds every key, with what its documents in the range add up to. Days and tiers are different indices, so a terms aggregation of a limited size
// would choose from what each found largest, which is not the largest of all; pages of composite aggregations miss none. Keys that only had documents
// before the range are among them where the query looks back.
func (r *run) totals(ctx context.Context, aggregations object) (map[key]*metrics, error) {
	var pagers []pager
	if aggregations != nil {
		sources, err := r.plan.sources(r.plan.lead)
		if err != nil {
			return nil, err
		}
		for i := range sources {
			pagers = append(pagers, pager{source: &sources[i], aggregations: aggregations})
		}
	}
	before := r.plan.lookbackSources()
	for i := range before {
		pagers = append(pagers, pager{source: &before[i]})
	}
	totals := map[key]*metrics{}
	for {
		var open []*pager
		var requests []Request
		for i := range pagers {
			if pagers[i].done {
				continue
			}
			request, err := r.keysRequest(&pagers[i])
			if err != nil {
				return nil, err
			}
			open, requests = append(open, &pagers[i]), append(requests, request)
		}
		if len(open) == 0 {
			return totals, nil
		}
		responses, err := r.ask(ctx, requests)
		if err != nil {
			return nil, err
		}
		for i, response := range responses {
			if err := r.collectKeys(open[i], response, totals); err != nil {
				return nil, err
			}
		}
	}
}

// keysAnswer is a page of keys.
type keysAnswer struct {
	Keys struct {
		After   json.RawMessage `json:"after_key"`
		Buckets []struct {
			Key map[string]string `json:"key"`
			computed
		} `json:"buckets"`
	} `json:"keys"`
}

func (r *run) keysRequest(p *pager) (Request, error) {
	sources := make([]object, len(r.plan.GroupBy))
	for i, name := range r.plan.GroupBy {
		sources[i] = object{name: object{"terms": object{"field": rollup.DimensionField(name)}}}
	}
	composite := object{"size": r.plan.limits.PageKeys, "sources": sources}
	if len(p.after) > 0 {
		composite["after"] = p.after
	}
	keys := object{"composite": composite}
	if p.aggregations != nil {
		keys["aggs"] = p.aggregations
	}
	return r.plan.request(p.source, object{"keys": keys}, r.plan.mustNotOverflow())
}

func (r *run) collectKeys(p *pager, response Response, totals map[key]*metrics) error {
	answer, err := read[keysAnswer](response)
	if err != nil {
		return err
	}
	for i := range answer.Keys.Buckets {
		b := &answer.Keys.Buckets[i]
		var k key
		for i, name := range r.plan.GroupBy {
			k[i] = b.Key[name]
		}
		total := totals[k]
		if total == nil {
			if len(totals) >= r.plan.limits.Keys {
				return r.plan.tooManyKeys()
			}
			total = &metrics{}
			totals[k] = total
		}
		if p.aggregations != nil {
			m := b.metrics()
			r.plan.statistic.merge(total, &m)
		}
	}
	last := answer.Keys.After
	p.done = len(answer.Keys.Buckets) < r.plan.limits.PageKeys || len(last) == 0 || bytes.Equal(last, p.after)
	p.after = last
	return nil
}

func (p *plan) tooManyKeys() error {
	return Invalid("there are more than %d combinations of values of %s in this range: filter, choose a shorter range, or group by fewer dimensions",
		p.limits.Keys, list(p.GroupBy))
}
