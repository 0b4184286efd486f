package query

// averaging is how a moving average puts the values of buckets together.
type averaging int

const (
	// ofValues is the mean of the values that are there.
	ofValues averaging = iota
	// ofSums is the mean over all buckets that are known, those without events too.
	ofSums
	// ofParts makes the value of what the buckets' documents add up to.
	ofParts
)

// curve computes the values of series, one after the other, in memory that it uses again.
type curve struct {
	plan     *plan
	zeroFrom int64
	sealed   []bool // of each bucket, whether no documents, or no rows, mean no events
	values   []float64
	some     []bool // of each bucket, whether there is a value
	// work are the columns that the moving average adds up.
	work [3][]float64
	sums [3][]float64
}

func (p *plan) newCurve(zeroFrom int64) *curve {
	n := len(p.buckets)
	c := &curve{plan: p, zeroFrom: zeroFrom, sealed: make([]bool, n), values: make([]float64, n), some: make([]bool, n)}
	for i, b := range p.buckets {
		if p.told != nil {
			c.sealed[i] = b.from >= p.told.From && b.to <= p.told.To
		} else {
			c.sealed[i] = p.sealed && b.to <= p.tidemark && b.from >= zeroFrom && !p.inGap(b)
		}
	}
	if p.MovingAverage > 0 {
		for i := range c.work {
			c.work[i], c.sums[i] = make([]float64, n), make([]float64, n)
		}
	}
	return c
}

func (p *plan) inGap(b bucket) bool {
	for _, g := range p.gaps {
		if b.from < g.To && g.From < b.to {
			return true
		}
	}
	return false
}

// of computes the values of one series into c.values and c.some.
func (c *curve) of(cells []metrics) {
	p := c.plan
	for i := range cells {
		b := &p.buckets[i]
		c.values[i], c.some[i] = p.statistic.value(&cells[i], float64(b.to-b.from)/1000)
		if !c.some[i] && p.traits.additive && c.sealed[i] {
			c.values[i], c.some[i] = 0, true
		}
	}
	if p.traits.differences {
		for i := len(cells) - 1; i >= 0; i-- {
			if c.some[i] = c.some[i] && i > 0 && c.some[i-1]; c.some[i] {
				c.values[i], c.some[i] = finite(c.values[i] - c.values[i-1])
			}
		}
	}
	if p.MovingAverage > 0 {
		c.smooth(cells)
	}
}

// smooth puts the mean over a bucket and those before it in the place of each value. There is none where it is not known what happened in the bucket itself,
// or where none of the buckets has a value.
func (c *curve) smooth(cells []metrics) {
	p := c.plan
	values, weights, present := c.work[0], c.work[1], c.work[2]
	for i := range cells {
		values[i], weights[i], present[i] = 0, 0, 0
		if c.some[i] {
			values[i], weights[i], present[i] = c.values[i], 1, 1
		}
		switch p.traits.average {
		case ofSums:
			if cells[i].found || c.sealed[i] {
				weights[i] = 1
			}
		case ofParts:
			values[i], weights[i] = cells[i].total, cells[i].base
		case ofValues:
		}
	}
	for i := range c.work {
		trailing(c.sums[i], c.work[i], p.MovingAverage)
	}
	for i := range cells {
		known := cells[i].found || c.sealed[i]
		m := metrics{total: c.sums[0][i], base: c.sums[1][i]}
		c.some[i] = false
		if known && c.sums[2][i] > 0 {
			c.values[i], c.some[i] = quotient(&m)
		}
	}
}

// trailing adds up each value and the k-1 before it. Nothing is subtracted, so that no precision is lost: the values are cut into blocks of k, and every
// sum consists of the end of one block and the beginning of the next (van Herk: a fast algorithm for local minimum and maximum filters, 1992).
func trailing(sums, values []float64, k int) {
	for begin := 0; begin < len(values); begin += k {
		end := min(begin+k, len(values))
		head := 0.0
		for i := begin; i < end; i++ { // the beginnings of this block
			head += values[i]
			sums[i] = head
		}
		if begin == 0 {
			continue
		}
		tail := 0.0
		for i := begin + k - 2; i >= begin; i-- { // the ends of the block before
			tail += values[i-k+1]
			if i < end {
				sums[i] += tail
			}
		}
	}
}
