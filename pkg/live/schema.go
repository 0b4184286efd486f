package live

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Keys of the schema's metadata.
const (
	metaVersion  = "tidemark.live.version"
	metaRollup   = "tidemark.live.rollup"
	metaInterval = "tidemark.live.interval_ms"
)

// The columns before those of the dimensions, and those after.
const (
	columnNote  = "note"
	columnStart = "start"
)

// ContentType is that of a stream over HTTP.
const ContentType = "application/vnd.apache.arrow.stream"

var startType = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}

// measureParts are the columns of a measure.
var measureParts = []string{"count", "sum", "min", "max"}

// schema gives the columns, in the order in which batches are written and read.
func (s *Shape) schema() *arrow.Schema {
	fields := []arrow.Field{{Name: columnNote, Type: arrow.BinaryTypes.String, Nullable: true}, {Name: columnStart, Type: startType, Nullable: true}}
	add := func(name string, t arrow.DataType) {
		fields = append(fields, arrow.Field{Name: name, Type: t, Nullable: true})
	}
	for _, name := range s.Dimensions {
		add(rollup.DimensionField(name), arrow.BinaryTypes.String)
	}
	add(rollup.FieldCount, arrow.PrimitiveTypes.Int64)
	add(rollup.FieldBytes, arrow.PrimitiveTypes.Int64)
	for _, name := range s.Measures {
		add(rollup.MeasureField(name, measureParts[0]), arrow.PrimitiveTypes.Int64)
		for _, part := range measureParts[1:] {
			add(rollup.MeasureField(name, part), arrow.PrimitiveTypes.Float64)
		}
	}
	for _, name := range s.Conditions {
		add(rollup.ConditionField(name), arrow.PrimitiveTypes.Int64)
	}
	meta := arrow.NewMetadata([]string{metaVersion, metaRollup, metaInterval}, []string{strconv.Itoa(Version), s.Rollup, strconv.FormatInt(s.Interval, 10)})
	return arrow.NewSchema(fields, &meta)
}

// shapeOf reads a schema. It takes only what schema makes.
func shapeOf(schema *arrow.Schema) (Shape, error) {
	meta := schema.Metadata()
	value := func(key string) string {
		if i := meta.FindKey(key); i >= 0 {
			return meta.Values()[i]
		}
		return ""
	}
	if v := value(metaVersion); v != strconv.Itoa(Version) {
		return Shape{}, fmt.Errorf("the live stream has version %.20q: version %d is understood", v, Version)
	}
	s := Shape{Rollup: value(metaRollup)}
	var err error
	if s.Interval, err = strconv.ParseInt(value(metaInterval), 10, 64); err != nil || s.Interval <= 0 {
		return Shape{}, fmt.Errorf("the live stream has buckets of %.20q ms", value(metaInterval))
	}
	for _, f := range schema.Fields() {
		if name, is := strings.CutPrefix(f.Name, rollup.DimensionField("")); is {
			s.Dimensions = append(s.Dimensions, name)
		} else if name, is := strings.CutPrefix(f.Name, rollup.ConditionField("")); is {
			s.Conditions = append(s.Conditions, name)
		} else if name, is := strings.CutPrefix(f.Name, "m."); is {
			if name, is = strings.CutSuffix(name, "."+measureParts[0]); is {
				s.Measures = append(s.Measures, name)
			}
		}
	}
	want := s.schema().Fields()
	for i, f := range schema.Fields() {
		if i >= len(want) || f.Name != want[i].Name || !arrow.TypeEqual(f.Type, want[i].Type) {
			return Shape{}, fmt.Errorf("the live stream has a column %.80q of type %s in place %d", f.Name, f.Type, i+1)
		}
	}
	if got := len(schema.Fields()); got != len(want) {
		return Shape{}, fmt.Errorf("the live stream has %d columns, %d are needed", got, len(want))
	}
	return s, nil
}
