package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/sidecar/live"
	"github.com/tidemark/tidemark/tests/servers"
)

// TestLiveValuesAreTheDocuments has members that are killed, stopped for longer than the group waits, and join, while events come. What they told of each
// second is what was written, and of each window what its documents hold when they are sealed.
func TestLiveValuesAreTheDocuments(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		w := b.watchLive()
		first, second := b.spawn(configuration), b.spawn(configuration)
		run := b.start(configuration)
		w.await(func() bool { return len(w.log.Heard("logs")) == testPartitions })
		p := b.pour()
		p.during(5 * time.Second)
		first.kill()
		p.during(8 * time.Second) // longer than the session, so that others have its partitions
		if err := second.command.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		third := b.spawn(configuration)
		p.during(10 * time.Second)
		if err := second.command.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		p.during(3 * time.Second)
		third.kill()
		p.during(time.Second)
		seconds := p.end()
		b.await(run)
		var told map[string]int64
		w.await(func() bool { told = w.seconds(); return total(told) >= total(seconds) })
		if diff := cmp.Diff(seconds, told); diff != "" {
			t.Errorf("what was told of each second differs (-written +told):\n%s", diff)
		}
		if from := w.log.CompleteFrom("logs"); from != math.MinInt64 {
			t.Errorf("live values are complete from %d ms on: %+v", from, w.log.Stats())
		}
		t.Logf("%d events in %d batches: %+v", total(told), w.log.Stats().Batches, w.log.Stats())
		if s := run.status().Live; s == nil || !s.OK || s.Batches == 0 || s.Topic != b.topic+".live" {
			t.Errorf("status tells of live values: %+v", s)
		}
		run.end()
	})
}

// startRefusing starts a Kafka that does not create topics whose names end so.
func startRefusing(t *testing.T, suffix string) (address string) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cluster.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		create, is := request.(*kmsg.CreateTopicsRequest)
		if !is || !strings.HasSuffix(create.Topics[0].Topic, suffix) {
			return nil, nil, false
		}
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = create.Topics[0].Topic, kerr.TopicAuthorizationFailed.Code
		response, _ := create.ResponseKind().(*kmsg.CreateTopicsResponse)
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	return cluster.ListenAddrs()[0]
}

func TestWithoutLiveTopicNothingElseSuffers(t *testing.T) {
	t.Parallel()
	b := newBench(t, startRefusing(t, ".live"), servers.EmbeddedStore(t, ""))
	b.produce(0, 600)
	run := b.start(b.configure())
	b.await(run)
	if s := run.status(); s.Live == nil || s.Live.OK || !strings.Contains(s.Live.Error, "create the topic") || !s.Ready {
		t.Errorf("status tells of live values: %+v, ready %t", s.Live, s.Ready)
	}
	run.end()
	run = b.start(b.configure("http: {", "live: {enabled: false}\nhttp: {"))
	b.await(run)
	if s := run.status(); s.Live != nil {
		t.Errorf("status tells of live values: %+v", s.Live)
	}
	run.end()
}

// watch reads what is told live.
type watch struct {
	t   *testing.T
	log *live.Log
}

func (b *bench) watchLive() *watch {
	b.t.Helper()
	w := &watch{t: b.t, log: live.NewLog(live.LogOptions{History: time.Hour, MaxBytes: 1 << 30})}
	f := live.NewFeed(live.FeedOptions{
		Kafka: []kgo.Opt{kgo.SeedBrokers(b.kafka)}, Topic: b.topic + ".live", History: time.Hour, Log: w.log, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(b.t.Context())
	var reading sync.WaitGroup
	reading.Go(func() { f.Run(ctx) })
	reading.Go(func() { // it listens, so that everything is told at once
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for ctx.Err() == nil {
			f.Listen() //nolint:contextcheck // what it sends is sent, whatever ends
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
	b.t.Cleanup(func() { cancel(); reading.Wait() })
	return w
}

func (w *watch) await(reached func() bool) {
	w.t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); !reached(); <-ticker.C {
		if time.Now().After(limit) {
			w.t.Fatalf("not told: %+v, heard %v, %d events", w.log.Stats(), w.log.Heard("logs"), total(w.seconds()))
		}
	}
}

// seconds sums what was told, by second and key.
func (w *watch) seconds() map[string]int64 {
	sums := map[string]int64{}
	w.log.Read(func(b *live.Batch) {
		for _, part := range b.Parts {
			r, err := wire.NewReader(bytes.NewReader(part.Rows))
			if err != nil {
				w.t.Error(err)
				return
			}
			for {
				batch, err := r.Next()
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					w.t.Error(err)
					return
				}
				for _, row := range batch.Rows {
					sums[fmt.Sprint(row.Start, row.Dimensions)] += row.Count
				}
			}
			r.Close()
		}
	}, func(live.Change) {})()
	return sums
}

// pouring writes events with the times at which they are written, a little disordered.
type pouring struct {
	b       *bench
	end     func() map[string]int64
	written chan struct{}
}

func (b *bench) pour() *pouring {
	p := &pouring{b: b, written: make(chan struct{})}
	ctx, cancel := context.WithCancel(b.t.Context())
	seconds := map[string]int64{}
	go func() {
		defer close(p.written)
		rnd := rand.New(rand.NewPCG(1, 2))
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			var records []*kgo.Record
			for range rnd.IntN(20) {
				at := time.Now().UnixMilli() - rnd.Int64N(2)*rnd.Int64N(1500)
				host := fmt.Sprintf("h%d", rnd.IntN(4))
				b.truth[fmt.Sprintf("%d %s /p", at/10_000*10_000, host)]++
				seconds[fmt.Sprint(at/1000*1000, []string{host, "/p"})]++
				records = append(records, &kgo.Record{Topic: b.topic, Value: fmt.Appendf(nil, `{"t":%d,"host":%q,"path":"/p","n":%d}`, at, host, at%100)})
			}
			if err := b.client.ProduceSync(context.WithoutCancel(ctx), records...).FirstErr(); err != nil {
				b.t.Errorf("write events: %v", err)
				return
			}
		}
	}()
	p.end = func() map[string]int64 {
		cancel()
		<-p.written
		return maps.Clone(seconds)
	}
	b.t.Cleanup(func() { p.end() })
	return p
}

// during lets events come for a while.
func (p *pouring) during(d time.Duration) {
	p.b.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.written:
		p.b.t.Fatal("no events are written any more")
	}
}
