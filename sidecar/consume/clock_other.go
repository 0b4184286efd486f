//go:build !linux

package consume

import "time"

var (
	processStart = time.Now()
	running      = fastestClock{wall: processStart.Round(0)}
)

// sinceBoot is a clock that counts the time that the machine was suspended, and never runs slower than time passes.
func sinceBoot() time.Duration { return running.at(time.Since(processStart), time.Now().Round(0)) }
