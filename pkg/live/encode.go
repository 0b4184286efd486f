package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

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
	writer  *ipc.Writer
	written bytes.Buffer // by the writer
	opening []byte
	closing []byte
}

// NewEncoder makes an encoder.
func NewEncoder(s Shape, c Compression) (*Encoder, error) {
	e := &Encoder{shape: s, schema: s.schema()}
	memory := &recycler{}
	options := []ipc.Option{ipc.WithSchema(e.schema), ipc.WithAllocator(memory)}
	switch c {
	case Uncompressed:
	case LZ4:
		options = append(options, ipc.WithLZ4())
	case Zstd:
		options = append(options, ipc.WithZstd())
	default:
		return nil, fmt.Errorf("unknown compression %.20q: %s, %s and %s are allowed", c, Uncompressed, LZ4, Zstd)
	}
	e.builder = array.NewRecordBuilder(memory, e.schema)
	if err := ipc.NewWriter(&e.written, options...).Close(); err != nil {
		return nil, fmt.Errorf("write the schema of a live stream: %w", err)
	}
	const end = 8 // bytes: the mark that continues, and a length of 0
	whole := bytes.Clone(e.written.Bytes())
	e.opening, e.closing = whole[:len(whole)-end], whole[len(whole)-end:]
	e.writer = ipc.NewWriter(&e.written, options...)
	if err := e.write(Batch{}); err != nil { // the opening comes before the first one
		return nil, err
	}
	return e, nil
}

// Opening is what a stream begins with.
func (e *Encoder) Opening() []byte { return e.opening }

// Closing is what a stream ends with.
func (e *Encoder) Closing() []byte { return e.closing }

// Batch is one batch. Each of its rows must have as many values as the shape has names.
func (e *Encoder) Batch(b Batch) ([]byte, error) {
	if err := e.write(b); err != nil {
		return nil, err
	}
	return bytes.Clone(e.written.Bytes()), nil
}

// Whole is a stream of one batch: the opening, the batch and the closing.
func (e *Encoder) Whole(b Batch) ([]byte, error) {
	if err := e.write(b); err != nil {
		return nil, err
	}
	return slices.Concat(e.opening, e.written.Bytes(), e.closing), nil
}

func (e *Encoder) write(b Batch) error {
	note, err := json.Marshal(b.Note)
	if err != nil {
		return fmt.Errorf("write a note: %w", err)
	}
	e.builder.Reserve(len(b.Rows) + 1)
	e.notes(string(note), len(b.Rows))
	e.rows(b.Rows)
	record := e.builder.NewRecord()
	defer record.Release()
	e.written.Reset()
	if err := e.writer.Write(record); err != nil {
		return fmt.Errorf("write a batch of a live stream: %w", err)
	}
	return nil
}

// notes fills the first row, which has a note alone.
func (e *Encoder) notes(note string, rows int) {
	for i, f := range e.builder.Fields() {
		if i > 0 {
			f.AppendNull()
			continue
		}
		f.(*array.StringBuilder).Append(note)
		f.AppendNulls(rows)
	}
}

// rows fills the other rows, column by column. There is room for them.
func (e *Encoder) rows(rows []Row) {
	at := 1
	next := func() array.Builder {
		at++
		return e.builder.Field(at - 1)
	}
	numbers := func(of func(*Row) int64) {
		column := next().(*array.Int64Builder)
		for i := range rows {
			column.UnsafeAppend(of(&rows[i]))
		}
	}
	floats := func(of func(*Row) float64) {
		column := next().(*array.Float64Builder)
		for i := range rows {
			column.UnsafeAppend(of(&rows[i]))
		}
	}
	starts := next().(*array.TimestampBuilder)
	for i := range rows {
		starts.UnsafeAppend(arrow.Timestamp(rows[i].Start))
	}
	for d := range e.shape.Dimensions {
		column := next().(*array.StringBuilder)
		for i := range rows {
			column.Append(rows[i].Dimensions[d])
		}
	}
	numbers(func(r *Row) int64 { return r.Count })
	numbers(func(r *Row) int64 { return r.Bytes })
	for m := range e.shape.Measures {
		numbers(func(r *Row) int64 { return r.Measures[m].Count })
		floats(func(r *Row) float64 { return r.Measures[m].Sum })
		floats(func(r *Row) float64 { return r.Measures[m].Min })
		floats(func(r *Row) float64 { return r.Measures[m].Max })
	}
	for c := range e.shape.Conditions {
		numbers(func(r *Row) int64 { return r.Conditions[c] })
	}
}

// emptyRow is a row of a shape without events.
func emptyRow(s *Shape) Row {
	return Row{Dimensions: make([]string, len(s.Dimensions)), Measures: make([]rollup.Measure, len(s.Measures)), Conditions: make([]int64, len(s.Conditions))}
}
