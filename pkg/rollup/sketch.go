package rollup

import (
	"errors"
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// SketchAccuracy is the relative error of a percentile at most: 0.01 means that one of 200 is between 198 and 202.
const SketchAccuracy = 0.01

// sketchVersion is the first byte of an encoded Sketch. What follows is the encoding of DataDog's sketches-go, without the mapping.
const sketchVersion = 1

var sketchMapping = func() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(SketchAccuracy)
	if err != nil {
		panic(err) // the accuracy is a constant that it accepts
	}
	return m
}()

// Sketch tells percentiles of the values that were added to it (Masson, Rim, Lee: DDSketch, a fast and fully-mergeable quantile sketch with relative-error
// guarantees, 2019). Its encoding follows from the values, whatever the order in which they were added or merged.
type Sketch struct{ values *ddsketch.DDSketch }

// NewSketch is an empty sketch.
func NewSketch() *Sketch {
	return &Sketch{ddsketch.NewDDSketchFromStoreProvider(sketchMapping, store.BufferedPaginatedStoreConstructor)}
}

// Add adds a finite value. Those that are nearer to zero than the smallest normal number are taken for zero, and those at the border of float64 for a
// little less.
func (s *Sketch) Add(v float64) {
	limit := sketchMapping.MaxIndexableValue()
	if err := s.values.Add(max(-limit, min(limit, v))); err != nil {
		panic("add to a sketch: " + err.Error()) // only NaN and what is beyond the limit
	}
}

// Merge adds what another sketch holds.
func (s *Sketch) Merge(o *Sketch) {
	if err := s.values.MergeWith(o.values); err != nil {
		panic("merge sketches: " + err.Error()) // only of other mappings
	}
}

// Count is how many values were added.
func (s *Sketch) Count() int64 { return int64(s.values.GetCount()) }

// Quantile is the value at a quantile from 0 to 1, within SketchAccuracy of it; the second result is false where no value was added.
func (s *Sketch) Quantile(q float64) (float64, bool) {
	v, err := s.values.GetValueAtQuantile(q)
	return v, err == nil
}

// Append appends the encoded sketch to b.
func (s *Sketch) Append(b []byte) []byte {
	// A dense store has one encoding for the same counts.
	canonical := ddsketch.NewDDSketchFromStoreProvider(sketchMapping, store.DenseStoreConstructor)
	if err := canonical.MergeWith(s.values); err != nil {
		panic("copy a sketch: " + err.Error()) // only of other mappings
	}
	b = append(b, sketchVersion)
	canonical.Encode(&b, true)
	return b
}

// ParseSketch reads an encoded sketch. It fails for one of a newer release, and for bytes that are none.
func ParseSketch(b []byte) (s *Sketch, err error) {
	if len(b) == 0 {
		return nil, errors.New("read a sketch: it is empty")
	}
	if b[0] != sketchVersion {
		return nil, fmt.Errorf("read a sketch: it has version %d, which this release does not know", b[0])
	}
	defer func() { // the library trusts in the bytes
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("read a sketch: %v", r)
		}
	}()
	if err := checkSketch(b[1:]); err != nil {
		return nil, fmt.Errorf("read a sketch: it is damaged: %w", err)
	}
	values, err := ddsketch.DecodeDDSketch(b[1:], store.BufferedPaginatedStoreConstructor, sketchMapping)
	if err != nil {
		return nil, fmt.Errorf("read a sketch: %w", err)
	}
	return &Sketch{values}, nil
}
