package event

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// Documents of one producer have most of their text in common: the keys, and many values. A shape is the text of one document, cut at the values that
// turned out to differ. A later document that has the same text in between is valid if its values are, and its fields are where they were: comparing is
// several times faster than reading. What matches no shape is read in full, so that a shape decides nothing but the speed.
type shape struct {
	text   []byte
	leaves []leaf // in the order of the text
	pieces []piece
	tail   []byte // the text after the last piece
	// constants are the wanted values that do not differ.
	constants []constant
	hits      int
}

// leaf is a value in a shape's text that is compared or read as a whole: a scalar, or an array that no wanted path leads into.
type leaf struct {
	start, end int
	slot       Slot // -1: it is not wanted
	depth      int  // how many objects and arrays it is in
	// scalar is set where wanted paths lead further: an object or array here would have to be walked.
	scalar bool
	varies bool
}

// piece is text that all documents have, and the value after it that varies.
type piece struct {
	text   []byte
	start  int // of text in the shape's
	slot   Slot
	depth  int
	scalar bool
}

type constant struct {
	slot  Slot
	value Value
}

// compile cuts the text at the leaves that vary.
func (s *shape) compile() {
	s.pieces, s.constants = s.pieces[:0], s.constants[:0]
	start := 0
	for _, l := range s.leaves {
		switch {
		case l.varies:
			s.pieces = append(s.pieces, piece{text: s.text[start:l.start], start: start, slot: l.slot, depth: l.depth, scalar: l.scalar})
			start = l.end
		case l.slot >= 0:
			text := s.text[l.start:l.end]
			v := makeValue(text, nil)
			s.constants = append(s.constants, constant{l.slot, v})
		}
	}
	s.tail = s.text[start:]
}

// match reads a document that has the shape. It is false where the document has not, or is not valid; then values may be set all the same.
func (s *shape) match(data []byte, e *Event) bool {
	for {
		i, at, ok := s.read(data, e)
		if ok {
			for _, c := range s.constants {
				e.Values[c.slot] = c.value
			}
			s.hits++
			return true
		}
		if at < 0 || !s.vary(data[i:], at) {
			return false
		}
	}
}

// read goes through a document. Where its text differs from the shape's, it gives the position of that piece of text in both; at is negative where it is
// not the text that differs.
func (s *shape) read(data []byte, e *Event) (i, at int, ok bool) {
	for n := range s.pieces {
		p := &s.pieces[n]
		begin := i + len(p.text)
		if begin >= len(data) || string(data[i:begin]) != string(p.text) {
			return i, p.start, false
		}
		if data[begin] != '"' {
			if i, ok = p.other(data, begin, e); !ok {
				return i, -1, false
			}
			continue
		}
		end, escaped, ok := skipText(data, begin)
		if !ok {
			return i, -1, false
		}
		if p.slot >= 0 {
			v := &e.Values[p.slot]
			if escaped {
				*v = makeValue(data[begin:end], e)
			} else {
				v.Kind, v.Text = String, data[begin+1:end-1]
			}
		}
		i = end
	}
	if string(data[i:]) != string(s.tail) {
		return i, len(s.text) - len(s.tail), false
	}
	return i, 0, true
}

// other checks and reads a value that is no string.
func (p *piece) other(data []byte, i int, e *Event) (end int, ok bool) {
	c := data[i]
	if p.scalar && (c == '{' || c == '[') {
		return i, false
	}
	var reason string
	if c == '-' || isDigit(c) {
		end, reason = skipNumber(data, i)
		ok = reason == ""
	} else {
		end, reason = skipValue(data, i, p.depth)
		ok = reason == "" && utf8.Valid(data[i:end])
	}
	if ok && p.slot >= 0 {
		e.Values[p.slot] = makeValue(data[i:end], e)
	}
	return end, ok
}

// skipText passes over a string, whose opening quote is at i, and checks it, UTF-8 too.
func skipText(data []byte, i int) (end int, escaped, ok bool) {
	start := i + 1
	var all uint64 // the bytes so far, laid over each other
	for i = start; i+8 <= len(data); i += 8 {
		word := binary.LittleEndian.Uint64(data[i:])
		quote, slash := word^('"'*everyByte), word^('\\'*everyByte)
		stop := (word-0x20*everyByte)&^word | (quote-everyByte)&^quote | (slash-everyByte)&^slash
		if stop &= highBits; stop != 0 {
			n := bits.TrailingZeros64(stop) &^ 7
			all |= word & (1<<n - 1)
			i += n / 8
			if data[i] != '"' {
				break
			}
			return i + 1, false, all&highBits == 0 || utf8.Valid(data[start:i])
		}
		all |= word
	}
	end, escaped, reason := skipString(data, start-1)
	return end, escaped, reason == "" && utf8.Valid(data[start:end])
}

// vary looks for the value in which a document differs from the text of the shape that begins at the given position, and lets that value vary. It is false
// where the difference is in no value.
func (s *shape) vary(data []byte, at int) bool {
	text := s.text[at:]
	n := 0
	for n < len(data) && n < len(text) && data[n] == text[n] {
		n++
	}
	if n == len(data) || n == len(text) {
		return false
	}
	k, _ := slices.BinarySearchFunc(s.leaves, at+n, func(l leaf, position int) int {
		if l.end < position || l.end == position && !isNumeric(s.text[l.start]) {
			return -1
		}
		return 1
	})
	// At the end of a number a longer one goes on.
	if k == len(s.leaves) || s.leaves[k].start > at+n || s.leaves[k].varies || s.leaves[k].end == at+n && !isNumeric(data[n]) {
		return false
	}
	s.leaves[k].varies = true
	s.compile()
	return true
}

// isNumeric reports whether a byte can be in a number.
func isNumeric(c byte) bool { return isDigit(c) || c == '-' || c == '+' || c == '.' || c|0x20 == 'e' }

const (
	maxShapes     = 8
	maxShapeBytes = 64 << 10
	maxLeaves     = 1000
	// A shape has served when so many documents had it.
	servedAfter = 16
	// Shapes that do not serve are made at longer and longer intervals, of up to so many documents.
	maxShapePause = 1 << 13
	// Out of so many documents shapes must have served one in eight, or they are not tried for as many documents as maxShapePause.
	shapeTrials = 1 << 10
)

// shapes are what an event knows of the documents before.
type shapes struct {
	of          *jsonDecoder
	known       []*shape // the one that served last is the first
	wait, pause int      // documents until a shape is made, and from then until the next
	tried, hits int
	rest        int // documents for which no shape is tried
}

// match reads a document by one of the shapes.
func (s *shapes) match(d *jsonDecoder, data []byte, e *Event) bool {
	if s.of != d {
		*s = shapes{of: d}
	}
	if s.rest > 0 {
		s.rest--
		return false
	}
	if s.tried++; s.tried == shapeTrials {
		if s.hits < shapeTrials/8 {
			s.rest = maxShapePause
		}
		s.tried, s.hits = 0, 0
	}
	for k, candidate := range s.known {
		if candidate.match(data, e) {
			s.hits++
			if candidate.hits == servedAfter {
				s.wait, s.pause = 0, 0
			}
			if k > 0 {
				copy(s.known[1:k+1], s.known[:k])
				s.known[0] = candidate
			}
			return true
		}
		clear(e.Values)
	}
	return false
}

// learn makes a shape of a valid document that had none, now and then.
func (s *shapes) learn(d *jsonDecoder, data []byte) {
	if s.wait > 0 {
		s.wait--
		return
	}
	s.pause = min(2*s.pause+1, maxShapePause)
	s.wait = s.pause
	if len(data) > maxShapeBytes {
		return
	}
	made := newShape(d.root, data)
	if made == nil {
		return
	}
	if len(s.known) == maxShapes {
		s.known = s.known[:maxShapes-1]
	}
	s.known = slices.Insert(s.known, 0, made)
}

// newShape makes a shape of a valid document in which every value is taken to be constant; nil where the fields cannot be told from the shape.
func newShape(root *node, data []byte) *shape {
	s := &shaping{shape: &shape{text: bytes.Clone(data)}, found: map[Slot]bool{}}
	i, depth := skipSpace(data, 0), 1
	if data[i] == '[' {
		i, depth = skipSpace(data, i+1), 2
	}
	if _, ok := s.object(i, root, depth); !ok {
		return nil
	}
	s.shape.compile()
	return s.shape
}

// shaping collects the leaves of a document. Its methods are false where it can have no shape.
type shaping struct {
	shape *shape
	found map[Slot]bool
}

// object goes through the object at i, which is the depth-th level and whose keys continue the paths at n; nil for none.
func (s *shaping) object(i int, n *node, depth int) (end int, ok bool) {
	text := s.shape.text
	var seen uint64
	for i = skipSpace(text, i+1); text[i] != '}'; {
		keyEnd, escaped, _ := skipString(text, i)
		key := text[i+1 : keyEnd-1]
		if escaped {
			key = unescape(nil, key)
		}
		i, _ = skipColon(text, keyEnd)
		var inner *node
		if n != nil {
			if edge := n.edge(key); edge != nil {
				if seen&edge.seen != 0 {
					return i, false // of repeated keys the last counts
				}
				seen |= edge.seen
				inner = edge.node
			}
		}
		if i, ok = s.value(i, inner, depth); !ok {
			return i, false
		}
		i = skipSeparator(text, i)
	}
	return i + 1, true
}

func (s *shaping) value(i int, n *node, depth int) (end int, ok bool) {
	c := s.shape.text[i]
	l := leaf{start: i, slot: -1, depth: depth}
	if n != nil {
		l.slot, l.scalar = n.slot, len(n.edges) > 0
	}
	if l.slot >= 0 {
		if s.found[l.slot] {
			return i, false // found under two spellings
		}
		s.found[l.slot] = true
	}
	switch {
	case l.scalar && l.slot < 0 && c == '{', n == nil && c == '{':
		return s.object(i, n, depth+1)
	case l.scalar && (c == '{' || c == '['):
		return i, false
	}
	l.end, _ = skipValue(s.shape.text, i, depth)
	s.shape.leaves = append(s.shape.leaves, l)
	return l.end, len(s.shape.leaves) <= maxLeaves
}
