package embedded

import (
	"cmp"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// termsKind is a bucket for each value of a field.
type termsKind struct {
	size             int64
	minDocCount      int64
	order            []termsOrder
	include, exclude *termsChoice
	words            *vocabulary
	accepted         []bool // by the words' numbers
	missing          *string
}

type termsOrder struct {
	by         string // _count, _key or the name of a sub-aggregation
	descending bool
	sub        int
}

// termsChoice chooses words.
type termsChoice struct {
	words      map[string]bool
	expression *regexp.Regexp
}

func (c *termsChoice) holds(word string) bool {
	if c.expression != nil {
		return c.expression.MatchString(word)
	}
	return c.words[word]
}

func (a *aggregation) parseTerms(o map[string]json.RawMessage) *failure {
	if f := a.takeField(o); f != nil {
		return f
	}
	k := &termsKind{words: newVocabulary()}
	a.kind = k
	var f *failure
	if k.size, f = a.takeNumber(o, "size", 10, 1); f != nil {
		return f
	}
	if k.minDocCount, f = a.takeNumber(o, "min_doc_count", 1, 0); f != nil {
		return f
	}
	if k.minDocCount == 0 {
		return unsupported("[min_doc_count] 0 of the aggregation [terms]")
	}
	for _, choice := range []struct {
		key string
		to  **termsChoice
	}{{"include", &k.include}, {"exclude", &k.exclude}} {
		if raw, ok := o[choice.key]; ok {
			delete(o, choice.key)
			if *choice.to, f = parseChoice(gjson.ParseBytes(raw)); f != nil {
				return f
			}
		}
	}
	if raw, ok := o["order"]; ok {
		delete(o, "order")
		if k.order, f = parseOrder(gjson.ParseBytes(raw)); f != nil {
			return f
		}
	} else {
		k.order = []termsOrder{{by: "_count", descending: true}}
	}
	if raw, ok := o["missing"]; ok {
		delete(o, "missing")
		v := gjson.ParseBytes(raw)
		if v.Type != gjson.String {
			return unsupported("a [missing] other than text of the aggregation [terms]")
		}
		k.missing = &v.Str
	}
	for _, key := range []string{"shard_size", "show_term_doc_count_error", "collect_mode", "execution_hint"} { // one shard has no need of them
		delete(o, key)
	}
	return a.rest(o, "format", "shard_min_doc_count", "value_type")
}

func parseChoice(v gjson.Result) (*termsChoice, *failure) {
	switch {
	case v.IsArray():
		c := &termsChoice{words: map[string]bool{}}
		for _, word := range v.Array() {
			if len(c.words) > maxTerms {
				return nil, illegal("more than %d terms are included or excluded", maxTerms)
			}
			c.words[literal(word)] = true
		}
		return c, nil
	case v.Type == gjson.String:
		text, f := luceneRegexp(v.Str)
		if f != nil {
			return nil, f
		}
		expression, err := regexp.Compile(text)
		if err != nil {
			return nil, illegal("%v", err)
		}
		return &termsChoice{expression: expression}, nil
	}
	return nil, unsupported("[include] or [exclude] other than an expression or a list")
}

func parseOrder(v gjson.Result) ([]termsOrder, *failure) {
	var list []termsOrder
	var why *failure
	one := func(entry gjson.Result) bool {
		if len(entry.Map()) != 1 {
			why = parsing("Must specify at least one field for [order]")
			return false
		}
		entry.ForEach(func(key, direction gjson.Result) bool {
			text := strings.ToLower(direction.Str)
			if text != "asc" && text != "desc" {
				why = badRequest("x_content_parse_exception", "[terms] failed to parse field [order]: unknown order direction [%s]", direction.Str)
				return false
			}
			list = append(list, termsOrder{by: strings.TrimSuffix(key.Str, ".value"), descending: text == "desc"})
			return true
		})
		return why == nil
	}
	if v.IsArray() {
		v.ForEach(func(_, entry gjson.Result) bool { return one(entry) })
	} else {
		one(v)
	}
	return list, why
}

// checkOrder finds the sub-aggregations that the buckets are ordered by.
func (k *termsKind) checkOrder(a *aggregation) *failure {
	for i, o := range k.order {
		if o.by == "_count" || o.by == "_key" {
			continue
		}
		k.order[i].sub = slices.IndexFunc(a.subs, func(sub *aggregation) bool { return sub.name == o.by })
		if k.order[i].sub < 0 {
			return shardsFailed([]shardFailure{{why: badRequest("invalid_path", "Invalid aggregation order path [%s]. The provided aggregation [%s] either does not exist, or is a pipeline aggregation and cannot be used to sort the buckets.", o.by, o.by)}})
		}
		if sub := a.subs[k.order[i].sub]; sub.typ != "filter" {
			if _, metric := sub.kind.(metricKind); !metric {
				return shardsFailed([]shardFailure{{why: illegal("Invalid aggregation order path [%s]: buckets can only be sorted by a single number", o.by)}})
			}
		}
	}
	return nil
}

func (*termsKind) supports(k kind) bool { return k != binaryKind }

func (k *termsKind) check(a *aggregation, m *mapping) *failure {
	f := m.byName[a.field]
	if f == nil || f.kind == keywordKind {
		return nil
	}
	if k.missing != nil {
		return unsupported("[missing] of the aggregation [terms] on a field that is not a keyword")
	}
	for _, c := range []*termsChoice{k.include, k.exclude} {
		if c != nil {
			return unsupported("[include] and [exclude] on a field that is not a keyword")
		}
	}
	return nil
}

func (k *termsKind) bind(b *bound, _ *mapping, _ *chunk) {
	b.ids = k.words.translate(b.column)
	if k.missing != nil {
		k.words.id(*k.missing)
	}
	for i := len(k.accepted); i < len(k.words.words); i++ {
		word := k.words.words[i]
		k.accepted = append(k.accepted, (k.include == nil || k.include.holds(word)) && (k.exclude == nil || !k.exclude.holds(word)))
	}
}

func (k *termsKind) state(r *aggregationRun, a *aggregation) aggregationState {
	return &termsState{r: r, a: a, k: k, buckets: map[int64]*bucket{}}
}

type termsState struct {
	r       *aggregationRun
	a       *aggregation
	k       *termsKind
	buckets map[int64]*bucket
	lastKey int64
	last    *bucket // of lastKey: neighbours often share it
}

func (s *termsState) collect(b *binding, row int) {
	slot := &b.slots[s.a.slot]
	first, rest, ok := slot.column.at(row)
	if !ok {
		if s.k.missing != nil {
			s.add(b, row, s.k.words.id(*s.k.missing), true)
		}
		return
	}
	words := slot.ids != nil
	s.add(b, row, slot.number(first), words)
	for i, v := range rest {
		if i > 0 && v == rest[i-1] || i == 0 && v == first {
			continue // a number that a document has twice
		}
		s.add(b, row, slot.number(v), words)
	}
}

func (s *termsState) add(b *binding, row int, key int64, word bool) {
	if word && !s.k.accepted[key] {
		return
	}
	if s.last == nil || s.lastKey != key {
		found := s.buckets[key]
		if found == nil {
			found = s.r.newBucket(s.a)
			s.buckets[key] = found
		}
		s.lastKey, s.last = key, found
	}
	s.last.collect(b, row)
}

func (*termsState) value() float64 { return math.NaN() }

type termsBucket struct {
	key    int64
	bucket *bucket
}

func (s *termsState) write(w *aggregationWriter) {
	list := make([]termsBucket, 0, len(s.buckets))
	for key, b := range s.buckets {
		if b.docs >= s.k.minDocCount {
			list = append(list, termsBucket{key, b})
		}
	}
	slices.SortFunc(list, s.compare)
	var others int64
	if int64(len(list)) > s.k.size {
		for _, t := range list[s.k.size:] {
			others += t.bucket.docs
		}
		list = list[:s.k.size]
	}
	w.raw(`{"doc_count_error_upper_bound":0,"sum_other_doc_count":`)
	w.int(others)
	w.raw(`,"buckets":[`)
	for i, t := range list {
		if i > 0 {
			w.raw(",")
		}
		w.raw("{")
		s.writeKey(w, t.key)
		w.raw(",")
		w.bucketBody(s.a, t.bucket)
		w.raw("}")
		if w.failure != nil {
			return
		}
	}
	w.raw("]}")
}

func (s *termsState) writeKey(w *aggregationWriter, key int64) {
	w.raw(`"key":`)
	switch f := s.a.mapped; {
	case f == nil || f.kind == keywordKind:
		w.string(s.k.words.words[key])
	case f.kind == doubleKind:
		w.float(bitsDouble(key))
	case f.kind == booleanKind:
		w.int(key)
		w.raw(`,"key_as_string":`)
		w.string(strconv.FormatBool(key != 0))
	case f.kind == dateKind:
		w.int(key)
		w.raw(`,"key_as_string":`)
		w.string(f.showDate(key))
	default:
		w.int(key)
	}
}

func (s *termsState) compare(a, b termsBucket) int {
	for _, o := range s.k.order {
		var order int
		switch o.by {
		case "_count":
			order = cmp.Compare(a.bucket.docs, b.bucket.docs)
		case "_key":
			order = s.compareKeys(a.key, b.key)
		default:
			order = compareMetrics(a.bucket.subs[o.sub].value(), b.bucket.subs[o.sub].value())
		}
		if o.descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return s.compareKeys(a.key, b.key)
}

// compareMetrics has no number above all numbers.
func compareMetrics(a, b float64) int {
	if math.IsNaN(a) || math.IsNaN(b) {
		return -cmp.Compare(a, b) // which has it below
	}
	return cmp.Compare(a, b)
}

func (s *termsState) compareKeys(a, b int64) int {
	switch f := s.a.mapped; {
	case f == nil || f.kind == keywordKind:
		return strings.Compare(s.k.words.words[a], s.k.words.words[b])
	case f.kind == doubleKind:
		return cmp.Compare(bitsDouble(a), bitsDouble(b))
	}
	return cmp.Compare(a, b)
}
