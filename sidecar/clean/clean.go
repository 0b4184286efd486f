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
//
// Every field is moved by itself: where the event lacks it, what has its new path stays. So a field's value depends neither on which others the stream
// uses, nor on whether the event is nested or has flat keys.
type rename struct {
	from, to []event.Slot // in pairs: the fields that are wanted at and inside the targets
	removed  []event.Slot // at and inside the sources
}

func (r *rename) apply(e *event.Event) bool {
	var room [16]event.Value
	taken := room[:0]
	for _, slot := range r.from {
		taken = append(taken, e.Values[slot])
	}
	for _, slot := range r.removed {
		e.Values[slot] = event.Value{}
	}
	for i, slot := range r.to {
		if replaces(taken[i].Kind, e.Values[slot].Kind) {
			e.Values[slot] = taken[i]
		}
	}
	return true
}

// replaces reports whether a value that is moved replaces the one in its new place. An object is there for the fields in it, which flat keys tell without
// one: it replaces no value.
func replaces(moved, there event.Kind) bool {
	if moved == event.Object {
		return there == event.Missing || there == event.Null || there == event.Object
	}
	return moved != event.Missing
}
