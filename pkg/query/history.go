package query

import (
	"context"
	"fmt"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// maxKeyClauses bounds the clauses of one search that name keys, well below Elasticsearch's indices.query.bool.max_clause_count of 1,024.
	maxKeyClauses = 500
	// maxKeysNamed bounds the values of one clause.
	maxKeysNamed = 10_000
)

// series is the metrics of one key in each bucket of the plan.
type series struct {
	key   key
	other bool // everything that is in none of the other series
	cells []metrics
}

// table is the series that an answer is made of.
type table struct {
	series []series
	byKey  map[key]int
}

// newTable has a series for each of the keys, without a group-by the one there is, and another where it is asked for.
func (p *plan) newTable(keys []key) *table {
	if len(p.GroupBy) == 0 {
		keys = []key{{}}
	}
	n := len(keys)
	if p.hasOther() {
		n++
	}
	cells := make([]metrics, n*len(p.buckets))
	t := &table{series: make([]series, n), byKey: make(map[key]int, len(keys))}
	for i := range t.series {
		t.series[i].cells = cells[i*len(p.buckets) : (i+1)*len(p.buckets)]
		if i == len(keys) {
			t.series[i].other = true
			break
		}
		t.series[i].key = keys[i]
		t.byKey[keys[i]] = i
	}
	return t
}

func (p *plan) hasOther() bool { return p.Other && len(p.GroupBy) > 0 }

// query is one search of a step: the series of some keys, or of all others, or the events that belong to none.
type search struct {
	source *source
	other  bool
}

// history asks for the buckets of the chosen keys; without a group-by, of the one series there is. It counts late corrections on the way.
func (r *run) history(ctx context.Context, keys []key) (*table, error) {
	sources, err := r.plan.sources(0)
	if err != nil {
		return nil, err
	}
	var requests []Request
	var searches []search
	add := func(request Request, err error, s search) error {
		requests, searches = append(requests, request), append(searches, s)
		return err
	}
	for i := range sources {
		s := &sources[i]
		chunk := r.keysPerRequest(s)
		for first := 0; first < max(len(keys), 1); first += chunk {
			if len(keys) == 0 && len(r.plan.GroupBy) > 0 {
				break
			}
			request, err := r.historyRequest(s, keys[first:min(first+chunk, len(keys))])
			if err := add(request, err, search{source: s}); err != nil {
				return nil, err
			}
		}
		if r.plan.hasOther() {
			request, err := r.otherRequest(s, keys)
			if err := add(request, err, search{source: s, other: true}); err != nil {
				return nil, err
			}
		}
	}
	overflow, err := r.overflowRequests()
	if err != nil {
		return nil, err
	}
	for _, request := range overflow {
		requests, searches = append(requests, request), append(searches, search{})
	}
	responses, err := r.ask(ctx, requests)
	if err != nil {
		return nil, err
	}
	t := r.plan.newTable(keys)
	for i, response := range responses {
		if err := r.collect(response, searches[i], t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (r *run) keysPerRequest(s *source) int {
	dimensions := int64(len(r.plan.GroupBy))
	most := r.plan.limits.RequestBuckets / (int64(s.end-s.first) + dimensions)
	if dimensions > 1 {
		most = min(most, maxKeyClauses/dimensions)
	}
	return int(max(most, 1))
}

// historyRequest nests a terms aggregation for each dimension around the histogram. The search finds documents of the given keys only, and each
// aggregation has room for all their values, so nothing is cut off.
func (r *run) historyRequest(s *source, keys []key) (Request, error) {
	aggregations := r.histogram(s)
	for i := len(r.plan.GroupBy) - 1; i >= 0; i-- {
		aggregations = object{"by": object{
			"terms": object{
				"field": rollup.DimensionField(r.plan.GroupBy[i]),
				"size":  len(valuesAt(keys, i)),
				"order": object{"_key": "asc"},
			},
			"aggs": aggregations,
		}}
	}
	r.countAlong(aggregations)
	if len(r.plan.GroupBy) == 0 {
		return r.plan.request(s, aggregations, r.plan.mustNotOverflow())
	}
	return r.plan.request(s, aggregations, r.plan.mustNotOverflow(), r.plan.anyOfKeys(keys))
}

// otherRequest is about everything that the chosen keys have no part in: where nothing is filtered, events that overflowed are among it.
func (r *run) otherRequest(s *source, keys []key) (Request, error) {
	aggregations := r.histogram(s)
	r.countAlong(aggregations)
	return r.plan.request(s, aggregations, r.plan.mustNotKeys(keys))
}

// mustNotKeys leaves the keys out, and where there are filters what overflowed, which meets none.
func (p *plan) mustNotKeys(keys []key) []object {
	var not []object
	if len(p.Filters) > 0 {
		not = p.mustNotOverflow()
	}
	if len(keys) > 0 {
		not = append(not, p.anyOfKeys(keys))
	}
	return not
}

func (p *plan) mustNotOverflow() []object {
	if !p.overflowLeftOut() {
		return nil
	}
	return []object{term(rollup.FieldOverflow, true)}
}

func (r *run) histogram(s *source) object {
	histogram := object{"field": rollup.FieldTime, "fixed_interval": fmt.Sprintf("%dms", s.interval), "min_doc_count": 1}
	if s.offset != 0 {
		histogram["offset"] = fmt.Sprintf("%dms", s.offset)
	}
	return object{"time": object{"date_histogram": histogram, "aggs": r.plan.statistic.aggregations()}}
}

// countAlong adds what the notices tell of the documents: finest documents are late as a whole, those of coarser tiers know how many of their events were.
func (r *run) countAlong(aggregations object) {
	aggregations["late"] = object{"filter": term(rollup.FieldLate, true), "aggs": object{"total": sumOf(rollup.FieldCount)}}
	aggregations["merged_late"] = sumOf(rollup.FieldLateCount)
	if r.plan.hasOther() {
		aggregations["events"] = sumOf(rollup.FieldCount)
	}
}

// overflowRequests count the events that no series can have, where there can be such.
func (r *run) overflowRequests() ([]Request, error) {
	p := r.plan
	if !p.overflowLeftOut() {
		return nil, nil
	}
	sources := p.cut(0, 0)
	requests := make([]Request, len(sources))
	for i := range sources {
		s := &sources[i]
		body, err := encode(aggregate(append(p.clausesAt(s), term(rollup.FieldOverflow, true)), nil, object{"overflow": sumOf(rollup.FieldCount)}))
		if err != nil {
			return nil, err
		}
		requests[i] = p.requestOf(s, body)
	}
	return requests, nil
}

func (p *plan) anyOfKeys(keys []key) object {
	if len(p.GroupBy) == 1 {
		return object{"terms": object{rollup.DimensionField(p.GroupBy[0]): valuesAt(keys, 0)}}
	}
	should := make([]object, len(keys))
	for i, k := range keys {
		all := make([]object, len(p.GroupBy))
		for j, name := range p.GroupBy {
			all[j] = term(rollup.DimensionField(name), k[j])
		}
		should[i] = object{"bool": object{"filter": all}}
	}
	return anyOf(should)
}

// valuesAt gives the values that the keys have at one place, in the order of their first appearance.
func valuesAt(keys []key, place int) []string {
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

// level is the aggregations of one nesting: the next dimension's values, or the histogram.
type level struct {
	By struct {
		Buckets []struct {
			Key string `json:"key"`
			level
		} `json:"buckets"`
	} `json:"by"`
	Time struct {
		Buckets []timeBucket `json:"buckets"`
	} `json:"time"`
}

type timeBucket struct {
	Key int64 `json:"key"`
	computed
}

// counted is what countAlong and overflowRequest ask for.
type counted struct {
	Late struct {
		Total number `json:"total"`
	} `json:"late"`
	MergedLate number `json:"merged_late"`
	Events     number `json:"events"`
	Overflow   number `json:"overflow"`
}

// historyAnswer is what one search of a history finds.
type historyAnswer struct {
	level
	counted
}

func (r *run) collect(response Response, s search, t *table) error {
	answer, err := read[historyAnswer](response)
	if err != nil {
		return err
	}
	r.count(&answer.counted, s.other)
	if s.source == nil {
		return nil
	}
	if s.other {
		r.merge(s.source, answer.Time.Buckets, t.series[len(t.series)-1].cells)
		return nil
	}
	r.walk(&answer.level, s.source, key{}, 0, t)
	return nil
}

func (r *run) count(c *counted, other bool) {
	r.late += c.Late.Total.value + c.MergedLate.value
	r.overflow += c.Overflow.value
	r.events += c.Events.value
	if other {
		r.otherEvents += c.Events.value
	}
}

func (r *run) walk(l *level, s *source, k key, depth int, t *table) {
	if len(l.Time.Buckets) > 0 {
		if i, chosen := t.byKey[k]; chosen {
			r.merge(s, l.Time.Buckets, t.series[i].cells)
		}
	}
	if depth == maxGroupBy {
		return
	}
	for i := range l.By.Buckets {
		b := &l.By.Buckets[i]
		k[depth] = b.Key
		r.walk(&b.level, s, k, depth+1, t)
	}
}

// merge adds the buckets of a source's histogram, which are in the order of time. What is before the source belongs to its first bucket, see pieces.
func (r *run) merge(s *source, found []timeBucket, cells []metrics) {
	at := s.first
	for i := range found {
		for at < s.end-1 && r.plan.buckets[at].to <= found[i].Key {
			at++
		}
		m := found[i].metrics()
		r.plan.statistic.merge(&cells[at], &m)
	}
}
