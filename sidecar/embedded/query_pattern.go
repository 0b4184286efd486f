package embedded

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"
)

// patternQuery matches documents that have a word in a keyword field which begins with a prefix, or which a regular expression matches as a whole.
type patternQuery struct {
	name   string // prefix or regexp
	field  string
	text   string
	folded bool // case does not matter
}

func parsePattern(name string, raw json.RawMessage) (query, *failure) {
	o, f := decodeObject(raw, name)
	if f != nil {
		return nil, f
	}
	q := &patternQuery{name: name}
	var body json.RawMessage
	if q.field, body, f = only(o, name); f != nil {
		return nil, f
	}
	if json.Unmarshal(body, &q.text) == nil {
		return q, nil
	}
	settings, f := decodeObject(body, name)
	if f != nil {
		return nil, f
	}
	for key, v := range settings {
		var err error
		switch key {
		case "value":
			err = json.Unmarshal(v, &q.text)
		case "case_insensitive":
			err = json.Unmarshal(v, &q.folded)
		case "rewrite", "boost", "_name", "max_determinized_states":
		case "flags", "flags_value":
			return nil, unsupported("[%s] of [%s]", key, name)
		default:
			return nil, parsing("[%s] query does not support [%s]", name, key)
		}
		if err != nil {
			return nil, parsing("[%s] has a wrong value for [%s]", name, key)
		}
	}
	return q, nil
}

func (q *patternQuery) filter(m *mapping) (filter, *failure) {
	f := m.byName[q.field]
	if f == nil {
		return noneQuery{}, nil
	}
	if f.kind != keywordKind {
		return nil, badRequest("query_shard_exception", "Can only use %s queries on keyword, text and wildcard fields - not on [%s] which is of type [%s]", q.name, f.name, f.kind)
	}
	expression := "(?s)^" + regexp.QuoteMeta(q.text)
	if q.name == "regexp" {
		var why *failure
		if expression, why = luceneRegexp(q.text); why != nil {
			return nil, why
		}
	}
	if q.folded {
		expression = "(?i)" + expression
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return nil, queryFailure("%v", err)
	}
	return &patternFilter{field: f, expression: compiled}, nil
}

type patternFilter struct {
	field      *field
	expression *regexp.Regexp
}

func (p *patternFilter) bind(c *chunk) matcher {
	return wordMatcher(c.column(p.field), p.expression.MatchString)
}

func (*patternFilter) narrow(*scope) {}

// maxRegexpBytes is Elasticsearch's limit for an expression.
const maxRegexpBytes = 1000

// luceneRegexp translates Lucene's syntax, in which an expression matches a whole word and ^ and $ are plain characters, to Go's. The operators that Go
// cannot express (complement, intersection, intervals) are refused.
func luceneRegexp(text string) (string, *failure) {
	if len(text) > maxRegexpBytes {
		return "", illegal("The length of regex [%d] used in the Regexp Query request has exceeded the allowed maximum of [%d]", len(text), maxRegexpBytes)
	}
	var b strings.Builder
	b.WriteString("(?s)^(?:")
	repeated := false
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if repeated && strings.ContainsRune("?*+{", r) { // to Go, a+? is not (a+)?
			return "", unsupported("a repetition of a repetition in regular expressions")
		}
		repeated = strings.ContainsRune("?*+}", r)
		switch {
		case r == '\\':
			escaped, n, f := luceneEscape(text[i:])
			if f != nil {
				return "", f
			}
			b.WriteString(escaped)
			size = n
		case r == '[':
			class, n, f := luceneClass(text[i:])
			if f != nil {
				return "", f
			}
			b.WriteString(class)
			size = n
		case r == '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return "", queryFailure("expected '\"' at position %d", len(text))
			}
			b.WriteString("(?:" + regexp.QuoteMeta(text[i+1:i+1+end]) + ")")
			size = end + 2
		case r == '(':
			if strings.HasPrefix(text[i:], "(?") {
				return "", unsupported("groups that begin with (?")
			}
			b.WriteString("(?:")
		case r == '@':
			b.WriteString("(?:.*)")
		case r == '#':
			b.WriteString(`(?:[^\x00-\x{10FFFF}])`)
		case strings.ContainsRune("~&<", r):
			return "", unsupported("the operator %q of regular expressions", r)
		case strings.ContainsRune(").|?*+{}", r):
			b.WriteRune(r)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
		i += size
	}
	b.WriteString(")$")
	return b.String(), nil
}

// luceneEscape translates an escape at the beginning of text and says how long it is.
func luceneEscape(text string) (string, int, *failure) {
	if len(text) < 2 {
		return "", 0, queryFailure("unexpected end-of-string")
	}
	r, size := utf8.DecodeRuneInString(text[1:])
	if strings.ContainsRune("dDwWsS", r) {
		return `\` + string(r), 1 + size, nil
	}
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return "", 0, queryFailure("invalid character class \\%c", r)
	}
	return regexp.QuoteMeta(string(r)), 1 + size, nil
}

// luceneClass translates a character class at the beginning of text and says how long it is.
func luceneClass(text string) (string, int, *failure) {
	var b strings.Builder
	b.WriteByte('[')
	i := 1
	if strings.HasPrefix(text[i:], "^") {
		b.WriteByte('^')
		i++
	}
	for first := true; i < len(text); first = false {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == ']' && !first:
			b.WriteByte(']')
			return b.String(), i + size, nil
		case r == '\\':
			escaped, n, f := luceneEscape(text[i:])
			if f != nil {
				return "", 0, f
			}
			if escaped == "-" {
				escaped = `\-`
			}
			b.WriteString(escaped)
			size = n
		case r == '-':
			b.WriteByte('-')
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
		i += size
	}
	return "", 0, queryFailure("unexpected end-of-string")
}
