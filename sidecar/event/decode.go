package event

import "fmt"

// Decoder reads record values. It can be used by several goroutines, each with its own event.
type Decoder interface {
	// Decode fills e with the fields of the record's value. What it fills in refers to value, which must not change while e is used. The error is a
	// *DecodeError; e then has no values.
	Decode(value []byte, e *Event) error
}

// The reasons of a DecodeError.
const (
	ReasonEmpty     = "empty"         // no value, null, or white space only
	ReasonTruncated = "truncated"     // the value ends before the document does
	ReasonNotJSON   = "not json"      // it breaks the grammar of RFC 8259
	ReasonNotUTF8   = "not utf-8"     // some bytes are no UTF-8
	ReasonNotObject = "not an object" // it is valid, but neither an object nor an array with one object
	ReasonTooDeep   = "too deep"      // objects and arrays are nested more than MaxDepth levels
)

// MaxDepth is how deep objects and arrays can be nested in an event.
const MaxDepth = 256

// DecodeError says why a record's value is no event.
type DecodeError struct {
	// Reason is one of the Reason constants.
	Reason string
}

// Error is the reason in a sentence.
func (e *DecodeError) Error() string { return "the event cannot be decoded: " + e.Reason }

// NewDecoder makes a decoder of the format for the fields of a complete schema.
func NewDecoder(format string, s *Schema) (Decoder, error) {
	if format != "json" {
		return nil, fmt.Errorf("unknown event format %q: json is allowed", format)
	}
	return newJSONDecoder(s), nil
}
