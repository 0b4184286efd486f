package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/status"
)

// membership is what a partition asks of its services for its status.
type membership struct {
	services
	confirmed bool
}

func (m membership) mayWrite() bool       { return m.confirmed }
func (membership) holdOff() time.Duration { return 16 * time.Second }

func TestPartitionSaysWhatItWaitsFor(t *testing.T) {
	now := time.Now()
	const sealed = 1_767_225_600_000
	read := view{state: status.Reading, known: true, position: 100, watermark: sealed, sealed: sealed, newest: sealed, safe: true}
	for _, test := range []struct {
		name   string
		change func(p *partition)
		reason string
		waits  string
	}{
		{name: "read to its end", waits: "was read to its end: it is sealed when nothing comes for 30s"},
		{name: "behind", change: func(p *partition) { p.logEnd = 1_334 }, waits: "is behind by 1,234 events: the newest that was read is of 2026-01-01T00:00:00Z"},
		{name: "nothing read yet", change: func(p *partition) { p.logEnd, p.view.newest = 1_334, aggregate.Never }, waits: "is behind by 1,234 events"},
		{name: "not confirmed", change: func(p *partition) { p.services = membership{} }, waits: "waits until the consumer group confirms this member"},
		{name: "not read yet", change: func(p *partition) { p.view = view{state: status.Assigned} }, waits: "is being taken over"},
		{name: "hold-off", change: func(p *partition) { p.view.safe, p.held = false, now.Add(-4*time.Second) }, waits: "waits 12s until no earlier owner can be writing"},
		{name: "never had an event", change: func(p *partition) { p.view.watermark = aggregate.Never }, waits: "waits for its first event"},
		{name: "failed", change: func(p *partition) { p.failure = errors.New("it is broken") }, reason: "it is broken"},
		{name: "lost", change: func(p *partition) { p.lost, p.gaps = 1_000, []gap{{20, 30}} }, reason: "kafka deleted 1,010 records before they were read"},
		{name: "topic gone", change: func(p *partition) { p.orphaned = true }, reason: "the topic was deleted: what was read of it is being written"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &partition{
				id: rollup.Partition{Topic: "topic", Number: 3}, stream: &stream{Stream: config.Stream{IdleTimeout: 30 * time.Second}},
				services: membership{confirmed: true}, held: now.Add(-time.Hour), logEnd: 100, view: read,
			}
			if test.change != nil {
				test.change(p)
			}
			s, _, _ := p.status(status.Component{OK: true}, now)
			if s.Reason != test.reason || !strings.Contains(s.waits, test.waits) {
				t.Errorf("reason %q, waits %q, want %q and %q", s.Reason, s.waits, test.reason, test.waits)
			}
		})
	}
}

func TestRollupSaysWhichPartitionHoldsItsTidemark(t *testing.T) {
	at := func(seconds int64) *int64 { ms := seconds * 1000; return &ms }
	waits := map[string]string{"t/0": "zero", "t/1": "one", "t/2": "two"}
	for _, test := range []struct {
		name       string
		partitions []status.PartitionStatus
		by, reason string
		reasons    int
	}{
		{name: "none", partitions: nil},
		{name: "together", partitions: []status.PartitionStatus{{Partition: "t/0", SealedThrough: at(100)}, {Partition: "t/1", SealedThrough: at(110)}}},
		{
			name:       "one is behind",
			partitions: []status.PartitionStatus{{Partition: "t/0", SealedThrough: at(100)}, {Partition: "t/1", SealedThrough: at(120)}},
			by:         "t/0", reason: "zero", reasons: 1,
		},
		{
			name:       "the furthest behind",
			partitions: []status.PartitionStatus{{Partition: "t/0", SealedThrough: at(80)}, {Partition: "t/1", SealedThrough: at(70)}, {Partition: "t/2", SealedThrough: at(120)}},
			by:         "t/1", reason: "one", reasons: 2,
		},
		{
			name:       "one sealed nothing",
			partitions: []status.PartitionStatus{{Partition: "t/0", SealedThrough: at(80)}, {Partition: "t/2", Reason: "its own"}, {Partition: "t/1", SealedThrough: at(120)}},
			by:         "t/2", reason: "its own", reasons: 2,
		},
		{name: "all begin", partitions: []status.PartitionStatus{{Partition: "t/0"}, {Partition: "t/1"}}, reasons: 2},
		{
			name:       "lost and behind",
			partitions: []status.PartitionStatus{{Partition: "t/0", SealedThrough: at(80), Lost: 5, Reason: "5 lost"}, {Partition: "t/1", SealedThrough: at(120)}},
			by:         "t/0", reason: "5 lost; zero", reasons: 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &status.RollupStatus{Partitions: test.partitions}
			explain(r, 10_000, waits)
			reasons := 0
			for _, p := range r.Partitions {
				if p.Reason != "" {
					reasons++
				}
			}
			if r.HeldBy != test.by || r.HeldReason != test.reason || reasons != test.reasons {
				t.Errorf("held by %q: %q, and %d reasons; want %q: %q, and %d", r.HeldBy, r.HeldReason, reasons, test.by, test.reason, test.reasons)
			}
		})
	}
}
