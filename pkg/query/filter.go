package query

import (
	"github.com/tidemark/tidemark/pkg/rollup"
)

// The operators of filters.
const (
	OpOneOf     = "="
	OpNoneOf    = "!="
	OpMatches   = "=~"
	OpMatchesNo = "!~"
	OpExists    = "exists"
	OpExistsNo  = "!exists"
)

// Filter restricts a query to the events whose dimension has, or has not, one of the values. An event without the dimension has the value "".
type Filter struct {
	Dimension string `json:"dimension"`
	// Op is "=" (one of the values), "!=" (none of them), "=~" (matches one of the regular expressions as a whole), "!~" (matches none of them), "exists" (is
	// not "") or "!exists" (is "").
	Op string `json:"op"`
	// Values are at most 1,000; regular expressions at most 20, in Go's syntax; none with "exists" and "!exists".
	Values []string `json:"values"`
}

func (f *Filter) check() error {
	if f.Dimension == "" {
		return Invalid("a filter names no dimension")
	}
	limit := maxFilterValues
	switch f.Op {
	case OpOneOf, OpNoneOf:
	case OpMatches, OpMatchesNo:
		limit = maxPatterns
	case OpExists, OpExistsNo:
	default:
		return Invalid("unknown operator %s in the filter on %s: =, !=, =~, !~, exists and !exists are allowed", quote(f.Op), quote(f.Dimension))
	}
	if len(f.Values) > limit {
		return Invalid("the filter on %s has %d values: at most %d are allowed with %s", quote(f.Dimension), len(f.Values), limit, f.Op)
	}
	for _, v := range f.Values {
		if f.patterns() {
			if _, err := lucene(v); err != nil {
				return Invalid("the filter on %s: %v", quote(f.Dimension), err)
			}
		}
	}
	return nil
}

func (f *Filter) patterns() bool { return f.Op == OpMatches || f.Op == OpMatchesNo }

func (f *Filter) presence() bool { return f.Op == OpExists || f.Op == OpExistsNo }

// negated reports whether documents that meet the clause are left out.
func (f *Filter) negated() bool { return f.Op == OpNoneOf || f.Op == OpMatchesNo || f.Op == OpExists }

// clause is the query that the filter's values match, without the negation.
func (f *Filter) clause() (object, error) {
	field := rollup.DimensionField(f.Dimension)
	if f.presence() {
		return term(field, ""), nil // which is how documents have a dimension that the event lacks
	}
	if !f.patterns() {
		values := make([]string, len(f.Values))
		for i, v := range f.Values {
			values[i] = rollup.CutDimension(v) // as documents have it
		}
		return object{"terms": object{field: values}}, nil
	}
	should := make([]object, 0, len(f.Values))
	for _, v := range f.Values {
		pattern, err := lucene(v)
		if err != nil {
			return nil, Invalid("the filter on %s: %v", quote(f.Dimension), err)
		}
		should = append(should, object{"regexp": object{field: object{"value": pattern}}})
	}
	if len(should) == 1 {
		return should[0], nil
	}
	return anyOf(should), nil
}

// conditionsOf are what the documents meet that meet all of the filters, and what they do not.
func conditionsOf(filters []Filter) (must, mustNot []object, err error) {
	for _, f := range filters {
		clause, err := f.clause()
		if err != nil {
			return nil, nil, err
		}
		if f.negated() {
			mustNot = append(mustNot, clause)
		} else {
			must = append(must, clause)
		}
	}
	return must, mustNot, nil
}

func anyOf(should []object) object {
	return object{"bool": object{"should": should, "minimum_should_match": 1}}
}
