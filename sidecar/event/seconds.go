package event

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a time that JSON shows as seconds since the Unix epoch with three decimals.
type Seconds time.Time

// MarshalJSON writes the seconds without passing through a float, which has too few digits to keep every millisecond the same.
func (s Seconds) MarshalJSON() ([]byte, error) {
	ms := time.Time(s).UnixMilli()
	if ms < 0 {
		return nil, fmt.Errorf("the clock shows a time before 1970: %s", time.Time(s))
	}
	return fmt.Appendf(nil, "%d.%03d", ms/1000, ms%1000), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("read a timestamp: %w", err)
	}
	*s = Seconds(time.UnixMilli(int64(math.Round(seconds * 1000))))
	return nil
}
