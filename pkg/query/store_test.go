package query

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
)

// store answers the searches of this package over documents in memory, in the way of Elasticsearch. It knows only what the package uses, and panics on
// everything else, so that a search which grows is noticed.
type store struct {
	indices map[string][]map[string]any // flat field names
	asked   []Request
	written int
}

func (s *store) search(_ context.Context, requests []Request) ([]Response, error) {
	s.asked = append(s.asked, requests...)
	responses := make([]Response, len(requests))
	for i, request := range requests {
		var body struct {
			Query map[string]any   `json:"query"`
			Aggs  map[string]any   `json:"aggs"`
			Sort  []map[string]any `json:"sort"`
			After []any            `json:"search_after"`
			Size  int              `json:"size"`
			Show  []string         `json:"_source"`
		}
		if err := json.Unmarshal(request.Body, &body); err != nil {
			return nil, err
		}
		var found []map[string]any
		for _, doc := range s.docs(request.Indices) {
			if matches(body.Query, doc) {
				found = append(found, doc)
			}
		}
		if body.Size > 0 {
			if err := page(&responses[i], found, body.Sort, body.After, body.Size, body.Show); err != nil {
				return nil, err
			}
		}
		if body.Aggs != nil {
			raw, err := json.Marshal(aggregateDocs(body.Aggs, found))
			if err != nil {
				return nil, err
			}
			responses[i].Aggregations = raw
		}
	}
	return responses, nil
}

func (s *store) docs(patterns []string) []map[string]any {
	var all []map[string]any
	for name, docs := range s.indices {
		if slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			all = append(all, docs...)
		}
	}
	return all
}

// add puts a document's source where it belongs.
func (s *store) add(index string, source []byte) {
	var doc map[string]any
	if err := json.Unmarshal(source, &doc); err != nil {
		panic(err)
	}
	if s.indices == nil {
		s.indices = map[string][]map[string]any{}
	}
	s.written++
	doc["_seq_no"] = float64(s.written)
	s.indices[index] = append(s.indices[index], doc)
}

// page sorts documents by fields that are all numbers or all texts, and gives those after a place.
func page(r *Response, docs []map[string]any, sort []map[string]any, after []any, size int, show []string) error {
	fields := make([]string, len(sort))
	for i, by := range sort {
		fields[i], _ = only(by)
	}
	place := func(doc map[string]any) []any {
		values := make([]any, len(fields))
		for i, field := range fields {
			values[i] = doc[field]
		}
		return values
	}
	slices.SortFunc(docs, func(a, b map[string]any) int { return comparePlaces(place(a), place(b)) })
	for _, doc := range docs {
		if after != nil && comparePlaces(place(doc), after) <= 0 {
			continue
		}
		if len(r.Hits) == size {
			break
		}
		raw, err := json.Marshal(shown(doc, show))
		if err != nil {
			return err
		}
		r.Hits = append(r.Hits, raw)
		if r.After, err = json.Marshal(place(doc)); err != nil {
			return err
		}
	}
	return nil
}

func comparePlaces(a, b []any) int {
	return slices.CompareFunc(a, b, func(x, y any) int {
		if text, ok := x.(string); ok {
			return cmp.Compare(text, y.(string))
		}
		return cmp.Compare(x.(float64), y.(float64))
	})
}

func shown(doc map[string]any, fields []string) map[string]any {
	source := map[string]any{}
	for field, value := range doc {
		if field != "_seq_no" && (fields == nil || slices.Contains(fields, field)) {
			source[field] = value
		}
	}
	return source
}

func only(m map[string]any) (string, any) {
	if len(m) != 1 {
		panic(fmt.Sprintf("want one entry in %v", m))
	}
	for k, v := range m {
		return k, v
	}
	return "", nil
}

func matches(query map[string]any, doc map[string]any) bool {
	kind, body := only(query)
	if kind == "bool" {
		return matchesBool(body.(map[string]any), doc)
	}
	field, want := only(body.(map[string]any))
	got, present := doc[field]
	switch kind {
	case "term":
		return present && got == want
	case "terms":
		return present && slices.Contains(want.([]any), got)
	case "range":
		bounds := want.(map[string]any)
		return present && got.(float64) >= bounds["gte"].(float64) && got.(float64) < bounds["lt"].(float64)
	case "regexp":
		return present && regexp.MustCompile("^(?s:"+want.(map[string]any)["value"].(string)+")$").MatchString(got.(string))
	}
	panic("unknown query " + kind)
}

func matchesBool(body map[string]any, doc map[string]any) bool {
	met := 0
	for occur, clauses := range body {
		if occur == "minimum_should_match" {
			continue
		}
		for _, clause := range clauses.([]any) {
			match := matches(clause.(map[string]any), doc)
			switch {
			case occur == "filter" && !match, occur == "must_not" && match:
				return false
			case occur == "should" && match:
				met++
			}
		}
	}
	return body["minimum_should_match"] == nil || met > 0
}

func aggregateDocs(aggs map[string]any, docs []map[string]any) map[string]any {
	answer := map[string]any{}
	for name, definition := range aggs {
		d := definition.(map[string]any)
		sub, _ := d["aggs"].(map[string]any)
		for kind, body := range d {
			if kind != "aggs" {
				answer[name] = aggregateOne(kind, body.(map[string]any), sub, docs)
			}
		}
	}
	return answer
}

func aggregateOne(kind string, body, sub map[string]any, docs []map[string]any) map[string]any {
	field, _ := body["field"].(string)
	switch kind {
	case "sum", "min", "max":
		return map[string]any{"value": reduce(kind, field, docs)}
	case "value_count":
		n := 0
		for _, doc := range docs {
			if _, present := doc[field]; present {
				n++
			}
		}
		return map[string]any{"value": n}
	case "filter":
		var kept []map[string]any
		for _, doc := range docs {
			if matches(body, doc) {
				kept = append(kept, doc)
			}
		}
		return aggregateDocs(sub, kept)
	case "date_histogram":
		length, offset := milliseconds(body["fixed_interval"]), int64(0)
		if text, given := body["offset"]; given {
			offset = milliseconds(text)
		}
		return buckets(docs, sub, math.MaxInt, cmp.Compare[int64], func(doc map[string]any) (int64, bool) {
			t := int64(doc[field].(float64))
			return floorDivide(t-offset, length)*length + offset, true
		})
	case "terms":
		return buckets(docs, sub, int(body["size"].(float64)), cmp.Compare[string], func(doc map[string]any) (string, bool) {
			v, present := doc[field].(string)
			return v, present
		})
	case "composite":
		return composite(body, sub, docs)
	}
	panic("unknown aggregation " + kind)
}

func milliseconds(text any) (ms int64) {
	if _, err := fmt.Sscanf(text.(string), "%dms", &ms); err != nil {
		panic(err)
	}
	return ms
}

func reduce(kind, field string, docs []map[string]any) any {
	var value any
	if kind == "sum" {
		value = 0.0
	}
	for _, doc := range docs {
		v, present := doc[field].(float64)
		switch {
		case !present:
		case kind == "sum":
			value = value.(float64) + v
		case value == nil, kind == "min" && v < value.(float64), kind == "max" && v > value.(float64):
			value = v
		}
	}
	return value
}

func buckets[K comparable](docs []map[string]any, sub map[string]any, size int, order func(a, b K) int, of func(map[string]any) (K, bool)) map[string]any {
	groups := map[K][]map[string]any{}
	var keys []K
	for _, doc := range docs {
		k, present := of(doc)
		if !present {
			continue
		}
		if _, known := groups[k]; !known {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], doc)
	}
	slices.SortFunc(keys, order)
	list := []any{}
	for _, k := range keys[:min(size, len(keys))] {
		bucket := aggregateDocs(sub, groups[k])
		bucket["key"], bucket["doc_count"] = k, len(groups[k])
		list = append(list, bucket)
	}
	return map[string]any{"buckets": list}
}

func composite(body, sub map[string]any, docs []map[string]any) map[string]any {
	var names, fields []string
	for _, source := range body["sources"].([]any) {
		name, definition := only(source.(map[string]any))
		names = append(names, name)
		fields = append(fields, definition.(map[string]any)["terms"].(map[string]any)["field"].(string))
	}
	of := func(doc map[string]any) (key, bool) {
		var k key
		for i, f := range fields {
			v, present := doc[f].(string)
			if !present {
				return k, false
			}
			k[i] = v
		}
		return k, true
	}
	if after, paged := body["after"].(map[string]any); paged {
		var place key
		for i, n := range names {
			place[i] = after[n].(string)
		}
		docs = slices.DeleteFunc(slices.Clone(docs), func(doc map[string]any) bool {
			k, present := of(doc)
			return !present || compareKeys(k, place) <= 0
		})
	}
	answer := buckets(docs, sub, int(body["size"].(float64)), compareKeys, of)
	for _, b := range answer["buckets"].([]any) {
		bucket := b.(map[string]any)
		values := map[string]any{}
		for i, n := range names {
			values[n] = bucket["key"].(key)[i]
		}
		bucket["key"] = values
		answer["after_key"] = values
	}
	return answer
}
