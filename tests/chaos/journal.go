package chaos

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// journal says what happens, with the time, and keeps what went wrong. It may be used by several goroutines.
type journal struct {
	began time.Time

	mu       sync.Mutex
	out      io.Writer
	failures []string
}

func newJournal(out io.Writer) *journal { return &journal{began: time.Now(), out: out} }

// say writes a line.
func (j *journal) say(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = fmt.Fprintf(j.out, "%6.1fs  %s\n", time.Since(j.began).Seconds(), fmt.Sprintf(format, args...))
}

// fail writes a line about something that should not be.
func (j *journal) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	j.say("WRONG: %s", text)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failures = append(j.failures, text)
}

// failed gives what went wrong.
func (j *journal) failed() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.failures...)
}
