package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// pass lets the bubble's time pass.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // the bubble's time
	synctest.Wait()
}

func total() Query { return Query{Rollup: "log_writes", Interval: 1000} }

func (w *world) event(offset int64, host string) {
	w.batch(aSource, 1, offset, offset+1, time.Now().UnixMilli()-1, happening{at: time.Now().UnixMilli(), host: host, count: 1, offset: 1})
}

func TestASlowReaderIsToldAndThenRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{})
		defer w.hub.Close("the test ends")
		w.event(0, "web-1")
		slow, quick := w.subscribe(total(), wire.Uncompressed), w.subscribe(total(), wire.Uncompressed)
		defer slow.s.Close()
		defer quick.s.Close()
		slow.next()
		quick.next()
		for i := range int64(60) {
			pass(time.Second)
			w.event(i+1, "web-1")
			quick.drain()
		}
		pass(time.Second)
		quick.drain()
		if waits := len(slow.s.queue); waits > queueLength {
			t.Errorf("%d batches wait", waits)
		}
		slow.next()
		if slow.note.Kind != wire.Heartbeat || slow.note.Dropped < 50 {
			t.Errorf("the slow reader is told %+v", slow.note)
		}
		slow.next()
		if slow.note.Kind != wire.Snapshot || slow.note.Dropped != 0 {
			t.Errorf("after that the slow reader is told %+v", slow.note)
		}
		w.event(61, "web-1")
		pass(2 * time.Second)
		slow.drain()
		quick.drain()
		if slow.note.Kind != wire.Update || quick.note.Dropped != 0 || len(quick.rows) < 60 {
			t.Errorf("the readers were told %v and %v", slow.note, quick.note)
		}
		if diff := differences(slow.rows, quick.rows); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWhatReadersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{Partitions: func(string) []string { return []string{"events/3", "events/4"} }})
		defer w.hub.Close("the test ends")
		minute := total()
		minute.Interval = 60_000
		c, long := w.subscribe(total(), wire.LZ4), w.subscribe(minute, wire.Zstd)
		defer c.s.Close()
		defer long.s.Close()
		c.next()
		long.next()
		if fmt.Sprint(c.note.Missing) != "[events/3 events/4]" || c.note.Through%1000 != 0 || c.note.From != c.note.Through-15*60_000+1000 && c.note.From != c.note.Through-15*60_000 {
			t.Errorf("the snapshot tells %+v", c.note)
		}
		w.event(0, "web-1")
		pass(10 * time.Second)
		c.drain()
		long.drain()
		if fmt.Sprint(c.note.Missing) != "[events/4]" || len(c.rows) != 1 || len(long.rows) != 0 {
			t.Errorf("%+v, %d rows and %d", c.note, len(c.rows), len(long.rows))
		}
		if text := strings.Join(long.kinds, " "); !strings.Contains(text, "heartbeat") {
			t.Errorf("the reader of minutes was told %s", text)
		}
		pass(time.Minute)
		c.drain()
		long.drain()
		if fmt.Sprint(c.note.Missing) != "[events/3 events/4]" || len(long.rows) != 1 || len(c.kinds) > 100 {
			t.Errorf("%+v, %d rows, %v", c.note, len(long.rows), c.kinds)
		}
	})
}

func TestLateEventsAreToldWithinASecond(t *testing.T) {
	for _, interval := range []int64{1000, 60_000} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, HubOptions{})
			defer w.hub.Close("the test ends")
			q := total()
			q.Interval = interval
			c := w.subscribe(q, wire.Uncompressed)
			defer c.s.Close()
			c.next()
			begin := time.Now().UnixMilli()
			pass(time.Minute + time.Second)
			for i := range int64(20) { // in the first bucket, each soon after the other
				w.batch(aSource, 1, i, i+1, math.MinInt64, happening{at: begin, count: 1})
				pass(100 * time.Millisecond)
			}
			pass(time.Second)
			c.drain()
			before := len(c.kinds)
			if r := c.rows[keyOf(wire.Row{Start: begin, Dimensions: []string{}})]; r.Count != 20 {
				t.Errorf("buckets of %d ms: %d late events are told", interval, r.Count)
			}
			for i := range int64(30) {
				w.batch(aSource, 1, 20+i, 21+i, begin, happening{at: begin, count: 1})
				pass(100 * time.Millisecond)
			}
			c.drain()
			if told := len(c.kinds) - before; told > 8 {
				t.Errorf("buckets of %d ms: %d batches in 3 seconds", interval, told)
			}
		})
	}
}

func TestTooManyKeysAreCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{MaxKeys: 2})
		defer w.hub.Close("the test ends")
		for i := range int64(5) {
			w.event(i, fmt.Sprintf("web-%d", i))
		}
		pass(2 * time.Second)
		q := total()
		q.GroupBy = []string{"host"}
		c := w.subscribe(q, wire.Uncompressed)
		defer c.s.Close()
		c.next()
		if len(c.rows) != 2 || c.note.Cut != 3 {
			t.Errorf("%d rows, %d cut", len(c.rows), c.note.Cut)
		}
		pass(16 * time.Minute) // the keys of a bucket go with it
		w.event(5, "web-5")
		pass(2 * time.Second)
		if fresh := w.fresh(q); len(fresh.rows) != 1 || fresh.note.Cut != 0 {
			t.Errorf("%d rows, %d cut", len(fresh.rows), fresh.note.Cut)
		}
	})
}

// TestPartsThatDoNotFit has batches of a definition without one of the dimensions and with other measures, and batches that are broken.
func TestPartsThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{})
		defer w.hub.Close("the test ends")
		hosts, all := total(), total()
		hosts.GroupBy = []string{"host"}
		now := time.Now().UnixMilli()
		other, err := wire.NewEncoder(wire.Shape{Rollup: "log_writes", Interval: 1000, Dimensions: []string{"path"}, Measures: []string{"size"}}, wire.Uncompressed)
		if err != nil {
			t.Fatal(err)
		}
		text, err := other.Batch(wire.Batch{Rows: []wire.Row{{Start: now, Dimensions: []string{"/a"}, Count: 3, Bytes: 7, Measures: []rollup.Measure{{Count: 1}}}}})
		if err != nil {
			t.Fatal(err)
		}
		w.event(0, "web-1")
		w.log.Append(&Batch{Source: aSource, Stream: "s", Epoch: 1, From: 1, To: 4, NewestBefore: now, Newest: now, Parts: []Part{
			{Rollup: "log_writes", Cut: 5, Rows: slices.Concat(other.Opening(), text, other.Closing())}, {Rollup: "another", Rows: []byte("is not read")},
		}})
		pass(2 * time.Second)
		if c := w.fresh(all); len(c.rows) != 1 || c.rows[keyOf(wire.Row{Start: now, Dimensions: []string{}})].Count != 4 || c.note.Cut != 5 {
			t.Errorf("%v, %+v", c.rows, c.note)
		}
		if c := w.fresh(hosts); len(c.rows) != 1 || c.rows[keyOf(wire.Row{Start: now, Dimensions: []string{"web-1"}})].Count != 1 || c.note.Cut != 8 {
			t.Errorf("%v, %+v", c.rows, c.note)
		}
		w.log.Append(&Batch{Source: aSource, Stream: "s", Epoch: 1, From: 4, To: 5, NewestBefore: now, Newest: now + 2500, Parts: []Part{{Rollup: "log_writes", Rows: text}}})
		pass(3 * time.Second)
		if c := w.fresh(all); len(c.rows) != 0 || c.note.From != now+3000 {
			t.Errorf("after a batch that is broken: %v, %+v", c.rows, c.note)
		}
	})
}

func TestLimitsAndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{MaxSubscribers: 2, MaxViews: 1})
		c := w.subscribe(total(), wire.Uncompressed)
		minute := total()
		minute.Interval = 60_000
		if _, err := w.hub.Subscribe(t.Context(), minute, Encoding{FormatArrow, wire.Uncompressed}); !errors.Is(err, ErrBusy) {
			t.Errorf("a second view: %v", err)
		}
		second := w.subscribe(total(), wire.LZ4)
		if _, err := w.hub.Subscribe(t.Context(), total(), Encoding{FormatArrow, wire.Uncompressed}); !errors.Is(err, ErrBusy) {
			t.Errorf("a third reader: %v", err)
		}
		second.s.Close()
		c.s.Close()
		pass(linger / 2)
		if s := w.hub.State(); s.Views != 1 || s.Subscribers != 0 {
			t.Errorf("%+v shortly after", s)
		}
		pass(2 * linger)
		if s := w.hub.State(); s.Views != 0 || s.Rows != 0 || s.Bytes != 0 {
			t.Errorf("%+v later", s)
		}
		c = w.subscribe(minute, wire.Uncompressed)
		w.hub.Close("the test ends")
		c.drain()
		if !c.ended || c.note.Kind != wire.End || c.note.Reason != "the test ends" || c.kinds[0] != "snapshot" {
			t.Errorf("the reader was told %v, at last %+v", c.kinds, c.note)
		}
		if _, err := w.hub.Subscribe(t.Context(), minute, Encoding{FormatArrow, wire.Uncompressed}); !errors.Is(err, ErrClosed) {
			t.Errorf("a reader after the end: %v", err)
		}
	})
}

func TestReadersAreToldWhyTheHubCloses(t *testing.T) {
	for range 300 {
		w := newWorld(t, HubOptions{})
		c := w.subscribe(total(), wire.Uncompressed)
		w.hub.Close("the test ends")
		if c.drain(); c.note.Reason != "the test ends" {
			t.Fatalf("the reader was told %+v", c.note)
		}
	}
}

// heap is the memory in use, in bytes.
func heap() int64 {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAThousandReadersShareWhatIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{})
		var rows []happening
		at := time.Now().UnixMilli()
		for i := range 2000 {
			rows = append(rows, happening{at: at, host: fmt.Sprintf("web-%d", i), count: 1, offset: float64(i)})
		}
		w.batch(aSource, 1, 0, 2000, math.MinInt64, rows...)
		q := total()
		q.GroupBy = []string{"host"}
		pass(2 * time.Second)
		before := heap()
		var readers sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var mu sync.Mutex
		read := map[string]int{}
		for range 1000 {
			readers.Go(func() {
				s, err := w.hub.Subscribe(ctx, q, Encoding{FormatArrow, wire.LZ4})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				var sum int
				for {
					text, err := s.Next(ctx)
					if err != nil {
						mu.Lock()
						read[fmt.Sprintf("%d bytes, %v", sum, err)]++
						mu.Unlock()
						return
					}
					sum += len(text)
				}
			})
		}
		synctest.Wait()
		for i := range int64(20) {
			w.event(2000+i, "web-1")
			pass(time.Second)
		}
		if s := w.hub.State(); s.Subscribers != 1000 || s.Views != 1 {
			t.Errorf("%+v", s)
		}
		var encoded int
		for _, v := range w.hub.views {
			v.mu.Lock()
			for _, o := range v.outlets {
				encoded += o.encoded
			}
			v.mu.Unlock()
		}
		if encoded > 25 {
			t.Errorf("%d batches were written for 20 seconds", encoded)
		}
		used := heap() - before
		t.Logf("%d bytes a reader, with the view", used/1000)
		if used > 16<<20 {
			t.Errorf("a thousand readers take %d bytes", used)
		}
		w.hub.Close("the test ends")
		readers.Wait()
		if len(read) != 1 || !strings.HasSuffix(fmt.Sprint(read), io.EOF.Error()+":1000]") {
			t.Errorf("the readers read %v", read)
		}
	})
}

func TestMemoryOfManyKeysIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const keys, most = 20_000, 40 << 20
		w := newWorld(t, HubOptions{MaxBytes: most, Rollups: []rollup.Definition{writes}})
		defer w.hub.Close("the test ends")
		q := total()
		q.GroupBy = []string{"host"}
		c := w.subscribe(q, wire.Uncompressed)
		defer c.s.Close()
		before := heap()
		newest := int64(math.MinInt64)
		for i := range int64(25) {
			var rows []happening
			for k := range keys + 100 {
				rows = append(rows, happening{at: time.Now().UnixMilli(), host: fmt.Sprintf("web-%d", k), count: 1, offset: 1})
			}
			b := w.batch(aSource, 1, i*keys, (i+1)*keys, newest, rows...)
			newest = b.Newest
			clear(w.events)
			pass(2 * time.Second)
			b.Parts = nil // the log's memory is not what is measured
		}
		c.drain()
		s := w.hub.State()
		used := heap() - before
		t.Logf("%d rows in %d bytes: %d a row, taken for %d", s.Rows, used, used/max(1, s.Rows), s.Bytes)
		if s.Bytes > most || s.Bytes < most/2 {
			t.Errorf("%d bytes are kept, with a limit of %d", s.Bytes, most)
		}
		if used > most*5/4 || used < most/2 {
			t.Errorf("%d rows take %d bytes", s.Rows, used)
		}
		fresh := w.fresh(q)
		if told := fresh.note.Through - fresh.note.From; told > 22_000 || fresh.note.Cut == 0 || len(fresh.rows) == 0 {
			t.Errorf("a reader is told %d ms, %d rows, %+v", told, len(fresh.rows), fresh.note)
		}
	})
}
