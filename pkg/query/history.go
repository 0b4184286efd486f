package query

import (
	"context"
	"fmt"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxKeyClauses bounds the clauses of one search that name keys, well below Elasticsearch's indices.query.bool.max_clause_count of 1,024.
const maxKeyClauses = 500

// series is the metrics of one key; buckets without documents are not in it.
type series struct {
	key     key
	buckets map[int64]metrics
}

// history asks for the buckets of the chosen keys; without a group-by, of the one series there is. It counts late corrections on the way.
func (r *run) history(ctx context.Context, keys []key) ([]series, error) {
	var requests []Request
	chunk := r.keysPerRequest()
	for first := 0; first < max(len(keys), 1); first += chunk {
		request, err := r.historyRequest(keys[first:min(first+chunk, len(keys))])
		if err != nil {
			return nil, err
		}
		requests = append(requests, request)
	}
	if r.plan.overflowLeftOut() {
		request, err := r.overflowRequest()
		if err != nil {
			return nil, err
		}
		requests = append(requests, request)
	}
	responses, err := r.ask(ctx, requests)
	if err != nil {
		return nil, err
	}
	byKey := make(map[key]map[int64]metrics, len(keys))
	for _, response := range responses {
		if err := r.collect(response, byKey); err != nil {
			return nil, err
		}
	}
	if len(r.plan.GroupBy) == 0 {
		keys = []key{{}}
	}
	all := make([]series, len(keys))
	for i, k := range keys {
		all[i] = series{key: k, buckets: byKey[k]}
	}
	return all, nil
}

func (r *run) keysPerRequest() int {
	dimensions := int64(len(r.plan.GroupBy))
	most := r.plan.limits.RequestBuckets / (r.plan.buckets() + dimensions)
	if dimensions > 1 {
		most = min(most, maxKeyClauses/dimensions)
	}
	return int(max(most, 1))
}

// historyRequest nests a terms aggregation for each dimension around the histogram. The search finds documents of the given keys only, and each
// aggregation has room for all their values, so nothing is cut off.
func (r *run) historyRequest(keys []key) (Request, error) {
	aggregations := object{"time": object{
		"date_histogram": object{"field": rollup.FieldTime, "fixed_interval": fmt.Sprintf("%dms", r.plan.bucket), "min_doc_count": 1},
		"aggs":           r.plan.statistic.aggregations(r.plan.Measure),
	}}
	for i := len(r.plan.GroupBy) - 1; i >= 0; i-- {
		aggregations = object{"by": object{
			"terms": object{
				"field": rollup.DimensionField(r.plan.GroupBy[i]),
				"size":  len(distinct(keys, i)),
				"order": object{"_key": "asc"},
			},
			"aggs": aggregations,
		}}
	}
	aggregations["late"] = object{"filter": term(rollup.FieldLate, true), "aggs": object{"total": sumOf(rollup.FieldCount)}}
	if len(r.plan.GroupBy) == 0 {
		return r.plan.request(aggregations)
	}
	return r.plan.request(aggregations, r.anyOfKeys(keys))
}

func (r *run) anyOfKeys(keys []key) object {
	if len(r.plan.GroupBy) == 1 {
		return object{"terms": object{rollup.DimensionField(r.plan.GroupBy[0]): distinct(keys, 0)}}
	}
	should := make([]object, len(keys))
	for i, k := range keys {
		all := make([]object, len(r.plan.GroupBy))
		for j, name := range r.plan.GroupBy {
			all[j] = term(rollup.DimensionField(name), k[j])
		}
		should[i] = object{"bool": object{"filter": all}}
	}
	return anyOf(should)
}

// distinct gives the values that the keys have at one place, in the order of their first appearance.
func distinct(keys []key, place int) []string {
	seen := make(map[string]bool, len(keys))
	var values []string
	for _, k := range keys {
		if v := k[place]; !seen[v] {
			seen[v] = true
			values = append(values, v)
		}
	}
	return values
}

func (r *run) overflowRequest() (Request, error) {
	p := r.plan
	must := []object{term(rollup.FieldGrouping, p.grouping.String()), within(p.start, p.end), term(rollup.FieldOverflow, true)}
	body, err := encode(aggregate(must, nil, object{"overflow": sumOf(rollup.FieldCount)}))
	return Request{Indices: p.indices, Body: body, Complete: p.Read == ReadSealed}, err
}

// level is the aggregations of one nesting: the next dimension's values, or the histogram.
type level struct {
	By struct {
		Buckets []struct {
			Key string `json:"key"`
			level
		} `json:"buckets"`
	} `json:"by"`
	Time struct {
		Buckets []struct {
			Key int64 `json:"key"`
			metrics
		} `json:"buckets"`
	} `json:"time"`
}

func (r *run) collect(response Response, byKey map[key]map[int64]metrics) error {
	var answer struct {
		level
		Late struct {
			Total metric `json:"total"`
		} `json:"late"`
		Overflow metric `json:"overflow"`
	}
	if err := decode(response, &answer); err != nil {
		return err
	}
	r.late += number(answer.Late.Total)
	r.overflow += number(answer.Overflow)
	answer.walk(key{}, 0, byKey)
	return nil
}

func (l *level) walk(k key, depth int, byKey map[key]map[int64]metrics) {
	if len(l.Time.Buckets) > 0 {
		buckets := make(map[int64]metrics, len(l.Time.Buckets))
		for _, b := range l.Time.Buckets {
			buckets[b.Key] = b.metrics
		}
		byKey[k] = buckets
	}
	if depth == maxGroupBy {
		return
	}
	for i := range l.By.Buckets {
		b := &l.By.Buckets[i]
		k[depth] = b.Key
		b.walk(k, depth+1, byKey)
	}
}

func number(m metric) float64 {
	if m.Value == nil {
		return 0
	}
	return *m.Value
}
