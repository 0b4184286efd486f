package embedded

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/tidwall/gjson"
)

// rangeQuery matches documents that have a value between bounds.
type rangeQuery struct {
	field        string
	lower, upper gjson.Result // not existing for none
	above, below bool         // exclusive
}

func parseRange(raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, "range")
	if f != nil {
		return nil, f
	}
	name, body, f := only(o, "range")
	if f != nil {
		return nil, f
	}
	bounds, f := decodeObject(body, "range")
	if f != nil {
		return nil, f
	}
	q := &rangeQuery{field: name}
	for key, raw := range bounds {
		v := gjson.ParseBytes(raw)
		switch key {
		case "gte", "gt", "lte", "lt":
			if v.Type == gjson.Null {
				continue
			}
			if v.Type == gjson.JSON {
				return nil, parsing("[range] query does not support [%s] of another type than text or number", key)
			}
			if key[0] == 'g' {
				q.lower, q.above = v, key == "gt"
			} else {
				q.upper, q.below = v, key == "lt"
			}
		case "format":
			if v.Str != epochMillis {
				return nil, unsupported("the date format %q", v.Str)
			}
		case "boost", "_name":
		case "time_zone", "relation", "from", "to", "include_lower", "include_upper":
			return nil, unsupported("[%s] of [range]", key)
		default:
			return nil, parsing("[range] query does not support [%s]", key)
		}
	}
	return q, nil
}

func (q *rangeQuery) filter(m *mapping) (filter, *failure) {
	f := m.byName[q.field]
	if f == nil {
		return noneQuery{}, nil
	}
	switch f.kind {
	case keywordKind:
		return &wordRange{field: f, q: q}, nil
	case doubleKind:
		return q.floats(f)
	case longKind, dateKind:
		return q.integers(f)
	}
	return nil, queryFailure("Field [%s] of type [%s] does not support range queries", f.name, f.kind)
}

type integerRange struct {
	field       *field
	first, last int64 // inclusive
}

func (q *rangeQuery) integers(f *field) (filter, *failure) {
	r := &integerRange{field: f, first: math.MinInt64, last: math.MaxInt64}
	if q.lower.Exists() {
		n, exact, why := f.bound(q.lower)
		if why != nil {
			return nil, why
		}
		if r.first = n; q.above || !exact { // n is at or below the bound
			if n == math.MaxInt64 {
				return noneQuery{}, nil
			}
			r.first++
		}
	}
	if q.upper.Exists() {
		n, exact, why := f.bound(q.upper)
		if why != nil {
			return nil, why
		}
		if r.last = n; q.below && exact {
			if n == math.MinInt64 {
				return noneQuery{}, nil
			}
			r.last--
		}
	}
	return r, nil
}

// bound reads a bound for whole numbers: the largest one that is not above it, and whether that is the bound itself.
func (f *field) bound(v gjson.Result) (n int64, exact bool, why *failure) {
	if f.kind == dateKind {
		if strings.HasPrefix(literal(v), "now") || strings.Contains(literal(v), "||") {
			return 0, false, unsupported("date math such as %q", literal(v))
		}
		n, err := f.parseDate(literal(v))
		if err != nil {
			return 0, false, badRequest("parse_exception", "%v", err)
		}
		return n, true, nil
	}
	if n, found, why := f.term(v); why != nil || found {
		return n, true, why
	}
	bits, err := parseDouble(v)
	if err != nil {
		return 0, false, queryFailure("For input string: %q", literal(v))
	}
	switch x := math.Floor(bitsDouble(bits)); {
	case x >= math.MaxInt64:
		return math.MaxInt64, true, nil
	case x < math.MinInt64:
		return math.MinInt64, true, nil
	default:
		return int64(x), x == bitsDouble(bits), nil
	}
}

func (r *integerRange) bind(c *chunk) matcher {
	col := c.column(r.field)
	if col == nil || r.first > r.last {
		return matchNone
	}
	first, last := r.first, r.last
	return matcher{match: func(row int) bool {
		return col.any(row, func(v int64) bool { return v >= first && v <= last })
	}}
}

func (r *integerRange) narrow(s *scope) {
	if r.field.name == timeField && r.field.kind == dateKind {
		s.first, s.last = max(s.first, r.first), min(s.last, r.last)
	}
}

type floatRange struct {
	field        *field
	lower, upper float64
	above, below bool
}

func (q *rangeQuery) floats(f *field) (filter, *failure) {
	r := &floatRange{field: f, lower: math.Inf(-1), upper: math.Inf(1), above: q.above, below: q.below}
	for _, bound := range []struct {
		v  gjson.Result
		to *float64
	}{{q.lower, &r.lower}, {q.upper, &r.upper}} {
		if !bound.v.Exists() {
			continue
		}
		bits, err := parseDouble(bound.v)
		if err != nil {
			return nil, queryFailure("For input string: %q", literal(bound.v))
		}
		*bound.to = bitsDouble(bits)
	}
	return r, nil
}

func (r *floatRange) bind(c *chunk) matcher {
	col := c.column(r.field)
	if col == nil {
		return matchNone
	}
	return matcher{match: func(row int) bool {
		return col.any(row, func(v int64) bool {
			x := bitsDouble(v)
			return (x > r.lower || x == r.lower && !r.above) && (x < r.upper || x == r.upper && !r.below)
		})
	}}
}

func (*floatRange) narrow(*scope) {}

type wordRange struct {
	field *field
	q     *rangeQuery
}

func (r *wordRange) bind(c *chunk) matcher {
	return wordMatcher(c.column(r.field), func(w string) bool {
		if r.q.lower.Exists() {
			if order := strings.Compare(w, literal(r.q.lower)); order < 0 || order == 0 && r.q.above {
				return false
			}
		}
		if r.q.upper.Exists() {
			if order := strings.Compare(w, literal(r.q.upper)); order > 0 || order == 0 && r.q.below {
				return false
			}
		}
		return true
	})
}

func (*wordRange) narrow(*scope) {}

// wordMatcher decides by the words of a keyword column, each looked at once.
func wordMatcher(col *column, accept func(word string) bool) matcher {
	if col == nil {
		return matchNone
	}
	accepted := make([]bool, len(col.words))
	found := false
	for i, w := range col.words {
		accepted[i] = accept(w)
		found = found || accepted[i]
	}
	if !found {
		return matchNone
	}
	return matcher{match: func(row int) bool { return col.any(row, func(v int64) bool { return accepted[v] }) }}
}
