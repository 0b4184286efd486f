package embedded

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"
)

// termsQuery matches documents that have one of the values in a field.
type termsQuery struct {
	field  string
	values []gjson.Result
}

func parseTerm(raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, "term")
	if f != nil {
		return nil, f
	}
	name, body, f := only(o, "term")
	if f != nil {
		return nil, f
	}
	v := gjson.ParseBytes(body)
	if v.IsArray() {
		return nil, parsing("[term] query does not support array of values")
	}
	if v.IsObject() {
		inner, f := decodeObject(body, "term")
		if f != nil {
			return nil, f
		}
		for key := range inner {
			if !slices.Contains([]string{"value", "boost", "_name"}, key) {
				if key == "case_insensitive" {
					return nil, unsupported("[case_insensitive] of [term]")
				}
				return nil, parsing("[term] query does not support [%s]", key)
			}
		}
		v = gjson.ParseBytes(inner["value"])
	}
	if v.Type == gjson.Null {
		return nil, illegal("value cannot be null")
	}
	return &termsQuery{field: name, values: []gjson.Result{v}}, nil
}

func parseTerms(raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, "terms")
	if f != nil {
		return nil, f
	}
	delete(o, "boost")
	delete(o, "_name")
	name, body, f := only(o, "terms")
	if f != nil {
		return nil, f
	}
	list := gjson.ParseBytes(body)
	if !list.IsArray() {
		if list.IsObject() {
			return nil, unsupported("the terms lookup")
		}
		return nil, parsing("[terms] query does not support [%s]", name)
	}
	q := &termsQuery{field: name, values: list.Array()}
	if len(q.values) > maxTerms {
		return nil, illegal("The number of terms [%d] used in the Terms Query request has exceeded the allowed maximum of [%d]", len(q.values), maxTerms)
	}
	for _, v := range q.values {
		if v.Type == gjson.Null {
			return nil, parsing("No value specified for terms query")
		}
		if v.Type == gjson.JSON {
			return nil, parsing("[terms] query does not support nested values")
		}
	}
	return q, nil
}

func (q *termsQuery) filter(m *mapping) (filter, *failure) {
	f := m.byName[q.field]
	if f == nil {
		return noneQuery{}, nil
	}
	t := &termsFilter{field: f, numbers: map[int64]bool{}}
	for _, v := range q.values {
		if f.kind == keywordKind {
			t.words = append(t.words, literal(v))
			continue
		}
		n, found, why := f.term(v)
		if why != nil {
			return nil, why
		}
		if found {
			t.numbers[n] = true
		}
	}
	return t, nil
}

// term reads a value that a query compares a field with. found is false where no document can have it.
func (f *field) term(v gjson.Result) (n int64, found bool, why *failure) {
	var err error
	switch f.kind {
	case longKind:
		number, parseErr := strconv.ParseFloat(literal(v), 64)
		if err = parseErr; err == nil {
			n, err = parseLong(v)
			return n, err == nil && (number == math.Trunc(number)), nil
		}
	case doubleKind:
		n, err = parseDouble(v)
	case dateKind:
		if n, err = f.parseDate(literal(v)); err != nil {
			return 0, false, badRequest("parse_exception", "%v", err)
		}
	case booleanKind:
		if n, err = parseBoolean(v); err != nil {
			return 0, false, queryFailure("Can't parse boolean value [%s], expected [true] or [false]", literal(v))
		}
	default:
		return 0, false, queryFailure("Field [%s] of type [%s] does not support queries", f.name, f.kind)
	}
	if err != nil {
		return 0, false, queryFailure("For input string: %q", literal(v))
	}
	return n, true, nil
}

func queryFailure(format string, args ...any) *failure {
	return badRequest("query_shard_exception", "failed to create query: "+format, args...)
}

type termsFilter struct {
	field   *field
	words   []string
	numbers map[int64]bool
}

func (t *termsFilter) bind(c *chunk) matcher {
	col := c.column(t.field)
	if col == nil {
		return matchNone
	}
	wanted := t.numbers
	if t.field.kind == keywordKind {
		wanted = make(map[int64]bool, len(t.words))
		for _, w := range t.words {
			if code, ok := col.codes[w]; ok {
				wanted[code] = true
			}
		}
	}
	switch len(wanted) {
	case 0:
		return matchNone
	case 1:
		for n := range wanted {
			return matcher{match: func(row int) bool { return col.any(row, func(v int64) bool { return v == n }) }}
		}
	}
	return matcher{match: func(row int) bool { return col.any(row, func(v int64) bool { return wanted[v] }) }}
}

// any reports whether one of a document's values meets a condition.
func (c *column) any(row int, meets func(int64) bool) bool {
	first, rest, ok := c.at(row)
	return ok && (meets(first) || slices.ContainsFunc(rest, meets))
}

func (t *termsFilter) narrow(s *scope) {
	if t.field.name == groupingField && t.field.kind == keywordKind {
		s.onlyGroupings(t.words)
	}
}

// existsQuery matches documents that have a value in a field, or in any field below it.
type existsQuery struct{ field string }

func parseExists(raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, "exists")
	if f != nil {
		return nil, f
	}
	q := &existsQuery{}
	for key, body := range o {
		switch key {
		case "field":
			if err := json.Unmarshal(body, &q.field); err != nil {
				return nil, parsing("[exists] unknown token in [field]")
			}
		case "boost", "_name":
		default:
			return nil, parsing("[exists] query does not support [%s]", key)
		}
	}
	if q.field == "" {
		return nil, parsing("[exists] must be provided with a [field]")
	}
	return q, nil
}

func (q *existsQuery) filter(m *mapping) (filter, *failure) {
	fields := m.under(q.field)
	if len(fields) == 0 {
		return noneQuery{}, nil
	}
	return existsFilter(fields), nil
}

type existsFilter []*field

func (e existsFilter) bind(c *chunk) matcher {
	var columns []*column
	for _, f := range e {
		if col := c.column(f); col != nil {
			columns = append(columns, col)
		}
	}
	if len(columns) == 0 {
		return matchNone
	}
	return matcher{match: func(row int) bool {
		return slices.ContainsFunc(columns, func(col *column) bool {
			_, _, ok := col.at(row)
			return ok
		})
	}}
}

func (existsFilter) narrow(*scope) {}

// idsQuery matches documents by their ids.
type idsQuery struct{ ids []string }

func parseIDs(raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, "ids")
	if f != nil {
		return nil, f
	}
	q := &idsQuery{}
	for key, body := range o {
		if key != "values" {
			return nil, badRequest("x_content_parse_exception", "[ids] unknown field [%s]", key)
		}
		if err := json.Unmarshal(body, &q.ids); err != nil {
			return nil, badRequest("x_content_parse_exception", "[ids] failed to parse field [values]")
		}
	}
	if len(q.ids) > maxTerms {
		return nil, illegal("too many ids: %d, at most %d are allowed", len(q.ids), maxTerms)
	}
	return q, nil
}

func (q *idsQuery) filter(*mapping) (filter, *failure) { return &idsFilter{ids: q.ids}, nil }

// idsFilter knows the documents by their keys in the database, once they were looked up.
type idsFilter struct {
	ids  []string
	rows map[int64]bool
}

// lookUpper is a filter that has to ask the database before it is bound.
type lookUpper interface {
	lookUp(ctx context.Context, s *Store, ix *index) error
}

func (f *idsFilter) lookUp(ctx context.Context, s *Store, ix *index) error {
	var err error
	f.rows, err = s.db.lookup(ctx, ix.number, f.ids)
	return err
}

func (f *idsFilter) bind(c *chunk) matcher {
	if len(f.rows) == 0 {
		return matchNone
	}
	return matcher{match: func(row int) bool { return f.rows[c.rows[row]] }}
}

func (*idsFilter) narrow(*scope) {}
