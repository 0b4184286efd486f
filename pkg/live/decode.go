package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Reader reads a stream.
type Reader struct {
	shape  Shape
	reader *ipc.Reader
}

// NewReader reads the beginning of a stream, which tells its shape. A stream may hold anything: messages that would take much memory are refused, as are
// batches of other compressions than those named, which are those that were asked for.
func NewReader(r io.Reader, compressions ...Compression) (reader *Reader, err error) {
	defer func() { err = orPanic(err, recover()) }()
	arrowReader, err := ipc.NewReader(&guard{from: r, admitted: compressions})
	if err != nil {
		return nil, fmt.Errorf("read the beginning of a live stream: %w", err)
	}
	shape, err := shapeOf(arrowReader.Schema())
	if err != nil {
		arrowReader.Release()
		return nil, err
	}
	return &Reader{shape: shape, reader: arrowReader}, nil
}

// orPanic turns a panic of the Arrow library, which bytes can cause that are no stream, into an error.
func orPanic(err error, cause any) error {
	if cause != nil {
		return fmt.Errorf("read a live stream: %v", cause)
	}
	return err
}

// Shape says what the rows hold.
func (r *Reader) Shape() Shape { return r.shape }

// Close lets go of what was read.
func (r *Reader) Close() { r.reader.Release() }

// Next waits for the next batch and reads it. At the end of the stream it returns io.EOF.
func (r *Reader) Next() (b Batch, err error) {
	defer func() { err = orPanic(err, recover()) }()
	if !r.reader.Next() {
		if err := r.reader.Err(); err != nil && !errors.Is(err, io.EOF) {
			return Batch{}, fmt.Errorf("read a live stream: %w", err)
		}
		return Batch{}, io.EOF
	}
	return r.read(r.reader.Record())
}

func (r *Reader) read(record arrow.Record) (Batch, error) {
	var b Batch
	notes, is := record.Column(0).(*array.String)
	if !is || record.NumRows() < 1 || notes.IsNull(0) {
		return Batch{}, errors.New("a batch of the live stream does not begin with its note")
	}
	if err := json.Unmarshal([]byte(notes.Value(0)), &b.Note); err != nil {
		return Batch{}, fmt.Errorf("read the note of a batch of the live stream: %w", err)
	}
	n := int(record.NumRows()) - 1
	if n == 0 {
		return b, nil
	}
	b.Rows = make([]Row, n)
	for i := range b.Rows {
		b.Rows[i] = emptyRow(&r.shape)
	}
	return b, r.columns(record, b.Rows)
}

// columns reads the values column by column. What is null is empty, or 0.
func (r *Reader) columns(record arrow.Record, rows []Row) error {
	at := 1
	next := func() arrow.Array {
		at++
		return record.Column(at - 1)
	}
	starts, is := next().(*array.Timestamp)
	if !is {
		return errors.New("the live stream has no times")
	}
	for i := range rows {
		if starts.IsNull(i + 1) {
			return errors.New("a row of the live stream has no start")
		}
		rows[i].Start = int64(starts.Value(i + 1))
	}
	for d := range r.shape.Dimensions {
		if column, is := next().(*array.String); is {
			for i := range rows {
				rows[i].Dimensions[d] = column.Value(i + 1)
			}
		}
	}
	numbers(next(), rows, func(row *Row) *int64 { return &row.Count })
	numbers(next(), rows, func(row *Row) *int64 { return &row.Bytes })
	for m := range r.shape.Measures {
		numbers(next(), rows, func(row *Row) *int64 { return &row.Measures[m].Count })
		for _, part := range []func(*rollup.Measure) *float64{
			func(m *rollup.Measure) *float64 { return &m.Sum }, func(m *rollup.Measure) *float64 { return &m.Min }, func(m *rollup.Measure) *float64 { return &m.Max },
		} {
			if column, is := next().(*array.Float64); is {
				for i := range rows {
					*part(&rows[i].Measures[m]) = column.Value(i + 1)
				}
			}
		}
	}
	for c := range r.shape.Conditions {
		numbers(next(), rows, func(row *Row) *int64 { return &row.Conditions[c] })
	}
	return nil
}

func numbers(column arrow.Array, rows []Row, at func(*Row) *int64) {
	if values, is := column.(*array.Int64); is {
		for i := range rows {
			*at(&rows[i]) = values.Value(i + 1)
		}
	}
}
