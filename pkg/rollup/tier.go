package rollup

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Tier is the window length that a rollup is kept at. Its zero value is no tier.
type Tier time.Duration

const (
	day       = Tier(24 * time.Hour)
	monthFrom = Tier(time.Hour) // tiers of this length and longer share an index a month
)

var tierPattern = regexp.MustCompile(`^([1-9][0-9]{0,8})(s|m|h|d)$`)

var tierUnits = map[string]Tier{"s": Tier(time.Second), "m": Tier(time.Minute), "h": Tier(time.Hour), "d": day}

// ParseTier reads a whole number of seconds, minutes, hours or days ("10s", "1m", "1h", "1d"). The length must be at least one second, at most one
// day, and divide a day, so that windows are aligned to the Unix epoch and to days in UTC.
func ParseTier(s string) (Tier, error) {
	parts := tierPattern.FindStringSubmatch(s)
	if parts == nil {
		return 0, fmt.Errorf("%q is not a window length: a whole number and a unit are allowed, such as 10s, 1m, 1h or 1d", s)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return 0, fmt.Errorf("%q is not a window length: %w", s, err)
	}
	unit := tierUnits[parts[2]]
	if Tier(n) > day/unit {
		return 0, fmt.Errorf("window length %q is longer than a day: 1s to 1d are allowed", s)
	}
	t := Tier(n) * unit
	if day%t != 0 {
		return 0, fmt.Errorf("window length %q does not divide a day evenly: use for example 1s, 5s, 10s, 30s, 1m, 5m, 15m, 1h, 6h or 1d", s)
	}
	return t, nil
}

// String gives the tier in its largest whole unit, as index names and queries spell it: "10s", "1m", "1h", "1d".
func (t Tier) String() string {
	for _, unit := range []string{"d", "h", "m"} {
		if u := tierUnits[unit]; t >= u && t%u == 0 {
			return strconv.FormatInt(int64(t/u), 10) + unit
		}
	}
	return strconv.FormatInt(int64(t/tierUnits["s"]), 10) + "s"
}

// Milliseconds is the tier's length.
func (t Tier) Milliseconds() int64 { return time.Duration(t).Milliseconds() }

// Start is the start of the window that holds the time ms.
func (t Tier) Start(ms int64) int64 {
	length := t.Milliseconds()
	start := ms - ms%length
	if start > ms {
		start -= length
	}
	return start
}

// StartFrom is the first start of a window that is not before the time ms.
func (t Tier) StartFrom(ms int64) int64 { return t.Start(ms-1) + t.Milliseconds() }

// MarshalText writes the tier as String does.
func (t Tier) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what ParseTier reads.
func (t *Tier) UnmarshalText(text []byte) error {
	parsed, err := ParseTier(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
