package event

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
)

const (
	maxConditionBytes = 8192
	maxConditionNodes = 1000
	conditionMemory   = 100_000 // in the VM's units: elements that an evaluation makes
)

// unsteady are the built-in functions whose result depends on something other than the event: the clock, the machine's time zones, or the order in
// which Go goes through a map.
var unsteady = []string{"now", "date", "duration", "timezone", "keys", "values", "toPairs"}

// Condition is a compiled expression over an event's fields. It can be used by several goroutines, each with its own event.
type Condition struct {
	source  string
	program *vm.Program
	fields  []conditionField
	// fast decides without the program; nil where it cannot.
	fast predicate
	id   int // of the state in an event
}

type conditionField struct {
	name string // of the variable
	slot Slot
}

// conditionState is what an event keeps for one condition from one match to the next.
type conditionState struct {
	machine vm.VM
	fields  map[string]any
	values  []Value // what the fields were made of
}

// ConditionError says what is wrong with a condition's source.
type ConditionError struct {
	// Line and Column tell where in the source, from 1; the column counts characters.
	Line, Column int
	// Message says what is wrong, in one line.
	Message string
}

// Error gives position and message.
func (e *ConditionError) Error() string {
	return fmt.Sprintf("condition, line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// CompileCondition compiles an expression of expr-lang/expr, and registers the fields that it uses in the schema. A name or a chain of names is a field's
// path (log.file.path), and $env["..."] is the field whose path is no name ($env["@timestamp"]). A field that the event does not have is nil; an array or
// object is seen whole. Functions that depend on anything but the event, and let, are not allowed. The error is a *ConditionError.
func CompileCondition(source string, s *Schema) (*Condition, error) {
	if len(source) > maxConditionBytes {
		return nil, &ConditionError{Line: 1, Column: 1, Message: fmt.Sprintf("the condition is longer than %d bytes", maxConditionBytes)}
	}
	fields := &fieldFinder{}
	options := []expr.Option{expr.AsBool(), expr.AllowUndefinedVariables(), expr.MaxNodes(maxConditionNodes), expr.Patch(fields)}
	for _, name := range unsteady {
		options = append(options, expr.DisableBuiltin(name))
	}
	program, err := expr.Compile(source, options...)
	if fields.err != nil { // a consequence of it may be what the compiler complains about
		err = fields.err.Bind(file.NewSource(source))
	}
	if err != nil {
		return nil, conditionError(source, err)
	}
	c := &Condition{source: source, program: program, id: s.conditions}
	collect := &identifiers{}
	root := program.Node()
	ast.Walk(&root, collect)
	for _, id := range collect.found {
		path := strings.TrimPrefix(id.Value, fieldMark)
		slot, err := s.Slot(path)
		if id.Value == environment {
			err = errors.New(`$env needs the name of a field: $env["@timestamp"]`)
		}
		if err != nil {
			bound := (&file.Error{Location: id.Location(), Message: err.Error()}).Bind(file.NewSource(source))
			return nil, conditionError(source, bound)
		}
		c.fields = append(c.fields, conditionField{name: id.Value, slot: slot})
	}
	c.fast = newPredicate(root, s)
	s.conditions++
	return c, nil
}

func conditionError(source string, err error) *ConditionError {
	var at *file.Error
	if errors.As(err, &at) {
		return &ConditionError{Line: max(at.Line, 1), Column: at.Column + 1, Message: explain(at.Message, source, at.From)}
	}
	return &ConditionError{Line: 1, Column: 1, Message: explain(err.Error(), source, 0)}
}

// String is the condition's source.
func (c *Condition) String() string { return c.source }

// Match reports whether the event meets the condition. It does not where the expression cannot be evaluated, as when a missing field is compared with a
// number, or where it makes something else than a boolean.
func (c *Condition) Match(e *Event) bool {
	if c.fast != nil {
		met, ok := c.fast.eval(e)
		return met && ok
	}
	return c.run(e)
}

// run lets the expression's machine decide.
func (c *Condition) run(e *Event) bool {
	for len(e.states) <= c.id {
		e.states = append(e.states, conditionState{})
	}
	state := &e.states[c.id]
	if state.fields == nil {
		state.fields = make(map[string]any, len(c.fields))
		state.values = make([]Value, len(c.fields))
		state.machine.MemoryBudget = conditionMemory
	}
	for i, f := range c.fields {
		v := e.Value(f.slot)
		if _, known := state.fields[f.name]; known && state.same(i, v) {
			continue
		}
		state.values[i] = Value{Kind: v.Kind, Text: append(state.values[i].Text[:0], v.Text...)}
		state.fields[f.name] = v.Any()
	}
	result, err := state.machine.Run(c.program, state.fields)
	met, _ := result.(bool)
	return err == nil && met
}

// same tells that a field has the value that it had in the event before, so that what the expression sees need not be made again.
func (s *conditionState) same(i int, v *Value) bool {
	old := s.values[i]
	return old.Kind == v.Kind && bytes.Equal(old.Text, v.Text)
}

// fieldFinder turns chains of names into single identifiers whose name is the field's path. It sees inner nodes before outer ones.
type fieldFinder struct {
	err *file.Error
}

const (
	// fieldMark begins the name of every variable that stands for a field, so that fields can be called like built-in functions (count, type).
	fieldMark = "."
	// environment is the variable that expr has for all variables.
	environment = fieldMark + "$env"
)

// Visit turns one link of a chain.
func (f *fieldFinder) Visit(n *ast.Node) {
	switch node := (*n).(type) {
	case *ast.VariableDeclaratorNode:
		f.fail(node, "let is not allowed in a condition")
	case *ast.CallNode:
		f.fail(node, fmt.Sprintf("unknown function %s: only built-in functions that depend on nothing but the event are allowed", strings.TrimPrefix(node.Callee.String(), fieldMark)))
	case *ast.IdentifierNode:
		if !strings.HasPrefix(node.Value, fieldMark) {
			ast.Patch(n, &ast.IdentifierNode{Value: fieldMark + node.Value})
		}
	case *ast.MemberNode:
		owner, isName := node.Node.(*ast.IdentifierNode)
		property, isText := node.Property.(*ast.StringNode)
		if !isName || !isText {
			return
		}
		name := owner.Value + "." + property.Value
		if owner.Value == environment {
			name = fieldMark + property.Value
		}
		ast.Patch(n, &ast.IdentifierNode{Value: name})
	}
}

func (f *fieldFinder) fail(n ast.Node, message string) {
	if f.err == nil {
		f.err = &file.Error{Location: n.Location(), Message: message}
	}
}

// identifiers collects the fields that a turned expression uses.
type identifiers struct {
	found []*ast.IdentifierNode
}

// Visit notes an identifier.
func (ids *identifiers) Visit(n *ast.Node) {
	id, ok := (*n).(*ast.IdentifierNode)
	if !ok {
		return
	}
	for _, known := range ids.found {
		if known.Value == id.Value {
			return
		}
	}
	ids.found = append(ids.found, id)
}
