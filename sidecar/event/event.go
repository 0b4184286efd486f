// Package event decodes Kafka record values and extracts just the fields that a stream's steps and rollups use.
//
// A Schema collects the paths of those fields, a Decoder fills an Event with their values, and Conditions and Timestamps read them. Schemas are built
// by one goroutine; decoders, conditions and timestamps made of them can then be shared, with an Event for each goroutine.
package event

// Kind is the type of a value. The zero Kind is a field that the event does not have.
type Kind uint8

// The kinds of value.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String names the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"missing", "null", "boolean", "number", "string", "array", "object"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Event holds one decoded event: a value for each slot of its schema. It is reused for the next event.
type Event struct {
	// Values has a value for each slot, in the order in which the schema gave the slots out.
	Values []Value

	ranks  []uint32 // for each value, which spelling of the path it was found under; see node
	buffer []byte   // holds the texts that are not part of the decoded value
	keys   []byte   // holds the key at hand where it is escaped
	states []conditionState
	shape  shape
	date   lastDate
}

// maxKeptBuffer bounds the memory that an event keeps from one decoding to the next.
const maxKeptBuffer = 1 << 20

// Value is the value in a slot, until the event is decoded again; a slot that the event has no place for is Missing.
func (e *Event) Value(s Slot) *Value {
	if int(s) < 0 || int(s) >= len(e.Values) {
		return &Value{}
	}
	return &e.Values[s]
}

// Alloc gives an empty slice with room for n bytes, for a text that is put into the event. It stays valid until the event is decoded again.
func (e *Event) Alloc(n int) []byte {
	start := len(e.buffer)
	if cap(e.buffer)-start < n {
		e.buffer = make([]byte, 0, max(2*cap(e.buffer), n, 256)) // texts in the old buffer keep it alive
		start = 0
	}
	e.buffer = e.buffer[:start+n]
	return e.buffer[start : start : start+n]
}

// reset empties the event for a schema of the given number of slots.
func (e *Event) reset(slots int) {
	if cap(e.Values) < slots {
		e.Values = make([]Value, slots)
		e.ranks = make([]uint32, slots)
	}
	e.Values = e.Values[:slots]
	e.ranks = e.ranks[:cap(e.ranks)]
	if len(e.ranks) < slots {
		e.ranks = make([]uint32, slots)
	}
	for i := range e.Values { // which is faster than clear for the few that there are
		v := &e.Values[i]
		v.Kind, v.Text, v.Number = Missing, nil, 0
	}
	if cap(e.buffer) > maxKeptBuffer {
		e.buffer = nil
	}
	e.buffer = e.buffer[:0]
	if cap(e.keys) > maxKeptBuffer {
		e.keys = nil
	}
}
