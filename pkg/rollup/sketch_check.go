package rollup

import (
	"errors"
	"fmt"

	"github.com/DataDog/sketches-go/ddsketch/encoding"
)

// The bins of the smallest and the largest number that a sketch tells apart from zero and infinity.
var (
	lowestBin  = int64(sketchMapping.Index(sketchMapping.MinIndexableValue()))
	highestBin = int64(sketchMapping.Index(sketchMapping.MaxIndexableValue()))
)

// checkSketch makes sure that an encoded sketch is whole, and that its bins are of numbers: the library takes what is there of one that is cut off, and
// makes room for every bin up to the furthest.
func checkSketch(b []byte) error {
	var total float64
	for len(b) > 0 {
		flag, err := encoding.DecodeFlag(&b)
		if err != nil {
			return err
		}
		switch {
		case flag.Type() == encoding.FlagTypePositiveStore, flag.Type() == encoding.FlagTypeNegativeStore:
			err = checkBins(&b, flag.SubFlag(), &total)
		case flag == encoding.FlagZeroCountVarFloat:
			err = checkCount(&b, &total)
		default:
			err = errors.New("it has a part that is none of its values")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkBins checks the bins of the values on one side of zero, and goes on behind them.
func checkBins(b *[]byte, how encoding.SubFlag, total *float64) error {
	n, err := encoding.DecodeUvarint64(b)
	if err != nil {
		return err
	}
	var bin, step int64
	switch how {
	case encoding.BinEncodingContiguousCounts:
		if bin, err = encoding.DecodeVarint64(b); err != nil {
			return err
		}
		if step, err = encoding.DecodeVarint64(b); err != nil {
			return err
		}
		bin -= step
	case encoding.BinEncodingIndexDeltas, encoding.BinEncodingIndexDeltasAndCounts:
	default:
		return errors.New("its bins are written in a way that is not known")
	}
	for range n {
		if how != encoding.BinEncodingContiguousCounts {
			if step, err = encoding.DecodeVarint64(b); err != nil {
				return err
			}
		}
		if bin += step; bin < lowestBin || bin > highestBin {
			return fmt.Errorf("it has the bin %d, which no number is in", bin)
		}
		if how != encoding.BinEncodingIndexDeltas {
			if err := checkCount(b, total); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkCount checks how many values are in a bin, and adds them to the total, of which a sketch has to be able to count each one.
func checkCount(b *[]byte, total *float64) error {
	const exact = 1 << 53 // beyond, a float64 does not count one by one
	n, err := encoding.DecodeVarfloat64(b)
	if err != nil {
		return err
	}
	if *total += n; !(n >= 0 && *total <= exact) {
		return fmt.Errorf("%g values are in a bin, %g in all", n, *total)
	}
	return nil
}
