package event

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// predicate is a condition, or a part of one, of the kinds that are met most: fields compared with constants, and these combined. It is what the
// expression's own machine would make of it, without values of Go's types for the fields. The second result is false where the machine fails.
type predicate interface {
	eval(e *Event) (met, ok bool)
}

// newPredicate gives nil for an expression that is left to the machine.
func newPredicate(n ast.Node, s *Schema) predicate {
	switch n := n.(type) {
	case *ast.BoolNode:
		return constantly(n.Value)
	case *ast.IdentifierNode:
		if slot, ok := fieldSlot(n, s); ok {
			return isTrue(slot)
		}
	case *ast.UnaryNode:
		if inner := newPredicate(n.Node, s); inner != nil && (n.Operator == "not" || n.Operator == "!") {
			return negation{inner}
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			left, right := newPredicate(n.Left, s), newPredicate(n.Right, s)
			if left != nil && right != nil {
				return combination{left, right, n.Operator == "or" || n.Operator == "||"}
			}
		default:
			return newComparison(n, s)
		}
	}
	return nil
}

// fieldSlot finds the slot of a field.
func fieldSlot(n ast.Node, s *Schema) (Slot, bool) {
	id, ok := n.(*ast.IdentifierNode)
	if !ok || id.Value == environment {
		return 0, false
	}
	slot, ok := s.slots[id.Value[len(fieldMark):]]
	return slot, ok
}

type constantly bool

func (c constantly) eval(*Event) (met, ok bool) { return bool(c), true }

// isTrue is a field that is a condition by itself.
type isTrue Slot

func (t isTrue) eval(e *Event) (met, ok bool) {
	v := e.Value(Slot(t))
	return len(v.Text) == len("true"), v.Kind == Bool
}

type negation struct{ inner predicate }

func (n negation) eval(e *Event) (met, ok bool) {
	met, ok = n.inner.eval(e)
	return !met, ok
}

// combination is or, or else and.
type combination struct {
	left, right predicate
	or          bool
}

func (c combination) eval(e *Event) (met, ok bool) {
	if met, ok = c.left.eval(e); !ok || met == c.or {
		return met, ok
	}
	return c.right.eval(e)
}

// comparison compares a field with a constant.
type comparison struct {
	slot    Slot
	compare func(v *Value, c *comparison) (met, ok bool)
	text    []byte
	number  float64
	texts   map[string]struct{}
	numbers []float64
	pattern *regexp.Regexp
	order   func(sign int) bool // of the field to the constant
}

func (c *comparison) eval(e *Event) (met, ok bool) { return c.compare(e.Value(c.slot), c) }

// newComparison gives nil for anything but a comparison of a field with a constant.
func newComparison(n *ast.BinaryNode, s *Schema) predicate {
	operator, constant := n.Operator, n.Right
	slot, ok := fieldSlot(n.Left, s)
	if !ok {
		flipped := map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
		if operator = flipped[operator]; operator == "" {
			return nil
		}
		if slot, ok = fieldSlot(n.Right, s); !ok {
			return nil
		}
		constant = n.Left
	}
	c := &comparison{slot: slot}
	known := false
	switch operator {
	case "==":
		known = c.setEqual(constant)
	case "!=":
		if known = c.setEqual(constant); known {
			return negation{c}
		}
	case "<", "<=", ">", ">=":
		known = c.setOrder(operator, constant)
	case "in":
		known = c.setIn(constant)
	case "contains", "startsWith", "endsWith", "matches":
		known = c.setText(operator, constant)
	}
	if !known {
		return nil
	}
	return c
}

func (c *comparison) setEqual(constant ast.Node) bool {
	switch n := constant.(type) {
	case *ast.StringNode:
		c.text = []byte(n.Value)
		c.compare = func(v *Value, c *comparison) (met, ok bool) {
			return v.Kind == String && bytes.Equal(v.Text, c.text), true
		}
	case *ast.NilNode:
		c.compare = func(v *Value, _ *comparison) (met, ok bool) { return v.isNil(), true }
	case *ast.BoolNode:
		c.text = BoolValue(n.Value).Text
		c.compare = func(v *Value, c *comparison) (met, ok bool) {
			return v.Kind == Bool && bytes.Equal(v.Text, c.text), true
		}
	default:
		number, ok := constantNumber(constant)
		if !ok {
			return false
		}
		c.number = number
		c.compare = func(v *Value, c *comparison) (met, ok bool) { return v.Kind == Number && v.Number == c.number, true }
	}
	return true
}

func (v *Value) isNil() bool { return v.Kind == Missing || v.Kind == Null }

func constantNumber(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	}
	return 0, false
}

func (c *comparison) setOrder(operator string, constant ast.Node) bool {
	c.order = map[string]func(int) bool{
		"<":  func(sign int) bool { return sign < 0 },
		"<=": func(sign int) bool { return sign <= 0 },
		">":  func(sign int) bool { return sign > 0 },
		">=": func(sign int) bool { return sign >= 0 },
	}[operator]
	if text, ok := constant.(*ast.StringNode); ok {
		c.text = []byte(text.Value)
		c.compare = func(v *Value, c *comparison) (met, ok bool) {
			return c.order(bytes.Compare(v.Text, c.text)), v.Kind == String
		}
		return true
	}
	number, ok := constantNumber(constant)
	c.number = number
	c.compare = func(v *Value, c *comparison) (met, ok bool) {
		sign := 0
		switch {
		case v.Number < c.number:
			sign = -1
		case v.Number > c.number:
			sign = 1
		}
		return c.order(sign), v.Kind == Number
	}
	return ok
}

func (c *comparison) setIn(constant ast.Node) bool {
	list, ok := constant.(*ast.ConstantNode)
	if !ok {
		return false
	}
	switch values := list.Value.(type) {
	case map[string]struct{}:
		c.texts = values
		c.compare = func(v *Value, c *comparison) (met, ok bool) {
			_, met = c.texts[string(v.Text)] // a field that is missing is an empty text here
			return met, v.Kind == String || v.isNil()
		}
		return true
	case []any:
		for _, value := range values {
			switch n := value.(type) {
			case int:
				c.numbers = append(c.numbers, float64(n))
			case float64:
				c.numbers = append(c.numbers, n)
			default:
				return false
			}
		}
		c.compare = func(v *Value, c *comparison) (met, ok bool) {
			return v.Kind == Number && slices.Contains(c.numbers, v.Number), true
		}
		return true
	}
	return false
}

func (c *comparison) setText(operator string, constant ast.Node) bool {
	text, ok := constant.(*ast.StringNode)
	if !ok {
		return false
	}
	c.text = []byte(text.Value)
	var compare func(v *Value, c *comparison) bool
	switch operator {
	case "contains":
		compare = func(v *Value, c *comparison) bool { return bytes.Contains(v.Text, c.text) }
	case "startsWith":
		compare = func(v *Value, c *comparison) bool { return bytes.HasPrefix(v.Text, c.text) }
	case "endsWith":
		compare = func(v *Value, c *comparison) bool { return bytes.HasSuffix(v.Text, c.text) }
	case "matches":
		var err error
		if c.pattern, err = regexp.Compile(text.Value); err != nil {
			return false
		}
		compare = func(v *Value, c *comparison) bool { return c.pattern.Match(v.Text) }
	}
	c.compare = func(v *Value, c *comparison) (met, ok bool) {
		if v.isNil() {
			return false, true
		}
		return v.Kind == String && compare(v, c), v.Kind == String
	}
	return true
}
