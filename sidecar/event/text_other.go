//go:build !amd64

package event

// skipPlain gives the position of the first quote, backslash or control character, and whether all bytes before are ASCII.
func skipPlain(data []byte, i int) (at int, ascii bool) { return skipPlainWords(data, i) }
