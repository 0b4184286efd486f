package consume

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is a clock that never goes back and counts the time that the machine was suspended.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return time.Since(processStart)
	}
	return time.Duration(t.Nano())
}

var processStart = time.Now()
