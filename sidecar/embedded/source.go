package embedded

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

func appendInt(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// sourceFilter chooses what of a document's source is shown. Its zero value shows all.
type sourceFilter struct {
	hidden             bool
	includes, excludes []string
}

func parseSourceFilter(v gjson.Result) (sourceFilter, *failure) {
	var f sourceFilter
	list := func(v gjson.Result) ([]string, bool) {
		var decoded any
		if err := json.Unmarshal([]byte(v.Raw), &decoded); err != nil {
			return nil, false
		}
		return stringList(decoded)
	}
	ok := true
	switch {
	case v.Type == gjson.True:
	case v.Type == gjson.False:
		f.hidden = true
	case v.IsObject():
		v.ForEach(func(key, patterns gjson.Result) bool {
			switch key.Str {
			case "includes", "include":
				f.includes, ok = list(patterns)
			case "excludes", "exclude":
				f.excludes, ok = list(patterns)
			default:
				ok = false
			}
			return ok
		})
	default:
		f.includes, ok = list(v)
	}
	if !ok {
		return f, parsing("Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found something else in [_source]")
	}
	return f, nil
}

// apply gives the part of a source that is shown.
func (f sourceFilter) apply(source []byte) json.RawMessage {
	if f.includes == nil && f.excludes == nil {
		return source
	}
	text, _ := f.object("", gjson.ParseBytes(source), len(f.includes) == 0)
	return text
}

// object filters one object. included says that a pattern already took in all of it. The second result is false where nothing is left.
func (f sourceFilter) object(path string, o gjson.Result, included bool) (json.RawMessage, bool) {
	text := []byte{'{'}
	o.ForEach(func(key, v gjson.Result) bool {
		full := key.Str
		if path != "" {
			full = path + "." + key.Str
		}
		if covers(f.excludes, full) {
			return true
		}
		here := included || covers(f.includes, full)
		shown := json.RawMessage(v.Raw)
		switch {
		case v.IsObject():
			var some bool
			if shown, some = f.object(full, v, here); !some && !here {
				return true
			}
		case !here:
			return true
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, key.Raw...)
		text = append(text, ':')
		text = append(text, shown...)
		return true
	})
	return append(text, '}'), len(text) > 1
}

// covers reports whether one of the patterns matches a path or something above it.
func covers(patterns []string, path string) bool {
	for {
		if matchesAny(patterns, path) {
			return true
		}
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
}
