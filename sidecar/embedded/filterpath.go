package embedded

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// filterPath keeps of an answer what one of the paths leads to, as the filter_path parameter wants it: * stands for any
// characters of one name, and lists are passed through.
func filterPath(text []byte, paths []string) json.RawMessage {
	patterns := make([][]string, 0, len(paths))
	for _, p := range paths {
		patterns = append(patterns, strings.Split(strings.TrimSpace(p), "."))
	}
	kept, some := keep(nil, gjson.ParseBytes(text), patterns)
	if !some {
		return json.RawMessage("{}")
	}
	return kept
}

func keep(out []byte, v gjson.Result, patterns [][]string) ([]byte, bool) {
	if !v.IsObject() && !v.IsArray() {
		return out, false
	}
	start := len(out)
	open, end := byte('{'), byte('}')
	if v.IsArray() {
		open, end = '[', ']'
	}
	out = append(out, open)
	empty := true
	v.ForEach(func(key, child gjson.Result) bool {
		mark := len(out)
		if !empty {
			out = append(out, ',')
		}
		rest, whole := patterns, false
		if v.IsObject() {
			rest, whole = step(patterns, key.Str)
			out = append(out, key.Raw...)
			out = append(out, ':')
		}
		some := whole
		if whole {
			out = append(out, child.Raw...)
		} else if len(rest) > 0 {
			out, some = keep(out, child, rest)
		}
		if !some {
			out = out[:mark]
			return true
		}
		empty = false
		return true
	})
	if empty {
		return out[:start], false
	}
	return append(out, end), true
}

// step gives what is left of the patterns after one name; whole is true where a pattern ends there.
func step(patterns [][]string, name string) (rest [][]string, whole bool) {
	for _, p := range patterns {
		if !wildcard(p[0], name) {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		rest = append(rest, p[1:])
	}
	return rest, whole
}
