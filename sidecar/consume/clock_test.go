package consume

import (
	"testing"
	"time"
)

func TestClockIsNeverSlowerThanTimePasses(t *testing.T) {
	begin := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	c := fastestClock{wall: begin}
	for _, test := range []struct {
		name            string
		monotonic, wall time.Duration // since the beginning
		want            time.Duration
	}{
		{"both run", 10 * time.Second, 10 * time.Second, 10 * time.Second},
		{"the wall clock is set back", 20 * time.Second, -time.Hour, 20 * time.Second},
		{"and runs on", 25 * time.Second, -time.Hour + 5*time.Second, 25 * time.Second},
		{"the machine is suspended", 26 * time.Second, -time.Hour + 65*time.Second, 85 * time.Second},
		{"an earlier reading comes late", 25 * time.Second, -time.Hour + 5*time.Second, 85 * time.Second},
		{"the wall clock is set right", 27 * time.Second, 87 * time.Second, 85*time.Second + time.Hour + 22*time.Second},
	} {
		if got := c.at(test.monotonic, begin.Add(test.wall)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
