package event

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// shape is what an event has learned of the documents before: the members of their objects, in the order in which they tend to come, and which values were
// always the same. A document whose members are all known is checked and read mostly by comparing its text with theirs, which is several times faster than
// reading it in full. What is not known that way is read in full, so that a shape decides nothing but the speed.
type shape struct {
	of       *jsonDecoder
	root     *object
	members  int    // in the whole shape
	document uint64 // counts the documents, for members to tell whether they were met in this one
	memories int    // how many members remember values
	learning
}

// object is an object at one place of the documents.
type object struct {
	members []*member
	first   *member // which came first the last time
	node    *node   // the wanted paths that lead here; nil for none
	slots   []Slot  // of the paths that lead through here
}

// member is a member of an object. Its text begins with the key and the colon, and the white space after them.
type member struct {
	text []byte
	key  int // how much of the text is not the value
	// head and mask are for telling members apart by the first bytes of their keys, words and masks for comparing the first bytes of the text.
	head, mask   uint64
	words, masks [2]uint64
	next         *member // which came after it the last time
	kind         memberKind
	slot         Slot          // -1: it is not wanted
	value        Value         // of a constant that is wanted
	object       *object       // of an object
	arrays       [][]byte      // that were values of it
	known        []knownObject // that were values of it, by the first bytes of their first keys
	luck         int           // with them
	document     uint64        // in which it was met last, where that matters
}

type memberKind uint8

const (
	constant memberKind = iota // the text goes on with the value
	varying                    // any value
	scalar                     // any value but arrays and objects, which wanted paths would lead into
	nested                     // an object
)

// read reads a document whose members are all known. It is false for others, and for those that are not valid; then values may be set all the same.
func (s *shape) read(data []byte, e *Event) bool {
	if s.root == nil {
		return false
	}
	s.document++
	i, depth := skipSpace(data, 0), 1
	array := i < len(data) && data[i] == '['
	if array {
		i, depth = skipSpace(data, i+1), 2
	}
	if i >= len(data) || data[i] != '{' {
		return false
	}
	i, ok := s.object(s.root, data, i+1, depth, e)
	if ok && array {
		i = skipSpace(data, i)
		ok = i < len(data) && data[i] == ']'
		i++
	}
	return ok && (i == len(data) || skipSpace(data, i) == len(data))
}

// object reads an object that is nested in depth others, from behind its opening bracket on.
func (s *shape) object(o *object, data []byte, i, depth int, e *Event) (end int, ok bool) {
	if i < len(data) && data[i] <= ' ' {
		i = skipSpace(data, i)
	}
	if i < len(data) && data[i] == '}' {
		return i + 1, true
	}
	expected := &o.first
	for {
		m := *expected
		if m == nil || !m.begins(data[i:]) {
			if m = o.find(data, i); m == nil {
				return i, false
			}
			*expected = m
		}
		i += len(m.text)
		if m.kind != constant || m.slot >= 0 {
			if i, ok = s.member(m, data, i, depth, e); !ok {
				return i, false
			}
		}
		for {
			if i >= len(data) {
				return i, false
			}
			if data[i] > ' ' {
				break
			}
			if i = skipSpace(data, i); i < len(data) && data[i] <= ' ' { // another control character
				return i, false
			}
		}
		if data[i] != ',' {
			return i + 1, data[i] == '}'
		}
		if i++; i < len(data) && data[i] <= ' ' {
			i = skipSpace(data, i)
		}
		expected = &m.next
	}
}

// begins reports whether the data begin with the member's text.
func (m *member) begins(data []byte) bool {
	if len(data) < len(m.words)*8 {
		return len(data) >= len(m.text) && bytes.Equal(data[:len(m.text)], m.text)
	}
	if (binary.LittleEndian.Uint64(data)^m.words[0])&m.masks[0]|(binary.LittleEndian.Uint64(data[8:])^m.words[1])&m.masks[1] != 0 {
		return false
	}
	n := len(m.text)
	return n <= len(m.words)*8 || len(data) >= n && bytes.Equal(data[len(m.words)*8:n], m.text[len(m.words)*8:])
}

// indexSize is how many places objects are told apart by.
const indexSize = 32

// place tells objects and members apart by the first bytes of the key at the beginning of the data.
func place(data []byte) int {
	const keyAt = 1 // behind the quote
	if len(data) < keyAt+4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(data[keyAt:]) * 0x9e3779b1 >> 27)
}

// find finds the member whose key comes next. A constant that has another value here is one no more.
func (o *object) find(data []byte, i int) *member {
	var word uint64
	if i+8 <= len(data) {
		word = binary.LittleEndian.Uint64(data[i:])
	} else {
		for k, c := range data[i:] {
			word |= uint64(c) << (8 * k)
		}
	}
	for _, m := range o.members {
		if word&m.mask != m.head || len(data)-i < m.key || !bytes.Equal(data[i:i+m.key], m.text[:m.key]) {
			continue
		}
		if m.kind == constant && (len(data)-i < len(m.text) || !bytes.Equal(data[i:i+len(m.text)], m.text)) {
			m.vary(o)
		}
		return m
	}
	return nil
}

// vary lets the value of a constant differ.
func (m *member) vary(o *object) {
	m.kind = varying
	if m.inner(o) != nil && len(m.inner(o).edges) > 0 {
		m.kind = scalar
	}
	m.setText(m.text[:m.key])
	m.value = Value{}
}

// member reads a member from behind its text on.
func (s *shape) member(m *member, data []byte, i, depth int, e *Event) (end int, ok bool) {
	switch m.kind {
	case constant:
		return i, s.set(m, e, m.value)
	case nested:
		if i >= len(data) || data[i] != '{' || depth == MaxDepth {
			return i, false
		}
		if m.object.node != nil {
			if m.document == s.document { // of members with one key the last counts
				return i, false
			}
			m.document = s.document
		}
		return s.nested(m, data, i, depth, e)
	}
	if i >= len(data) {
		return i, false
	}
	if data[i] != '"' {
		return s.other(m, data, i, depth, e)
	}
	end, escaped, ok := skipText(data, i)
	if !ok || m.slot < 0 {
		return end, ok
	}
	if escaped {
		return end, s.set(m, e, makeValue(data[i:end], e))
	}
	return end, s.set(m, e, Value{Kind: String, Text: data[i+1 : end-1]})
}

// other reads a value that is no string.
func (s *shape) other(m *member, data []byte, i, depth int, e *Event) (end int, ok bool) {
	c := data[i]
	if m.kind == scalar && (c == '{' || c == '[') {
		return i, false
	}
	var reason string
	switch {
	case c == '-' || isDigit(c):
		var n float64
		if end, n, ok = skipInteger(data, i); ok {
			return end, m.slot < 0 || s.set(m, e, Value{Kind: Number, Text: data[i:end], Number: n})
		}
		end, reason = skipNumber(data, i)
		ok = reason == ""
	case c == '[':
		end, ok = s.array(m, data, i, depth)
	default:
		end, reason = skipValue(data, i, depth)
		ok = reason == "" && utf8.Valid(data[i:end])
	}
	if ok && m.slot >= 0 {
		ok = s.set(m, e, makeValue(data[i:end], e))
	}
	return end, ok
}

// set sets the wanted value of a member, unless another spelling of the path has set it.
func (s *shape) set(m *member, e *Event, v Value) bool {
	at := &e.Values[m.slot]
	if at.Kind != Missing {
		return false
	}
	*at = v
	return true
}

// skipInteger passes over a number that has nothing but a few digits; it is false for others.
func skipInteger(data []byte, i int) (end int, number float64, ok bool) {
	n := uint64(0)
	for end = i; end < len(data) && isDigit(data[end]); end++ {
		n = n*10 + uint64(data[end]-'0')
	}
	digits := end - i
	ok = digits > 0 && digits <= maxExactDigits && end < len(data) && (data[i] != '0' || digits == 1) && data[end] != '.' && data[end]|0x20 != 'e'
	return end, float64(n), ok
}

// skipText passes over a string, whose opening quote is at i, and checks it, UTF-8 too.
func skipText(data []byte, i int) (end int, escaped, ok bool) {
	start := i + 1
	i, ascii := skipPlain(data, start)
	if i < len(data) && data[i] == '"' {
		return i + 1, false, ascii || utf8.Valid(data[start:i])
	}
	end, escaped, reason := skipString(data, start-1)
	return end, escaped, reason == "" && utf8.Valid(data[start:end])
}
