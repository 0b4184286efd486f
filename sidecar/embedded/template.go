package embedded

import (
	"encoding/json"
	"maps"
	"slices"
)

// template is an index template: what indices whose name matches are created with.
type template struct {
	name     string
	patterns []string
	priority int64
	settings object
	mappings object
	body     object
}

func parseTemplate(name string, body object) (*template, *failure) {
	t := &template{name: name, body: body, settings: object{}, mappings: object{}}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		switch key {
		case "index_patterns":
			patterns, ok := stringList(body[key])
			if !ok || len(patterns) == 0 {
				return nil, illegal("Required [index_patterns]")
			}
			t.patterns = patterns
		case "priority":
			n, ok := wholeNumber(body[key])
			if !ok || n < 0 {
				return nil, illegal("index template priority must be >= 0")
			}
			t.priority = n
		case "template":
			inner, ok := body[key].(object)
			if !ok {
				return nil, badRequest("x_content_parse_exception", "[index_template] failed to parse field [template]")
			}
			if f := t.readInner(inner); f != nil {
				return nil, f
			}
		case "_meta", "version":
		case "composed_of", "data_stream", "allow_auto_create", "deprecated", "ignore_missing_component_templates":
			return nil, unsupported("[%s] in an index template", key)
		default:
			return nil, badRequest("x_content_parse_exception", "[index_template] unknown field [%s]", key)
		}
	}
	if t.patterns == nil {
		return nil, illegal("Required [index_patterns]")
	}
	if _, f := parseMapping(t.mappings, nil); f != nil {
		wrapped := illegal("composable template [%s] template after composition is invalid", name)
		wrapped.status, wrapped.cause = f.status, f
		return nil, wrapped
	}
	return t, nil
}

func (t *template) readInner(inner object) *failure {
	for key, value := range inner {
		o, ok := value.(object)
		switch {
		case key == "settings" && ok:
			t.settings = o
		case key == "mappings" && ok:
			t.mappings = o
		case key == "aliases", key == "lifecycle":
			return unsupported("[%s] in an index template", key)
		default:
			return badRequest("x_content_parse_exception", "[template] failed to parse field [%s]", key)
		}
	}
	return nil
}

// putTemplate stores a template. It must not overlap with another of the same priority.
func (s *Store) putTemplate(t *template) *failure {
	s.writing.Lock()
	defer s.writing.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.templates)) {
		other := s.templates[name]
		if name == t.name || other.priority != t.priority {
			continue
		}
		for _, a := range t.patterns {
			for _, b := range other.patterns {
				if overlap(a, b) {
					return illegal("index template [%s] has index patterns %v matching patterns from existing templates [%s] with patterns (%s => %v) that have the same priority [%d], multiple index templates may not match during index creation, please use a different priority",
						t.name, t.patterns, name, name, other.patterns, t.priority)
				}
			}
		}
	}
	text, err := json.Marshal(t.body)
	if err == nil {
		err = s.db.exec("INSERT INTO templates (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body", t.name, string(text))
	}
	if err != nil {
		return internal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.templates[t.name] = t
	return nil
}

// overlap reports whether some name matches both patterns.
func overlap(a, b string) bool {
	// possible[j] tells, for the rest of a from the place in hand, whether it has a name in common with b[j:].
	possible := make([]bool, len(b)+1)
	for i := len(a); i >= 0; i-- {
		row := make([]bool, len(b)+1)
		for j := len(b); j >= 0; j-- {
			switch {
			case i == len(a) && j == len(b):
				row[j] = true
			case i < len(a) && a[i] == '*':
				row[j] = possible[j] || j < len(b) && row[j+1]
			case j < len(b) && b[j] == '*':
				row[j] = row[j+1] || i < len(a) && possible[j]
			case i < len(a) && j < len(b):
				row[j] = a[i] == b[j] && possible[j+1]
			}
		}
		possible = row
	}
	return possible[0]
}

// templateFor finds the template that an index of this name is created with. It needs writing or mu.
func (s *Store) templateFor(name string) *template {
	var best *template
	for _, candidate := range slices.Sorted(maps.Keys(s.templates)) {
		t := s.templates[candidate]
		if matchesAny(t.patterns, name) && (best == nil || t.priority > best.priority) {
			best = t
		}
	}
	return best
}

func stringList(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
}

func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case float64:
		return int64(v), v == float64(int64(v))
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	}
	return 0, false
}
