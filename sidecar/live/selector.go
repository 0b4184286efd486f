package live

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxRemembered bounds the values of a dimension of which it is remembered whether they meet a condition.
const maxRemembered = 10_000

// selector reads the rows of batches as a query wants them.
type selector struct {
	query      *Query
	shape      *wire.Shape
	remembered []map[string]bool // of each condition
}

func newSelector(q *Query, s *wire.Shape) *selector {
	sel := &selector{query: q, shape: s, remembered: make([]map[string]bool, len(q.Conditions))}
	for i := range sel.remembered {
		sel.remembered[i] = map[string]bool{}
	}
	return sel
}

// columns says where a part has what the query asks for; -1 where it has it not.
type columns struct {
	groupBy, filters, measures, conditions []int
	// lacking is true where the part's definition has not a dimension that the query needs.
	lacking bool
}

func (s *selector) columns(part wire.Shape) columns {
	var c columns
	c.groupBy = places(s.query.GroupBy, part.Dimensions)
	for i := range s.query.Conditions {
		c.filters = append(c.filters, slices.Index(part.Dimensions, s.query.Conditions[i].Dimension))
	}
	c.lacking = slices.Contains(c.groupBy, -1) || slices.Contains(c.filters, -1)
	c.measures = places(s.shape.Measures, part.Measures)
	c.conditions = places(s.shape.Conditions, part.Conditions)
	return c
}

func places(names, of []string) []int {
	all := make([]int, len(names))
	for i, name := range names {
		all[i] = slices.Index(of, name)
	}
	return all
}

// read calls add with each row of a part that the query counts, in the query's shape; the row is valid during the call. Events whose definition lacks a
// dimension that the query needs go to lacking, which gets the start of their bucket.
func (s *selector) read(part []byte, add func(*wire.Row), lacking func(start, events int64)) error {
	reader, err := wire.NewReader(bytes.NewReader(part))
	if err != nil {
		return err
	}
	defer reader.Close()
	shape := reader.Shape()
	if s.shape.Interval%shape.Interval != 0 {
		return fmt.Errorf("its buckets of %d ms do not fit into those of %d ms", shape.Interval, s.shape.Interval)
	}
	columns := s.columns(shape)
	row := wire.Row{
		Dimensions: make([]string, len(s.query.GroupBy)), Measures: make([]rollup.Measure, len(s.shape.Measures)), Conditions: make([]int64, len(s.shape.Conditions)),
	}
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range batch.Rows {
			r := &batch.Rows[i]
			start := floor(r.Start, s.shape.Interval)
			if columns.lacking {
				lacking(start, r.Count)
				continue
			}
			valid(r.Dimensions)
			if !s.meets(r, columns.filters) {
				continue
			}
			row.Start, row.Count, row.Bytes = start, r.Count, r.Bytes
			pick(row.Dimensions, r.Dimensions, columns.groupBy)
			pick(row.Measures, r.Measures, columns.measures)
			pick(row.Conditions, r.Conditions, columns.conditions)
			add(&row)
		}
	}
}

// pick takes values from their places. What is not there is empty.
func pick[T any](into, from []T, places []int) {
	for i, at := range places {
		if at < 0 {
			var none T
			into[i] = none
			continue
		}
		into[i] = from[at]
	}
}

func (s *selector) meets(r *wire.Row, places []int) bool {
	for i, at := range places {
		value := r.Dimensions[at]
		met, known := s.remembered[i][value]
		if !known {
			if len(s.remembered[i]) >= maxRemembered {
				clear(s.remembered[i])
			}
			met = s.query.Conditions[i].Match(value)
			s.remembered[i][strings.Clone(value)] = met // not the memory of a whole batch
		}
		if !met {
			return false
		}
	}
	return true
}

// valid has the replacement character in the place of bytes that are not UTF-8, as documents have.
func valid(values []string) {
	for i, v := range values {
		if !utf8.ValidString(v) {
			values[i] = string([]rune(v))
		}
	}
}

// floor is the start of the bucket that a time is in.
func floor(at, interval int64) int64 {
	rest := at % interval
	if rest < 0 {
		rest += interval
	}
	return at - rest
}

// ceiling is the start of the first bucket that begins at a time or after it.
func ceiling(at, interval int64) int64 {
	if start := floor(at, interval); start < at {
		return start + interval
	}
	return at
}
