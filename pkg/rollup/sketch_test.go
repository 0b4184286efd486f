package rollup_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestPercentilesAreAsNearAsTheyAreSaidToBe(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for name, draw := range map[string]func() float64{
		"even": rnd.Float64, "normal, of both signs": rnd.NormFloat64, "long tail": func() float64 { return math.Exp(10 * rnd.NormFloat64()) },
		"whole": func() float64 { return float64(rnd.IntN(50)) }, "large": func() float64 { return (rnd.Float64() - 0.5) * math.MaxFloat64 },
	} {
		s := rollup.NewSketch()
		var values []float64
		for range 10_000 {
			v := draw()
			values = append(values, v)
			s.Add(v)
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			rank := q * float64(len(values)-1)
			below, above := values[int(math.Floor(rank))], values[int(math.Ceil(rank))] // either has a right to the name
			got, ok := s.Quantile(q)
			if near := func(v float64) bool { return math.Abs(got-v) <= rollup.SketchAccuracy*math.Abs(v)*1.0001 }; !ok || !near(below) && !near(above) {
				t.Errorf("%s: quantile %v is %v, %v, want %v or %v", name, q, got, ok, below, above)
			}
		}
		if s.Count() != int64(len(values)) {
			t.Errorf("%s: %d values", name, s.Count())
		}
	}
	if _, ok := rollup.NewSketch().Quantile(0.5); ok {
		t.Error("an empty sketch has a median")
	}
}

func TestSketchesOfTheSameValuesAreTheSameBytes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 1))
	for range 100 {
		values := make([]float64, rnd.IntN(3_000))
		for i := range values {
			values[i] = []float64{0, 1e-320, 1, -1, math.MaxFloat64, -math.MaxFloat64, rnd.NormFloat64(), math.Exp(20 * rnd.NormFloat64())}[rnd.IntN(8)]
		}
		whole := rollup.NewSketch()
		for _, v := range values {
			whole.Add(v)
		}
		rnd.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		merged := rollup.NewSketch()
		for chunk := range slices.Chunk(values, 1+rnd.IntN(500)) {
			part := rollup.NewSketch()
			for _, v := range chunk {
				part.Add(v)
			}
			read, err := rollup.ParseSketch(part.Append(nil))
			if err != nil {
				t.Fatal(err)
			}
			merged.Merge(read)
		}
		if !bytes.Equal(whole.Append(nil), merged.Append(nil)) {
			t.Fatalf("%d values: the sketch of all and the merged one differ", len(values))
		}
	}
}

func TestSketchesOfNewerReleasesAreRefused(t *testing.T) {
	for _, b := range [][]byte{nil, {2}, {0, 1, 2}} {
		if _, err := rollup.ParseSketch(b); err == nil {
			t.Errorf("%x was read", b)
		}
	}
}

func TestDamagedSketchesAreRefused(t *testing.T) {
	s := rollup.NewSketch()
	for _, v := range []float64{0, 1, 1, 1000, 1e9, -3, -math.MaxFloat64, math.SmallestNonzeroFloat64} {
		s.Add(v)
	}
	whole := s.Append(nil)
	for n := range whole { // one that is cut off between two parts is another whole one
		if part, err := rollup.ParseSketch(whole[:n]); err == nil && !bytes.Equal(part.Append(nil), whole[:n]) {
			t.Errorf("%d of %d bytes were read as %x", n, len(whole), part.Append(nil))
		}
	}
	for name, b := range map[string][]byte{
		"a bin that no number is in":      {1, 0x05, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 2},
		"another mapping":                 {1, 0x02},
		"a way of writing bins not known": {1, 0x1d, 1, 0, 2},
	} {
		if _, err := rollup.ParseSketch(b); err == nil {
			t.Errorf("%s: %x was read", name, b)
		}
	}
}

func FuzzParseSketch(f *testing.F) {
	s := rollup.NewSketch()
	f.Add(s.Append(nil))
	for _, v := range []float64{1, 2, -3, 0, 1e9} {
		s.Add(v)
	}
	f.Add(s.Append(nil))
	f.Add([]byte("\x01\x05\x03000j\x000")) // a bin told twice, which holds more than can be counted
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := rollup.ParseSketch(b)
		if err != nil {
			return
		}
		s.Quantile(0.5)
		merged := rollup.NewSketch()
		merged.Merge(s)
		if _, err := rollup.ParseSketch(merged.Append(nil)); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
