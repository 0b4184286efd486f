package health

import (
	"time"

	"github.com/tidemark/tidemark/sidecar/event"
)

// Meter turns samples into events. It is for one goroutine.
type Meter struct {
	sidecar string
	told    map[identity]Partition
	before  *Sample // of the whole sidecar; nil before the first
}

// identity is what the events of one partition and rollup follow each other by.
type identity struct{ rollup, partition string }

// NewMeter makes a meter for the sidecar of the given name.
func NewMeter(sidecar string) *Meter { return &Meter{sidecar: sidecar, told: map[identity]Partition{}} }

// Events are those that a sample taken now makes.
func (m *Meter) Events(now time.Time, s Sample) []Event {
	events := make([]Event, 0, len(s.Partitions)+1)
	told := make(map[identity]Partition, len(s.Partitions))
	for _, p := range s.Partitions {
		id := identity{p.Rollup, p.Partition}
		e := Event{Timestamp: event.Seconds(now), Kind: KindPartition, Sidecar: m.sidecar, Stream: p.Stream, Rollup: p.Rollup, Partition: p.Partition, Lag: &p.Lag}
		if p.SealedThrough != nil {
			e.TidemarkAge = milliseconds(now.UnixMilli() - *p.SealedThrough)
		}
		if before, known := m.told[id]; known && before.continues(&p) {
			e.compare(&before, &p)
		}
		told[id] = p
		events = append(events, e)
	}
	m.told = told
	events = append(events, m.whole(now, s))
	m.before = &s
	return events
}

// whole is the event of the sidecar itself.
func (m *Meter) whole(now time.Time, s Sample) Event {
	e := Event{Timestamp: event.Seconds(now), Kind: KindSidecar, Sidecar: m.sidecar, Memory: s.Memory}
	if m.before == nil {
		return e
	}
	e.Retries = since(m.before.Retries, s.Retries)
	if m.before.CPU != nil && s.CPU != nil {
		e.CPU = milliseconds((*s.CPU - *m.before.CPU).Milliseconds())
	}
	return e
}

// continues reports whether a later count goes on from this one.
func (p *Partition) continues(later *Partition) bool {
	return p.Held.Equal(later.Held) && p.Read.Consumed <= later.Read.Consumed && p.Settled.Consumed <= later.Settled.Consumed
}

func (e *Event) compare(before, now *Partition) {
	e.Entered = since(before.End, now.End)
	e.Consumed = since(before.Read.Consumed, now.Read.Consumed)
	e.Settled = since(before.Settled.Consumed, now.Settled.Consumed)
	e.Written = since(before.Settled.Documented(), now.Settled.Documented())
	e.Filtered = since(before.Read.Filtered, now.Read.Filtered)
	e.Undecodable = since(before.Read.Undecodable, now.Read.Undecodable)
	e.Quarantined = since(before.Read.Quarantined, now.Read.Quarantined)
	e.Late = since(before.Read.Late, now.Read.Late)
	e.Rejected = since(before.Read.Rejected, now.Read.Rejected)
}

func since(before, now int64) *int64 {
	d := now - before
	return &d
}

// milliseconds gives them in seconds.
func milliseconds(ms int64) *float64 {
	s := float64(ms) / 1000
	return &s
}
