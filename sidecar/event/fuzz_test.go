package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var fuzzPaths = []string{"a", "a.b", "a.b.c", "a.c", "b", "b.c", "host.name", "a.b.c.d", "x"}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		filebeatDocument, `[{"a":[{"b":{"c":1}}]}]`, `{"a.b":5,"a":{"b":1},"a":{"c":2}}`, `{"a":{"b.c":"\ud800\u00e9"},"a.b":{"c":null}}`, "\ufeff{}",
		`{"a":[[{"b":1e400}],2],"b":-0.0,"b.c":true}`, "{\"a\":\"\xc3\xa9\xff\"}", `{"a.b.c.d":"x","a.b":{"c.d":1},"a":{"b.c":{"d":2}}}`, "null", `{"\u0061":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	s := NewSchema()
	for _, path := range fuzzPaths {
		if _, err := s.Slot(path); err != nil {
			f.Fatal(err)
		}
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		f.Fatal(err)
	}
	e := s.NewEvent()
	f.Fuzz(func(t *testing.T, document []byte) {
		before := bytes.Clone(document)
		err := d.Decode(document, e)
		if !bytes.Equal(before, document) {
			t.Fatal("the document was changed")
		}
		object, ok := oracle(document)
		if ok != (err == nil) {
			t.Fatalf("%q: decoded %v, but encoding/json says %v", document, err, ok)
		}
		if err != nil {
			return
		}
		for slot, path := range fuzzPaths {
			want, found := lookUp(object, strings.Split(path, "."))
			if got := e.Values[slot]; !agree(got, want, found) {
				t.Errorf("%q: %s is %s, but encoding/json says %#v (%v)", document, path, show(got), want, found)
			}
		}
	})
}

// oracle reads a document with encoding/json.
func oracle(document []byte) (map[string]any, bool) {
	document = bytes.TrimPrefix(document, byteOrderMark)
	if !utf8.Valid(document) || !json.Valid(document) || depthOf(document) > MaxDepth {
		return nil, false
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, false
	}
	if array, ok := value.([]any); ok && len(array) == 1 {
		value = array[0]
	}
	object, ok := value.(map[string]any)
	return object, ok
}

// depthOf is how deep a valid document is nested.
func depthOf(document []byte) int {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !inString && (c == '}' || c == ']'):
			depth--
		}
	}
	return deepest
}

func lookUp(value any, segments []string) (any, bool) {
	if len(segments) == 0 {
		return value, true
	}
	for {
		array, ok := value.([]any)
		if !ok {
			break
		}
		if len(array) == 0 {
			return nil, false
		}
		value = array[0]
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	for n := 1; n <= len(segments); n++ {
		if inner, known := object[strings.Join(segments[:n], ".")]; known {
			if found, ok := lookUp(inner, segments[n:]); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// agree compares a value with what encoding/json made of it, also as conditions see it.
func agree(got Value, want any, found bool) bool {
	if !found {
		return got.Kind == Missing
	}
	switch want := want.(type) {
	case nil:
		return got.Kind == Null
	case bool:
		return got.Kind == Bool && got.Any() == want
	case json.Number:
		f, _ := want.Float64()
		return got.Kind == Number && string(got.Text) == want.String() && got.Number == f
	case string:
		return got.Kind == String && string(got.Text) == want
	case []any, map[string]any:
		_, isArray := want.([]any)
		return (got.Kind == Array) == isArray && sameTree(got.Any(), want)
	}
	return false
}

func sameTree(got, want any) bool {
	switch want := want.(type) {
	case json.Number:
		f, _ := want.Float64()
		return got == f
	case []any:
		array, ok := got.([]any)
		if !ok || len(array) != len(want) {
			return false
		}
		for i := range want {
			if !sameTree(array[i], want[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for key := range want {
			if inner, known := object[key]; !known || !sameTree(inner, want[key]) {
				return false
			}
		}
		return true
	}
	return got == want
}
