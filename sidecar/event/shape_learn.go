package event

import (
	"bytes"
	"encoding/binary"
)

const (
	maxShapeBytes   = 64 << 10 // of a document that is learned from
	maxShapeMembers = 1000
	maxMembers      = 200 // of one object
	// What was learned has served when so many documents were read by it.
	served = 16
	// What does not serve is learned at longer and longer intervals, of up to so many documents.
	maxPause = 1 << 13
	// Out of so many documents one in eight must be read by the shape, or it is not tried for as many documents as maxPause.
	trial = 1 << 10
)

// learning decides when a shape is tried, and when it learns.
type learning struct {
	wait, pause int // documents until it learns, and from then until the next time
	gained      int // documents read by it since it learned
	tried, hits int
	rest        int // documents for which it is not tried
}

// match reads a document by the shape.
func (s *shape) match(d *jsonDecoder, data []byte, e *Event) bool {
	if s.of != d {
		*s = shape{of: d}
	}
	if s.rest > 0 {
		s.rest--
		return false
	}
	if s.tried++; s.tried == trial {
		if s.hits < trial/8 {
			s.rest = maxPause
		}
		s.tried, s.hits = 0, 0
	}
	if !s.read(data, e) {
		clear(e.Values)
		return false
	}
	s.hits++
	if s.gained++; s.gained == served {
		s.wait, s.pause = 0, 0
	}
	return true
}

// learn adds to the shape what a valid document has that was not known, now and then.
func (s *shape) learn(d *jsonDecoder, data []byte) {
	if s.wait > 0 {
		s.wait--
		return
	}
	s.pause = min(2*s.pause+1, maxPause)
	s.wait, s.gained = s.pause, 0
	if len(data) > maxShapeBytes {
		return
	}
	if s.root == nil || s.members > maxShapeMembers {
		s.root, s.members, s.memories = newObject(d.root), 0, 0
	}
	i := skipSpace(data, 0)
	if data[i] == '[' {
		i = skipSpace(data, i+1)
	}
	s.learnObject(s.root, data, i)
}

func newObject(n *node) *object {
	o := &object{node: n}
	if n != nil {
		n.walk(func(slot Slot) { o.slots = append(o.slots, slot) })
	}
	return o
}

// learnObject learns the members of the valid object at i.
func (s *shape) learnObject(o *object, data []byte, i int) {
	last := &o.first
	for i = skipSpace(data, i+1); data[i] != '}'; i = skipSeparator(data, i) {
		keyEnd, _, _ := skipString(data, i)
		start, _ := skipColon(data, keyEnd)
		var m *member
		if i, m = s.learnMember(o, data, i, start); m != nil {
			*last = m
			last = &m.next
		}
	}
}

// learnMember learns the member whose key is at i and whose value is at start; there is none where an object has too many.
func (s *shape) learnMember(o *object, data []byte, i, start int) (end int, m *member) {
	end, _ = skipValue(data, start, 0)
	for _, known := range o.members {
		if bytes.Equal(known.text[:known.key], data[i:start]) {
			m = known
		}
	}
	isNew := m == nil
	if isNew {
		if len(o.members) == maxMembers {
			return end, nil
		}
		m = newMember(data[i:start])
		o.members = append(o.members, m)
		s.members++
	}
	n := m.inner(o)
	m.slot = -1
	if n != nil {
		m.slot = n.slot
	}
	leads := n != nil && len(n.edges) > 0
	switch c := data[start]; {
	case c == '{' && m.slot < 0 && (leads || n == nil && (isNew || m.kind == nested)):
		if m.kind != nested {
			m.kind, m.object, m.known = nested, newObject(n), nil
			m.setText(m.text[:m.key])
		}
		s.learnObject(m.object, data, start)
	case leads && (c == '{' || c == '['):
		m.kind = scalar // which this is not: it is read in full
		m.setText(m.text[:m.key])
	case isNew:
		m.setText(bytes.Clone(data[i:end]))
		if m.slot >= 0 {
			m.value = makeValue(m.text[m.key:], nil)
		}
	case m.kind == nested, m.kind == constant && !bytes.Equal(m.text[m.key:], data[start:end]):
		m.vary(o)
	}
	return end, m
}

func newMember(key []byte) *member {
	m := &member{key: len(key), luck: maxLuck}
	m.head, m.mask = word(key)
	m.setText(bytes.Clone(key))
	return m
}

func (m *member) setText(text []byte) {
	m.text = text
	m.words[0], m.masks[0] = word(text)
	m.words[1], m.masks[1] = word(text[min(8, len(text)):])
}

// word gives the first eight bytes as a number, and a mask for as many as there are.
func word(text []byte) (w, mask uint64) {
	var head [8]byte
	n := copy(head[:], text)
	return binary.LittleEndian.Uint64(head[:]), 1<<(8*n) - 1
}

// inner is where the member's key leads to in the wanted paths, or nil.
func (m *member) inner(o *object) *node {
	if o.node == nil {
		return nil
	}
	end, escaped, _ := skipString(m.text, 0)
	key := m.text[1 : end-1]
	if escaped {
		key = unescape(nil, key)
	}
	if edge := o.node.edge(key); edge != nil {
		return edge.node
	}
	return nil
}
