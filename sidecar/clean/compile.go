package clean

import (
	"cmp"
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
// a step on a field that nothing after it uses is left out. The paths that the steps need are registered in the schema. The error joins a *StepError for
// everything that cannot be compiled.
func Compile(steps []config.Step, s *event.Schema) (*Cleaner, error) {
	c := &compiler{Schema: s}
	cleaner := &Cleaner{}
	// From the last to the first, so that a step knows what the later ones use.
	for i, definition := range slices.Backward(steps) {
		c.step = i
		if compiled := c.compile(definition); compiled != nil {
			cleaner.steps = append(cleaner.steps, compiled)
		}
	}
	if len(c.wrong) > 0 {
		return nil, errors.Join(c.wrong...)
	}
	slices.Reverse(cleaner.steps)
	return cleaner, nil
}

// compiler compiles one step after the other. It goes on after a mistake, so that all are found.
type compiler struct {
	*event.Schema
	step  int
	wrong []error
}

// check notes what is wrong at a place in the step, if anything is.
func (c *compiler) check(key string, err error) (ok bool) {
	if err != nil {
		c.wrong = append(c.wrong, &StepError{Step: c.step, Key: key, Err: err})
	}
	return err == nil
}

// compile gives nil for a step without effect.
func (c *compiler) compile(d config.Step) step {
	switch {
	case d.Drop != "":
		return c.filter("drop", d.Drop, false)
	case d.Keep != "":
		return c.filter("keep", d.Keep, true)
	case len(d.StripANSI) > 0:
		return c.rewriteAll("strip_ansi", d.StripANSI, stripText)
	case len(d.Lowercase) > 0:
		return c.rewriteAll("lowercase", d.Lowercase, lowerText)
	case len(d.Remove) > 0:
		return c.remove(d.Remove)
	case len(d.Rename) > 0:
		return c.rename(d.Rename)
	case len(d.Set) > 0:
		return c.set(d.Set)
	case len(d.Convert) > 0:
		return c.convert(d.Convert)
	}
	return nil
}

func (c *compiler) filter(key, source string, keep bool) step {
	condition, err := event.CompileCondition(source, c.Schema)
	if !c.check(key, err) {
		return nil
	}
	return &filter{condition: condition, keep: keep}
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

func (c *compiler) rewriteAll(key string, fields []string, change func(event.Value, *event.Event) event.Value) step {
	r := &rewrite{change: change}
	for i, field := range fields {
		c.addField(r, fmt.Sprintf("%s[%d]", key, i), field)
	}
	if len(r.slots) == 0 {
		return nil
	}
	return r
}

// addField has a step rewrite a field, where that is used.
func (c *compiler) addField(r *rewrite, key, field string) {
	if c.check(key, event.CheckPath(field)) && slices.Contains(c.Paths(), field) {
		r.slots = append(r.slots, slotsOf([]string{field}, c.Schema)...)
	}
}

func (c *compiler) remove(fields []string) step {
	a := &assign{}
	for i, field := range fields {
		if c.check(fmt.Sprintf("remove[%d]", i), event.CheckPath(field)) {
			a.removed = append(a.removed, slotsOf(wanted(field, c.Schema), c.Schema)...)
		}
	}
	if len(a.removed) == 0 {
		return nil
	}
	return a
}

func (c *compiler) set(values map[string]any) step {
	a := &assign{}
	fields := slices.Sorted(maps.Keys(values))
	for _, field := range fields {
		key := "set." + field
		v, err := constant(values[field])
		if !c.check(key, cmp.Or(checkApart(field, fields, "writes"), err)) {
			continue
		}
		paths := wanted(field, c.Schema)
		a.removed = append(a.removed, slotsOf(paths, c.Schema)...)
		if slices.Contains(paths, field) {
			a.slots = append(a.slots, slotsOf([]string{field}, c.Schema)...)
			a.values = append(a.values, v)
		}
	}
	if len(a.removed) == 0 {
		return nil
	}
	return a
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

func (c *compiler) rename(names map[string]string) step {
	r := &rename{}
	sources, targets := slices.Sorted(maps.Keys(names)), slices.Sorted(maps.Values(names))
	right := true
	for i, from := range sources {
		err := cmp.Or(checkApart(from, sources, "moves"), c.move(r, from, names[from], targets))
		if slices.ContainsFunc(sources[:i], func(other string) bool { return names[other] == names[from] }) {
			err = fmt.Errorf("two fields would become %s", names[from])
		}
		right = c.check("rename."+from, err) && right
	}
	// Each move takes away all that is registered inside its source, what the other moves registered included.
	for _, from := range sources {
		r.removed = append(r.removed, slotsOf(wanted(from, c.Schema), c.Schema)...)
	}
	if !right || len(r.removed) == 0 {
		return nil
	}
	return r
}

// move pairs every wanted field at and inside the target with the one in the source that it comes from. The targets are those of the whole step, sorted.
func (c *compiler) move(r *rename, from, to string, targets []string) error {
	if err := checkApart(to, targets, "writes"); err != nil {
		return err
	}
	if from == to {
		return fmt.Errorf("%s would become itself", from)
	}
	for _, path := range wanted(to, c.Schema) {
		source, err := c.Slot(from + strings.TrimPrefix(path, to))
		if err != nil {
			return err
		}
		r.from = append(r.from, source)
		r.to = append(r.to, slotsOf([]string{path}, c.Schema)...)
	}
	return nil
}

func (c *compiler) convert(kinds map[string]string) step {
	changes := map[string]func(event.Value, *event.Event) event.Value{"string": toString, "number": toNumber, "boolean": toBoolean}
	var all steps
	for _, field := range slices.Sorted(maps.Keys(kinds)) {
		key := "convert." + field
		change, known := changes[kinds[field]]
		if !known {
			c.check(key, fmt.Errorf("%q is no type to convert to: string, number and boolean are allowed", kinds[field]))
			continue
		}
		r := &rewrite{change: change}
		if c.addField(r, key, field); len(r.slots) > 0 {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
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
