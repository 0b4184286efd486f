package query

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// client is a panel that knows nothing: rows of a stream over the values of a history. A row that comes again for a time replaces the one before.
type client struct {
	values map[string]map[int64]*float64
	rows   map[int64]map[string]*float64
	fields map[string]string // what else there is of a series
}

func newClient() *client {
	return &client{values: map[string]map[int64]*float64{}, rows: map[int64]map[string]*float64{}, fields: map[string]string{}}
}

// over takes frames of a stream.
func (c *client) over(t *testing.T, groupBy []string, frames data.Frames) {
	t.Helper()
	told := newClient()
	told.fields = c.fields
	told.take(t, groupBy, frames)
	rows := map[int64]map[string]*float64{}
	for id, values := range told.values {
		if c.values[id] == nil {
			c.values[id] = map[int64]*float64{}
		}
		for at, v := range values {
			if rows[at] == nil {
				rows[at] = map[string]*float64{}
			}
			rows[at][id] = v
		}
	}
	maps.Copy(c.rows, rows)
}

func (c *client) at(id string, at int64) *float64 {
	if v, told := c.rows[at][id]; told {
		return v
	}
	return c.values[id][at]
}

func (c *client) take(t *testing.T, groupBy []string, frames data.Frames) {
	t.Helper()
	for _, f := range frames {
		for i := 1; i < len(f.Fields); i++ {
			field := f.Fields[i]
			var values []string
			for _, name := range groupBy {
				values = append(values, field.Labels[name])
			}
			id := strings.Join(values, "\x00")
			about := fmt.Sprintf("%s %v %+v", field.Name, field.Labels, *field.Config)
			if before, known := c.fields[id]; known && before != about {
				t.Errorf("series %q is %s, and was %s", id, about, before)
			}
			if c.values[id] == nil {
				c.values[id] = map[int64]*float64{}
			}
			c.fields[id] = about
			for row := range field.Len() {
				v, _ := field.At(row).(*float64)
				at, _ := f.Fields[0].At(row).(time.Time)
				c.values[id][at.UnixMilli()] = v
			}
		}
	}
}

// A history and what a stream tells after it, through lost connections and gaps, are what loops over the events give.
func TestHistoryAndStreamAreThoseOfLoopsOverTheEvents(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		s := drawWatched(seed)
		s.watch(t, fmt.Sprintf("seed %d", seed))
		if t.Failed() {
			return
		}
	}
}

func (s *watched) watch(t *testing.T, name string) {
	t.Helper()
	s.now = s.begin + 40*second + s.rng.Int64N(60*second)
	in := Input{
		Query: s.drawQuery(), From: s.begin, To: s.begin + watchedLength, Interval: []int64{second, 10 * second, 20 * second, minute}[s.rng.IntN(4)], Rollup: s.entry, Prefix: "tidemark",
	}
	c := newClient()
	frames, stream, err := RunStream(t.Context(), in, s.documents().search)
	if err != nil {
		t.Fatal(err)
	}
	if len(frames[0].Fields) > 0 {
		c.take(t, stream.Query.GroupBy, frames)
	}
	st, err := NewStreaming(stream, s.entry, "tidemark", s.now)
	if err != nil || st.Polled() != "" {
		t.Fatal(st, err)
	}
	s.follow(t, st, c)
	s.compare(t, name, st, c)
}

// follow goes on to the end of the show, and some more.
func (s *watched) follow(t *testing.T, st *Streaming, c *client) {
	t.Helper()
	request := st.Request()
	board := NewBoard(request)
	var seen uint64
	var again []int64
	reach := Reach{Through: alignDown(s.tidemark(), st.Interval())}
	for connected := false; s.now < s.begin+watchedLength+30*second; s.now += second + s.rng.Int64N(5*second) {
		kind := live.Update
		if !connected {
			kind = live.Snapshot
			if err := board.Begin(s.shape(request)); err != nil {
				t.Fatal(err)
			}
		}
		batch := s.batch(request, kind)
		if err := board.Apply(&batch); err != nil {
			t.Fatal(err)
		}
		frames, starts, err := st.Frames(board, seen, again)
		if err != nil {
			t.Fatal(err)
		}
		seen, again = board.Version(), starts[max(0, len(starts)-2):]
		c.over(t, st.plan.GroupBy, frames)
		reach.Take(board.Note(), st.Interval())
		if connected = s.rng.IntN(5) > 0; connected {
			continue
		}
		away := s.rng.Int64N(20 * second)
		if s.rng.IntN(2) == 0 { // what comes meanwhile is lost
			s.lost = append(s.lost, rollup.Span{From: s.now, To: s.now + away})
			s.complete = s.now + away + 1
		}
		s.now += away
	}
	s.now += 10 * minute
	for {
		g, some := reach.Next(s.tidemark(), st.Interval())
		if !some {
			return
		}
		frame, err := st.Poll(t.Context(), s.entry, g.From, g.To, s.documents().search, func(int64, int64, bool) bool { return true })
		var invalid *InvalidError
		if finer := st.Interval() < 10*second; finer != errors.As(err, &invalid) || err != nil && !finer {
			t.Fatal(err)
		}
		reach.Filled(g, err != nil)
		if frame != nil {
			c.over(t, st.plan.GroupBy, data.Frames{frame})
		}
	}
}

func (s *watched) compare(t *testing.T, name string, st *Streaming, c *client) {
	t.Helper()
	n := &naive{plan: st.plan}
	members := map[string][]drawnEvent{}
	for _, e := range s.events {
		if slices.ContainsFunc(n.Filters, func(f Filter) bool { return !meets(f, e.dimension(f.Dimension)) }) {
			continue
		}
		var values []string
		for _, name := range n.GroupBy {
			values = append(values, e.dimension(name))
		}
		id := strings.Join(values, "\x00")
		if _, shown := c.values[id]; !shown {
			if len(n.GroupBy) == 0 || n.Top == 0 && len(s.came) > 0 && !n.Other {
				t.Errorf("%s: %+v: series %q is missing", name, n.Query, id)
				return
			}
			if !n.Other {
				continue
			}
			id = strings.Join(slices.Repeat([]string{otherLabel}, len(n.GroupBy)), "\x00")
		}
		members[id] = append(members[id], e)
	}
	for id := range members {
		if c.values[id] == nil {
			t.Errorf("%s: %+v: series %q is missing", name, n.Query, id)
		}
	}
	for id := range c.values {
		for at := alignDown(s.begin, st.Interval()); at < s.begin+watchedLength; at += st.Interval() {
			var events []drawnEvent
			for _, e := range members[id] {
				if e.at >= at && e.at < at+st.Interval() {
					events = append(events, e)
				}
			}
			want := n.of(events, st.seconds())
			got := c.at(id, at)
			if want.value == nil && n.traits.additive && got != nil {
				want.value = new(float64)
			}
			if !close1(got, want) {
				t.Errorf("%s: %+v every %d: series %q at %s is %s, want %s", name, n.Query, st.Interval(), id, instant(at), text(got), text(want.value))
				return
			}
		}
	}
}

// What a sidecar knows answers a query as documents of windows of its buckets would.
func TestABoardAnswersAsLoopsOverTheEventsDo(t *testing.T) {
	for seed := range uint64(300) {
		s := drawWatched(seed)
		s.now = s.begin + watchedLength + 10*second
		in := Input{Query: s.drawQuery(), From: s.begin, To: s.begin + watchedLength, Interval: (1 + s.rng.Int64N(9)) * second, Rollup: s.entry, Prefix: "tidemark"}
		length, finer := in.LiveInterval()
		if !finer {
			t.Fatal(in.Interval)
		}
		in.Length = length
		request, err := LiveRequestOf(in)
		if err != nil {
			t.Fatal(err)
		}
		s.complete = s.begin - minute
		board := NewBoard(request)
		batch := s.batch(request, live.Snapshot)
		if err := board.Begin(s.shape(request)); err != nil {
			t.Fatal(err)
		}
		if err := board.Apply(&batch); err != nil {
			t.Fatal(err)
		}
		frames, stream, err := RunBoard(in, board)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient()
		if len(frames[0].Fields) > 0 {
			c.take(t, request.GroupBy, frames)
		}
		st, err := NewStreaming(stream, s.entry, "tidemark", s.now)
		if err != nil {
			t.Fatal(err)
		}
		more, _, err := st.Frames(board, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.compare(t, fmt.Sprintf("seed %d, history", seed), st, c)
		c.over(t, request.GroupBy, more)
		s.compare(t, fmt.Sprintf("seed %d, history and stream", seed), st, c)
		if t.Failed() {
			return
		}
	}
}
