package plugin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What one message of a live stream may take. The Arrow library makes room for what a message says about itself before it reads it.
const (
	maxMessageHead = 1 << 20
	maxMessageBody = 64 << 20
	maxMessageRows = 300_000
)

// The kinds of Arrow's messages that a live stream consists of (org.apache.arrow.flatbuf.MessageHeader).
const (
	kindSchema      = 1
	kindRecordBatch = 3
)

var errNoMessage = errors.New("the live stream has something in it that is no message of Arrow")

// guard lets the messages of an Arrow stream through that say nothing about themselves that would take too much memory: no large ones, no compressed ones, no
// dictionaries.
type guard struct {
	from io.Reader
	head []byte // what is to be read next
	body int64  // what follows, as it comes
	err  error
}

func (g *guard) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(g.head) == 0 && g.body == 0 && g.err == nil {
		g.err = g.next()
	}
	switch {
	case len(g.head) > 0:
		n := copy(p, g.head)
		g.head = g.head[n:]
		return n, nil
	case g.err != nil:
		return 0, g.err
	}
	n, err := g.from.Read(p[:min(int64(len(p)), g.body)])
	g.body -= int64(n)
	return n, err
}

// next reads the head of a message and checks it.
func (g *guard) next() error {
	const prefix = 8
	head := make([]byte, prefix)
	if _, err := io.ReadFull(g.from, head); err != nil {
		return err
	}
	length := int64(int32(binary.LittleEndian.Uint32(head[4:])))
	if binary.LittleEndian.Uint32(head) != 0xFFFFFFFF || length < 0 || length > maxMessageHead {
		return errNoMessage
	}
	if length == 0 { // the end
		g.head, g.err = head, io.EOF
		return io.EOF
	}
	head = append(head, make([]byte, length)...)
	if _, err := io.ReadFull(g.from, head[prefix:]); err != nil {
		return err
	}
	body, err := checkMessage(head[prefix:])
	if err != nil {
		return err
	}
	g.head, g.body = head, body
	return nil
}

// checkMessage reads the length of a message's body.
func checkMessage(text []byte) (int64, error) {
	const headerKind, header, bodyLength = 1, 2, 3 // fields of Message
	const length, compression = 0, 3               // fields of RecordBatch
	buffer := flat(text)
	message, known := buffer.pointer(0)
	if !known {
		return 0, errNoMessage
	}
	kind := buffer.number(buffer.field(message, headerKind), 1)
	body := buffer.number(buffer.field(message, bodyLength), 8)
	switch {
	case kind != kindSchema && kind != kindRecordBatch:
		return 0, errNoMessage
	case body < 0 || body > maxMessageBody:
		return 0, fmt.Errorf("a message of the live stream has %d bytes: at most %d are allowed", body, maxMessageBody)
	case kind == kindSchema:
		return body, nil
	}
	batch, known := buffer.pointer(buffer.field(message, header))
	if !known {
		return 0, errNoMessage
	}
	if rows := buffer.number(buffer.field(batch, length), 8); rows < 0 || rows > maxMessageRows {
		return 0, fmt.Errorf("a batch of the live stream has %d rows: at most %d are allowed", rows, maxMessageRows)
	}
	if buffer.field(batch, compression) > 0 {
		return 0, errors.New("a batch of the live stream is compressed, which was not asked for")
	}
	return body, nil
}

// flat is a FlatBuffer (flatbuffers.dev/internals). Places beyond its end are -1, and what is there is 0.
type flat []byte

// number reads one of so many bytes.
func (f flat) number(at, bytes int64) int64 {
	if at < 0 || at+bytes > int64(len(f)) {
		return 0
	}
	var word [8]byte
	copy(word[:], f[at:at+bytes])
	return int64(binary.LittleEndian.Uint64(word[:]))
}

// pointer follows an offset to a table.
func (f flat) pointer(at int64) (int64, bool) {
	if at < 0 || at+4 > int64(len(f)) {
		return -1, false
	}
	to := at + f.number(at, 4)
	return to, to+4 <= int64(len(f))
}

// field finds the field of a table; -1 is one that is left out.
func (f flat) field(table, number int64) int64 {
	names := table - int64(int32(f.number(table, 4))) // the vtable
	if place := 4 + 2*number; names >= 0 && place < f.number(names, 2) {
		if offset := f.number(names+place, 2); offset > 0 {
			return table + offset
		}
	}
	return -1
}
