package event

import (
	"unicode/utf16"
	"unicode/utf8"
)

// The functions of this file read JSON text that was checked before.

// valueAt reads the value that begins at i.
func valueAt(data []byte, i int) Value {
	end, _ := skipValue(data, i, 0)
	return makeValue(data[i:end], nil)
}

// makeValue makes a value of its JSON text. Strings with escapes are written to memory of the event, or to new memory without one.
func makeValue(text []byte, e *Event) Value {
	switch text[0] {
	case '"':
		text = text[1 : len(text)-1]
		if !hasEscape(text) {
			return Value{Kind: String, Text: text}
		}
		if e == nil {
			return Value{Kind: String, Text: unescape(nil, text)}
		}
		return Value{Kind: String, Text: unescape(e.Alloc(len(text)), text)}
	case '{':
		return Value{Kind: Object, Text: text}
	case '[':
		return Value{Kind: Array, Text: text}
	case 't', 'f':
		return Value{Kind: Bool, Text: text}
	case 'n':
		return Value{Kind: Null}
	}
	return Value{Kind: Number, Text: text, Number: parseNumber(text)}
}

func hasEscape(text []byte) bool {
	for _, c := range text {
		if c == '\\' {
			return true
		}
	}
	return false
}

// unescape appends a string's content, without the quotes, to dst. The result is never longer than the text. Surrogates that have no partner become U+FFFD.
func unescape(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		c = text[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := codeUnit(text, i)
			i += 4
			if utf16.IsSurrogate(r) {
				pair := utf8.RuneError
				if i+6 <= len(text) && text[i] == '\\' && text[i+1] == 'u' {
					pair = utf16.DecodeRune(r, codeUnit(text, i+2))
				}
				if r = pair; pair != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// codeUnit reads the four hexadecimal digits at i.
func codeUnit(text []byte, i int) rune {
	var r rune
	for _, c := range text[i : i+4] {
		digit, _ := hexDigit(c)
		r = r<<4 | digit
	}
	return r
}

// anyAt reads the value that begins at i as conditions see it, and gives the position after it.
func anyAt(data []byte, i int) (any, int) {
	switch data[i] {
	case '{':
		object := map[string]any{}
		for i = skipSpace(data, i+1); data[i] != '}'; {
			end, escaped, _ := skipString(data, i)
			key := data[i+1 : end-1]
			if escaped {
				key = unescape(nil, key)
			}
			i, _ = skipColon(data, end)
			object[string(key)], i = anyAt(data, i)
			i = skipSeparator(data, i)
		}
		return object, i + 1
	case '[':
		array := []any{}
		for i = skipSpace(data, i+1); data[i] != ']'; {
			var item any
			item, i = anyAt(data, i)
			array = append(array, item)
			i = skipSeparator(data, i)
		}
		return array, i + 1
	}
	end, _ := skipValue(data, i, 0)
	v := makeValue(data[i:end], nil)
	return v.Any(), end
}

// skipSeparator goes from the end of an item to the next one or to the closing bracket.
func skipSeparator(data []byte, i int) int {
	i = skipSpace(data, i)
	if data[i] == ',' {
		i = skipSpace(data, i+1)
	}
	return i
}
