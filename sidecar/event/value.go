package event

import (
	"iter"
	"math"
	"strconv"
)

// Value is one extracted field. Its Text is part of the decoded record value or of the event's memory: it must not be changed, and is valid until the
// event is decoded again or the record's value is.
type Value struct {
	Kind Kind
	// Text is a string's content (unescaped), a number's literal, "true" or "false", or the raw JSON of an array or object.
	Text []byte
	// Number is the value of a Number; infinite where the literal is beyond the range of float64.
	Number float64
}

// Float is the value as a finite number: a Number, a String that is a JSON number literal and nothing else, or the first element of an Array that is
// one of these. The second result is false for everything else.
func (v *Value) Float() (float64, bool) {
	switch v.Kind {
	case Number:
		return v.Number, !math.IsInf(v.Number, 0) && !math.IsNaN(v.Number)
	case String:
		if !isNumber(v.Text) {
			return 0, false
		}
		f := parseNumber(v.Text)
		return f, !math.IsInf(f, 0)
	case Array:
		first := v.First()
		return first.Float()
	}
	return 0, false
}

// Dimension is the value as a dimension: the text of a String, Number or Bool, that of an Array's first element, and empty for everything else.
func (v *Value) Dimension() []byte {
	switch v.Kind {
	case String, Number, Bool:
		return v.Text
	case Array:
		first := v.First()
		return first.Dimension()
	}
	return nil
}

// First is the first element of an Array, Missing for an empty one, and the value itself for other kinds. Arrays in arrays are opened too.
func (v *Value) First() Value {
	first := *v
	for first.Kind == Array {
		i := skipSpace(first.Text, 1)
		if first.Text[i] == ']' {
			return Value{}
		}
		first = valueAt(first.Text, i)
	}
	return first
}

// Elements goes through the elements of an Array; other kinds have none.
func (v *Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind != Array {
			return
		}
		for i := skipSpace(v.Text, 1); v.Text[i] != ']'; {
			end, _ := skipValue(v.Text, i, 0)
			if !yield(makeValue(v.Text[i:end], nil)) {
				return
			}
			i = skipSeparator(v.Text, end)
		}
	}
}

// Any is the value as conditions see it: nil, bool, float64, string, []any or map[string]any.
func (v *Value) Any() any {
	switch v.Kind {
	case Bool:
		return len(v.Text) == len("true")
	case Number:
		return v.Number
	case String:
		return string(v.Text)
	case Array, Object:
		result, _ := anyAt(v.Text, 0)
		return result
	}
	return nil
}

var (
	textTrue  = []byte("true")
	textFalse = []byte("false")
)

// BoolValue is a Bool.
func BoolValue(b bool) Value {
	if b {
		return Value{Kind: Bool, Text: textTrue}
	}
	return Value{Kind: Bool, Text: textFalse}
}

// StringValue is a String with the given text, which the value keeps.
func StringValue(text []byte) Value { return Value{Kind: String, Text: text} }

// NumberValue is a Number in its shortest literal. The number must be finite.
func NumberValue(f float64) Value {
	return Value{Kind: Number, Text: strconv.AppendFloat(nil, f, 'g', -1, 64), Number: f}
}

// ParseNumber is the Number whose literal is text, which the value keeps. The second result is false where text is no JSON number literal.
func ParseNumber(text []byte) (Value, bool) {
	if !isNumber(text) {
		return Value{}, false
	}
	return Value{Kind: Number, Text: text, Number: parseNumber(text)}, true
}

func isNumber(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	end, reason := skipNumber(text, 0)
	return reason == "" && end == len(text)
}

// parseNumber reads a valid literal; one that is too large gives an infinity, as strconv does.
func parseNumber(text []byte) float64 {
	i, negative := 0, false
	if text[0] == '-' {
		i, negative = 1, true
	}
	if len(text)-i <= maxExactDigits {
		n := uint64(0)
		for ; i < len(text); i++ {
			c := text[i] - '0'
			if c > 9 {
				break
			}
			n = n*10 + uint64(c)
		}
		if i == len(text) {
			f := float64(n)
			if negative {
				f = -f
			}
			return f
		}
	}
	f, _ := strconv.ParseFloat(string(text), 64) // the only error is the range, and its value the infinity
	return f
}

// maxExactDigits is how many decimal digits a float64 holds exactly.
const maxExactDigits = 15
