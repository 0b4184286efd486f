package rollup

import (
	"errors"
	"fmt"
	"math"

	"github.com/axiomhq/hyperloglog"
)

// distinctPrecision is how many bits of a value's hash choose the register.
const distinctPrecision = 14

// DistinctError is the relative standard error of a number of distinct values: two thirds of the estimates are nearer than that, 95 % nearer than twice
// that. Up to some thousands of values the estimate is better.
var DistinctError = 1.04 / math.Sqrt(1<<distinctPrecision)

// Distinct estimates how many different values were added to it (Flajolet, Fusy, Gandouet, Meunier: HyperLogLog, the analysis of a near-optimal cardinality
// estimation algorithm, 2007). Its encoding follows from the values, whatever the order in which they were added or merged.
type Distinct struct{ sketch *hyperloglog.Sketch }

// NewDistinct is an empty sketch.
func NewDistinct() *Distinct { return &Distinct{hyperloglog.New14()} }

// Add adds a value.
func (d *Distinct) Add(v []byte) { d.sketch.Insert(v) }

// Merge adds the values of another sketch.
func (d *Distinct) Merge(o *Distinct) {
	if err := d.sketch.Merge(o.sketch); err != nil {
		panic("merge sketches of distinct values: " + err.Error()) // only of another precision
	}
}

// Estimate is about how many different values were added.
func (d *Distinct) Estimate() uint64 { return d.sketch.Estimate() }

// Append appends the encoded sketch to b.
func (d *Distinct) Append(b []byte) []byte {
	d.sketch.Estimate() // compacts the sketch: afterwards its encoding depends on what it counted alone
	text, err := d.sketch.MarshalBinary()
	if err != nil {
		panic("encode a sketch of distinct values: " + err.Error()) // only an uninitialised one has no encoding
	}
	return append(b, text...)
}

// ParseDistinct reads an encoded sketch. It fails for bytes that are none.
func ParseDistinct(b []byte) (d *Distinct, err error) {
	defer func() { // the library trusts in the bytes
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("read a sketch of distinct values: %v", r)
		}
	}()
	if len(b) < 2 || b[1] != distinctPrecision {
		return nil, errors.New("read a sketch of distinct values: it is none, or of another precision")
	}
	d = NewDistinct()
	if err := d.sketch.UnmarshalBinary(b); err != nil {
		return nil, fmt.Errorf("read a sketch of distinct values: %w", err)
	}
	return d, nil
}
