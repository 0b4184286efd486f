package main

import (
	"bytes"
	"context"
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
