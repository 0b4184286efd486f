package query

import (
	"regexp"
	"strconv"
)

// maxDurationDays bounds how far a query can look back: ten years.
const maxDurationDays = 3660

var durationPattern = regexp.MustCompile(`^([1-9][0-9]{0,6})(m|h|d|w)$`)

// duration is a length of time as queries write it: whole days and weeks are days of a calendar, minutes and hours are milliseconds.
type duration struct{ days, ms int64 }

// parseDuration reads a whole number of minutes, hours, days or weeks; empty is none.
func parseDuration(what, text string) (duration, error) {
	if text == "" {
		return duration{}, nil
	}
	parts := durationPattern.FindStringSubmatch(text)
	if parts == nil {
		return duration{}, Invalid("%s %s is not a duration: a whole number and a unit are allowed, such as 90m, 12h, 1d or 1w", what, quote(text))
	}
	n, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return duration{}, Invalid("%s %s is not a duration: %v", what, quote(text), err)
	}
	var d duration
	switch parts[2] {
	case "m":
		d.ms = n * 60_000
	case "h":
		d.ms = n * 3_600_000
	case "d":
		d.days = n
	default:
		d.days = 7 * n
	}
	if d.length() > maxDurationDays*dayLength {
		return duration{}, Invalid("%s %s is too long: at most %dd are allowed", what, quote(text), maxDurationDays)
	}
	return d, nil
}

// length takes a day for 24 hours.
func (d duration) length() int64 { return d.days*dayLength + d.ms }

func (d duration) none() bool { return d == duration{} }
