//go:build !linux

package consume

import "time"

var processStart = time.Now().Round(0) // without the monotonic reading, so that suspension counts

func sinceBoot() time.Duration { return time.Now().Round(0).Sub(processStart) }
