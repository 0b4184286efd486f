package query

import (
	"time"
	_ "time/tzdata" // for machines without a database of time zones
)

const (
	dayLength    = int64(24 * 60 * 60 * 1000) // ms
	maxZoneBytes = 64
)

// zone tells where the days of a time zone begin. Days are numbered: day 0 is 1970-01-01 by the zone's clocks.
type zone struct{ location *time.Location }

func parseZone(name string) (zone, error) {
	if name == "" {
		return inUTC(), nil
	}
	if len(name) > maxZoneBytes || name == "Local" { // which is the time zone of whatever machine this runs on
		return zone{}, Invalid("unknown time zone %s: a name of the IANA database is allowed, such as Europe/Berlin, and empty for UTC", quote(name))
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return zone{}, Invalid("unknown time zone %s: a name of the IANA database is allowed, such as Europe/Berlin, and empty for UTC", quote(name))
	}
	return zone{location}, nil
}

func inUTC() zone { return zone{time.UTC} }

func (z zone) utc() bool { return z.location == time.UTC }

// offset is how far the zone's clocks are ahead of UTC at a time, in milliseconds.
func (z zone) offset(ms int64) int64 {
	_, seconds := time.UnixMilli(ms).In(z.location).Zone()
	return int64(seconds) * 1000
}

// dayStart is the first time at which the zone's clocks show the day, or a later one where they skip it. Midnight itself may not be: clocks are put forward
// at midnight in some places.
func (z zone) dayStart(day int64) int64 {
	midnight := day * dayLength
	if z.utc() {
		return midnight
	}
	before := midnight - dayLength
	start := midnight - z.offset(before)
	if z.offset(start) == z.offset(before) {
		return start
	}
	low, high := before, start // the clocks change between them
	for high-low > 1 {
		if middle := low + (high-low)/2; z.offset(middle) == z.offset(before) {
			low = middle
		} else {
			high = middle
		}
	}
	return max(midnight-z.offset(start), high)
}

// day is the day that holds a time. Where clocks are put back over midnight, the day that had begun goes on.
func (z zone) day(ms int64) int64 {
	day := floorDivide(ms+z.offset(ms), dayLength)
	for z.dayStart(day) > ms {
		day--
	}
	for z.dayStart(day+1) <= ms {
		day++
	}
	return day
}

// changes are the times after from and before to at which the offset changes; at most limit of them.
func (z zone) changes(from, to int64, limit int) []int64 {
	if z.utc() {
		return nil
	}
	var all []int64
	for at := from; len(all) < limit; {
		_, end := time.UnixMilli(at).In(z.location).ZoneBounds()
		if end.IsZero() {
			break
		}
		next := end.UnixMilli()
		if next <= at { // on the last day of a leap year, by package time
			next = at + dayLength
		}
		if next >= to {
			break
		}
		if z.offset(next) != z.offset(at) {
			all = append(all, next)
		}
		at = next
	}
	return all
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func alignDown(ms, length int64) int64 { return floorDivide(ms, length) * length }

func alignUp(ms, length int64) int64 { return alignDown(ms+length-1, length) }

// commonMultiple is the smallest one of two positive numbers.
func commonMultiple(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}
