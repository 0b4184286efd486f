package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/write"
)

const (
	modelSession = 8 * time.Second
	modelRequest = time.Second
)

// member is one process of the model: the real partitions and the real writer, between a group, logs and a store that are made up.
type member struct {
	name   string
	world  *world
	stream *stream
	client *storeClient
	writer *write.Writer

	leaving    atomic.Bool // it ends in order
	stop       context.CancelFunc
	background sync.WaitGroup
	commitWake chan struct{}
	commitSlot chan struct{} // of one place: held while a commit is under way
	turn       chan struct{} // of one place: held while partitions come and go

	// Of the group, under its lock.
	fenced     bool
	generation int
	deaf       bool      // the group's answers do not reach the member, nor its heartbeats the group
	seen       time.Time // when the group heard of it last

	mu      sync.Mutex
	rnd     *rand.Rand
	owned   map[int]*partition
	open    map[int]*partition // owned, or drained and not stopped
	renewed time.Time          // of the lease; zero for none
	// starved is when the logs cannot be reached.
	starved struct{ from, until time.Time }
}

func newMember(w *world, number int, s *stream) *member {
	m := &member{
		name: fmt.Sprintf("member %d", number), world: w, stream: s, commitWake: make(chan struct{}, 1), commitSlot: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		client: &storeClient{store: w.store, rnd: rand.New(rand.NewPCG(w.seed, 1000+uint64(number)))},
		rnd:    rand.New(rand.NewPCG(w.seed, 2000+uint64(number))), owned: map[int]*partition{}, open: map[int]*partition{},
		seen: time.Now(), renewed: time.Now(),
	}
	m.writer = write.New(m.client, write.Options{MayWrite: m.mayWrite, RequestBytes: 2_000, InFlightBytes: 8_000, BackoffMax: time.Second})
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.background.Go(func() { m.writer.Run(ctx) })
	m.background.Go(func() { m.commitLoop(ctx) })
	m.background.Go(func() { m.heartbeats(ctx) })
	return m
}

// below draws a time.
func (m *member) below(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.rnd.Int64N(int64(d))) + time.Millisecond
}

// one is true once in n times, while the model disturbs.
func (m *member) one(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rnd.IntN(n) == 0 && !m.world.store.calm.Load()
}

func (m *member) heartbeats(ctx context.Context) {
	g := m.world.group
	for {
		sent := time.Now()
		if !sleep(ctx, m.below(100*time.Millisecond)) {
			return
		}
		g.mu.Lock()
		heard := !m.fenced && !m.deaf
		if heard {
			m.seen = time.Now()
		}
		g.mu.Unlock()
		if heard && !m.one(10) { // else the answer is lost
			m.mu.Lock()
			m.renewed = sent
			m.mu.Unlock()
		}
		if !sleep(ctx, modelSession/6) {
			return
		}
	}
}

// assign begins the work on a partition, as pipeline.open does.
func (m *member) assign(number int) {
	g, log := m.world.group, m.world.logs[number]
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	g.mu.Lock()
	if m.fenced || m.client.cut.Load() {
		g.mu.Unlock()
		return
	}
	known := g.partitions[number]
	known.owner = m
	a := consume.Assignment{Partition: log.id, Committed: known.committed, Metadata: known.metadata, Partitions: len(g.partitions), LogEnd: log.end()}
	g.mu.Unlock()
	p := &partition{
		id: a.Partition, key: consume.Key{Topic: a.Topic, Partition: a.Number}, stream: m.stream, services: m, logger: slog.New(slog.DiscardHandler),
		newEvent: time.Now(), held: time.Now(), wake: make(chan struct{}, 1), batches: map[*write.Batch]struct{}{},
	}
	initial, err := p.resume(a)
	if err != nil {
		g.mu.Lock()
		g.violate("partition %d: %v", number, err)
		g.mu.Unlock()
		return
	}
	m.mu.Lock()
	m.owned[number], m.open[number] = p, p
	m.mu.Unlock()
	p.start(initial)
	m.background.Go(func() { m.fetch(p, initial.Offset) })
	m.background.Go(func() { m.watchEnd(p) })
}

// fetch delivers the log from an offset on, until the partition ends. The brokers do not ask who reads.
func (m *member) fetch(p *partition, from int64) {
	log := m.world.logs[p.id.Number]
	for {
		pause := 100 * time.Millisecond
		if m.one(8) {
			pause = time.Second
		}
		timer := time.NewTimer(m.below(pause))
		select {
		case <-p.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
		if m.isStarved() {
			continue
		}
		most := time.Duration(50)
		if m.one(2) {
			most = 5
		}
		if records := log.from(from, 1+int(m.below(most)%most)); len(records) > 0 {
			from = records[len(records)-1].Offset + 1
			p.Deliver(records)
		}
	}
}

// starve keeps the member from reaching the logs for a time.
func (m *member) starve(after, last time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.starved.from = time.Now().Add(after)
	m.starved.until = m.starved.from.Add(last)
}

func (m *member) isStarved() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().After(m.starved.from) && time.Now().Before(m.starved.until)
}

// watchEnd tells where the log ends, a little late.
func (m *member) watchEnd(p *partition) {
	for {
		timer := time.NewTimer(400 * time.Millisecond)
		select {
		case <-p.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
		if m.isStarved() {
			continue
		}
		asked := time.Now()
		pass(m.below(100 * time.Millisecond))
		end := m.world.logs[p.id.Number].end()
		pass(m.below(100 * time.Millisecond))
		p.EndOffset(end, asked)
	}
}

// revoke gives a partition up in order, as consume.Group does: commits under way are waited for, and later ones left out.
func (m *member) revoke(numbers ...int) {
	for _, number := range numbers {
		m.drop(number)
	}
	m.commitSlot <- struct{}{}
	<-m.commitSlot
}

// drop ends the work on a partition.
func (m *member) drop(number int) {
	m.mu.Lock()
	p := m.open[number]
	delete(m.owned, number)
	delete(m.open, number)
	m.mu.Unlock()
	if p != nil {
		p.Stop()
	}
}

func (m *member) numbers() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []int
	for n := range m.open {
		all = append(all, n)
	}
	return all
}

// end is an orderly end, as pipeline.Run and pipeline.drain have it.
func (m *member) end() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var draining sync.WaitGroup
	m.mu.Lock()
	for _, p := range m.owned {
		draining.Go(func() { p.Drain(ctx) })
	}
	m.mu.Unlock()
	draining.Wait()
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	m.revoke(m.numbers()...)
	m.client.cut.Store(true)
	m.stop()
	m.background.Wait()
	m.world.group.expel(m)
}

// crash ends the process from one moment to the next: what it sent may still be carried out.
func (m *member) crash() {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	m.client.cut.Store(true)
	m.stop()
	for _, p := range m.snapshot() {
		p.cancel()
	}
	for _, number := range m.numbers() {
		m.drop(number)
	}
	m.background.Wait()
}

// lose is what a member does that learns that it was forgotten.
func (m *member) lose() {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	m.mu.Lock()
	m.renewed = time.Time{}
	m.mu.Unlock()
	m.revoke(m.numbers()...)
	g := m.world.group
	g.expel(m)
	g.mu.Lock()
	m.fenced, m.deaf, m.seen = false, false, time.Now()
	g.mu.Unlock()
}

// What the partitions use.

func (m *member) begin(done func(write.Result)) *write.Batch { return m.writer.Begin(done) }

func (m *member) commitSoon() { wakeUp(m.commitWake) }

func (m *member) deadLetter(context.Context, rollup.Partition, *kgo.Record, string) {}

func (m *member) pause(consume.Key, bool) {}

func (m *member) holdOff() time.Duration { return modelSession + modelRequest }

func (m *member) mayWrite() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.renewed.IsZero() && time.Since(m.renewed) < modelSession
}

func (m *member) prefix() string { return modelPrefix }

func (m *member) groupName() string { return "model" }

func (m *member) furthest(string) int64 {
	furthest := int64(aggregate.Never)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.open {
		p.mu.Lock()
		if p.view.known {
			furthest = max(furthest, p.view.watermark)
		}
		p.mu.Unlock()
	}
	return furthest
}

func (m *member) earlier(ctx context.Context, hashes []string) (*stream, error) {
	if !sleep(ctx, m.below(time.Second)) {
		return nil, ctx.Err()
	}
	_, earlier := modelStreams()
	if s := earlier[definitionsID(hashes)]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no stream has the definitions %v", hashes)
}

func (m *member) checkNew(_ context.Context, id rollup.Partition) (anew bool, err error) {
	if _, told := m.world.kept(int(id.Number)); told {
		return false, errors.New("the group has no offset for the partition, but its rollups are kept")
	}
	return false, nil
}

func (m *member) readFrom(*partition, int64) {}

func (m *member) gone(*partition) {}

// snapshot are the partitions that the member works on.
func (m *member) snapshot() []*partition {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*partition, 0, len(m.open))
	for _, p := range m.open {
		all = append(all, p)
	}
	return all
}
