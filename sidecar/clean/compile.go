package clean

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
)

// StepError says which step cannot be compiled.
type StepError struct {
	// Step is its position in the list, from 0.
	Step int
	// Key is where in the step: "drop", "rename.agent", "strip_ansi[0]".
	Key string
	// Err says what is wrong; a *event.ConditionError for drop and keep.
	Err error
}

// Error names the step by its position from 1.
func (e *StepError) Error() string {
	return fmt.Sprintf("cleaning step %d, %s: %v", e.Step+1, e.Key, e.Err)
}

// Unwrap gives what is wrong.
func (e *StepError) Unwrap() error { return e.Err }

// Compile compiles the steps. The schema must hold all paths that are used after cleaning, those of the timestamp and of the rollups with their conditions:
// a step on a field that nothing after it uses is left out. The paths that the steps need are registered in the schema. The error is a *StepError.
func Compile(steps []config.Step, s *event.Schema) (*Cleaner, error) {
	c := &Cleaner{}
	// From the last to the first, so that a step knows what the later ones use.
	for i, definition := range slices.Backward(steps) {
		compiled, key, err := compileStep(definition, s)
		if err != nil {
			return nil, &StepError{Step: i, Key: key, Err: err}
		}
		if compiled != nil {
			c.steps = append(c.steps, compiled)
		}
	}
	slices.Reverse(c.steps)
	return c, nil
}

// compileStep gives nil for a step without effect, and with an error where in the step it is.
func compileStep(d config.Step, s *event.Schema) (compiled step, key string, err error) {
	switch {
	case d.Drop != "":
		condition, err := event.CompileCondition(d.Drop, s)
		return &filter{condition: condition}, "drop", err
	case d.Keep != "":
		condition, err := event.CompileCondition(d.Keep, s)
		return &filter{condition: condition, keep: true}, "keep", err
	case len(d.StripANSI) > 0:
		return compileRewrite("strip_ansi", d.StripANSI, stripText, s)
	case len(d.Lowercase) > 0:
		return compileRewrite("lowercase", d.Lowercase, lowerText, s)
	case len(d.Remove) > 0:
		return compileRemove(d.Remove, s)
	case len(d.Rename) > 0:
		return compileRename(d.Rename, s)
	case len(d.Set) > 0:
		return compileSet(d.Set, s)
	case len(d.Convert) > 0:
		return compileConvert(d.Convert, s)
	}
	return nil, "", errors.New("the step is empty")
}

// wanted gives the registered paths at and inside a field.
func wanted(field string, s *event.Schema) []string {
	var paths []string
	for _, path := range s.Paths() {
		if path == field || strings.HasPrefix(path, field+".") {
			paths = append(paths, path)
		}
	}
	return paths
}

// slotsOf gives the slots of registered paths.
func slotsOf(paths []string, s *event.Schema) []event.Slot {
	slots := make([]event.Slot, len(paths))
	for i, path := range paths {
		slots[i], _ = s.Slot(path) // it cannot fail: the path is there
	}
	return slots
}

func compileRewrite(key string, fields []string, change func(event.Value, *event.Event) event.Value, s *event.Schema) (step, string, error) {
	r := &rewrite{change: change}
	for i, field := range fields {
		if err := event.CheckPath(field); err != nil {
			return nil, fmt.Sprintf("%s[%d]", key, i), err
		}
		if slices.Contains(s.Paths(), field) {
			r.slots = append(r.slots, slotsOf([]string{field}, s)...)
		}
	}
	if len(r.slots) == 0 {
		return nil, "", nil
	}
	return r, "", nil
}

func compileRemove(fields []string, s *event.Schema) (step, string, error) {
	a := &assign{}
	for i, field := range fields {
		if err := event.CheckPath(field); err != nil {
			return nil, fmt.Sprintf("remove[%d]", i), err
		}
		a.removed = append(a.removed, slotsOf(wanted(field, s), s)...)
	}
	if len(a.removed) == 0 {
		return nil, "", nil
	}
	return a, "", nil
}

func compileSet(values map[string]any, s *event.Schema) (step, string, error) {
	a := &assign{}
	fields := slices.Sorted(maps.Keys(values))
	for _, field := range fields {
		key := "set." + field
		if err := checkApart(field, fields, "writes"); err != nil {
			return nil, key, err
		}
		v, err := constant(values[field])
		if err != nil {
			return nil, key, err
		}
		paths := wanted(field, s)
		a.removed = append(a.removed, slotsOf(paths, s)...)
		if slices.Contains(paths, field) {
			a.slots = append(a.slots, slotsOf([]string{field}, s)...)
			a.values = append(a.values, v)
		}
	}
	if len(a.removed) == 0 {
		return nil, "", nil
	}
	return a, "", nil
}

// checkApart makes sure that a field is valid and inside none of the others, to which the step does the same.
func checkApart(field string, others []string, does string) error {
	if err := event.CheckPath(field); err != nil {
		return err
	}
	for _, other := range others {
		if strings.HasPrefix(field, other+".") {
			return fmt.Errorf("%s is inside %s, which the same step %s: put them in two steps", field, other, does)
		}
	}
	return nil
}

// constant makes the value that a set step writes.
func constant(v any) (event.Value, error) {
	switch v := v.(type) {
	case string:
		return event.StringValue([]byte(v)), nil
	case bool:
		return event.BoolValue(v), nil
	case float64:
		return event.NumberValue(v), nil
	}
	return event.Value{}, fmt.Errorf("the value is neither a string nor a number nor a boolean, but %T", v)
}

func compileRename(names map[string]string, s *event.Schema) (step, string, error) {
	r := &rename{}
	sources, targets := slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Values(names))
	for _, from := range sources {
		to, key := names[from], "rename."+from
		if err := checkApart(from, sources, "moves"); err != nil {
			return nil, key, err
		}
		if err := checkApart(to, targets, "writes"); err != nil {
			return nil, key, err
		}
		if i := slices.Index(targets, to); i+1 < len(targets) && targets[i+1] == to {
			return nil, key, fmt.Errorf("two fields would become %s", to)
		}
		if from == to {
			return nil, key, fmt.Errorf("%s would become itself", from)
		}
		for _, path := range wanted(to, s) {
			source, err := s.Slot(from + strings.TrimPrefix(path, to))
			if err != nil {
				return nil, key, err
			}
			r.from = append(r.from, source)
			r.to = append(r.to, slotsOf([]string{path}, s)...)
		}
	}
	// Each move takes away all that is registered inside its source, what the other moves registered included.
	for _, from := range sources {
		r.removed = append(r.removed, slotsOf(wanted(from, s), s)...)
	}
	if len(r.removed) == 0 {
		return nil, "", nil
	}
	return r, "", nil
}

func compileConvert(kinds map[string]string, s *event.Schema) (step, string, error) {
	changes := map[string]func(event.Value, *event.Event) event.Value{"string": toString, "number": toNumber, "boolean": toBoolean}
	var all steps
	for _, field := range slices.Sorted(maps.Keys(kinds)) {
		key := "convert." + field
		change, known := changes[kinds[field]]
		if !known {
			return nil, key, fmt.Errorf("%q is no type to convert to: string, number and boolean are allowed", kinds[field])
		}
		compiled, _, err := compileRewrite(key, []string{field}, change, s)
		if err != nil {
			return nil, key, err
		}
		if compiled != nil {
			all = append(all, compiled)
		}
	}
	if len(all) == 0 {
		return nil, "", nil
	}
	return all, "", nil
}

// steps are applied one after the other.
type steps []step

func (all steps) apply(e *event.Event) bool {
	for _, s := range all {
		if !s.apply(e) {
			return false
		}
	}
	return true
}
