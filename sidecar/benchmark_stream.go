package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidemark/tidemark/sidecar/config"
)

// benchmarkStream is the stream that a benchmark configures.
type benchmarkStream struct {
	topic    string
	window   time.Duration
	lateness time.Duration
	rollups  int
	maxKeys  int
	// clean adds steps that strip escape sequences and drop some events, and a condition to every rollup.
	clean bool
}

const (
	// The window and the lateness are the defaults of a configuration.
	benchmarkWindow   = 10 * time.Second
	benchmarkLateness = 10 * time.Second
	// benchmarkDropped is the condition of the step that drops events: one in sixteen meets it.
	benchmarkDropped = `log.level == "debug"`
)

// benchmarkGroupings are those of every rollup; the first one is there in any case.
var benchmarkGroupings = [...]string{"[host, path]", "[host]", "[path]", "[]"}

// benchmarkRollupName is the name of the n-th rollup, from 0 on.
func benchmarkRollupName(n int) string {
	if n == 0 {
		return "log_writes"
	}
	return fmt.Sprintf("log_writes_%d", n+1)
}

// text is the stream as a configuration file has it: that of the README, as often as there are to be rollups.
func (s *benchmarkStream) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "streams:\n  - name: bench\n    topics: [%s]\n    lateness: %s\n    idle_timeout: 1s\n", s.topic, s.lateness)
	if s.clean {
		fmt.Fprintf(&b, "    clean:\n      - strip_ansi: [message]\n      - drop: '%s'\n", benchmarkDropped)
	}
	b.WriteString("    rollups:\n")
	for n := range max(1, s.rollups) {
		fmt.Fprintf(&b, "      - name: %s\n        window: %s\n        dimensions: {host: host.name, path: log.file.path}\n        measures: {offset: log.offset}\n", benchmarkRollupName(n), s.window)
		fmt.Fprintf(&b, "        groupings: [%s]\n        max_keys: %d\n", strings.Join(benchmarkGroupings[1:], ", "), max(100_000, s.maxKeys))
		if s.clean {
			b.WriteString("        where: 'message != \"\" and log.level in [\"info\", \"warn\", \"error\"]'\n")
		}
	}
	return b.String()
}

// compile makes of the stream what the sidecar makes of a configuration.
func (s *benchmarkStream) compile() (*stream, error) {
	cfg, err := config.Parse("bench", []byte(s.text()), func(string) string { return "" }, compileProblems)
	if err != nil {
		return nil, err
	}
	return newStream(cfg.Streams[0])
}
