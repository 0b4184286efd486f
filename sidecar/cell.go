package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// cell is what documents of one grouping say of one key, however many documents there are: an event can be counted in its window or in a correction.
type cell struct {
	counts   map[string]int64   // count, bytes, conditions, and how many events carry each measure
	sums     map[string]float64 // of measures
	least    map[string]float64
	largest  map[string]float64
	sketches map[string]*rollup.Sketch
	distinct map[string]*rollup.Distinct
	// unreadable is that a sketch of it is damaged: then it says the same as no other.
	unreadable bool
}

func newCell() *cell {
	return &cell{
		counts: map[string]int64{}, sums: map[string]float64{}, least: map[string]float64{}, largest: map[string]float64{},
		sketches: map[string]*rollup.Sketch{}, distinct: map[string]*rollup.Distinct{},
	}
}

// cellKey names a cell: the grouping and the dimensions' values.
type cellKey string

// source is a rollup document as it is stored, read by its fields' names, so that one of any definition can be read.
type source struct {
	fields map[string]json.RawMessage
}

func readSource(text []byte) (source, error) {
	var s source
	if err := json.Unmarshal(text, &s.fields); err != nil {
		return s, fmt.Errorf("read a rollup document: %w", err)
	}
	return s, nil
}

func (s source) text(name string) string {
	var v string
	_ = json.Unmarshal(s.fields[name], &v) // absent or of another type: empty
	return v
}

func (s source) integer(name string) int64 {
	var v int64
	_ = json.Unmarshal(s.fields[name], &v) // absent or of another type: zero
	return v
}

func (s source) float(name string) float64 {
	var v float64
	_ = json.Unmarshal(s.fields[name], &v) // absent or of another type: zero
	return v
}

// binary is empty where the field is absent or of another type.
func (s source) binary(name string) []byte {
	decoded, err := base64.StdEncoding.DecodeString(s.text(name))
	if err != nil {
		return nil
	}
	return decoded
}

func (s source) overflow() bool { return string(s.fields[rollup.FieldOverflow]) == "true" }

func (s source) late() bool { return string(s.fields[rollup.FieldLate]) == "true" }

// closing is the watermark at which the document's window closed, for windows of a length in milliseconds.
func (s source) closing(length int64) int64 {
	if s.late() {
		return s.integer(rollup.FieldArrived) + length
	}
	return s.integer(rollup.FieldTime) + length
}

func (s source) key() cellKey {
	var b strings.Builder
	b.WriteString(s.text(rollup.FieldGrouping))
	if s.overflow() {
		b.WriteString("\x00overflow")
	}
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if strings.HasPrefix(name, "dim.") {
			b.WriteString("\x00" + name + "=" + s.text(name))
		}
	}
	return cellKey(b.String())
}

// cells are what the documents of one window say.
type cells map[cellKey]*cell

// add merges a document.
func (c cells) add(s source) {
	key := s.key()
	to := c[key]
	if to == nil {
		to = newCell()
		c[key] = to
	}
	for name := range s.fields {
		to.add(name, s)
	}
}

func (c *cell) add(name string, s source) {
	keep := func(kept map[string]float64, better func(a, b float64) float64) {
		v := s.float(name)
		if before, known := kept[name]; known {
			v = better(before, v)
		}
		kept[name] = v
	}
	measure := strings.HasPrefix(name, "m.")
	switch {
	case name == rollup.FieldCount, name == rollup.FieldBytes, strings.HasPrefix(name, "c."), measure && strings.HasSuffix(name, ".count"):
		c.counts[name] += s.integer(name)
	case measure && strings.HasSuffix(name, ".sum"):
		c.sums[name] += s.float(name)
	case measure && strings.HasSuffix(name, ".min"):
		keep(c.least, math.Min)
	case measure && strings.HasSuffix(name, ".max"):
		keep(c.largest, math.Max)
	case measure && strings.HasSuffix(name, ".sketch"):
		sketch, err := rollup.ParseSketch(s.binary(name))
		if err != nil {
			c.unreadable = true
			return
		}
		c.addSketch(name, sketch)
	case strings.HasPrefix(name, "d."):
		sketch, err := rollup.ParseDistinct(s.binary(name))
		if err != nil {
			c.unreadable = true
			return
		}
		c.addDistinct(name, sketch)
	}
}

func (c *cell) addSketch(name string, s *rollup.Sketch) {
	if c.sketches[name] == nil {
		c.sketches[name] = rollup.NewSketch()
	}
	c.sketches[name].Merge(s)
}

func (c *cell) addDistinct(name string, s *rollup.Distinct) {
	if c.distinct[name] == nil {
		c.distinct[name] = rollup.NewDistinct()
	}
	c.distinct[name].Merge(s)
}

// equal reports whether two cells say the same. Sums of floating-point numbers may differ in the order in which they were made; sketches of the same values
// have the same encoding, whatever the order.
func (c *cell) equal(o *cell) bool {
	if c.unreadable || o.unreadable || !maps.Equal(c.counts, o.counts) || !maps.Equal(c.least, o.least) || !maps.Equal(c.largest, o.largest) {
		return false
	}
	near := func(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1) }
	if !maps.EqualFunc(c.sums, o.sums, near) {
		return false
	}
	return maps.EqualFunc(c.sketches, o.sketches, encodedEqually[*rollup.Sketch]) && maps.EqualFunc(c.distinct, o.distinct, encodedEqually[*rollup.Distinct])
}

func encodedEqually[S interface{ Append(b []byte) []byte }](a, b S) bool {
	return bytes.Equal(a.Append(nil), b.Append(nil))
}

// differing counts the keys about which two windows say different things. Where keys overflowed, which ones had a place depends on how the events came, so
// only each grouping's totals are compared, of counts and sketches.
func (c cells) differing(o cells) int {
	a, b := c, o
	if c.overflowed() || o.overflowed() {
		a, b = c.totals(), o.totals()
	}
	n := 0
	for key, cell := range a {
		if b[key] == nil || !cell.equal(b[key]) {
			n++
		}
	}
	for key := range b {
		if a[key] == nil {
			n++
		}
	}
	return n
}

// lacking gives the keys that another window says nothing of, where both say the same of all others; nil where they do not.
func (c cells) lacking(o cells) map[cellKey]bool {
	if c.overflowed() || o.overflowed() {
		return nil
	}
	keys := map[cellKey]bool{}
	for key, cell := range c {
		switch {
		case o[key] == nil:
			keys[key] = true
		case !cell.equal(o[key]):
			return nil
		}
	}
	for key := range o {
		if c[key] == nil {
			return nil
		}
	}
	return keys
}

// within reports whether a window says no less than one of two others and no more than the second, which has all that is in the first and more. Of sums
// nothing is compared, and of sketches only whether they are there.
func (c cells) within(least, most cells) bool {
	if c.overflowed() || most.overflowed() {
		c, least, most = c.totals(), least.totals(), most.totals()
	}
	for key := range c {
		if most[key] == nil {
			return false
		}
	}
	for key, upper := range most {
		if !c[key].within(least[key], upper) {
			return false
		}
	}
	return true
}

// agree reports whether all groupings hold as many events: each event is in all of them, or in none.
func (c cells) agree(groupings []rollup.Grouping) bool {
	for _, g := range groupings {
		if c.events(g.String()) != c.events(groupings[0].String()) {
			return false
		}
	}
	return true
}

// within does so of one key; nil says nothing.
func (c *cell) within(lower, upper *cell) bool {
	if c == nil {
		return lower == nil
	}
	if lower == nil {
		lower = &cell{}
	}
	if c.unreadable || !holdsKeys(lower.sketches, c.sketches, upper.sketches) || !holdsKeys(lower.distinct, c.distinct, upper.distinct) {
		return false
	}
	for name, sketch := range c.sketches {
		if sketch.Count() != c.counts[strings.TrimSuffix(name, ".sketch")+".count"] {
			return false
		}
	}
	for name, n := range upper.counts {
		if c.counts[name] < lower.counts[name] || c.counts[name] > n {
			return false
		}
	}
	outside := func(kept, least, most map[string]float64, sign float64) bool {
		for name, n := range kept {
			bound, known := most[name]
			if inner, bounded := least[name]; !known || sign*n > sign*bound || bounded && sign*n < sign*inner {
				return true
			}
		}
		return false
	}
	return !outside(c.largest, lower.largest, upper.largest, 1) && !outside(c.least, lower.least, upper.least, -1)
}

// holdsKeys reports whether a map has all keys of one map, and none that another one lacks.
func holdsKeys[V any](least, m, most map[string]V) bool {
	for name := range least {
		if _, there := m[name]; !there {
			return false
		}
	}
	for name := range m {
		if _, there := most[name]; !there {
			return false
		}
	}
	return true
}

func (c cells) overflowed() bool {
	for key := range c {
		if strings.Contains(string(key), "\x00overflow") {
			return true
		}
	}
	return false
}

func (c cells) totals() cells {
	totals := cells{}
	for key, from := range c {
		grouping, _, _ := strings.Cut(string(key), "\x00")
		to := totals[cellKey(grouping)]
		if to == nil {
			to = newCell()
			totals[cellKey(grouping)] = to
		}
		to.unreadable = to.unreadable || from.unreadable
		for name, sketch := range from.sketches {
			to.addSketch(name, sketch)
		}
		for name, sketch := range from.distinct {
			to.addDistinct(name, sketch)
		}
		for name, n := range from.counts {
			to.counts[name] += n
		}
	}
	return totals
}

// events is how many events a grouping holds.
func (c cells) events(grouping string) int64 {
	var n int64
	for key, cell := range c {
		if name, _, _ := strings.Cut(string(key), "\x00"); name == grouping {
			n += cell.counts[rollup.FieldCount]
		}
	}
	return n
}
