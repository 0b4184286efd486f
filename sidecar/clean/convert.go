package clean

import (
	"bytes"
	"encoding/json"
	"unicode"
	"unicode/utf8"

	"github.com/tidemark/tidemark/sidecar/event"
)

// toString keeps the text of numbers and booleans. Objects, and arrays in arrays, cannot be converted.
func toString(v event.Value, _ *event.Event) event.Value {
	switch v.Kind {
	case event.Number, event.Bool:
		return event.StringValue(v.Text)
	case event.Array, event.Object:
		return event.Value{}
	}
	return v
}

// toNumber reads number literals, with white space around and a plus sign before them; true is 1 and false 0.
func toNumber(v event.Value, _ *event.Event) event.Value {
	switch v.Kind {
	case event.String:
		text, plus := bytes.CutPrefix(bytes.TrimSpace(v.Text), []byte("+"))
		if n, ok := event.ParseNumber(text); ok && (!plus || text[0] != '-') {
			return n
		}
		return event.Value{}
	case event.Bool:
		if len(v.Text) == len("true") {
			return one
		}
		return zero
	case event.Array, event.Object:
		return event.Value{}
	}
	return v
}

var (
	one  = event.NumberValue(1)
	zero = event.NumberValue(0)
)

// truths are the texts that toBoolean understands, in lower case.
var truths = map[string]bool{
	"true": true, "yes": true, "on": true, "1": true,
	"false": false, "no": false, "off": false, "0": false,
}

// toBoolean reads true, yes, on and 1, and false, no, off and 0, in any case; of numbers, 0 is false and every other true.
func toBoolean(v event.Value, _ *event.Event) event.Value {
	switch v.Kind {
	case event.String:
		if b, known := truths[string(bytes.ToLower(bytes.TrimSpace(v.Text)))]; known {
			return event.BoolValue(b)
		}
		return event.Value{}
	case event.Number:
		return event.BoolValue(v.Number != 0)
	case event.Array, event.Object:
		return event.Value{}
	}
	return v
}

// lowerText changes letters to lower case, character by character and the same in every language.
func lowerText(v event.Value, e *event.Event) event.Value {
	if v.Kind != event.String {
		return v
	}
	start := firstUpper(v.Text)
	if start == len(v.Text) {
		return v
	}
	text := append(e.Alloc(len(v.Text)), v.Text[:start]...)
	for i := start; i < len(v.Text); {
		r, size := utf8.DecodeRune(v.Text[i:])
		text = utf8.AppendRune(text, unicode.ToLower(r))
		i += size
	}
	return event.StringValue(text)
}

// firstUpper is the position of the first character that lowerText changes or has to look at.
func firstUpper(text []byte) int {
	for i, c := range text {
		if c >= utf8.RuneSelf || (c >= 'A' && c <= 'Z') {
			return i
		}
	}
	return len(text)
}

// stripText removes terminal escape sequences from a string.
func stripText(v event.Value, e *event.Event) event.Value {
	if v.Kind != event.String {
		return v
	}
	start := firstControl(v.Text)
	if start == len(v.Text) {
		return v
	}
	text := append(e.Alloc(len(v.Text)), v.Text[:start]...)
	return event.StringValue(appendStripped(text, v.Text[start:]))
}

// changeElements changes an array's elements one by one; those that a change removes are left out.
func changeElements(v event.Value, e *event.Event, change func(event.Value, *event.Event) event.Value) event.Value {
	text := append(e.Alloc(len(v.Text)), '[')
	for element := range v.Elements() {
		changed := change(element, e)
		if changed.Kind == event.Missing {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = appendJSON(text, changed)
	}
	return event.Value{Kind: event.Array, Text: append(text, ']')}
}

func appendJSON(dst []byte, v event.Value) []byte {
	switch v.Kind {
	case event.Null:
		return append(dst, "null"...)
	case event.String:
		quoted, err := json.Marshal(string(v.Text))
		if err != nil { // strings cannot fail to marshal
			return append(dst, `""`...)
		}
		return append(dst, quoted...)
	}
	return append(dst, v.Text...)
}
