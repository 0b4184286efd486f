package generate

import "math/bits"

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// golden is the increment of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// draw is a sequence of pseudo-random numbers.
type draw uint64

// newDraw gives the n-th sequence of a seed.
func newDraw(seed, n uint64) draw { return draw(mix(mix(seed) ^ n*golden)) }

func (d *draw) next() uint64 {
	*d += golden
	return mix(uint64(*d))
}

// below gives a number from 0 to n-1. The bias is below n/2^32.
func (d *draw) below(n int) int { return int((d.next() >> 32) * uint64(n) >> 32) }

// permute gives the place of j in a pseudo-random order of the numbers below n, another order for each key: a Feistel network over the next larger
// domain, repeated until the result is below n.
func permute(j, n, key uint64) uint64 {
	half := (bits.Len64(n-1) + 1) / 2
	mask := uint64(1)<<half - 1
	for {
		left, right := j>>half, j&mask
		for round := range uint64(4) {
			left, right = right, left^(mix(key+round*golden+right)&mask)
		}
		if j = left<<half | right; j < n {
			return j
		}
	}
}
