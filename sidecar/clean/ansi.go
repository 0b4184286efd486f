package clean

import "bytes"

// The control characters of ECMA-48 that begin or end terminal escape sequences.
const (
	bell       = 0x07
	cancel     = 0x18
	substitute = 0x1a
	escape     = 0x1b
	// The 8-bit controls U+0080 to U+009F are, in UTF-8, this byte and their number.
	c1Lead = 0xc2
)

// firstControl is the position of the first escape or 8-bit control character.
func firstControl(text []byte) int {
	first := bytes.IndexByte(text, escape)
	if first < 0 {
		first = len(text)
	}
	for i := 0; ; i++ {
		n := bytes.IndexByte(text[i:first], c1Lead)
		if n < 0 {
			return first
		}
		if i += n; isC1(text, i) {
			return i
		}
	}
}

func isC1(text []byte, i int) bool {
	return i+1 < len(text) && text[i] == c1Lead && text[i+1] >= 0x80 && text[i+1] <= 0x9f
}

// appendStripped appends the text, which is UTF-8, without its terminal escape sequences and 8-bit controls. A sequence that the end of the text or a character that
// cannot be in it breaks off is removed as far as it goes; where a string sequence (a window title, a hyperlink) is not closed, only its introducer
// is, since what follows is more likely text than a title.
func appendStripped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		switch {
		case text[i] == escape:
			i = skipEscape(text, i+1)
		case isC1(text, i):
			i = skipControl(text, i+2, text[i+1]-0x40)
		default:
			dst = append(dst, text[i])
			i++
		}
	}
	return dst
}

// skipEscape passes over what follows an escape character.
func skipEscape(text []byte, i int) int {
	start := i
	for i < len(text) && text[i] >= 0x20 && text[i] <= 0x2f { // intermediate characters, as in ESC ( B
		i++
	}
	switch {
	case i == len(text) || text[i] < 0x30 || text[i] > 0x7e:
		return i
	case i > start:
		return i + 1
	}
	return skipControl(text, i+1, text[i])
}

// skipControl passes over what follows a control function, which is named by the second character of its two-character form.
func skipControl(text []byte, i int, function byte) int {
	switch function {
	case '[': // control sequence: parameters, intermediate characters, a final character
		for i < len(text) && text[i] >= 0x30 && text[i] <= 0x3f {
			i++
		}
		for i < len(text) && text[i] >= 0x20 && text[i] <= 0x2f {
			i++
		}
		if i < len(text) && text[i] >= 0x40 && text[i] <= 0x7e {
			i++
		}
	case ']', 'P', 'X', '^', '_': // operating system command, device control, start of string, privacy message, application command
		return skipControlString(text, i)
	}
	return i
}

// skipControlString passes over a control string and its terminator: BEL, ST, CAN or SUB. Another escape sequence ends it as well.
func skipControlString(text []byte, start int) int {
	for i := start; i < len(text); i++ {
		switch c := text[i]; {
		case c == bell || c == cancel || c == substitute:
			return i + 1
		case c == escape:
			if i+1 < len(text) && text[i+1] == '\\' {
				return i + 2
			}
			return i
		case isC1(text, i) && text[i+1] == 0x9c:
			return i + 2
		}
	}
	return start
}
