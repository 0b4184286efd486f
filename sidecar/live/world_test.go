package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var writes = rollup.Definition{
	Name: "log_writes", Stream: "s", Dimensions: []rollup.Field{{Name: "host"}, {Name: "path"}}, Measures: []rollup.Field{{Name: "offset"}},
	Conditions: []rollup.Condition{{Name: "errors"}},
}

// happening is one event, or several in one row.
type happening struct {
	at         int64 // ms
	host, path string
	count      int64
	offset     float64 // NaN: it has none
	failed     bool
}

// world is a hub, its log, and what the batches of the log are made of.
type world struct {
	t       testing.TB
	log     *Log
	hub     *Hub
	encoder *wire.Encoder
	events  map[*Batch][]happening
}

// filter compiles filters as the command does.
func filter(text string) (*Condition, error) {
	m, err := query.ParseFilter([]byte(text))
	if m == nil || err != nil {
		return nil, err
	}
	key, err := json.Marshal(m.Filter)
	return &Condition{Dimension: m.Dimension, Key: string(key), Match: m.Match}, err
}

func newWorld(t testing.TB, options HubOptions) *world {
	t.Helper()
	w := &world{t: t, log: NewLog(LogOptions{History: 15 * time.Minute, MaxBytes: 1 << 30}), events: map[*Batch][]happening{}}
	var err error
	w.encoder, err = wire.NewEncoder(wire.Shape{
		Rollup: writes.Name, Interval: 1000, Dimensions: []string{"host", "path"}, Measures: []string{"offset"}, Conditions: []string{"errors"},
	}, wire.Uncompressed)
	if err != nil {
		t.Fatal(err)
	}
	options.Log, options.Filter, options.Logger = w.log, filter, slog.New(slog.DiscardHandler)
	if options.Rollups == nil {
		options.Rollups = []rollup.Definition{writes}
	}
	w.hub = NewHub(options)
	return w
}

// batch puts events into the log.
func (w *world) batch(source Source, epoch, from, to, newestBefore int64, events ...happening) *Batch {
	w.t.Helper()
	b := &Batch{Source: source, Stream: "s", Epoch: epoch, From: from, To: to, NewestBefore: newestBefore, Newest: newestBefore}
	rows := make([]wire.Row, len(events))
	for i, e := range events {
		rows[i] = e.row(1000)
		b.Newest = max(b.Newest, e.at)
	}
	text, err := w.encoder.Batch(wire.Batch{Note: wire.Note{Kind: wire.Update}, Rows: rows})
	if err != nil {
		w.t.Fatal(err)
	}
	b.Parts = []Part{{Rollup: writes.Name, Rows: slices.Concat(w.encoder.Opening(), text, w.encoder.Closing())}}
	w.events[b] = events
	w.log.Append(b)
	return b
}

func (e happening) row(interval int64) wire.Row {
	r := wire.Row{Start: e.at - e.at%interval, Dimensions: []string{e.host, e.path}, Count: e.count, Bytes: 10 * e.count, Measures: make([]rollup.Measure, 1), Conditions: make([]int64, 1)}
	if !math.IsNaN(e.offset) {
		r.Measures[0].Add(e.offset)
	}
	if e.failed {
		r.Conditions[0] = e.count
	}
	return r
}

// naive counts what the log holds again, event by event.
func (w *world) naive(q *Query, from, through int64) map[string]wire.Row {
	var held []*Batch
	w.log.Read(func(b *Batch) { held = append(held, b) }, func(Change) {})()
	all := map[string]wire.Row{}
	for _, b := range held {
		for _, e := range w.events[b] {
			values := map[string]string{"host": e.host, "path": strings.ToValidUTF8(e.path, "\ufffd")}
			met := !slices.ContainsFunc(q.Conditions, func(c Condition) bool { return !c.Match(values[c.Dimension]) })
			r := e.row(q.Interval)
			if !met || r.Start < from || r.Start >= through {
				continue
			}
			r.Dimensions = []string{}
			for _, name := range q.GroupBy {
				r.Dimensions = append(r.Dimensions, values[name])
			}
			sum, known := all[keyOf(r)]
			if known {
				sum.Count += r.Count
				sum.Bytes += r.Bytes
				sum.Measures[0].Merge(r.Measures[0])
				sum.Conditions[0] += r.Conditions[0]
				r = sum
			}
			all[keyOf(r)] = r
		}
	}
	return all
}

func keyOf(r wire.Row) string { return fmt.Sprintf("%d %q", r.Start, r.Dimensions) }

// client is a reader, and what it knows.
type client struct {
	t      testing.TB
	s      *Subscription
	reader *wire.Reader
	raw    *pipe
	note   wire.Note
	rows   map[string]wire.Row
	kinds  []string
	ended  bool
}

// pipe is what was read from a subscription and not yet decoded.
type pipe struct {
	bytes.Buffer
	fill func() bool
}

func (p *pipe) Read(into []byte) (int, error) {
	for p.Len() == 0 {
		if !p.fill() {
			return 0, io.EOF
		}
	}
	return p.Buffer.Read(into)
}

func (w *world) subscribe(q Query, compression wire.Compression) *client {
	w.t.Helper()
	s, err := w.hub.Subscribe(w.t.Context(), q, Encoding{FormatArrow, compression})
	if err != nil {
		w.t.Fatal(err)
	}
	c := &client{t: w.t, s: s, rows: map[string]wire.Row{}}
	c.raw = &pipe{fill: func() bool {
		text, err := s.Next(w.t.Context())
		c.raw.Write(text)
		return err == nil
	}}
	return c
}

// next reads one batch.
func (c *client) next() {
	c.t.Helper()
	var err error
	if c.reader == nil {
		if c.reader, err = wire.NewReader(c.raw, wire.LZ4, wire.Zstd); err != nil {
			c.t.Fatal(err)
		}
	}
	b, err := c.reader.Next()
	if errors.Is(err, io.EOF) {
		c.ended = true
		return
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.take(b)
}

func (c *client) take(b wire.Batch) {
	c.note = b.Note
	c.kinds = append(c.kinds, string(b.Kind))
	if b.Kind == wire.Snapshot {
		clear(c.rows)
	}
	for _, r := range b.Rows {
		if r.Start < b.From || r.Start >= b.Through {
			c.t.Errorf("a row of %d is outside of [%d, %d)", r.Start, b.From, b.Through)
		}
		c.rows[keyOf(r)] = r
	}
	for key, r := range c.rows {
		if r.Start < b.From {
			delete(c.rows, key)
		}
	}
}

// drain reads what waits, without waiting.
func (c *client) drain() {
	c.t.Helper()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for !c.ended {
		if c.raw.Len() == 0 {
			text, err := c.s.Next(gone)
			if err != nil {
				c.ended = errors.Is(err, io.EOF)
				return
			}
			c.raw.Write(text)
		}
		c.next()
	}
}

// fresh is what a new reader is told.
func (w *world) fresh(q Query) *client {
	c := w.subscribe(q, wire.Uncompressed)
	defer c.s.Close()
	c.next()
	return c
}

// differences compares rows, but for what the order of additions makes of sums.
func differences(got, want map[string]wire.Row) string {
	var all []string
	for key, w := range want {
		g, found := got[key]
		same := found && g.Count == w.Count && g.Bytes == w.Bytes && g.Conditions[0] == w.Conditions[0] && g.Measures[0].Count == w.Measures[0].Count &&
			g.Measures[0].Min == w.Measures[0].Min && g.Measures[0].Max == w.Measures[0].Max && math.Abs(g.Measures[0].Sum-w.Measures[0].Sum) < 1e-6
		if !same {
			all = append(all, fmt.Sprintf("%s: got %+v, want %+v", key, g, w))
		}
	}
	for key, g := range got {
		if _, found := want[key]; !found {
			all = append(all, fmt.Sprintf("%s: got %+v, want none", key, g))
		}
	}
	slices.Sort(all)
	return strings.Join(all[:min(len(all), 5)], "\n")
}

func someEvent(r *rand.Rand, at int64) happening {
	e := happening{
		at: at, host: fmt.Sprintf("web-%d", r.IntN(4)), path: []string{"", "/a", "/b", "/var/log/\xff"}[r.IntN(4)], count: 1 + r.Int64N(3), offset: float64(r.IntN(1000)) / 8,
		failed: r.IntN(4) == 0,
	}
	if r.IntN(3) == 0 {
		e.offset = math.NaN()
	}
	return e
}
