package aggregate

import (
	"errors"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/event"
)

// Cleaner changes an event in place; false leaves it out.
type Cleaner interface {
	Clean(e *event.Event) bool
}

// Plan is a stream's settings in compiled form. It belongs to one Engine: decoding reuses memory.
type Plan struct {
	Decoder   event.Decoder
	Event     *event.Event
	Cleaner   Cleaner
	Timestamp *event.Timestamp
	// Lateness and MaxAhead are in milliseconds.
	Lateness int64
	MaxAhead int64
	Rollups  []*Rollup

	dedupe *event.Slot // the field that names an event; nil: events are not told from their repetitions
}

// CompileDedupe makes events that repeat the value of a field within one window count once. An event without the field is no repetition.
func (p *Plan) CompileDedupe(path string, s *event.Schema) error {
	slot, err := s.Slot(path)
	if err == nil {
		p.dedupe = &slot
	}
	return err
}

// Rollup is a definition compiled against a stream's schema.
type Rollup struct {
	Definition rollup.Definition
	Hash       string

	where      *event.Condition
	dimensions []event.Slot
	measures   []event.Slot
	conditions []*event.Condition
	distinct   []event.Slot
	// percentiles are the positions of the measures that keep a sketch.
	percentiles []int
}

// SettingError says which setting of a rollup cannot be compiled.
type SettingError struct {
	// Key is where in the rollup: "where", "conditions.errors", "dimensions.host".
	Key string
	// Err says what is wrong.
	Err error
}

// Error names the setting.
func (e *SettingError) Error() string { return e.Key + ": " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *SettingError) Unwrap() error { return e.Err }

// CompileRollup registers the definition's fields in the schema. The error joins a *SettingError for each setting that cannot be compiled.
func CompileRollup(d rollup.Definition, s *event.Schema) (*Rollup, error) {
	r := &Rollup{Definition: d, Hash: d.Hash()}
	var wrong []error
	note := func(key string, err error) {
		if err != nil {
			wrong = append(wrong, &SettingError{Key: key, Err: err})
		}
	}
	if d.Where != "" {
		var err error
		r.where, err = event.CompileCondition(d.Where, s)
		note("where", err)
	}
	for _, c := range d.Conditions {
		compiled, err := event.CompileCondition(c.Expr, s)
		note("conditions."+c.Name, err)
		r.conditions = append(r.conditions, compiled)
	}
	for _, part := range []struct {
		key    string
		fields []rollup.Field
		slots  *[]event.Slot
	}{
		{"dimensions", d.Dimensions, &r.dimensions}, {"measures", d.Measures, &r.measures}, {"distinct", d.Distinct, &r.distinct},
	} {
		for _, f := range part.fields {
			slot, err := s.Slot(f.Path)
			note(part.key+"."+f.Name, err)
			*part.slots = append(*part.slots, slot)
		}
	}
	for _, name := range d.Percentiles {
		r.percentiles = append(r.percentiles, d.Measure(name))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return r, nil
}

// Grid is the longest time in milliseconds that every window of the plan's rollups is a multiple of; 0 without rollups.
func (p *Plan) Grid() int64 {
	var grid int64
	for _, r := range p.Rollups {
		a := r.Definition.Window.Milliseconds()
		for grid != 0 {
			a, grid = grid, a%grid
		}
		grid = a
	}
	return grid
}

// repeats reports whether the window has counted the event already, under its name.
func (p *Plan) repeats(w *Window) bool {
	if p.dedupe == nil {
		return false
	}
	v := &p.Event.Values[*p.dedupe]
	return v.Kind != event.Missing && v.Kind != event.Null && w.repeats(v.Dimension())
}
