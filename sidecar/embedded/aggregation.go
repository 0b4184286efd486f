package embedded

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// maxBuckets is Elasticsearch's limit for the buckets of an answer.
	maxBuckets = 65536
	// maxLiveBuckets bounds what is collected before buckets are chosen for the answer.
	maxLiveBuckets = 1 << 20
	maxAggDepth    = 20
)

// aggregation is one node of a search's aggregations.
type aggregation struct {
	name   string
	typ    string
	slot   int    // its place in a binding
	field  string // "" for those without
	mapped *field // the field as the last index that has it maps it
	subs   []*aggregation
	kind   aggregationKind
}

// aggregationKind is what a type of aggregation does.
type aggregationKind interface {
	// supports reports whether a field of this kind can be aggregated.
	supports(k kind) bool
	// check looks at one index before any document is collected.
	check(a *aggregation, m *mapping) *failure
	// bind prepares for one chunk.
	bind(b *bound, m *mapping, c *chunk)
	state(r *aggregationRun, a *aggregation) aggregationState
}

// aggregationState collects documents.
type aggregationState interface {
	collect(b *binding, row int)
	// write appends the JSON of the result.
	write(w *aggregationWriter)
	// value is what a parent's buckets are ordered by.
	value() float64
}

// bound is an aggregation bound to one chunk.
type bound struct {
	column   *column
	ids      []int64 // of the column's words, over the whole search
	matchers []matcher
	sources  []bound
}

type binding struct {
	chunk *chunk
	slots []bound
}

// aggregationRun is what the aggregations of one search share.
type aggregationRun struct {
	all     []*aggregation // in the order of their slots
	roots   []*aggregation
	states  []aggregationState
	live    int // buckets
	failure *failure
}

func (r *aggregationRun) grow() {
	if r.live++; r.live > maxLiveBuckets && r.failure == nil {
		r.failure = tooManyBuckets(maxLiveBuckets)
	}
}

func tooManyBuckets(limit int) *failure {
	cause := badRequest("too_many_buckets_exception", "Trying to create too many buckets. Must be less than or equal to: [%d] but this number of buckets was exceeded. This limit can be set by changing the [search.max_buckets] cluster level setting.", limit)
	return &failure{status: cause.status, kind: "search_phase_execution_exception", cause: cause}
}

// parseAggregations reads the aggregations of a search, or of one of its aggregations.
func (r *aggregationRun) parse(raw json.RawMessage, depth int) ([]*aggregation, *failure) {
	if depth > maxAggDepth {
		return nil, illegal("aggregations are nested deeper than %d", maxAggDepth)
	}
	o, f := decodeObject(raw, "aggregations")
	if f != nil {
		return nil, f
	}
	list := make([]*aggregation, 0, len(o))
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if name == "" || strings.ContainsAny(name, "[]>") {
			return nil, parsing("Invalid aggregation name [%s]. Aggregation names can contain any character except '[', ']', and '>'", name)
		}
		a, f := r.parseOne(name, o[name], depth)
		if f != nil {
			return nil, f
		}
		list = append(list, a)
	}
	return list, nil
}

func (r *aggregationRun) parseOne(name string, raw json.RawMessage, depth int) (*aggregation, *failure) {
	o, f := decodeObject(raw, name)
	if f != nil {
		return nil, f
	}
	a := &aggregation{name: name, slot: len(r.all)}
	r.all = append(r.all, a)
	var body, subs json.RawMessage
	for _, key := range slices.Sorted(maps.Keys(o)) {
		switch key {
		case "aggs", "aggregations":
			subs = o[key]
		case "meta":
			return nil, unsupported("[meta] of an aggregation")
		default:
			if trimmed := strings.TrimLeft(string(o[key]), " \t\r\n"); !strings.HasPrefix(trimmed, "{") {
				return nil, parsing("Expected [START_OBJECT] under [%s], but got another value in [%s]", key, name)
			}
			if body != nil {
				return nil, parsing("Found two aggregation type definitions in [%s]: [%s] and [%s]", name, a.typ, key)
			}
			a.typ, body = key, o[key]
		}
	}
	if body == nil {
		return nil, parsing("Missing definition for aggregation [%s]", name)
	}
	if f := a.parseKind(body, depth); f != nil {
		return nil, f
	}
	if subs != nil {
		if _, metric := a.kind.(metricKind); metric {
			return nil, illegal("Aggregator [%s] of type [%s] cannot accept sub-aggregations", name, a.typ)
		}
		if a.subs, f = r.parse(subs, depth+1); f != nil {
			return nil, f
		}
	}
	if t, ok := a.kind.(*termsKind); ok {
		return a, t.checkOrder(a)
	}
	return a, nil
}

var otherAggregations = []string{
	"percentiles", "percentile_ranks", "stats", "extended_stats", "top_hits", "histogram", "range", "date_range", "nested", "global", "missing", "significant_terms",
	"rare_terms", "weighted_avg", "scripted_metric", "bucket_script", "bucket_sort", "derivative", "cumulative_sum", "max_bucket", "sum_bucket", "avg_bucket",
	"auto_date_histogram", "sampler", "multi_terms", "top_metrics", "matrix_stats", "median_absolute_deviation", "moving_fn", "serial_diff", "bucket_selector",
	"stats_bucket", "min_bucket", "adjacency_matrix", "geo_bounds", "boxplot", "rate", "string_stats", "variable_width_histogram", "ip_range", "random_sampler",
}

func (a *aggregation) parseKind(body json.RawMessage, depth int) *failure {
	o, f := decodeObject(body, a.typ)
	if f != nil {
		return f
	}
	switch a.typ {
	case "sum", "min", "max", "avg", "value_count", "cardinality":
		return a.parseMetric(o)
	case "terms":
		return a.parseTerms(o)
	case "date_histogram":
		return a.parseHistogram(o)
	case "composite":
		if depth > 0 {
			return shardFailed("[composite] aggregation cannot be used with a parent aggregation")
		}
		return a.parseComposite(o)
	case "filter":
		q, f := parseQuery(body, 0)
		a.kind = &filterKind{queries: []query{q}}
		return f
	case "filters":
		return a.parseFilters(o)
	}
	if slices.Contains(otherAggregations, a.typ) {
		return unsupported("the aggregation [%s]", a.typ)
	}
	return parsing("Unknown aggregation type [%s]", a.typ)
}

// takeField reads the field of an aggregation out of its settings.
func (a *aggregation) takeField(o map[string]json.RawMessage) *failure {
	if raw, ok := o["field"]; ok {
		delete(o, "field")
		if err := json.Unmarshal(raw, &a.field); err != nil {
			return badRequest("x_content_parse_exception", "[%s] failed to parse field [field]", a.typ)
		}
	}
	if _, ok := o["script"]; ok {
		return unsupported("scripts")
	}
	if a.field == "" {
		return illegal("Required one of fields [field, script], but none were specified. ")
	}
	return nil
}

// rest refuses the settings that were not taken: those Elasticsearch knows as unsupported, others as it does.
func (a *aggregation) rest(o map[string]json.RawMessage, known ...string) *failure {
	if len(o) == 0 {
		return nil
	}
	key := slices.Min(slices.Collect(maps.Keys(o)))
	if slices.Contains(known, key) {
		return unsupported("[%s] of the aggregation [%s]", key, a.typ)
	}
	return badRequest("x_content_parse_exception", "[%s] unknown field [%s]", a.typ, key)
}

// takeNumber reads a whole number out of an aggregation's settings.
func (a *aggregation) takeNumber(o map[string]json.RawMessage, key string, fallback, least int64) (int64, *failure) {
	raw, ok := o[key]
	if !ok {
		return fallback, nil
	}
	delete(o, key)
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil || n < least {
		f := badRequest("x_content_parse_exception", "[%s] failed to parse field [%s]", a.typ, key)
		f.cause = illegal("[%s] must be at least %d. Found [%s] in [%s]", key, least, raw, a.name)
		return 0, f
	}
	return n, nil
}

// check looks at the aggregations for one index.
func (r *aggregationRun) check(m *mapping) *failure {
	for _, a := range r.all {
		if a.field != "" {
			if f := m.byName[a.field]; f != nil {
				if !a.kind.supports(f.kind) {
					return illegal("Field [%s] of type [%s] is not supported for aggregation [%s]", a.field, f.kind, a.typ)
				}
				if a.mapped != nil && a.mapped.kind != f.kind {
					return illegal("Field [%s] has type [%s] in one index and [%s] in another", a.field, a.mapped.kind, f.kind)
				}
				a.mapped = f
			}
		}
		if f := a.kind.check(a, m); f != nil {
			return f
		}
	}
	return nil
}

func (r *aggregationRun) bind(m *mapping, c *chunk) *binding {
	b := &binding{chunk: c, slots: make([]bound, len(r.all))}
	for i, a := range r.all {
		if a.field != "" {
			b.slots[i].column = c.column(m.byName[a.field])
		}
		a.kind.bind(&b.slots[i], m, c)
	}
	return b
}

func (r *aggregationRun) start() {
	r.states = r.subStates(r.roots)
}

func (r *aggregationRun) subStates(list []*aggregation) []aggregationState {
	states := make([]aggregationState, len(list))
	for i, a := range list {
		states[i] = a.kind.state(r, a)
	}
	return states
}

// bucket is one bucket of an aggregation.
type bucket struct {
	docs int64
	subs []aggregationState
}

func (r *aggregationRun) newBucket(a *aggregation) *bucket {
	r.grow()
	return &bucket{subs: r.subStates(a.subs)}
}

func (b *bucket) collect(bd *binding, row int) {
	b.docs += int64(bd.chunk.docCounts[row])
	for _, s := range b.subs {
		s.collect(bd, row)
	}
}

// aggregationWriter writes results as JSON.
type aggregationWriter struct {
	text    []byte
	buckets int
	failure *failure
}

func (w *aggregationWriter) countBucket() {
	if w.buckets++; w.buckets > maxBuckets && w.failure == nil {
		w.failure = tooManyBuckets(maxBuckets)
	}
}

func (w *aggregationWriter) raw(s string) { w.text = append(w.text, s...) }

func (w *aggregationWriter) string(s string) {
	text, err := json.Marshal(s)
	if err != nil { // no string fails to marshal
		text = []byte(`""`)
	}
	w.text = append(w.text, text...)
}

func (w *aggregationWriter) int(n int64) { w.text = strconv.AppendInt(w.text, n, 10) }

func (w *aggregationWriter) float(v float64) {
	w.text = strconv.AppendFloat(w.text, v, 'g', -1, 64)
}

// results writes named results; with a leading comma where it continues an object.
func (w *aggregationWriter) results(list []*aggregation, states []aggregationState, comma bool) {
	for i, a := range list {
		if comma || i > 0 {
			w.raw(",")
		}
		w.string(a.name)
		w.raw(":")
		states[i].write(w)
		if w.failure != nil {
			return
		}
	}
}

// bucketBody writes what all buckets have, after their key.
func (w *aggregationWriter) bucketBody(a *aggregation, b *bucket) {
	w.countBucket()
	w.raw(`"doc_count":`)
	w.int(b.docs)
	w.results(a.subs, b.subs, true)
}
