package event

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode/utf8"
)

// nested reads an object, or finds that it is one of those that were read before: hosts and agents are the same in many events, but for their order.
func (s *shape) nested(m *member, data []byte, i, depth int, e *Event) (end int, ok bool) {
	if m.luck < 0 { // it is another one nearly always
		if m.luck++; m.luck == 0 {
			m.luck = maxLuck
		}
		return s.object(m.object, data, i+1, depth+1, e)
	}
	if m.known == nil {
		if !s.remember() {
			return s.object(m.object, data, i+1, depth+1, e)
		}
		m.known = make([]knownObject, indexSize)
	}
	k := &m.known[place(data[i+1:])]
	if n := len(k.text); n > 0 && n <= len(data)-i && bytes.Equal(data[i:i+n], k.text) && k.depth == depth {
		m.luck = min(m.luck+1, maxLuck)
		for _, w := range k.wanted {
			v := &e.Values[w.slot]
			if v.Kind != Missing {
				return i, false
			}
			*v = w.value
		}
		return i + n, true
	}
	apart := true // no other spelling of a path has set what this object may set
	for _, slot := range m.object.slots {
		apart = apart && e.Values[slot].Kind == Missing
	}
	if end, ok = s.object(m.object, data, i+1, depth+1, e); !ok {
		return end, false
	}
	if m.luck--; m.luck < 0 {
		m.luck = -restLuck
	}
	if apart {
		k.keep(m, data[i:end], depth, e)
	}
	return end, true
}

// maxMemories bounds how many members remember values, and so the memory for that.
const maxMemories = 40

// remember reports whether one member more may.
func (s *shape) remember() bool {
	if s.memories == maxMemories {
		return false
	}
	s.memories++
	return true
}

const (
	// Each object that is known gives luck, each other one takes some. Without luck the next restLuck objects are not compared.
	maxLuck, restLuck = 16, 1000
	// maxKnownObject is the size of the largest object that is remembered.
	maxKnownObject = 1024
)

// knownObject is an object that was valid, with the wanted values in it.
type knownObject struct {
	text   []byte
	depth  int
	wanted []wanted
}

type wanted struct {
	slot  Slot
	value Value
}

// keep remembers an object that was read.
func (k *knownObject) keep(m *member, text []byte, depth int, e *Event) {
	k.text, k.wanted = k.text[:0], k.wanted[:0]
	if len(text) > maxKnownObject {
		return
	}
	k.text, k.depth = append(k.text, text...), depth
	for _, slot := range m.object.slots {
		v := &e.Values[slot]
		if v.Kind == Missing {
			continue
		}
		n := len(k.wanted)
		k.wanted = slices.Grow(k.wanted, 1)[:n+1]
		w := &k.wanted[n] // with the memory of a text that it had before
		w.slot, w.value = slot, Value{Kind: v.Kind, Number: v.Number, Text: append(w.value.Text[:0], v.Text...)}
	}
}

// knownArrays is how many arrays a member remembers: hosts have the same addresses again and again.
const knownArrays = 64

// maxKnownArray is the size of the largest array that is remembered.
const maxKnownArray = 512

// array passes over an array that perhaps was there before.
func (s *shape) array(m *member, data []byte, i, depth int) (end int, ok bool) {
	const prefix = 16 // what arrays are told apart by, first
	var known *[]byte
	if m.arrays == nil && s.remember() {
		m.arrays = make([][]byte, knownArrays)
	}
	if len(data)-i >= prefix && m.arrays != nil {
		h := binary.LittleEndian.Uint64(data[i:])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(data[i+8:])*0xc2b2ae3d27d4eb4f
		known = &m.arrays[h>>58]
		if n := len(*known); n > 0 && n <= len(data)-i && bytes.Equal(data[i:i+n], *known) {
			return i + n, true
		}
	}
	end, reason := skipValue(data, i, depth)
	if ok = reason == "" && utf8.Valid(data[i:end]); ok && known != nil && end-i <= maxKnownArray {
		*known = append((*known)[:0], data[i:end]...)
	}
	return end, ok
}
