package plugin

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The kinds of Arrow's messages that a live stream consists of (org.apache.arrow.flatbuf.MessageHeader).
const (
	kindSchema      = 1
	kindRecordBatch = 3
)

// checkMessage reads the length of a message's body.
func checkMessage(text []byte) (int64, error) {
	const headerKind, header, bodyLength = 1, 2, 3 // fields of Message
	buffer := flat(text)
	message, known := buffer.pointer(0)
	if !known {
		return 0, errNoMessage
	}
	kind := buffer.number(buffer.field(message, headerKind), 1)
	body := buffer.number(buffer.field(message, bodyLength), 8)
	if body < 0 || body > maxMessageBody {
		return 0, fmt.Errorf("a message of the live stream has %d bytes: at most %d are allowed", body, maxMessageBody)
	}
	table, known := buffer.pointer(buffer.field(message, header))
	switch {
	case known && kind == kindSchema:
		return body, buffer.checkSchema(table)
	case known && kind == kindRecordBatch:
		return body, buffer.checkBatch(table, body)
	}
	return 0, errNoMessage
}

// checkSchema lets columns of plain types through.
func (f flat) checkSchema(schema int64) error {
	const fields, metadata = 1, 2                             // of Schema
	const kind, dictionary, children, fieldNotes = 2, 4, 5, 6 // of Field
	start, n, known := f.vector(f.field(schema, fields), 4)
	_, notes, knownNotes := f.vector(f.field(schema, metadata), 4)
	if !known || !knownNotes || n > maxFields || notes > maxFields {
		return errNoMessage
	}
	for i := range n {
		table, known := f.pointer(start + 4*i)
		if !known {
			return errNoMessage
		}
		switch f.number(f.field(table, kind), 1) {
		case 2, 3, 5, 10: // Int, FloatingPoint, Utf8, Timestamp
		default:
			return errNoMessage
		}
		_, below, _ := f.vector(f.field(table, children), 4)
		_, notes, _ := f.vector(f.field(table, fieldNotes), 4)
		if below != 0 || notes != 0 || f.field(table, dictionary) > 0 {
			return errNoMessage
		}
	}
	return nil
}

// checkBatch lets what has few rows through, is not compressed, and is in its body.
func (f flat) checkBatch(batch, body int64) error {
	const length, buffers, compression = 0, 2, 3 // fields of RecordBatch
	const bufferBytes = 16                       // an offset and a length
	if rows := f.number(f.field(batch, length), 8); rows < 0 || rows > maxMessageRows {
		return fmt.Errorf("a batch of the live stream has %d rows: at most %d are allowed", rows, maxMessageRows)
	}
	if f.field(batch, compression) > 0 {
		return errors.New("a batch of the live stream is compressed, which was not asked for")
	}
	start, n, known := f.vector(f.field(batch, buffers), bufferBytes)
	if !known {
		return errNoMessage
	}
	rest := body
	for i := range n {
		bytes := f.number(start+bufferBytes*i+8, 8)
		if bytes < 0 || bytes > rest {
			return errNoMessage
		}
		rest -= bytes
	}
	return nil
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

// vector follows an offset to elements of so many bytes. One that is left out has none. The last result is false where they are not all there.
func (f flat) vector(at, bytes int64) (start, n int64, known bool) {
	if at < 0 {
		return 0, 0, true
	}
	to, known := f.pointer(at)
	if !known {
		return 0, -1, false
	}
	n = f.number(to, 4)
	return to + 4, n, to+4+n*bytes <= int64(len(f))
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
