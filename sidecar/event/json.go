package event

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// jsonDecoder reads one JSON document, checks all of it, and keeps the values of the schema's paths.
type jsonDecoder struct {
	root  *node
	paths [][]string // a path's segments, for each slot
}

func newJSONDecoder(s *Schema) *jsonDecoder {
	d := &jsonDecoder{root: s.compile()}
	for _, path := range s.paths {
		d.paths = append(d.paths, strings.Split(path, "."))
	}
	return d
}

var byteOrderMark = []byte("\ufeff")

// Decode takes an object, or an array with exactly one object, which stands for it. A byte order mark before it and white space around it are allowed.
func (d *jsonDecoder) Decode(value []byte, e *Event) error {
	e.reset(len(d.paths))
	value = bytes.TrimPrefix(value, byteOrderMark)
	if e.shape.match(d, value, e) {
		return nil
	}
	return d.read(value, e)
}

// read reads a document in full.
func (d *jsonDecoder) read(value []byte, e *Event) error {
	start, end, reason := d.document(value, e)
	if reason != ReasonTruncated && !utf8.Valid(value) {
		reason = ReasonNotUTF8
	}
	if reason == reasonRepeated {
		clear(e.Values)
		for slot, segments := range d.paths {
			e.Values[slot], _ = find(value[start:end], segments, e)
		}
		reason = ""
	}
	if reason != "" {
		clear(e.Values)
		return &DecodeError{Reason: reason}
	}
	e.shape.learn(d, value)
	return nil
}

// reasonRepeated tells that the document is valid and has a key repeatedly where the walk cannot tell what the last one hides.
const reasonRepeated = "repeated"

// document reads the whole text, and gives the borders of the event's object in it.
func (d *jsonDecoder) document(data []byte, e *Event) (start, end int, reason string) {
	i := skipSpace(data, 0)
	if i == len(data) {
		return 0, 0, ReasonEmpty
	}
	w := walk{data: data, event: e}
	switch data[i] {
	case '{':
		start = i
		i, reason = w.object(i, d.root, 0, 1)
		end = i
	case '[':
		if start = skipSpace(data, i+1); start == len(data) || data[start] != '{' {
			if i, reason = skipArray(data, i, 1); reason == "" {
				return 0, 0, checkEnd(data, i, ReasonNotObject)
			}
			return 0, 0, reason
		}
		if end, reason = w.object(start, d.root, 0, 2); reason != "" {
			return 0, 0, reason
		}
		var single bool
		if i, single, reason = nextItem(data, end, ']', false); reason == "" && !single {
			if i, reason = skipValue(data, i, 1); reason == "" {
				i, reason = skipRest(data, i, 1)
			}
			if reason == "" {
				return 0, 0, checkEnd(data, i, ReasonNotObject)
			}
		}
	case 'n':
		if i, reason = skipLiteral(data, i, "null"); reason == "" {
			return 0, 0, checkEnd(data, i, ReasonEmpty)
		}
	default:
		if i, reason = skipValue(data, i, 0); reason == "" {
			return 0, 0, checkEnd(data, i, ReasonNotObject)
		}
	}
	if reason != "" {
		return 0, 0, reason
	}
	if w.repeated {
		return start, end, checkEnd(data, i, reasonRepeated)
	}
	return start, end, checkEnd(data, i, "")
}

// checkEnd gives the reason, unless something other than white space follows at i.
func checkEnd(data []byte, i int, reason string) string {
	if skipSpace(data, i) != len(data) {
		return ReasonNotJSON
	}
	return reason
}

// walk is one reading of a document.
type walk struct {
	data     []byte
	event    *Event
	repeated bool
}

// object reads an object whose keys continue the paths at n. rank tells how the segments before it were joined.
func (w *walk) object(i int, n *node, rank uint32, depth int) (int, string) {
	if depth > MaxDepth {
		return i, ReasonTooDeep
	}
	data := w.data
	var seen uint64
	var reason string
	for first := true; ; first = false {
		var done, escaped bool
		if i, done, reason = nextItem(data, i, '}', first); done || reason != "" {
			return i, reason
		}
		if data[i] != '"' {
			return i, ReasonNotJSON
		}
		start := i + 1
		if i, escaped, reason = skipString(data, i); reason != "" {
			return i, reason
		}
		key := data[start : i-1]
		if escaped {
			w.event.keys = unescape(w.event.keys[:0], key)
			key = w.event.keys
		}
		if i, reason = skipColon(data, i); reason != "" {
			return i, reason
		}
		edge := n.edge(key)
		if edge == nil {
			i, reason = skipValue(data, i, depth)
		} else {
			w.repeated = w.repeated || seen&edge.seen != 0
			seen |= edge.seen
			i, reason = w.value(i, edge.node, rank|edge.joined, depth)
		}
		if reason != "" {
			return i, reason
		}
	}
}

// value reads the value of a path at n, and of those below it.
func (w *walk) value(i int, n *node, rank uint32, depth int) (end int, reason string) {
	if len(n.edges) == 0 {
		end, reason = skipValue(w.data, i, depth)
	} else {
		end, reason = w.inner(i, n, rank, depth)
	}
	if reason == "" && n.slot >= 0 {
		w.set(n.slot, rank, i, end)
	}
	return end, reason
}

// inner reads a value for the paths below n.
func (w *walk) inner(i int, n *node, rank uint32, depth int) (int, string) {
	switch w.data[i] {
	case '{':
		return w.object(i, n, rank, depth+1)
	case '[':
		if depth++; depth > MaxDepth {
			return i, ReasonTooDeep
		}
		i, done, reason := nextItem(w.data, i, ']', true)
		if done || reason != "" {
			return i, reason
		}
		if i, reason = w.inner(i, n, rank, depth); reason != "" {
			return i, reason
		}
		return skipRest(w.data, i, depth)
	}
	return skipValue(w.data, i, depth)
}

// skipRest passes over what follows the first element of an array.
func skipRest(data []byte, i, depth int) (int, string) {
	for {
		var done bool
		var reason string
		if i, done, reason = nextItem(data, i, ']', false); done || reason != "" {
			return i, reason
		}
		if i, reason = skipValue(data, i, depth); reason != "" {
			return i, reason
		}
	}
}

// set keeps a value, unless a spelling of the path that comes before its own was found.
func (w *walk) set(slot Slot, rank uint32, start, end int) {
	e := w.event
	if e.Values[slot].Kind != Missing && e.ranks[slot] < rank {
		return
	}
	e.Values[slot] = makeValue(w.data[start:end], e)
	e.ranks[slot] = rank
}

// find looks a path up in a valid value by the definition of the Schema, level for level. The second result is false where it has no value.
func find(text []byte, segments []string, e *Event) (Value, bool) {
	if len(segments) == 0 {
		return makeValue(text, e), true
	}
	for text[0] == '[' {
		i := skipSpace(text, 1)
		if text[i] == ']' {
			return Value{}, false
		}
		text = text[i:]
	}
	if text[0] != '{' {
		return Value{}, false
	}
	for n := 1; n <= len(segments); n++ {
		if inner := memberText(text, strings.Join(segments[:n], ".")); inner != nil {
			if v, ok := find(inner, segments[n:], e); ok {
				return v, true
			}
		}
	}
	return Value{}, false
}

// memberText is the text of the last value under the key in a valid object, or nil.
func memberText(text []byte, key string) []byte {
	var found []byte
	for i := skipSpace(text, 1); text[i] != '}'; {
		end, escaped, _ := skipString(text, i)
		name := text[i+1 : end-1]
		if escaped {
			name = unescape(nil, name)
		}
		start, _ := skipColon(text, end)
		end, _ = skipValue(text, start, 0)
		if string(name) == key {
			found = text[start:end]
		}
		i = skipSeparator(text, end)
	}
	return found
}
