package query

import (
	"encoding/json"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Matcher is a filter that is compiled, for values that are not in Elasticsearch. It is safe for concurrent use.
type Matcher struct {
	Filter
	values      map[string]struct{}
	expressions []*regexp.Regexp
}

// ParseFilter reads a filter's JSON, as the query model has it, and compiles it. A filter without values stands for all values and gives nil. Errors are of
// type *InvalidError.
func ParseFilter(raw []byte) (*Matcher, error) {
	if len(raw) > maxQueryBytes {
		return nil, Invalid("the filter is %d bytes long: at most %d are allowed", len(raw), maxQueryBytes)
	}
	var f Filter
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, Invalid("read the filter: %v", err)
	}
	if f.presence() {
		f.Values = nil
	} else if len(f.Values) == 0 {
		f.Values = nil
		if err := f.check(); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return f.Compile()
}

// Compile makes a Matcher, which takes the values that the documents have for which Elasticsearch meets the filter's clause.
func (f Filter) Compile() (*Matcher, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	m := &Matcher{Filter: f}
	m.Values = slices.Compact(slices.Sorted(slices.Values(f.Values)))
	if !f.patterns() {
		m.values = make(map[string]struct{}, len(f.Values))
		for _, v := range f.Values {
			m.values[rollup.CutDimension(v)] = struct{}{}
		}
		return m, nil
	}
	for _, v := range m.Values {
		p, err := whole(v)
		if err != nil {
			return nil, Invalid("the filter on %s: %v", quote(f.Dimension), err)
		}
		m.expressions = append(m.expressions, p)
	}
	return m, nil
}

// maxStates bounds what a regular expression takes in memory. It is how many states Elasticsearch admits.
const maxStates = 10_000

// whole compiles a regular expression so that it matches whole values.
func whole(pattern string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl|syntax.DotNL)
	if err != nil {
		return nil, fmt.Errorf("the regular expression %s is not valid: %w", quote(pattern), err)
	}
	if n := states(parsed); n > maxStates {
		return nil, fmt.Errorf("the regular expression %s has %d states: at most %d are allowed, use fewer or smaller repetitions", quote(pattern), n, maxStates)
	}
	return regexp.Compile(`(?s)\A(?:` + pattern + `)\z`)
}

// states is about how many states an expression has with its repetitions written out.
func states(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += states(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max) + 1
	}
	return n
}

// Match reports whether events with the value meet the filter.
func (m *Matcher) Match(value string) bool {
	var met bool
	switch {
	case m.presence():
		met = value == ""
	case m.patterns():
		met = slices.ContainsFunc(m.expressions, func(p *regexp.Regexp) bool { return p.MatchString(value) })
	default:
		_, met = m.values[value]
	}
	return met != m.negated()
}
