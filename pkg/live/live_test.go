package live_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

var shape = live.Shape{
	Rollup: "log_writes", Interval: 1000, Dimensions: []string{"host", "path"}, Measures: []string{"offset", "time_consumed"}, Conditions: []string{"errors"},
}

func rows(r *rand.Rand, s live.Shape, n int) []live.Row {
	all := make([]live.Row, n)
	for i := range all {
		row := live.Row{
			Start: r.Int64N(1<<41) / 1000 * 1000, Count: r.Int64N(100), Bytes: r.Int64(),
			Dimensions: make([]string, len(s.Dimensions)), Measures: make([]rollup.Measure, len(s.Measures)), Conditions: make([]int64, len(s.Conditions)),
		}
		for d := range row.Dimensions {
			row.Dimensions[d] = strings.Repeat("é\x00\"", r.IntN(4))
		}
		for m := range row.Measures {
			for range r.IntN(3) {
				row.Measures[m].Add(r.NormFloat64())
			}
		}
		for c := range row.Conditions {
			row.Conditions[c] = r.Int64N(10)
		}
		all[i] = row
	}
	return all
}

func encoder(tb testing.TB, s live.Shape, c live.Compression) *live.Encoder {
	tb.Helper()
	e, err := live.NewEncoder(s, c)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func message(tb testing.TB, e *live.Encoder, b live.Batch) []byte {
	tb.Helper()
	text, err := e.Batch(b)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func batches(r *rand.Rand, s live.Shape) []live.Batch {
	all := []live.Batch{{Note: live.Note{Kind: live.Snapshot, Sent: 5, From: 1000, Through: 9000, Cut: 3, Missing: []string{"app/3"}}, Rows: rows(r, s, 40)}}
	for range 5 {
		b := live.Batch{Note: live.Note{Kind: live.Update, Sent: r.Int64N(1 << 40)}}
		if n := r.IntN(30); n > 0 {
			b.Rows = rows(r, s, n)
		}
		all = append(all, b)
	}
	return append(all, live.Batch{Note: live.Note{Kind: live.Heartbeat, Dropped: 7}}, live.Batch{Note: live.Note{Kind: live.End, Reason: "the sidecar stops"}})
}

func read(tb testing.TB, stream []byte) (live.Shape, []live.Batch) {
	tb.Helper()
	reader, err := live.NewReader(bytes.NewReader(stream), live.LZ4, live.Zstd)
	if err != nil {
		tb.Fatal(err)
	}
	defer reader.Close()
	var all []live.Batch
	for {
		b, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return reader.Shape(), all
		}
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range []live.Shape{shape, {Rollup: "r", Interval: 60_000}, {Rollup: "r", Interval: 5000, Dimensions: []string{"a"}}} {
		for _, c := range []live.Compression{live.Uncompressed, live.LZ4, live.Zstd} {
			t.Run(fmt.Sprint(len(s.Dimensions), c), func(t *testing.T) {
				e, want := encoder(t, s, c), batches(r, s)
				stream := bytes.Clone(e.Opening())
				for _, b := range want {
					stream = append(stream, message(t, e, b)...)
				}
				gotShape, got := read(t, append(stream, e.Closing()...))
				if diff := cmp.Diff(s, gotShape); diff != "" {
					t.Errorf("shape (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("batches (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// Many readers are given the same bytes, and each begins with whatever batch comes next.
func TestReadersBeginAtAnyBatch(t *testing.T) {
	e, all := encoder(t, shape, live.Uncompressed), batches(rand.New(rand.NewPCG(3, 4)), shape)
	var messages [][]byte
	for _, b := range all {
		messages = append(messages, message(t, e, b))
	}
	for first := range all {
		stream := append(bytes.Clone(e.Opening()), bytes.Join(messages[first:], nil)...)
		if _, got := read(t, append(stream, e.Closing()...)); cmp.Diff(all[first:], got) != "" {
			t.Errorf("a reader that begins with batch %d reads something else", first)
		}
	}
}

func TestStreamThatBreaksOffIsAnError(t *testing.T) {
	e := encoder(t, shape, live.Uncompressed)
	opening := e.Opening()
	stream := append(bytes.Clone(opening), message(t, e, batches(rand.New(rand.NewPCG(5, 6)), shape)[0])...)
	for end := range stream {
		reader, err := live.NewReader(bytes.NewReader(stream[:end]))
		if end < len(opening) {
			if err == nil {
				t.Fatalf("a schema of %d of %d bytes was read", end, len(opening))
			}
			continue
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", end, err)
		}
		if b, err := reader.Next(); err == nil {
			t.Fatalf("%d of %d bytes gave %d rows", end, len(stream), len(b.Rows))
		}
		reader.Close()
	}
}

func TestOtherVersionsAndShapesAreRefused(t *testing.T) {
	good := encoder(t, shape, live.Uncompressed).Opening()
	for name, change := range map[string][2]string{
		"version":  {"tidemark.live.version", "tidemark.live.versioN"},
		"interval": {"tidemark.live.interval_ms", "tidemark.live.interval_mS"},
		"column":   {"dim.host", "dom.host"},
	} {
		if _, err := live.NewReader(bytes.NewReader(bytes.ReplaceAll(good, []byte(change[0]), []byte(change[1])))); err == nil {
			t.Errorf("another %s was taken", name)
		}
	}
	if _, err := live.NewEncoder(shape, "gzip"); err == nil || !strings.Contains(err.Error(), "none, lz4 and zstd are allowed") {
		t.Errorf("another compression: %v", err)
	}
}

func TestLargeBatchesAndCompressionsNotAskedForAreRefused(t *testing.T) {
	const most = 300_000 // rows, with that of the note
	small := live.Shape{Rollup: "log_writes", Interval: 1000}
	for _, c := range []struct {
		compression live.Compression
		rows        int
		admitted    []live.Compression
		want        string
	}{
		{live.Uncompressed, 100, nil, ""},
		{live.Uncompressed, most - 1, nil, ""},
		{live.Uncompressed, most, nil, "at most 300000 are allowed"},
		{live.Zstd, 100, nil, "in a way that was not asked for"},
		{live.LZ4, 100, []live.Compression{live.Zstd}, "in a way that was not asked for"},
		{live.Zstd, 100, []live.Compression{live.LZ4, live.Zstd}, ""},
	} {
		e := encoder(t, small, c.compression)
		batch := message(t, e, live.Batch{Note: live.Note{Kind: live.Update}, Rows: make([]live.Row, c.rows)})
		reader, err := live.NewReader(bytes.NewReader(slices.Concat(e.Opening(), batch, e.Closing())), c.admitted...)
		if err != nil {
			t.Fatal(err)
		}
		b, err := reader.Next()
		switch {
		case c.want != "":
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %d rows: %v", c.compression, c.rows, err)
			}
		case err != nil || len(b.Rows) != c.rows:
			t.Errorf("%s: %d of %d rows: %v", c.compression, len(b.Rows), c.rows, err)
		default:
			if _, err := reader.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("it ends with %v", err)
			}
		}
		reader.Close()
	}
}

// A schema can say of its columns that there are billions, or all have the same long name.
func TestSchemasThatWouldTakeMuchMemoryAreRefused(t *testing.T) {
	long := strings.Repeat("n", 2000)
	good := encoder(t, live.Shape{Rollup: "r", Interval: 1000, Dimensions: []string{long}}, live.Uncompressed).Opening()
	const columns = 5 // note, start, the dimension, events and bytes
	count := binary.LittleEndian.AppendUint32(nil, columns)
	for n := range bytes.Count(good, count) {
		stream, at := bytes.Clone(good), 0
		for range n + 1 {
			at += bytes.Index(good[at:], count) + len(count)
		}
		binary.LittleEndian.PutUint32(stream[at-len(count):], 1<<31-1)
		before := allocated()
		if reader, err := live.NewReader(bytes.NewReader(stream)); err == nil {
			reader.Close()
		}
		if took := allocated() - before; took > 10<<20 {
			t.Errorf("changed at %d of %d, it takes %d bytes", at, len(good), took)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func TestLineIsJSON(t *testing.T) {
	b := batches(rand.New(rand.NewPCG(7, 8)), shape)[0]
	text, err := live.Line(shape, b)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		live.Note
		Rows []struct {
			Start      int64
			Count      int64
			Dimensions map[string]string
			Measures   map[string]struct {
				Count    int64
				Min, Max *float64
			}
			Conditions map[string]int64
		}
	}
	if err := json.Unmarshal(text, &got); err != nil || text[len(text)-1] != '\n' {
		t.Fatalf("%v: %q", err, text)
	}
	if diff := cmp.Diff(b.Note, got.Note); diff != "" || len(got.Rows) != len(b.Rows) {
		t.Errorf("%d rows, note (-want +got):\n%s", len(got.Rows), diff)
	}
	for i, row := range got.Rows {
		want := b.Rows[i]
		m := row.Measures["offset"]
		if row.Start != want.Start || row.Count != want.Count || row.Dimensions["path"] != want.Dimensions[1] || row.Conditions["errors"] != want.Conditions[0] {
			t.Errorf("row %d: %+v, want %+v", i, row, want)
		}
		if m.Count != want.Measures[0].Count || (m.Max == nil) != (m.Count == 0) || m.Max != nil && *m.Max != want.Measures[0].Max {
			t.Errorf("row %d: measure %+v, want %+v", i, m, want.Measures[0])
		}
	}
}

// FuzzReader reads anything without a panic.
func FuzzReader(f *testing.F) {
	e := encoder(f, shape, live.Uncompressed)
	small := live.Batch{Note: live.Note{Kind: live.Update}, Rows: rows(rand.New(rand.NewPCG(9, 9)), shape, 2)}
	f.Add(append(append(bytes.Clone(e.Opening()), message(f, e, small)...), e.Closing()...))
	z := encoder(f, live.Shape{Rollup: "r", Interval: 1000}, live.Zstd)
	f.Add(append(bytes.Clone(z.Opening()), message(f, z, live.Batch{Note: live.Note{Kind: live.End, Reason: "x"}})...))
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, stream []byte) {
		reader, err := live.NewReader(bytes.NewReader(stream))
		if err != nil {
			return
		}
		defer reader.Close()
		for range 10 {
			if _, err := reader.Next(); err != nil {
				return
			}
		}
	})
}

func BenchmarkEncoder(b *testing.B) {
	for _, n := range []int{200, 20_000} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			e, batch := encoder(b, shape, live.Uncompressed), live.Batch{Note: live.Note{Kind: live.Update}, Rows: rows(rand.New(rand.NewPCG(1, 1)), shape, n)}
			b.ReportAllocs()
			for b.Loop() {
				message(b, e, batch)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/row")
		})
	}
}
