package embedded

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// compositeKind is a bucket for each combination of its sources' values, in pages.
type compositeKind struct {
	size    int64
	sources []*compositeSource
	after   []compositeValue // nil for the first page
}

// compositeSource is one part of the key.
type compositeSource struct {
	name       string
	field      string
	mapped     *field
	histogram  *histogramKind // nil for terms
	descending bool
	missing    bool // documents without a value have a bucket too
	words      *vocabulary
	afterRaw   gjson.Result
}

// compositeValue is a part of a key: a number, a word's number, or nothing.
type compositeValue struct {
	n    int64
	none bool
}

func (a *aggregation) parseComposite(o map[string]json.RawMessage) *failure {
	k := &compositeKind{}
	a.kind = k
	var f *failure
	if k.size, f = a.takeNumber(o, "size", 10, 1); f != nil {
		return f
	}
	if k.size > maxBuckets {
		return tooManyBuckets(maxBuckets)
	}
	sources := gjson.ParseBytes(o["sources"])
	after := gjson.ParseBytes(o["after"])
	paged := o["after"] != nil
	delete(o, "sources")
	delete(o, "after")
	if f := a.rest(o); f != nil {
		return f
	}
	if !sources.IsArray() || len(sources.Array()) == 0 {
		f := badRequest("x_content_parse_exception", "[composite] failed to parse field [sources]")
		f.cause = illegal("Composite [sources] cannot be null or empty")
		return f
	}
	for _, raw := range sources.Array() {
		s, f := parseSource(raw)
		if f != nil {
			return f
		}
		if slices.ContainsFunc(k.sources, func(other *compositeSource) bool { return other.name == s.name }) {
			f := badRequest("x_content_parse_exception", "[composite] failed to parse field [sources]")
			f.cause = illegal("Composite source names must be unique, found duplicates: [%s]", s.name)
			return f
		}
		k.sources = append(k.sources, s)
	}
	if paged {
		return k.parseAfter(after)
	}
	return nil
}

func parseSource(raw gjson.Result) (*compositeSource, *failure) {
	wrong := func(format string, args ...any) (*compositeSource, *failure) {
		f := badRequest("x_content_parse_exception", "[composite] failed to parse field [sources]")
		f.cause = illegal(format, args...)
		return nil, f
	}
	outer, f := decodeObject(json.RawMessage(raw.Raw), "sources")
	if f != nil || len(outer) != 1 {
		return wrong("a composite source has one name")
	}
	s := &compositeSource{words: newVocabulary()}
	var body json.RawMessage
	s.name, body, _ = only(outer, "sources")
	typed, f := decodeObject(body, "sources")
	if f != nil || len(typed) != 1 {
		return wrong("a composite source has one type")
	}
	typ, settings, _ := only(typed, "sources")
	if typ != "terms" && typ != "date_histogram" {
		if typ == "histogram" || typ == "geotile_grid" {
			return nil, unsupported("the composite source [%s]", typ)
		}
		return wrong("invalid source type [%s]", typ)
	}
	o, f := decodeObject(settings, typ)
	if f != nil {
		return nil, f
	}
	part := &aggregation{name: s.name, typ: typ}
	if f := part.takeField(o); f != nil {
		return nil, f
	}
	s.field = part.field
	if typ == "date_histogram" {
		s.histogram = &histogramKind{}
		if s.histogram.interval, s.histogram.offset, f = part.takeInterval(o); f != nil {
			return nil, f
		}
	}
	if raw, ok := o["order"]; ok {
		delete(o, "order")
		order := strings.ToLower(gjson.ParseBytes(raw).Str)
		if order != "asc" && order != "desc" {
			return wrong("order [%s] must be asc or desc", order)
		}
		s.descending = order == "desc"
	}
	if raw, ok := o["missing_bucket"]; ok {
		delete(o, "missing_bucket")
		s.missing = gjson.ParseBytes(raw).Bool()
	}
	return s, part.rest(o, "missing_order", "value_type")
}

func (k *compositeKind) parseAfter(after gjson.Result) *failure {
	given := after.Map()
	for _, s := range k.sources {
		v, ok := given[s.name]
		if !ok {
			return shardFailed("Missing value for [after.%s]", s.name)
		}
		s.afterRaw = v
	}
	if len(given) != len(k.sources) {
		return shardFailed("[after] has %d value(s) but [sources] has %d", len(given), len(k.sources))
	}
	k.after = make([]compositeValue, len(k.sources))
	return nil
}

func (*compositeKind) supports(kind) bool { return true }

func (k *compositeKind) check(_ *aggregation, m *mapping) *failure {
	for i, s := range k.sources {
		f := m.byName[s.field]
		if f == nil {
			continue
		}
		if f.kind == binaryKind || s.histogram != nil && f.kind != dateKind {
			return illegal("Field [%s] of type [%s] is not supported for aggregation [composite]", s.field, f.kind)
		}
		if s.mapped != nil && s.mapped.kind != f.kind {
			return illegal("Field [%s] has type [%s] in one index and [%s] in another", s.field, s.mapped.kind, f.kind)
		}
		s.mapped = f
		if k.after != nil {
			v, why := s.readAfter(f)
			if why != nil {
				return why
			}
			k.after[i] = v
		}
	}
	return nil
}

func (s *compositeSource) readAfter(f *field) (compositeValue, *failure) {
	v := s.afterRaw
	if v.Type == gjson.Null {
		return compositeValue{none: true}, nil
	}
	if v.Type == gjson.JSON {
		return compositeValue{}, illegal("Invalid value for [after.%s]", s.name)
	}
	if f.kind == keywordKind {
		return compositeValue{n: s.words.id(literal(v))}, nil
	}
	read, ok, why := f.coerce(v)
	if why != nil || !ok {
		return compositeValue{}, illegal("Invalid value for [after.%s], expected a value of type [%s]", s.name, f.kind)
	}
	return compositeValue{n: read.number}, nil
}

func (k *compositeKind) bind(b *bound, m *mapping, c *chunk) {
	b.sources = make([]bound, len(k.sources))
	for i, s := range k.sources {
		col := c.column(m.byName[s.field])
		b.sources[i] = bound{column: col, ids: s.words.translate(col)}
	}
}

func (k *compositeKind) state(r *aggregationRun, a *aggregation) aggregationState {
	return &compositeState{r: r, a: a, k: k, buckets: map[string]*compositeBucket{}, key: make([]compositeValue, len(k.sources))}
}

type compositeBucket struct {
	key    []compositeValue
	bucket *bucket
}

type compositeState struct {
	r       *aggregationRun
	a       *aggregation
	k       *compositeKind
	buckets map[string]*compositeBucket
	key     []compositeValue // of the document in hand
	encoded []byte
	beyond  []compositeValue // keys above it are on a later page; nil while there is room
}

func (s *compositeState) collect(b *binding, row int) { s.combine(b, row, 0) }

// combine goes through the combinations of a document's values, source by source.
func (s *compositeState) combine(b *binding, row, i int) {
	if i == len(s.k.sources) {
		s.add(b, row)
		return
	}
	source, from := s.k.sources[i], &b.slots[s.a.slot].sources[i]
	first, rest, ok := from.column.at(row)
	if !ok {
		if source.missing {
			s.key[i] = compositeValue{none: true}
			s.combine(b, row, i+1)
		}
		return
	}
	last := source.value(from, first)
	s.key[i] = last
	s.combine(b, row, i+1)
	for _, v := range rest {
		if next := source.value(from, v); next != last {
			last, s.key[i] = next, next
			s.combine(b, row, i+1)
		}
	}
}

func (s *compositeSource) value(from *bound, v int64) compositeValue {
	if s.histogram != nil {
		return compositeValue{n: s.histogram.key(v)}
	}
	return compositeValue{n: from.number(v)}
}

func (s *compositeState) add(b *binding, row int) {
	if s.k.after != nil && s.compare(s.key, s.k.after) <= 0 || s.beyond != nil && s.compare(s.key, s.beyond) > 0 {
		return
	}
	s.encoded = s.encoded[:0]
	for _, v := range s.key {
		if v.none {
			s.encoded = append(s.encoded, 0)
			continue
		}
		s.encoded = append(s.encoded, 1)
		s.encoded = binary.BigEndian.AppendUint64(s.encoded, uint64(v.n))
	}
	found := s.buckets[string(s.encoded)]
	if found == nil {
		found = &compositeBucket{key: slices.Clone(s.key), bucket: s.r.newBucket(s.a)}
		s.buckets[string(s.encoded)] = found
		s.prune()
	}
	found.bucket.collect(b, row)
}

// prune forgets, now and then, the buckets that are too far behind for this page: whatever else comes can only push them further.
func (s *compositeState) prune() {
	if int64(len(s.buckets)) < 4*s.k.size+4096 {
		return
	}
	list := s.sorted()
	s.beyond = list[s.k.size-1].key
	for encoded, b := range s.buckets {
		if s.compare(b.key, s.beyond) > 0 {
			delete(s.buckets, encoded)
			s.r.live--
		}
	}
}

func (s *compositeState) sorted() []*compositeBucket {
	list := make([]*compositeBucket, 0, len(s.buckets))
	for _, b := range s.buckets {
		list = append(list, b)
	}
	slices.SortFunc(list, func(a, b *compositeBucket) int { return s.compare(a.key, b.key) })
	return list
}

func (s *compositeState) compare(a, b []compositeValue) int {
	for i, source := range s.k.sources {
		order := source.compare(a[i], b[i])
		if source.descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// compare has nothing before everything.
func (s *compositeSource) compare(a, b compositeValue) int {
	switch {
	case a.none || b.none:
		return cmp.Compare(map[bool]int{true: 0, false: 1}[a.none], map[bool]int{true: 0, false: 1}[b.none])
	case s.histogram != nil, s.mapped == nil:
		return cmp.Compare(a.n, b.n)
	case s.mapped.kind == keywordKind:
		return strings.Compare(s.words.words[a.n], s.words.words[b.n])
	case s.mapped.kind == doubleKind:
		return cmp.Compare(bitsDouble(a.n), bitsDouble(b.n))
	}
	return cmp.Compare(a.n, b.n)
}

func (*compositeState) value() float64 { return math.NaN() }

func (s *compositeState) write(w *aggregationWriter) {
	list := s.sorted()
	if int64(len(list)) > s.k.size {
		list = list[:s.k.size]
	}
	w.raw("{")
	if len(list) > 0 {
		w.raw(`"after_key":`)
		s.writeKey(w, list[len(list)-1].key)
		w.raw(",")
	}
	w.raw(`"buckets":[`)
	for i, b := range list {
		if i > 0 {
			w.raw(",")
		}
		w.raw(`{"key":`)
		s.writeKey(w, b.key)
		w.raw(",")
		w.bucketBody(s.a, b.bucket)
		w.raw("}")
		if w.failure != nil {
			return
		}
	}
	w.raw("]}")
}

func (s *compositeState) writeKey(w *aggregationWriter, key []compositeValue) {
	w.raw("{")
	for i, source := range s.k.sources {
		if i > 0 {
			w.raw(",")
		}
		w.string(source.name)
		w.raw(":")
		switch v := key[i]; {
		case v.none:
			w.raw("null")
		case source.histogram != nil, source.mapped == nil:
			w.int(v.n)
		case source.mapped.kind == keywordKind:
			w.string(source.words.words[v.n])
		case source.mapped.kind == doubleKind:
			w.float(bitsDouble(v.n))
		case source.mapped.kind == booleanKind:
			w.raw(strconv.FormatBool(v.n != 0))
		default:
			w.int(v.n)
		}
	}
	w.raw("}")
}
