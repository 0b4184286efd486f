package embedded

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

const (
	defaultHits = 10
	// maxWindow is Elasticsearch's limit for from + size.
	maxWindow = 10000
	// defaultTrackedHits is how far matches are counted where the request does not say.
	defaultTrackedHits = 10000
)

// search is one search request.
type search struct {
	query       query
	aggs        *aggregationRun // nil for none
	from, size  int
	sort        []sortField
	after       []gjson.Result
	hasAfter    bool
	track       int // how far matches are counted; -1 for all, 0 for not at all
	source      sourceFilter
	showVersion bool
}

var otherSearchKeys = []string{
	"highlight", "suggest", "rescore", "collapse", "script_fields", "fields", "docvalue_fields", "stored_fields", "post_filter", "pit", "knn", "runtime_mappings",
	"min_score", "indices_boost", "explain", "profile", "seq_no_primary_term", "slice", "ext", "stats", "terminate_after", "retriever", "rank", "sub_searches",
}

// parseSearch reads the body of a search. An empty one matches all documents.
func parseSearch(body []byte) (*search, *failure) {
	s := &search{query: allQuery{}, size: defaultHits, track: defaultTrackedHits}
	if len(bytes.TrimSpace(body)) == 0 {
		return s, nil
	}
	if !json.Valid(body) {
		return nil, notJSON(body)
	}
	o, f := decodeObject(body, "search")
	if f != nil {
		return nil, f
	}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if f := s.take(key, o[key]); f != nil {
			return nil, f
		}
	}
	if f := s.check(); f != nil {
		return nil, f
	}
	return s, nil
}

func (s *search) take(key string, raw json.RawMessage) (f *failure) {
	v := gjson.ParseBytes(raw)
	switch key {
	case "query":
		s.query, f = parseQuery(raw, 0)
	case "aggs", "aggregations":
		if s.aggs != nil {
			return parsing("Found two aggregations in a search")
		}
		s.aggs = &aggregationRun{}
		s.aggs.roots, f = s.aggs.parse(raw, 0)
	case "size":
		s.size, f = countSetting(key, v)
	case "from":
		s.from, f = countSetting(key, v)
	case "sort":
		s.sort, f = parseSort(v)
	case "search_after":
		if !v.IsArray() || len(v.Array()) == 0 {
			return illegal("Values must contains at least one value.")
		}
		s.after, s.hasAfter = v.Array(), true
	case "track_total_hits":
		switch v.Type {
		case gjson.True:
			s.track = -1
		case gjson.False:
			s.track = 0
		default:
			s.track, f = countSetting(key, v)
		}
	case "_source":
		s.source, f = parseSourceFilter(v)
	case "version":
		s.showVersion = v.Bool()
	case "timeout", "track_scores":
	default:
		if slices.Contains(otherSearchKeys, key) {
			return unsupported("[%s] in a search", key)
		}
		return parsing("Unknown key for a %s in [%s].", tokenName(v), key)
	}
	return f
}

func tokenName(v gjson.Result) string {
	switch {
	case v.IsObject():
		return "START_OBJECT"
	case v.IsArray():
		return "START_ARRAY"
	case v.Type == gjson.Number:
		return "VALUE_NUMBER"
	case v.Type == gjson.String:
		return "VALUE_STRING"
	case v.Type == gjson.Null:
		return "VALUE_NULL"
	}
	return "VALUE_BOOLEAN"
}

func countSetting(key string, v gjson.Result) (int, *failure) {
	n, err := strconv.Atoi(literal(v))
	switch {
	case err != nil && v.Type == gjson.String:
		return 0, badRequest("number_format_exception", "For input string: %q", v.Str)
	case err != nil:
		return 0, illegal("Failed to parse [%s]: %s is not a whole number", key, v.Raw)
	case n < 0:
		return 0, illegal("[%s] parameter cannot be negative, found [%d]", key, n)
	}
	return n, nil
}

func (s *search) check() *failure {
	switch {
	case s.size > maxWindow || s.from > maxWindow || s.from+s.size > maxWindow:
		return shardFailed("Result window is too large, from + size must be less than or equal to: [%d] but was [%d]", maxWindow, s.from+s.size)
	case s.hasAfter && s.from > 0:
		return badRequest("action_request_validation_exception", "Validation Failed: 1: `from` parameter must be set to 0 when `search_after` is used;")
	case s.hasAfter && len(s.sort) == 0:
		return shardFailed("Sort must contain at least one field.")
	case s.hasAfter && len(s.after) != len(s.sort):
		return shardFailed("search_after has %d value(s) but sort has %d.", len(s.after), len(s.sort))
	}
	return nil
}

// sortField is one criterion of an order.
type sortField struct {
	name         string // "_doc" and "_seq_no" are the order of writing
	descending   bool
	missingFirst bool
	unmapped     kind
	allowAbsent  bool // where no mapping has the field
}

// byRow reports whether hits are in the order of writing.
func (s sortField) byRow() bool { return s.name == "_doc" || s.name == "_seq_no" }

func parseSort(v gjson.Result) ([]sortField, *failure) {
	entries := []gjson.Result{v}
	if v.IsArray() {
		entries = v.Array()
	}
	var list []sortField
	for _, entry := range entries {
		if entry.Type == gjson.String {
			list = append(list, sortField{name: entry.Str})
			continue
		}
		if !entry.IsObject() {
			return nil, illegal("malformed sort format, within the sort array, an object, or an actual string are allowed")
		}
		var why *failure
		entry.ForEach(func(name, settings gjson.Result) bool {
			var field sortField
			field, why = parseSortField(name.Str, settings)
			list = append(list, field)
			return why == nil
		})
		if why != nil {
			return nil, why
		}
	}
	if len(list) > 16 {
		return nil, unsupported("a sort by more than 16 fields")
	}
	for _, f := range list {
		if f.name == "_score" {
			return nil, unsupported("a sort by _score")
		}
	}
	return list, nil
}

func parseSortField(name string, settings gjson.Result) (sortField, *failure) {
	f := sortField{name: name}
	direction := func(v gjson.Result) *failure {
		switch strings.ToLower(v.Str) {
		case "asc":
		case "desc":
			f.descending = true
		default:
			return illegal("No enum constant org.elasticsearch.search.sort.SortOrder.%s", strings.ToUpper(v.Str))
		}
		return nil
	}
	if settings.Type == gjson.String {
		return f, direction(settings)
	}
	if !settings.IsObject() {
		return f, illegal("malformed sort format of [%s]", name)
	}
	var why *failure
	settings.ForEach(func(key, v gjson.Result) bool {
		switch key.Str {
		case "order":
			why = direction(v)
		case "missing":
			if v.Str != "_first" && v.Str != "_last" {
				why = unsupported("[missing] other than _first and _last in a sort")
			}
			f.missingFirst = v.Str == "_first"
		case "unmapped_type":
			if k, known := kindNames[v.Str]; known {
				f.unmapped, f.allowAbsent = k, true
			} else {
				why = unsupported("[unmapped_type] %q", v.Str)
			}
		case "format":
			if v.Str != epochMillis {
				why = unsupported("the date format %q", v.Str)
			}
		case "mode", "nested", "numeric_type":
			why = unsupported("[%s] in a sort", key.Str)
		default:
			why = badRequest("x_content_parse_exception", "[field_sort] unknown field [%s]", key.Str)
		}
		return why == nil
	})
	return f, why
}
