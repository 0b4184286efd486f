// Package clean applies a stream's cleaning steps to decoded events.
//
// Steps change the fields that were extracted from an event, never the record's bytes. A step that changes a field changes the fields inside it too, but not
// an object or array around it that a condition looks at as a whole.
package clean

import (
	"github.com/tidemark/tidemark/sidecar/event"
)

// Cleaner holds the compiled steps of a stream. It can be used by several goroutines, each with its own event.
type Cleaner struct {
	steps []step
}

// step changes an event; false drops it.
type step interface {
	apply(e *event.Event) bool
}

// Clean applies the steps in order. It reports false where a step dropped the event.
func (c *Cleaner) Clean(e *event.Event) bool {
	for _, s := range c.steps {
		if !s.apply(e) {
			return false
		}
	}
	return true
}

// filter drops the events that meet the condition, or with keep those that do not.
type filter struct {
	condition *event.Condition
	keep      bool
}

func (f *filter) apply(e *event.Event) bool { return f.condition.Match(e) == f.keep }

// rewrite changes the values of fields one by one.
type rewrite struct {
	slots  []event.Slot
	change func(v event.Value, e *event.Event) event.Value
}

func (r *rewrite) apply(e *event.Event) bool {
	for _, slot := range r.slots {
		v := e.Values[slot]
		if v.Kind == event.Array {
			e.Values[slot] = changeElements(v, e, r.change)
		} else {
			e.Values[slot] = r.change(v, e)
		}
	}
	return true
}

// assign gives fields constant values; the fields inside them go away.
type assign struct {
	values  []event.Value
	slots   []event.Slot
	removed []event.Slot
}

func (a *assign) apply(e *event.Event) bool {
	for _, slot := range a.removed {
		e.Values[slot] = event.Value{}
	}
	for i, slot := range a.slots {
		e.Values[slot] = a.values[i]
	}
	return true
}

// rename moves values. All are taken before the first is put down, so that the moves of one step do not depend on their order.
type rename struct {
	moves []move
}

type move struct {
	from, to []event.Slot // in pairs: the field itself and the wanted fields inside it
	removed  []event.Slot
}

func (r *rename) apply(e *event.Event) bool {
	var room [16]event.Value
	taken := room[:0]
	for i := range r.moves {
		for _, slot := range r.moves[i].from {
			taken = append(taken, e.Values[slot])
		}
	}
	rest := taken
	for i := range r.moves {
		m := &r.moves[i]
		if present(rest[:len(m.from)]) {
			for _, slot := range m.removed {
				e.Values[slot] = event.Value{}
			}
		}
		rest = rest[len(m.from):]
	}
	rest = taken
	for i := range r.moves {
		m := &r.moves[i]
		if values := rest[:len(m.from)]; present(values) {
			for k, slot := range m.to {
				e.Values[slot] = values[k]
			}
		}
		rest = rest[len(m.from):]
	}
	return true
}

// present reports whether the event has the field or one inside it.
func present(values []event.Value) bool {
	for _, v := range values {
		if v.Kind != event.Missing {
			return true
		}
	}
	return false
}
