package event

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// plainAVX2 looks for the first quote, backslash or control character in n bytes, 32 at a time. It gives the position, or that of the rest that it did not
// look at; high is not zero where bytes of 0x80 and above come before.
//
//go:noescape
func plainAVX2(data *byte, n int) (at int, high uint32, stopped bool)

// skipPlain gives the position of the first quote, backslash or control character, and whether all bytes before are ASCII.
func skipPlain(data []byte, i int) (at int, ascii bool) {
	if !hasAVX2 || len(data)-i < 32 {
		return skipPlainWords(data, i)
	}
	n, high, stopped := plainAVX2(&data[i], len(data)-i)
	at, ascii = i+n, true
	if !stopped {
		at, ascii = skipPlainWords(data, at)
	}
	return at, ascii && high == 0
}
