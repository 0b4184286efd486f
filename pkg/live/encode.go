package live

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Compression is how the columns of batches are compressed.
type Compression string

// The compressions that every reader understands.
const (
	Uncompressed Compression = "none"
	LZ4          Compression = "lz4"
	Zstd         Compression = "zstd"
)

// Encoder writes the messages of streams of one shape. Each is complete by itself, so that many readers can be given the same bytes: the opening first, then
// any batches, and the closing. It is not safe for concurrent use.
type Encoder struct {
	shape   Shape
	schema  *arrow.Schema
	builder *array.RecordBuilder
	options []ipc.Option
	opening []byte
	closing []byte
}

// NewEncoder makes an encoder.
func NewEncoder(s Shape, c Compression) (*Encoder, error) {
	e := &Encoder{shape: s, schema: s.schema()}
	e.options = []ipc.Option{ipc.WithSchema(e.schema)}
	switch c {
	case Uncompressed:
	case LZ4:
		e.options = append(e.options, ipc.WithLZ4())
	case Zstd:
		e.options = append(e.options, ipc.WithZstd())
	default:
		return nil, fmt.Errorf("unknown compression %.20q: %s, %s and %s are allowed", c, Uncompressed, LZ4, Zstd)
	}
	e.builder = array.NewRecordBuilder(memory.DefaultAllocator, e.schema)
	var whole bytes.Buffer
	if err := ipc.NewWriter(&whole, e.options...).Close(); err != nil {
		return nil, fmt.Errorf("write the schema of a live stream: %w", err)
	}
	const end = 8 // bytes: the mark that continues, and a length of 0
	e.opening, e.closing = whole.Bytes()[:whole.Len()-end], whole.Bytes()[whole.Len()-end:]
	return e, nil
}

// Opening is what a stream begins with.
func (e *Encoder) Opening() []byte { return e.opening }

// Closing is what a stream ends with.
func (e *Encoder) Closing() []byte { return e.closing }

// Batch is one batch. Each of its rows must have as many values as the shape has names.
func (e *Encoder) Batch(b Batch) ([]byte, error) {
	note, err := json.Marshal(b.Note)
	if err != nil {
		return nil, fmt.Errorf("write a note: %w", err)
	}
	e.builder.Reserve(len(b.Rows) + 1)
	e.builder.Field(0).(*array.StringBuilder).Append(string(note)) //nolint:errcheck // the types are those of the schema, here and below
	for _, f := range e.builder.Fields()[1:] {
		f.AppendNull()
	}
	for i := range b.Rows {
		e.append(&b.Rows[i])
	}
	record := e.builder.NewRecord()
	defer record.Release()
	var whole bytes.Buffer
	w := ipc.NewWriter(&whole, e.options...)
	if err := w.Write(record); err != nil {
		return nil, fmt.Errorf("write a batch of a live stream: %w", err)
	}
	return whole.Bytes()[len(e.opening):], nil
}

func (e *Encoder) append(r *Row) {
	at := 0
	next := func() array.Builder {
		at++
		return e.builder.Field(at - 1)
	}
	number := func(v int64) { next().(*array.Int64Builder).Append(v) }    //nolint:errcheck // see Batch
	float := func(v float64) { next().(*array.Float64Builder).Append(v) } //nolint:errcheck // see Batch
	next().AppendNull()
	next().(*array.TimestampBuilder).Append(arrow.Timestamp(r.Start)) //nolint:errcheck // see Batch
	for _, v := range r.Dimensions {
		next().(*array.StringBuilder).Append(v) //nolint:errcheck // see Batch
	}
	number(r.Count)
	number(r.Bytes)
	for _, m := range r.Measures {
		number(m.Count)
		float(m.Sum)
		float(m.Min)
		float(m.Max)
	}
	for _, c := range r.Conditions {
		number(c)
	}
}

// emptyRow is a row of a shape without events.
func emptyRow(s *Shape) Row {
	return Row{Dimensions: make([]string, len(s.Dimensions)), Measures: make([]rollup.Measure, len(s.Measures)), Conditions: make([]int64, len(s.Conditions))}
}
