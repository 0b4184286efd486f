package main

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

func TestPartitionIsIdleWhereItsLogEndedLongAfterTheNewestRecord(t *testing.T) {
	s := modelStream(0, 10*time.Second, 1000)
	plan, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	newest := time.Now().Add(-time.Minute)
	for _, test := range []struct {
		name   string
		change func(p *partition)
		idle   bool
	}{
		{"seen at the idle timeout", func(p *partition) { p.EndOffset(5, newest.Add(10*time.Second)) }, true},
		{"seen before it", func(p *partition) { p.EndOffset(5, newest.Add(9*time.Second)) }, false},
		{"never seen", func(*partition) {}, false},
		{"seen elsewhere", func(p *partition) { p.EndOffset(6, newest.Add(time.Minute)) }, false},
		{"with records to count", func(p *partition) {
			p.EndOffset(5, newest.Add(time.Minute))
			p.queue = []*kgo.Record{{Offset: 5}}
		}, false},
		{"paused", func(p *partition) {
			p.EndOffset(5, newest.Add(time.Minute))
			p.paused = true
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &partition{stream: s, engine: aggregate.NewEngine(plan, plan.Begin(5, 0, [16]byte{})), newEvent: newest, wake: make(chan struct{}, 1)}
			test.change(p)
			if p.idle() != test.idle {
				t.Errorf("idle: %t", p.idle())
			}
		})
	}
}
