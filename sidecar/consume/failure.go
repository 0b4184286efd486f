package consume

import "time"

// operation is something that Kafka is asked for.
type operation string

const (
	asking     operation = "asking"
	assigning  operation = "assigning"
	fetching   operation = "fetching"
	committing operation = "committing"
)

// fetchFailureLasts is how long a failed fetch counts: no success of one is told.
const fetchFailureLasts = 10 * time.Second

type failure struct {
	err error
	at  time.Time
}

// note keeps what an operation failed with last; nil for a success.
func (g *Group) note(o operation, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := len(g.failures) > 0
	if f := g.failures[fetching]; time.Since(f.at) > fetchFailureLasts {
		delete(g.failures, fetching)
	}
	if err != nil {
		g.failures[o] = failure{err, time.Now()}
	} else {
		delete(g.failures, o)
	}
	if after := len(g.failures) > 0; after != before {
		g.since = time.Now()
		if after {
			g.opts.Logger.Warn("kafka does not answer as it should", "error", err)
		} else {
			g.opts.Logger.Info("kafka answers again")
		}
	}
}

// Err is what Kafka fails with, and since when it does, or does not; nil where it answers.
func (g *Group) Err() (time.Time, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, o := range []operation{asking, assigning, fetching, committing} {
		if f, failed := g.failures[o]; failed {
			return g.since, f.err
		}
	}
	return g.since, nil
}
