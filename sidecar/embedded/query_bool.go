package embedded

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// boolQuery combines queries. Must and filter are the same here, where nothing is scored.
type boolQuery struct {
	must, not, should []query
	minimum           int // of should
}

func parseBool(raw json.RawMessage, depth int) (query, *failure) {
	o, f := decodeObject(raw, "bool")
	if f != nil {
		return nil, f
	}
	q := &boolQuery{minimum: -1}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		switch key {
		case "must", "filter", "must_not", "should":
			clauses, f := parseClauses(o[key], depth)
			if f != nil && f.status == http.StatusBadRequest {
				return nil, &failure{status: f.status, kind: "x_content_parse_exception", reason: "[bool] failed to parse field [" + key + "]", cause: f}
			}
			if f != nil {
				return nil, f
			}
			switch key {
			case "must_not":
				q.not = append(q.not, clauses...)
			case "should":
				q.should = clauses
			default:
				q.must = append(q.must, clauses...)
			}
		case "minimum_should_match":
			if err := json.Unmarshal(o[key], &q.minimum); err != nil || q.minimum < 0 {
				return nil, unsupported("[minimum_should_match] other than a whole number")
			}
		case "boost", "_name":
		default:
			return nil, badRequest("x_content_parse_exception", "[bool] unknown field [%s]", key)
		}
	}
	if len(q.must)+len(q.not)+len(q.should) > maxClauses {
		return nil, badRequest("too_many_nested_clauses", "Query contains too many clauses; maxClauseCount is set to %d", maxClauses)
	}
	if q.minimum < 0 {
		q.minimum = 0
		if len(q.must) == 0 && len(q.should) > 0 {
			q.minimum = 1
		}
	}
	return q, nil
}

// parseClauses reads one query or a list of them.
func parseClauses(raw json.RawMessage, depth int) ([]query, *failure) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		list = []json.RawMessage{raw}
	}
	queries := make([]query, 0, len(list))
	for _, item := range list {
		q, f := parseQuery(item, depth+1)
		if f != nil {
			return nil, f
		}
		queries = append(queries, q)
	}
	return queries, nil
}

type boolFilter struct {
	must, not, should []filter
	minimum           int
}

func (q *boolQuery) filter(m *mapping) (filter, *failure) {
	b := &boolFilter{minimum: q.minimum}
	for _, part := range []struct {
		from []query
		to   *[]filter
	}{{q.must, &b.must}, {q.not, &b.not}, {q.should, &b.should}} {
		for _, clause := range part.from {
			f, why := clause.filter(m)
			if why != nil {
				return nil, why
			}
			*part.to = append(*part.to, f)
		}
	}
	return b, nil
}

func (b *boolFilter) bind(c *chunk) matcher {
	var all, not, some []func(int) bool
	for _, f := range b.must {
		switch m := f.bind(c); {
		case m.none:
			return matchNone
		case !m.all():
			all = append(all, m.match)
		}
	}
	for _, f := range b.not {
		switch m := f.bind(c); {
		case m.all():
			return matchNone
		case !m.none:
			not = append(not, m.match)
		}
	}
	needed := b.minimum
	for _, f := range b.should {
		switch m := f.bind(c); {
		case m.all():
			needed--
		case !m.none:
			some = append(some, m.match)
		}
	}
	if needed > len(some) {
		return matchNone
	}
	if needed <= 0 {
		some = nil
	}
	return combine(all, not, some, needed)
}

func combine(all, not, some []func(int) bool, needed int) matcher {
	if len(all)+len(not)+len(some) == 0 {
		return matcher{}
	}
	if len(all) == 1 && len(not)+len(some) == 0 {
		return matcher{match: all[0]}
	}
	return matcher{match: func(row int) bool {
		for _, match := range all {
			if !match(row) {
				return false
			}
		}
		for _, match := range not {
			if match(row) {
				return false
			}
		}
		met := 0
		for _, match := range some {
			if match(row) {
				if met++; met >= needed {
					return true
				}
			}
		}
		return len(some) == 0
	}}
}

func (b *boolFilter) lookUp(ctx context.Context, s *Store, ix *index) error {
	for _, f := range slices.Concat(b.must, b.not, b.should) {
		if l, ok := f.(lookUpper); ok {
			if err := l.lookUp(ctx, s, ix); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *boolFilter) narrow(s *scope) {
	for _, f := range b.must {
		f.narrow(s)
	}
}
