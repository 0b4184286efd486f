package embedded

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// filterKind is a bucket for each of one or more queries.
type filterKind struct {
	queries []query
	names   []string // of "filters" with names
	several bool     // "filters", even of one
	other   string   // the name of the bucket of all other documents; "" for none
	filters []filter // in the index in hand
}

func (a *aggregation) parseFilters(o map[string]json.RawMessage) *failure {
	k := &filterKind{several: true}
	a.kind = k
	raw, ok := o["filters"]
	if !ok {
		return illegal("Required [filters]")
	}
	delete(o, "filters")
	if rawOther, ok := o["other_bucket"]; ok {
		delete(o, "other_bucket")
		var other bool
		if err := json.Unmarshal(rawOther, &other); err != nil {
			return parsing("[filters] has a wrong value for [other_bucket]")
		}
		if other {
			k.other = "_other_"
		}
	}
	if rawName, ok := o["other_bucket_key"]; ok {
		delete(o, "other_bucket_key")
		if err := json.Unmarshal(rawName, &k.other); err != nil {
			return parsing("[filters] has a wrong value for [other_bucket_key]")
		}
	}
	if f := a.rest(o, "keyed"); f != nil {
		return f
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		named, f := decodeObject(raw, "filters")
		if f != nil {
			return f
		}
		k.names = slices.Sorted(maps.Keys(named))
		for _, name := range k.names {
			list = append(list, named[name])
		}
	}
	for _, item := range list {
		q, f := parseQuery(item, 0)
		if f != nil {
			return f
		}
		k.queries = append(k.queries, q)
	}
	return nil
}

func (*filterKind) supports(kind) bool { return true }

func (k *filterKind) check(_ *aggregation, m *mapping) *failure {
	k.filters = make([]filter, len(k.queries))
	for i, q := range k.queries {
		var f *failure
		if k.filters[i], f = q.filter(m); f != nil {
			return f
		}
		if _, ok := k.filters[i].(lookUpper); ok && usesIDs(q) {
			return unsupported("[ids] within an aggregation")
		}
	}
	return nil
}

func usesIDs(q query) bool {
	switch q := q.(type) {
	case *idsQuery:
		return true
	case *boolQuery:
		return slices.ContainsFunc(slices.Concat(q.must, q.not, q.should), usesIDs)
	}
	return false
}

func (k *filterKind) bind(b *bound, _ *mapping, c *chunk) {
	b.matchers = make([]matcher, len(k.filters))
	for i, f := range k.filters {
		b.matchers[i] = f.bind(c)
	}
}

type filterState struct {
	a       *aggregation
	k       *filterKind
	buckets []*bucket // one more than queries where others are wanted
}

func (k *filterKind) state(r *aggregationRun, a *aggregation) aggregationState {
	n := len(k.queries)
	if k.other != "" {
		n++
	}
	s := &filterState{a: a, k: k, buckets: make([]*bucket, n)}
	for i := range s.buckets {
		s.buckets[i] = r.newBucket(a)
	}
	return s
}

func (s *filterState) collect(b *binding, row int) {
	found := false
	for i, m := range b.slots[s.a.slot].matchers {
		if m.on(row) {
			s.buckets[i].collect(b, row)
			found = true
		}
	}
	if !found && s.k.other != "" {
		s.buckets[len(s.buckets)-1].collect(b, row)
	}
}

func (s *filterState) value() float64 {
	if s.k.several {
		return math.NaN()
	}
	return float64(s.buckets[0].docs)
}

func (s *filterState) write(w *aggregationWriter) {
	if !s.k.several {
		w.raw("{")
		w.bucketBody(s.a, s.buckets[0])
		w.raw("}")
		return
	}
	named := s.k.names != nil
	w.raw(`{"buckets":`)
	w.raw(map[bool]string{true: "{", false: "["}[named])
	for i, b := range s.buckets {
		if i > 0 {
			w.raw(",")
		}
		if named {
			name := s.k.other
			if i < len(s.k.names) {
				name = s.k.names[i]
			}
			w.string(name)
			w.raw(":")
		}
		w.raw("{")
		w.bucketBody(s.a, b)
		w.raw("}")
	}
	w.raw(map[bool]string{true: "}}", false: "]}"}[named])
}
