package event

import (
	"encoding/binary"
	"math/bits"
)

// The functions of this file check one piece of JSON text that begins at position i, and give the position after it. The reason is empty, ReasonNotJSON,
// ReasonTooDeep, or ReasonTruncated where the text ends too early. Bytes of 0x80 and above are not looked into: the decoder checks UTF-8 once, for the whole text.

// skipSpace gives the position of the first byte that is not white space.
func skipSpace(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// skipValue passes over a value that is nested in depth objects and arrays.
func skipValue(data []byte, i, depth int) (int, string) {
	if i >= len(data) {
		return i, ReasonTruncated
	}
	switch data[i] {
	case '"':
		end, _, reason := skipString(data, i)
		return end, reason
	case '{':
		return skipObject(data, i, depth+1)
	case '[':
		return skipArray(data, i, depth+1)
	case 't':
		return skipLiteral(data, i, "true")
	case 'f':
		return skipLiteral(data, i, "false")
	case 'n':
		return skipLiteral(data, i, "null")
	}
	return skipNumber(data, i)
}

func skipLiteral(data []byte, i int, literal string) (int, string) {
	if len(data)-i >= len(literal) {
		if string(data[i:i+len(literal)]) == literal {
			return i + len(literal), ""
		}
		return i, ReasonNotJSON
	}
	if string(data[i:]) == literal[:len(data)-i] {
		return i, ReasonTruncated
	}
	return i, ReasonNotJSON
}

func skipNumber(data []byte, i int) (int, string) {
	if data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data):
		return i, ReasonTruncated
	case data[i] == '0':
		i++
	case isDigit(data[i]):
		i = skipDigits(data, i)
	default:
		return i, ReasonNotJSON
	}
	if i < len(data) && data[i] == '.' {
		if i++; i >= len(data) {
			return i, ReasonTruncated
		}
		if !isDigit(data[i]) {
			return i, ReasonNotJSON
		}
		i = skipDigits(data, i)
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if i >= len(data) {
			return i, ReasonTruncated
		}
		if !isDigit(data[i]) {
			return i, ReasonNotJSON
		}
		i = skipDigits(data, i)
	}
	return i, ""
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func skipDigits(data []byte, i int) int {
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// skipString passes over a string, whose opening quote is at i. escaped tells that it contains a backslash.
func skipString(data []byte, i int) (end int, escaped bool, reason string) {
	for i++; ; {
		if i, _ = skipPlain(data, i); i >= len(data) {
			return i, escaped, ReasonTruncated
		}
		switch data[i] {
		case '"':
			return i + 1, escaped, ""
		case '\\':
			escaped = true
			if i, reason = skipEscape(data, i); reason != "" {
				return i, escaped, reason
			}
		default:
			return i, escaped, ReasonNotJSON
		}
	}
}

// skipPlainWords does the same as skipPlain, eight bytes at a time.
func skipPlainWords(data []byte, i int) (at int, ascii bool) {
	var all uint64 // the bytes so far, laid over each other
	for ; i+8 <= len(data); i += 8 {
		// A byte that is looked for sets its high bit in stop; the borrow of one can set further bits, but only above it.
		word := binary.LittleEndian.Uint64(data[i:])
		quote, slash := word^('"'*everyByte), word^('\\'*everyByte)
		stop := (word-0x20*everyByte)&^word | (quote-everyByte)&^quote | (slash-everyByte)&^slash
		if stop &= highBits; stop != 0 {
			n := bits.TrailingZeros64(stop) &^ 7
			all |= word & (1<<n - 1)
			return i + n/8, all&highBits == 0
		}
		all |= word
	}
	for ; i < len(data) && data[i] >= 0x20 && data[i] != '"' && data[i] != '\\'; i++ {
		all |= uint64(data[i])
	}
	return i, all&highBits == 0
}

// skipEscape passes over an escape sequence.
func skipEscape(data []byte, i int) (int, string) {
	if i++; i >= len(data) {
		return i, ReasonTruncated
	}
	switch data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, ""
	case 'u':
		for end := i + 5; ; {
			if i++; i == end {
				return i, ""
			}
			if i >= len(data) {
				return i, ReasonTruncated
			}
			if _, ok := hexDigit(data[i]); !ok {
				return i, ReasonNotJSON
			}
		}
	}
	return i, ReasonNotJSON
}

func hexDigit(c byte) (rune, bool) {
	switch {
	case isDigit(c):
		return rune(c - '0'), true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return rune(c|0x20-'a') + 10, true
	}
	return 0, false
}

func skipObject(data []byte, i, depth int) (int, string) {
	if depth > MaxDepth {
		return i, ReasonTooDeep
	}
	var reason string
	for first := true; ; first = false {
		var done bool
		if i, done, reason = nextItem(data, i, '}', first); done || reason != "" {
			return i, reason
		}
		if data[i] != '"' {
			return i, ReasonNotJSON
		}
		if i, _, reason = skipString(data, i); reason != "" {
			return i, reason
		}
		if i, reason = skipColon(data, i); reason != "" {
			return i, reason
		}
		if i, reason = skipValue(data, i, depth); reason != "" {
			return i, reason
		}
	}
}

func skipArray(data []byte, i, depth int) (int, string) {
	if depth > MaxDepth {
		return i, ReasonTooDeep
	}
	var reason string
	for first := true; ; first = false {
		var done bool
		if i, done, reason = nextItem(data, i, ']', first); done || reason != "" {
			return i, reason
		}
		if i, reason = skipValue(data, i, depth); reason != "" {
			return i, reason
		}
	}
}

// nextItem goes from the opening bracket (first) or the end of an item to the beginning of the next item, or, when done, behind the closing bracket.
func nextItem(data []byte, i int, closing byte, first bool) (next int, done bool, reason string) {
	if first {
		i++
	}
	if i = skipSpace(data, i); i >= len(data) {
		return i, false, ReasonTruncated
	}
	if data[i] == closing {
		return i + 1, true, ""
	}
	if first {
		return i, false, ""
	}
	if data[i] != ',' {
		return i, false, ReasonNotJSON
	}
	if i = skipSpace(data, i+1); i >= len(data) {
		return i, false, ReasonTruncated
	}
	if data[i] == closing { // a comma before the bracket
		return i, false, ReasonNotJSON
	}
	return i, false, ""
}

// skipColon goes from the end of a key to the beginning of its value.
func skipColon(data []byte, i int) (int, string) {
	if i = skipSpace(data, i); i >= len(data) {
		return i, ReasonTruncated
	}
	if data[i] != ':' {
		return i, ReasonNotJSON
	}
	if i = skipSpace(data, i+1); i >= len(data) {
		return i, ReasonTruncated
	}
	return i, ""
}
