package rollup

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// ParseDocument reads a document's source, as AppendJSON writes it, under its definition d. What is not in the source, the partition's topic id apart from
// its hexadecimal form and the offsets, stays zero. With an error it has what was read before, such as its time.
func ParseDocument(source []byte, d *Definition) (Document, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(source, &fields); err != nil {
		return Document{}, fmt.Errorf("read a rollup document: %w", err)
	}
	r := sourceReader{fields: fields}
	doc := Document{Measures: make([]Measure, len(d.Measures)), Sketches: make([]*Sketch, len(d.Percentiles)), Conditions: make([]int64, len(d.Conditions)), Distinct: make([]*Distinct, len(d.Distinct))}
	var grouping string
	r.read(FieldTime, &doc.Start)
	r.read(FieldGrouping, &grouping)
	r.read(FieldOverflow, &doc.Overflow)
	r.read(FieldCount, &doc.Count)
	r.read(FieldBytes, &doc.Bytes)
	r.read(FieldLateCount, &doc.LateCount)
	var late bool
	if r.read(FieldLate, &late); late {
		doc.Correction = &Correction{}
		r.read(FieldArrived, &doc.Correction.Arrived)
	}
	if err := doc.readKey(&r, d, grouping); err != nil {
		return doc, err
	}
	for i, m := range d.Measures {
		r.read(MeasureField(m.Name, "count"), &doc.Measures[i].Count)
		r.read(MeasureField(m.Name, "sum"), &doc.Measures[i].Sum)
		r.read(MeasureField(m.Name, "min"), &doc.Measures[i].Min)
		r.read(MeasureField(m.Name, "max"), &doc.Measures[i].Max)
	}
	for i, name := range d.Percentiles {
		if encoded := r.bytes(MeasureField(name, "sketch")); encoded != nil && r.err == nil {
			doc.Sketches[i], r.err = ParseSketch(encoded)
		}
	}
	for i, c := range d.Conditions {
		r.read(ConditionField(c.Name), &doc.Conditions[i])
	}
	for i, f := range d.Distinct {
		if encoded := r.bytes(DistinctField(f.Name)); encoded != nil && r.err == nil {
			doc.Distinct[i], r.err = ParseDistinct(encoded)
		}
	}
	return doc, r.err
}

// readKey finds the grouping and the values of its dimensions.
func (doc *Document) readKey(r *sourceReader, d *Definition, grouping string) error {
	for _, g := range d.Groupings {
		if g.String() != grouping {
			continue
		}
		doc.Grouping = g
		if doc.Overflow {
			return nil
		}
		doc.Dimensions = make([]string, len(g))
		for i, name := range g {
			r.read(DimensionField(name), &doc.Dimensions[i])
		}
		return nil
	}
	return fmt.Errorf("read a rollup document: rollup %q has no grouping %q under its definition %s", d.Name, grouping, d.Hash())
}

// Merge adds what another document of the same definition and key counted.
func (doc *Document) Merge(o *Document) {
	doc.Count += o.Count
	doc.Bytes += o.Bytes
	doc.LateCount += o.LateCount
	if o.Correction != nil {
		doc.LateCount += o.Count
	}
	for i := range o.Measures {
		doc.Measures[i].Merge(o.Measures[i])
	}
	for i, s := range o.Sketches {
		if s == nil {
			continue
		}
		if doc.Sketches[i] == nil {
			doc.Sketches[i] = NewSketch()
		}
		doc.Sketches[i].Merge(s)
	}
	for i, n := range o.Conditions {
		doc.Conditions[i] += n
	}
	for i, s := range o.Distinct {
		if s == nil {
			continue
		}
		if doc.Distinct[i] == nil {
			doc.Distinct[i] = NewDistinct()
		}
		doc.Distinct[i].Merge(s)
	}
}

// sourceReader reads the fields of a source, and keeps the first error.
type sourceReader struct {
	fields map[string]json.RawMessage
	err    error
}

func (r *sourceReader) read(name string, into any) {
	value, present := r.fields[name]
	if !present || r.err != nil {
		return
	}
	if err := json.Unmarshal(value, into); err != nil {
		r.err = fmt.Errorf("read the field %s of a rollup document: %w", name, err)
	}
}

func (r *sourceReader) bytes(name string) []byte {
	var encoded string
	r.read(name, &encoded)
	if encoded == "" || r.err != nil {
		return nil
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		r.err = fmt.Errorf("read the field %s of a rollup document: %w", name, err)
	}
	return decoded
}
