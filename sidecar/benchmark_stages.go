package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/generate"
	"github.com/tidemark/tidemark/sidecar/write"
)

// stageLimits say how much the stages do.
type stageLimits struct {
	// bytes is how much of events a stage reads again and again: more than the caches of a core hold.
	bytes int
	// time is how much CPU time a stage is measured for, at least.
	time time.Duration
	// manyKeys are those of the stage with many of them.
	manyKeys int
}

var defaultStageLimits = stageLimits{bytes: 64 << 20, time: 2 * time.Second, manyKeys: 100_000}

// eventsPerKey is how many events of a key a window has at least: with fewer a stage measures the making of keys and little else.
const eventsPerKey = 20

// heldEvents are events in memory, one after the other.
type heldEvents struct {
	generate.Options
	data []byte
	ends []int
	// next is the number of the next event, over all readings: times go on from one to the next.
	next int64
}

// holdEvents makes as many events as fill the memory, and every key at least once.
func holdEvents(o generate.Options, bytes int) (*heldEvents, error) {
	if perWindow := int64(benchmarkWindow / time.Second); o.Rate*perWindow < int64(o.Hosts*o.Paths*eventsPerKey) {
		o.Rate = int64(o.Hosts*o.Paths*eventsPerKey) / perWindow
	}
	o.Start = time.UnixMilli(stageOrigin)
	source, err := generate.NewFilebeat(o)
	if err != nil {
		return nil, err
	}
	h := &heldEvents{Options: o}
	count := max(bytes/o.Bytes, source.Keys())
	h.data = make([]byte, 0, count*o.Bytes)
	for i := range count {
		h.data = source.Append(h.data, int64(i))
		h.ends = append(h.ends, len(h.data))
	}
	return h, nil
}

// each calls do with every event, its number over all readings, and its time.
func (h *heldEvents) each(do func(value []byte, n, at int64) error) error {
	begin := 0
	for k, end := range h.ends {
		n := h.next + int64(k)
		if err := do(h.data[begin:end:end], n, h.time(n)); err != nil {
			return err
		}
		begin = end
	}
	return nil
}

// stageOrigin is the time of event 0 of a stage, in milliseconds since 1970.
const stageOrigin = 1_767_225_600_000

func (h *heldEvents) time(n int64) int64 { return stageOrigin + n*1000/h.Rate }

// advance gives the events the times that follow on those they have.
func (h *heldEvents) advance() {
	h.next += int64(len(h.ends))
	begin := 0
	for k, end := range h.ends {
		generate.SetTime(h.data[begin:end], h.time(h.next+int64(k)))
		begin = end
	}
}

// windowEvents is how many events a window has.
func (h *heldEvents) windowEvents() int64 { return h.Rate * int64(benchmarkWindow/time.Second) }

// stage is one kind of work on events in memory.
type stage struct {
	name    string
	stream  benchmarkStream
	keys    int // instead of those that were asked for; 0: none
	prepare func(p *aggregate.Plan) (func(h *heldEvents) error, error)
}

// stages measures the work on events without Kafka and Elasticsearch.
func (b *benchmark) stages(ctx context.Context) (err error) {
	stop, err := startProfile(b.profile(partStages))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	plain := benchmarkStream{topic: "bench", window: benchmarkWindow, lateness: benchmarkLateness, rollups: b.options.rollups, maxKeys: b.events.Hosts * b.events.Paths}
	cleaned := plain
	cleaned.clean = true
	held := map[int]*heldEvents{}
	for _, s := range []stage{
		{"decode", plain, 0, decodeOnly},
		{"decode and clean", cleaned, 0, decodeAndClean},
		{"engine", plain, 0, engineOnly},
		{"engine, with strip_ansi, drop and where", cleaned, 0, engineOnly},
		{fmt.Sprintf("engine, %s keys", grouped(int64(b.limits.manyKeys))), plain, b.limits.manyKeys, engineOnly},
	} {
		b.notes.say("bench: %s", s.name)
		h := held[s.keys]
		if h == nil {
			clear(held) // one set of events at a time
			events := b.events
			if s.keys > 0 {
				events.Hosts, events.Paths = divide(s.keys)
				events.Batch = 0 // so that every key is written soon
			}
			if h, err = holdEvents(events, b.limits.bytes); err != nil {
				return err
			}
			held[s.keys] = h
		}
		row, err := s.measure(ctx, h, b.limits.time)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.report.Stages = append(b.report.Stages, row)
	}
	b.notes.say("bench: encode documents")
	row, err := measureEncoding(ctx, &plain, b.events, b.limits.time)
	if err != nil {
		return fmt.Errorf("encode documents: %w", err)
	}
	b.report.Stages = append(b.report.Stages, row)
	return nil
}

func (s *stage) measure(ctx context.Context, h *heldEvents, atLeast time.Duration) (benchmarkRow, error) {
	compiled, err := s.stream.compile()
	if err != nil {
		return benchmarkRow{}, err
	}
	plan, err := compiled.plan()
	if err != nil {
		return benchmarkRow{}, err
	}
	work, err := s.prepare(plan)
	if err != nil {
		return benchmarkRow{}, err
	}
	m := meter{name: s.name, unit: "event", bytes: h.Bytes, time: atLeast, whole: h.windowEvents()}
	return m.run(ctx, func() (int64, error) { return int64(len(h.ends)), work(h) }, h.advance)
}

// meter measures work that is repeated.
type meter struct {
	name, unit string
	bytes      int           // of a unit
	time       time.Duration // that is measured at least
	whole      int64         // how many units belong together: whole numbers of them are measured, as far as the repetitions allow
}

// run does the work until enough of it was measured, once unmeasured before; between does what is not part of it.
func (m *meter) run(ctx context.Context, work func() (int64, error), between func()) (benchmarkRow, error) {
	if _, err := work(); err != nil {
		return benchmarkRow{}, err
	}
	var used time.Duration
	var count, enough int64
	var allocated uint64
	var before, after runtime.MemStats
	for used < m.time || count < enough {
		if err := ctx.Err(); err != nil {
			return benchmarkRow{}, err
		}
		between()
		runtime.ReadMemStats(&before)
		begin, err := cpuTime()
		if err != nil {
			return benchmarkRow{}, err
		}
		n, err := work()
		if err != nil {
			return benchmarkRow{}, err
		}
		end, err := cpuTime()
		if err != nil {
			return benchmarkRow{}, err
		}
		runtime.ReadMemStats(&after)
		used += end - begin
		allocated += after.Mallocs - before.Mallocs
		count += n
		if used < m.time {
			enough = (count + n + m.whole - 1) / m.whole * m.whole
		}
	}
	perUnit := used.Seconds() / float64(count)
	return benchmarkRow{
		Name: m.name, Unit: m.unit, Count: count, PerSecond: 1 / perUnit, BytesPerSecond: float64(m.bytes) / perUnit,
		CPUMicroseconds: perUnit * 1e6, Allocations: float64(allocated) / float64(count),
	}, nil
}

func decodeOnly(p *aggregate.Plan) (func(*heldEvents) error, error) {
	return func(h *heldEvents) error {
		return h.each(func(value []byte, _, _ int64) error { return p.Decoder.Decode(value, p.Event) })
	}, nil
}

func decodeAndClean(p *aggregate.Plan) (func(*heldEvents) error, error) {
	return func(h *heldEvents) error {
		return h.each(func(value []byte, _, _ int64) error {
			if err := p.Decoder.Decode(value, p.Event); err != nil {
				return err
			}
			p.Cleaner.Clean(p.Event)
			return nil
		})
	}, nil
}

// engineOnly aggregates as the work on a partition does: windows are closed after every batch, and acknowledged at once.
func engineOnly(p *aggregate.Plan) (func(*heldEvents) error, error) {
	engine := aggregate.NewEngine(p, p.Begin(0, 0, [16]byte{}))
	return func(h *heldEvents) error {
		return h.each(func(value []byte, n, at int64) error {
			if outcome := engine.Add(aggregate.Record{Offset: n, Timestamp: at, Value: value}); outcome.Bad() {
				return errors.New(outcome.Reason)
			}
			if (n+1)%batchRecords == 0 {
				for _, w := range engine.Close() {
					engine.Acknowledge(w, 0, 0)
				}
			}
			return nil
		})
	}, nil
}

// measureEncoding encodes the documents of a window again and again.
func measureEncoding(ctx context.Context, s *benchmarkStream, events generate.Options, atLeast time.Duration) (benchmarkRow, error) {
	windows, err := closedWindows(s, events)
	if err != nil {
		return benchmarkRow{}, err
	}
	e, stop := startEncoder(ctx)
	defer stop()
	work := func() (documents int64, err error) {
		return e.encode(ctx, windows)
	}
	documents, err := work()
	if err != nil {
		return benchmarkRow{}, err
	}
	m := meter{name: "encode documents", unit: "document", bytes: int(e.writer.Stats.Bytes.Load() / documents), time: atLeast, whole: 1}
	return m.run(ctx, work, func() {})
}

// closedWindows are a window of each rollup with every key in it.
func closedWindows(s *benchmarkStream, events generate.Options) ([]*aggregate.Window, error) {
	events.Batch = 0 // so that the first events have all keys
	source, err := generate.NewFilebeat(events)
	if err != nil {
		return nil, err
	}
	compiled, err := s.compile()
	if err != nil {
		return nil, err
	}
	plan, err := compiled.plan()
	if err != nil {
		return nil, err
	}
	engine := aggregate.NewEngine(plan, plan.Begin(0, 0, [16]byte{}))
	for i := range int64(source.Keys()) {
		if outcome := engine.Add(aggregate.Record{Offset: i, Timestamp: stageOrigin, Value: source.AppendAt(nil, i, stageOrigin)}); outcome.Bad() {
			return nil, errors.New(outcome.Reason)
		}
	}
	windows, _ := engine.Seal(aggregate.Never)
	return windows, nil
}

// encoder is a writer whose cluster takes everything at once.
type encoder struct{ writer *write.Writer }

func startEncoder(ctx context.Context) (e encoder, stop func()) {
	e.writer = write.New(accepting{}, write.Options{})
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { e.writer.Run(ctx) })
	return e, func() { cancel(); running.Wait() }
}

// encodedAtOnce is how many documents are written before any is waited for, about.
const encodedAtOnce = 20_000

// encode writes the documents of windows, several times where they are few, and says how many there were.
func (e encoder) encode(ctx context.Context, windows []*aggregate.Window) (documents int64, err error) {
	var writing sync.WaitGroup
	for documents < encodedAtOnce {
		for _, w := range windows {
			target := write.Target{Prefix: "tidemark", Definition: &w.Rollup().Definition, Hash: w.Rollup().Hash}
			writing.Add(1)
			b := e.writer.Begin(func(write.Result) { writing.Done() })
			partition := rollup.Partition{Topic: "bench", TopicID: [16]byte{1}}
			if err := w.Documents(partition, func(doc *rollup.Document) error { return b.Add(ctx, target, doc) }); err != nil {
				return 0, err
			}
			if err := b.Close(); err != nil {
				return 0, err
			}
			documents += int64(b.Documents())
		}
	}
	writing.Wait()
	return documents, nil
}

type accepting struct{}

// Bulk accepts every action, of two lines each.
func (accepting) Bulk(_ context.Context, body []byte) (*elastic.BulkResponse, error) {
	return &elastic.BulkResponse{Items: make([]elastic.BulkItem, bytes.Count(body, []byte("\n"))/2)}, nil
}
