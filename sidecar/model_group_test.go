package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// modelGroup is the consumer group as the broker keeps it: who owns which partition, what is committed, and who still belongs to it.
type modelGroup struct {
	mu         sync.Mutex
	partitions []*groupPartition
	violations []string
	note       func(format string, args ...any)
}

// groupPartition is what the group knows of a partition.
type groupPartition struct {
	owner     *member // nil while nobody has it
	committed int64   // -1 for nothing
	metadata  string
	state     aggregate.State
	// changes are the places where the definitions changed, in the order of the log.
	changes []definitionChange
	// begun is the offset at which the lineage began, and from its boundary.
	begun, from int64
}

type definitionChange struct {
	from   int64
	hashes []string
}

func newModelGroup(partitions int, note func(string, ...any)) *modelGroup {
	g := &modelGroup{note: note}
	for range partitions {
		g.partitions = append(g.partitions, &groupPartition{committed: -1, from: aggregate.Never})
	}
	return g
}

var errFenced = errors.New("the group does not know this member")

// commit is an offset commit that reached the broker, which asks whether the member belongs to the group, and not whether it owns the partition.
func (g *modelGroup) commit(m *member, generation, number int, offset int64, metadata string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.generation != generation || m.fenced {
		return errFenced
	}
	p := g.partitions[number]
	s, err := aggregate.DecodeState(offset, metadata)
	if err != nil {
		g.violate("partition %d: committed metadata: %v", number, err)
		return nil
	}
	if p.owner != m {
		g.violate("partition %d: %s commits offset %d of a partition that it gave up", number, m.name, offset)
	}
	if p.committed >= 0 {
		g.compare(number, &p.state, &s)
	}
	hashes := hashesOf(&s)
	for _, r := range s.Rollups {
		if !r.Ledger().Balanced() {
			g.violate("partition %d: ledger %+v", number, r.Ledger())
		}
	}
	if n := len(p.changes); n == 0 || definitionsID(p.changes[n-1].hashes) != definitionsID(hashes) {
		p.changes = append(p.changes, definitionChange{offset, hashes})
	}
	g.note("%s commits partition %d: offset %d of %d, watermark %s, sealed %s, definitions %s, released %t", m.name, number, offset, s.End, ago(s.Watermark), ago(s.SealedThrough), definitionsID(hashes)[:4], s.Released)
	p.committed, p.metadata, p.state = offset, metadata, s
	return nil
}

// compare checks that nothing goes back that was committed.
func (g *modelGroup) compare(number int, before, after *aggregate.State) {
	for _, n := range []struct {
		name          string
		before, after int64
	}{
		{"offset", before.Offset, after.Offset}, {"watermark", before.Watermark, after.Watermark}, {"sealed_through", before.SealedThrough, after.SealedThrough},
		{"commit counter", before.Commit, after.Commit}, {"lineage", before.Lineage, after.Lineage},
	} {
		if n.after < n.before {
			g.violate("partition %d: the committed %s went back from %d to %d", number, n.name, n.before, n.after)
		}
	}
}

// violate keeps what must not happen. The group is locked.
func (g *modelGroup) violate(format string, args ...any) {
	g.violations = append(g.violations, fmt.Sprintf(format, args...))
	g.note(format, args...)
}

// expel makes the group forget a member, whether it knows that or not. Its partitions are free.
func (g *modelGroup) expel(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m.fenced = true
	m.generation++
	for _, p := range g.partitions {
		if p.owner == m {
			p.owner = nil
		}
	}
}

// expired reports whether the group waited for a member's heartbeats for too long.
func (g *modelGroup) expired(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !m.fenced && time.Since(m.seen) >= modelSession
}

// ago prints an event time against the clock's first day.
func ago(ms int64) string {
	if ms == aggregate.Never {
		return "none"
	}
	return time.UnixMilli(ms).UTC().Format("15:04:05.000")
}
