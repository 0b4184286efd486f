package embedded

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// query is one node of a search's query, read from JSON and not yet bound to an index.
type query interface {
	// filter resolves the fields in one index.
	filter(m *mapping) (filter, *failure)
}

// filter is a query over one index.
type filter interface {
	// bind gives what decides about the documents of one chunk.
	bind(c *chunk) matcher
	// narrow takes chunks out of consideration that cannot hold a match.
	narrow(s *scope)
}

// matcher decides about the documents of a chunk. Its zero value matches all.
type matcher struct {
	none  bool
	match func(row int) bool // nil for all
}

var matchNone = matcher{none: true}

func (m matcher) all() bool { return !m.none && m.match == nil }

func (m matcher) on(row int) bool { return !m.none && (m.match == nil || m.match(row)) }

// scope is the part of an index that can hold matches: times from first to last, ms and inclusive, and groupings; nil for all.
type scope struct {
	first, last int64
	groupings   map[string]bool
}

func everything() *scope { return &scope{first: math.MinInt64, last: math.MaxInt64} }

func (s *scope) holds(key chunkKey) bool {
	if key.bucket != noBucket && (key.bucket < floorDivide(s.first, chunkMillis) || key.bucket > floorDivide(s.last, chunkMillis)) {
		return false
	}
	return s.groupings == nil || key.grouping == mixed || s.groupings[key.grouping]
}

func (s *scope) onlyGroupings(names []string) {
	allowed := map[string]bool{}
	for _, name := range names {
		if s.groupings == nil || s.groupings[name] {
			allowed[name] = true
		}
	}
	s.groupings = allowed
}

const (
	maxQueryDepth = 30
	maxTerms      = 65536
	maxClauses    = 4096
)

// decodeObject reads a JSON object, leaving its values as they are.
func decodeObject(raw json.RawMessage, what string) (map[string]json.RawMessage, *failure) {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return nil, parsing("[%s] must be an object", what)
	}
	return o, nil
}

// only gives the one entry of an object.
func only(o map[string]json.RawMessage, what string) (string, json.RawMessage, *failure) {
	keys := slices.Sorted(maps.Keys(o))
	switch len(keys) {
	case 0:
		return "", nil, illegal("field name is null or empty")
	case 1:
		return keys[0], o[keys[0]], nil
	}
	return "", nil, parsing("[%s] query doesn't support multiple fields, found [%s] and [%s]", what, keys[0], keys[1])
}

var otherQueries = []string{
	"match", "match_phrase", "multi_match", "query_string", "simple_query_string", "wildcard", "fuzzy", "nested", "script", "script_score", "function_score",
	"constant_score", "boosting", "dis_max", "geo_distance", "has_child", "has_parent", "terms_set", "knn", "wrapper", "percolate", "intervals", "more_like_this",
}

// parseQuery reads a query.
func parseQuery(raw json.RawMessage, depth int) (query, *failure) {
	if depth > maxQueryDepth {
		return nil, badRequest("x_content_parse_exception", "The nested depth of the query exceeds the maximum nested depth for queries set in [indices.query.bool.max_nested_depth]: %d", maxQueryDepth)
	}
	o, f := decodeObject(raw, "query")
	if f != nil {
		return nil, f
	}
	if len(o) == 0 {
		return nil, illegal("query malformed, empty clause found")
	}
	if len(o) > 1 {
		return nil, parsing("[%s] malformed query, expected [END_OBJECT] but found [FIELD_NAME]", slices.Sorted(maps.Keys(o))[0])
	}
	name, body, _ := only(o, "query")
	switch name {
	case "match_all":
		return allQuery{}, emptyQuery(name, body)
	case "match_none":
		return noneQuery{}, emptyQuery(name, body)
	case "bool":
		return parseBool(body, depth)
	case "term":
		return parseTerm(body)
	case "terms":
		return parseTerms(body)
	case "range":
		return parseRange(body)
	case "exists":
		return parseExists(body)
	case "prefix", "regexp":
		return parsePattern(name, body)
	case "ids":
		return parseIDs(body)
	}
	if slices.Contains(otherQueries, name) {
		return nil, unsupported("the query [%s]", name)
	}
	return nil, parsing("unknown query [%s]", name)
}

func emptyQuery(name string, body json.RawMessage) *failure {
	o, f := decodeObject(body, name)
	if f != nil {
		return f
	}
	for key := range o {
		if key != "boost" && key != "_name" {
			return badRequest("x_content_parse_exception", "[%s] unknown field [%s]", name, key)
		}
	}
	return nil
}

type allQuery struct{}

func (allQuery) filter(*mapping) (filter, *failure) { return allQuery{}, nil }
func (allQuery) bind(*chunk) matcher                { return matcher{} }
func (allQuery) narrow(*scope)                      {}

type noneQuery struct{}

func (noneQuery) filter(*mapping) (filter, *failure) { return noneQuery{}, nil }
func (noneQuery) bind(*chunk) matcher                { return matchNone }
func (noneQuery) narrow(s *scope)                    { s.groupings = map[string]bool{} }
