package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/status"
	"github.com/tidemark/tidemark/sidecar/write"
)

// quietServices are those of a partition that nobody commits anything of.
type quietServices struct{ services }

func (quietServices) checkNew(context.Context, rollup.Partition) (bool, error) { return false, nil }
func (quietServices) commitSoon()                                              {}
func (quietServices) mayWrite() bool                                           { return true }
func (quietServices) holdOff() time.Duration                                   { return time.Minute }
func (quietServices) groupName() string                                        { return "g" }
func (quietServices) gone(*partition)                                          {}

// newTestPartition is a partition as pipeline.open makes it, with where its log goes.
func newTestPartition(s *stream, services services, log *bytes.Buffer) *partition {
	return &partition{
		id: rollup.Partition{Topic: "t"}, stream: s, services: services, logger: slog.New(slog.NewTextHandler(log, nil)),
		newEvent: time.Now(), held: time.Now(), wake: make(chan struct{}, 1), batches: map[*write.Batch]struct{}{},
	}
}

func TestStateThatDoesNotFitStopsThePartition(t *testing.T) {
	settings := config.Stream{Name: "s", Topics: []string{"t"}, Format: "json", Timestamp: config.Timestamp{Field: "t", Format: "unix_ms"}}
	for i := range 10 * config.MaxStreamRollups {
		settings.Rollups = append(settings.Rollups, config.Rollup{Name: fmt.Sprintf("r%d", i), Window: rollup.Tier(10 * time.Second), MaxKeys: 10})
	}
	s, err := newStream(settings)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := newTestPartition(s, quietServices{}, &log)
		initial, err := p.resume(consume.Assignment{Partition: p.id, Committed: -1})
		if err != nil {
			t.Fatal(err)
		}
		p.start(initial)
		p.Deliver([]*kgo.Record{{Value: []byte(`{"t":1}`)}})
		pass(time.Hour)
		shown, _, failure := p.status(status.Component{OK: true}, time.Now())
		if shown.State != status.Blocked || shown.NextOffset != 0 || failure == nil || !strings.Contains(failure.Error(), "at most 3600 fit into a Kafka commit") {
			t.Errorf("the partition is %s at %d: %v", shown.State, shown.NextOffset, failure)
		}
		p.Stop()
		if n := strings.Count(log.String(), "partition stopped"); n != 1 {
			t.Errorf("the log tells of it %d times:\n%s", n, &log)
		}
	})
}

// drainedServices commit at once what is offered, and otherwise do what a test wants.
type drainedServices struct {
	quietServices
	of        **partition
	check     func(ctx context.Context) error
	confirmed bool
}

func (s drainedServices) mayWrite() bool { return s.confirmed }

func (s drainedServices) checkNew(ctx context.Context, _ rollup.Partition) (bool, error) {
	return false, s.check(ctx)
}

func (s drainedServices) commitSoon() {
	p := *s.of
	time.AfterFunc(time.Millisecond, func() {
		if state, _ := p.committable(); state != nil {
			p.committed(state)
			p.wasTold(state)
		}
	})
}

func TestPartitionThatWaitsForNothingIsDrainedAtOnce(t *testing.T) {
	for _, test := range []struct {
		name      string
		check     func(ctx context.Context) error
		confirmed bool                  // the membership, without which a barrier waits
		state     status.PartitionState // before
		drained   int64                 // the offset committed last; -1 for none
	}{
		{"refused", func(context.Context) error { return errors.New("never") }, true, status.Blocked, -1},
		{"beginning", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, true, status.Assigned, -1},
		{"before a barrier", func(context.Context) error { return nil }, false, status.Reading, 1},
		{"reading", func(context.Context) error { return nil }, true, status.Reading, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			modelStreams() // outside of the bubble
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var p *partition
				services := drainedServices{of: &p, check: test.check, confirmed: test.confirmed}
				s := modelStream(0, time.Hour, 1000)
				if !test.confirmed {
					s = modelStream(0, time.Hour, 0) // a late key is one too many
				}
				p = newTestPartition(s, services, &log)
				initial, err := p.resume(consume.Assignment{Partition: p.id, Committed: -1})
				if err != nil {
					t.Fatal(err)
				}
				p.start(initial)
				p.Deliver([]*kgo.Record{{Value: []byte(`{"t":1700000000000,"host":"noise"}`)}, {Offset: 1, Value: []byte(`{"t":1690000000000,"host":"h1","path":"/p1"}`)}})
				pass(time.Minute)
				if shown, _, _ := p.status(status.Component{OK: true}, time.Now()); shown.State != test.state {
					t.Errorf("the partition is %s", shown.State)
				}
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), drainTimeout)
				defer cancel()
				p.Drain(ctx)
				if took := time.Since(began); took > time.Second {
					t.Errorf("it takes %s", took)
				}
				p.mu.Lock()
				done := p.done
				p.mu.Unlock()
				if committed := done != nil; committed != (test.drained >= 0) || committed && done.Offset != test.drained {
					t.Errorf("committed is %+v", done)
				}
				p.Stop()
				if strings.Contains(log.String(), "context canceled") {
					t.Errorf("the log says:\n%s", &log)
				}
			})
		})
	}
}
