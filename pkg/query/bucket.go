package query

import (
	"slices"
)

// bucket is the span of time that a point stands for: it is drawn at the time at, of the documents whose windows start in [from, to). With a shift that is
// earlier.
type bucket struct {
	at, from, to int64
	number       int64 // of the buckets of this length since the epoch, by the time of the documents
}

// steps is how time is divided into buckets: into equal lengths since the epoch, or into calendar days of a zone.
type steps struct {
	length int64 // ms; of days it is that of days of 24 hours
	days   int64 // 0 for equal lengths
	zone   zone
}

// number is that of the bucket which holds the time ms.
func (s steps) number(ms int64) int64 {
	if s.days > 0 {
		return floorDivide(s.zone.day(ms), s.days)
	}
	return floorDivide(ms, s.length)
}

func (s steps) start(number int64) int64 {
	if s.days > 0 {
		return s.zone.dayStart(number * s.days)
	}
	return number * s.length
}

// shifted is the time so much earlier; days are those of the zone's clocks, so that it is the same time of day.
func (z zone) shifted(ms int64, by duration) int64 {
	ms -= by.ms
	if by.days == 0 {
		return ms
	}
	earlier := ms - by.days*dayLength
	return earlier + z.offset(ms) - z.offset(earlier)
}

// lay gives the buckets of the numbers from first up to, and without, last.
func (s steps) lay(first, last int64, shift duration, zone zone, unit int64) []bucket {
	all := make([]bucket, 0, last-first)
	end := s.start(first)
	for n := first; n < last; n++ {
		b := bucket{at: end, number: n}
		if end = s.start(n + 1); end == b.at {
			continue // a day that the zone's clocks skipped
		}
		switch {
		case shift.none():
			b.from, b.to = b.at, end
		case s.days > 0:
			b.from, b.to = zone.dayStart(n*s.days-shift.days)-shift.ms, zone.dayStart((n+1)*s.days-shift.days)-shift.ms
			b.number = floorDivide(n*s.days-shift.days, s.days)
		default:
			earlier := b.at - zone.shifted(b.at, shift)
			earlier = alignDown(earlier+unit/2, unit) // clocks can be put back by less than a window
			b.from, b.to = b.at-earlier, end-earlier
			b.number = floorDivide(b.from, s.length)
		}
		if b.from < b.to {
			all = append(all, b)
		}
	}
	return all
}

// piece is a span of documents whose buckets one histogram gives: of an interval, with an offset from the epoch.
type piece struct {
	from, to         int64
	interval, offset int64 // ms
	first, end       int   // the buckets that have a part in it
}

// pieces cuts the buckets' documents where a histogram of equal lengths cannot go on. Days of 23 and 25 hours are such places: a piece begins with each, and
// what the histogram tells of the time before the piece belongs to its first day.
func (s steps) pieces(buckets []bucket, shift duration) ([]piece, error) {
	var all []piece
	for first := 0; first < len(buckets); {
		end := first + 1
		for end < len(buckets) && buckets[end].from == buckets[end-1].to {
			end++
		}
		run := piece{from: buckets[first].from, to: buckets[end-1].to, interval: s.length, first: first, end: end}
		if s.days == 0 {
			run.offset = run.from - alignDown(run.from, run.interval)
			all = append(all, run)
		} else {
			all = append(all, s.calendarPieces(run, buckets, shift)...)
		}
		if len(all) > maxPieces {
			return nil, Invalid("the range has more than %d changes of the clocks of %s: choose a shorter one, or another time zone", maxPieces, quote(s.zone.location.String()))
		}
		first = end
	}
	return all, nil
}

func (s steps) calendarPieces(run piece, buckets []bucket, shift duration) []piece {
	cuts := []int64{run.from + shift.ms}
	for _, change := range s.zone.changes(run.from+shift.ms, run.to+shift.ms, maxPieces+1) {
		if start := s.zone.dayStart(s.zone.day(change)); start > cuts[len(cuts)-1] {
			cuts = append(cuts, start)
		}
	}
	cuts = append(cuts, run.to+shift.ms)
	anchor := s.zone.day(run.from+shift.ms) * dayLength
	all := make([]piece, 0, len(cuts)-1)
	for i, from := range cuts[:len(cuts)-1] {
		p := piece{from: from - shift.ms, to: cuts[i+1] - shift.ms, interval: s.length}
		zero := anchor - s.zone.offset(cuts[i+1]-1) - shift.ms
		p.offset = zero - alignDown(zero, p.interval)
		p.first, p.end = bucketAt(buckets, p.from), bucketAt(buckets, p.to-1)+1
		all = append(all, p)
	}
	return all
}

// bucketAt finds the bucket whose documents have the time ms, among buckets that are in order and without gaps.
func bucketAt(buckets []bucket, ms int64) int {
	i, found := slices.BinarySearchFunc(buckets, ms, func(b bucket, ms int64) int {
		switch {
		case b.to <= ms:
			return -1
		case b.from > ms:
			return 1
		}
		return 0
	})
	if !found {
		return min(i, len(buckets)-1)
	}
	return i
}
