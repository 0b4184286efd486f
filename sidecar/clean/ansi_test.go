package clean

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestStripRemovesTerminalSequences(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"none", "plain \t text\n", "plain \t text\n"},
		{"colours", "\x1b[31mred\x1b[0m", "red"},
		{"colours with several parameters", "\x1b[0;39m\x1b[38;5;196mx\x1b[38:2::1:2:3my\x1b[m", "xy"},
		{"private parameters", "\x1b[?25lx\x1b[>4;1mz", "xz"},
		{"intermediate characters", "\x1b[1 qx\x1b[!py", "xy"},
		{"window title, ended by BEL", "\x1b]0;title\x07x", "x"},
		{"window title, ended by ST", "\x1b]0;title\x1b\\x", "x"},
		{"window title, ended by the 8-bit ST", "\x1b]0;title\u009cx", "x"},
		{"hyperlink", "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\!", "link!"},
		{"device control string", "\x1bP1$r0m\x1b\\x", "x"},
		{"application command and privacy message", "\x1b_a\x1b\\x\x1b^b\x1b\\y\x1bXc\x1b\\z", "xyz"},
		{"string ended by another sequence", "\x1b]0;title\x1b[31mx", "x"},
		{"string ended by CAN", "\x1b]0;title\x18x", "x"},
		{"string that is not closed", "\x1b]0;the rest is kept", "0;the rest is kept"},
		{"character set", "\x1b(Bx\x1b)0y\x1b#8z", "xyz"},
		{"two characters", "\x1bcx\x1b7y\x1b=z", "xyz"},
		{"8-bit control sequence", "\u009b31mx\u009b0m", "x"},
		{"8-bit command", "\u009d0;title\u009cx", "x"},
		{"other 8-bit controls", "a\u0085b\u0080c\u009fd", "abcd"},
		{"escape at the end", "x\x1b", "x"},
		{"bracket at the end", "x\x1b[", "x"},
		{"broken off in the parameters", "x\x1b[31", "x"},
		{"broken off by a line break", "\x1b[31\nx", "\nx"},
		{"broken off by another", "\x1b[3\x1b[31mx", "x"},
		{"two escapes", "\x1b\x1b[31mx", "x"},
		{"before other letters", "\x1b[31é\x1bé", "éé"},
		{"letters that begin like a control", "\u00a0\u00c2Â", "\u00a0\u00c2Â"},
		{"control strings around text", "a\x1b]0;t\x07b\x1b[Kc", "abc"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(appendStripped(nil, []byte(test.text))); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzStripANSI(f *testing.F) {
	for _, seed := range []string{"\x1b[31mred\x1b[0m", "\x1b]0;t\x07x", "\u009b1mx", "\x1b(B\x1bP\x1b\\", "\x1b]x", "é\x1b\x1b[\xc2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			return
		}
		stripped := appendStripped(nil, text)
		if firstControl(stripped) != len(stripped) {
			t.Errorf("%q still has a control in %q", text, stripped)
		}
		if !utf8.Valid(stripped) {
			t.Errorf("%q became %q, which is not UTF-8", text, stripped)
		}
		if firstControl(text) == len(text) && !bytes.Equal(text, stripped) {
			t.Errorf("%q has no control, but became %q", text, stripped)
		}
		if !isSubsequence(stripped, text) {
			t.Errorf("%q became %q, which it does not hold", text, stripped)
		}
	})
}

func isSubsequence(part, whole []byte) bool {
	for _, c := range whole {
		if len(part) > 0 && part[0] == c {
			part = part[1:]
		}
	}
	return len(part) == 0
}
