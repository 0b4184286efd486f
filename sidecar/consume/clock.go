package consume

import (
	"sync"
	"time"
)

// fastestClock adds up, from one reading to the next, the larger of what a monotonic and the wall clock say: the first may stand still while the machine is
// suspended, and the second may be set back.
type fastestClock struct {
	mu        sync.Mutex
	monotonic time.Duration // of the last reading
	wall      time.Time     // without a monotonic reading
	elapsed   time.Duration
}

func (c *fastestClock) at(monotonic time.Duration, wall time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if monotonic > c.monotonic { // otherwise another reading was made meanwhile
		c.elapsed += max(monotonic-c.monotonic, wall.Sub(c.wall))
		c.monotonic, c.wall = monotonic, wall
	}
	return c.elapsed
}
