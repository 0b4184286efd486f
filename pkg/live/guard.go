package live

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	flatbuffers "github.com/google/flatbuffers/go"
)

// What one message of a stream may take. The Arrow library makes room for what a message says about itself before it reads it.
const (
	maxMessageHead = 1 << 20  // bytes
	maxMessageBody = 64 << 20 // bytes
	maxMessageRows = 300_000
	maxFields      = 1000
)

var errNoMessage = errors.New("the live stream has something in it that is no message of Arrow")

// guard lets the messages of an Arrow stream through that say nothing about themselves that would take too much memory: no large ones, none of nested types,
// no dictionaries, and compressed ones only where they are admitted.
type guard struct {
	from     io.Reader
	admitted []Compression
	head     []byte // what is to be read next
	body     int64  // what follows, as it comes
	err      error
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
		g.head = head
		return io.EOF
	}
	message := make([]byte, prefix+length)
	copy(message, head)
	if _, err := io.ReadFull(g.from, message[prefix:]); err != nil {
		return err
	}
	body, err := g.check(message[prefix:])
	if err != nil {
		return err
	}
	g.head, g.body = message, body
	return nil
}

// The tables of Arrow's messages (org.apache.arrow.flatbuf): the places of their fields in a table of type Message, Schema, Field and so on.
const (
	messageKind, messageHeader, messageBodyLength                         = 6, 8, 10
	schemaFields, schemaNotes                                             = 6, 8
	fieldName, fieldKind, fieldDictionary, fieldChildren, fieldNotes      = 4, 8, 12, 14, 16
	noteKey, noteValue                                                    = 4, 6
	batchRows, batchBuffers, batchCompression                             = 4, 8, 10
	compressionCodec                                                      = 4
	kindSchema, kindBatch                                                 = 1, 3
	typeInt, typeFloatingPoint, typeText, typeTimestamp              byte = 2, 3, 5, 10
)

// codecs are the compressions by their numbers in Arrow.
var codecs = []Compression{LZ4, Zstd}

// check reads the head of a message and gives the length of its body. It reads with the library with which Arrow reads, which panics where places are beyond
// the end.
func (g *guard) check(text []byte) (body int64, err error) {
	defer func() {
		if recover() != nil {
			err = errNoMessage
		}
	}()
	message := table{flatbuffers.Table{Bytes: text, Pos: flatbuffers.GetUOffsetT(text)}}
	body = message.GetInt64Slot(messageBodyLength, 0)
	if body < 0 || body > maxMessageBody {
		return 0, fmt.Errorf("a message of the live stream has %d bytes: at most %d are allowed", body, maxMessageBody)
	}
	header, is := message.table(messageHeader)
	if !is {
		return 0, errNoMessage
	}
	switch message.GetByteSlot(messageKind, 0) {
	case kindSchema:
		return body, checkSchema(header)
	case kindBatch:
		return body, g.checkBatch(header, body)
	}
	return 0, errNoMessage
}

// checkSchema lets columns of plain types through.
func checkSchema(schema table) error {
	room := len(schema.Bytes) // names could all be the same long text
	fields, err := schema.tables(schemaFields)
	if err != nil {
		return err
	}
	for _, field := range fields {
		kind := field.GetByteSlot(fieldKind, 0)
		if !slices.Contains([]byte{typeInt, typeFloatingPoint, typeText, typeTimestamp}, kind) {
			return errNoMessage
		}
		if field.length(fieldChildren) != 0 || field.length(fieldNotes) != 0 || field.Offset(fieldDictionary) != 0 {
			return errNoMessage
		}
		room -= field.length(fieldName)
	}
	notes, err := schema.tables(schemaNotes)
	if err != nil {
		return err
	}
	for _, note := range notes {
		room -= note.length(noteKey) + note.length(noteValue)
	}
	if room < 0 {
		return errNoMessage
	}
	return nil
}

// checkBatch lets what has few rows through, is compressed as was asked for, and is in its body.
func (g *guard) checkBatch(batch table, body int64) error {
	const size = 16 // bytes of a buffer: its offset and its length
	if rows := batch.GetInt64Slot(batchRows, 0); rows < 0 || rows > maxMessageRows {
		return fmt.Errorf("a batch of the live stream has %d rows: at most %d are allowed", rows, maxMessageRows)
	}
	if compression, is := batch.table(batchCompression); is {
		if codec := int(compression.GetByteSlot(compressionCodec, 0)); codec >= len(codecs) || !slices.Contains(g.admitted, codecs[codec]) {
			return errors.New("a batch of the live stream is compressed in a way that was not asked for")
		}
	}
	for i := range batch.length(batchBuffers) {
		at := batch.Vector(flatbuffers.UOffsetT(batch.Offset(batchBuffers))) + flatbuffers.UOffsetT(i*size)
		bytes := batch.GetInt64(at + 8)
		if bytes < 0 || bytes > body {
			return errNoMessage
		}
		body -= bytes
	}
	return nil
}

// table is a table of a FlatBuffer.
type table struct{ flatbuffers.Table }

// table follows a field to a table.
func (t table) table(field flatbuffers.VOffsetT) (table, bool) {
	at := flatbuffers.UOffsetT(t.Offset(field))
	if at == 0 {
		return table{}, false
	}
	return table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + at)}}, true
}

// length is how many elements the vector of a field has, or bytes its text; 0 when it is left out.
func (t table) length(field flatbuffers.VOffsetT) int {
	at := flatbuffers.UOffsetT(t.Offset(field))
	if at == 0 {
		return 0
	}
	return t.VectorLen(at)
}

// tables are the elements of a field's vector.
func (t table) tables(field flatbuffers.VOffsetT) ([]table, error) {
	n := t.length(field)
	if n > maxFields {
		return nil, errNoMessage
	}
	all := make([]table, n)
	for i := range all {
		const size = 4 // bytes of an offset
		at := t.Vector(flatbuffers.UOffsetT(t.Offset(field))) + flatbuffers.UOffsetT(i*size)
		all[i] = table{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}
	}
	return all, nil
}
