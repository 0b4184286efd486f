package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// happening is an event, as far as the sidecar of the tests counts it.
type happening struct {
	at         int64 // ms
	host, path string
	offset     float64
	errors     bool
}

// sidecar tells live streams as a sidecar does: of each request a view of its events, with a snapshot first and then what changed.
type sidecar struct {
	token string

	mu       sync.Mutex
	events   []happening
	now      int64 // of its clock
	complete int64 // since when it has everything
	note     live.Note
	readers  map[*reader]struct{}
	opened   int
	refuse   int // a status, or 0
}

type reader struct {
	view    view
	through int64
	next    chan []byte
	cut     context.CancelFunc
}

// view is what is asked for.
type view struct {
	shape   live.Shape
	filters []query.Filter
	encoder *live.Encoder
}

// newSidecar has the three events of the cluster's documents.
func newSidecar(now time.Time) *sidecar {
	e := happening{at: epoch.Add(-30 * time.Second).UnixMilli(), host: "h", path: "/a", offset: 1}
	return &sidecar{events: []happening{e, e, e}, now: now.UnixMilli(), complete: now.Add(-10 * time.Minute).UnixMilli(), readers: map[*reader]struct{}{}}
}

func (s *sidecar) start(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.cut()
		server.Close()
	})
	return server.URL
}

func (s *sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status int, text string) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"error":{"code":"failed","message":%q}}`, text)
	}
	asked, err := viewOf(r)
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	switch {
	case r.URL.Path == "/status":
		_, _ = fmt.Fprint(w, `{"version":"1.2.3","ready":true,"streams":[{"name":"app","rollups":[{"name":"log_writes"}]}]}`)
	case r.URL.Path != "/api/v1/live":
		fail(http.StatusNotFound, "there is no such endpoint")
	case refuse != 0:
		fail(refuse, "busy")
	case s.token != "" && r.Header.Get("Authorization") != "Bearer "+s.token:
		fail(http.StatusUnauthorized, "no token")
	case err != nil:
		fail(http.StatusBadRequest, err.Error())
	default:
		s.serve(w, r, asked)
	}
}

func viewOf(r *http.Request) (view, error) {
	p := r.URL.Query()
	length, err := time.ParseDuration(p.Get("interval"))
	if err != nil || length < time.Second || length%time.Second != 0 {
		return view{}, fmt.Errorf("interval %s", p.Get("interval"))
	}
	v := view{shape: live.Shape{Rollup: p.Get("rollup"), Interval: length.Milliseconds(), Dimensions: p["groupBy"], Measures: []string{"offset"}, Conditions: []string{"errors"}}}
	for _, text := range p["filter"] {
		var f query.Filter
		if err := json.Unmarshal([]byte(text), &f); err != nil || f.Op != query.OpOneOf {
			return view{}, fmt.Errorf("filter %s: %w", text, err)
		}
		v.filters = append(v.filters, f)
	}
	if p.Get("format") != "arrow" {
		return view{}, fmt.Errorf("format %s", p.Get("format"))
	}
	v.encoder, err = live.NewEncoder(v.shape, live.Compression(p.Get("compression")))
	return v, err
}

func (s *sidecar) serve(w http.ResponseWriter, r *http.Request, asked view) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	me := &reader{view: asked, next: make(chan []byte, 100), cut: cancel}
	s.mu.Lock()
	s.opened++
	me.tell(s.batch(me, live.Snapshot, 0))
	if r.URL.Query().Get("once") == "true" {
		close(me.next)
	} else {
		s.readers[me] = struct{}{}
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.readers, me)
		s.mu.Unlock()
	}()
	w.Header().Set("Content-Type", live.ContentType)
	_, _ = w.Write(asked.encoder.Opening())
	for {
		select {
		case <-ctx.Done():
			panic(http.ErrAbortHandler) // which cuts the connection
		case bytes, open := <-me.next:
			if !open {
				_, _ = w.Write(asked.encoder.Closing())
				return
			}
			if _, err := w.Write(bytes); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func (r *reader) tell(b live.Batch) {
	bytes, err := r.view.encoder.Batch(b)
	if err != nil {
		panic(err)
	}
	select {
	case r.next <- bytes:
	default: // too slow
		r.cut()
	}
}

func (e *happening) dimension(name string) string {
	if name == "host" {
		return e.host
	}
	return e.path
}

// batch is what a reader is told. The events before known were told already, and their buckets again only with later ones.
func (s *sidecar) batch(r *reader, kind live.Kind, known int) live.Batch {
	length := r.view.shape.Interval
	b := live.Batch{Note: s.note}
	b.Kind, b.Sent, b.Through = kind, s.now, s.now-s.now%length
	b.From = (s.complete + length - 1) / length * length
	rows, changed := map[string]*live.Row{}, map[int64]bool{}
	var order []string
	for i := range s.events {
		e := &s.events[i]
		start := e.at - e.at%length
		if e.at < s.complete || start >= b.Through || slices.ContainsFunc(r.view.filters, func(f query.Filter) bool { return !slices.Contains(f.Values, e.dimension(f.Dimension)) }) {
			continue
		}
		changed[start] = changed[start] || i >= known || start >= r.through || kind == live.Snapshot
		row := &live.Row{Start: start, Measures: make([]rollup.Measure, 1), Conditions: make([]int64, 1)}
		for _, name := range r.view.shape.Dimensions {
			row.Dimensions = append(row.Dimensions, e.dimension(name))
		}
		id := fmt.Sprint(start, row.Dimensions)
		if rows[id] == nil {
			rows[id] = row
			order = append(order, id)
		}
		rows[id].Count++
		rows[id].Bytes += 10
		rows[id].Measures[0].Add(e.offset)
		if e.errors {
			rows[id].Conditions[0]++
		}
	}
	for _, id := range order {
		if changed[rows[id].Start] {
			b.Rows = append(b.Rows, *rows[id])
		}
	}
	r.through = b.Through
	return b
}

// advance lets time pass, with events that come, and tells all readers.
func (s *sidecar) advance(by time.Duration, events ...happening) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := len(s.events)
	s.events = append(s.events, events...)
	s.now += by.Milliseconds()
	for r := range s.readers {
		r.tell(s.batch(r, live.Update, known))
	}
}

// cut ends all connections in the middle.
func (s *sidecar) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.readers {
		r.cut()
		delete(s.readers, r)
	}
}

// end ends all connections in order.
func (s *sidecar) end(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.readers {
		r.tell(live.Batch{Note: live.Note{Kind: live.End, Reason: reason}})
		close(r.next)
		delete(s.readers, r)
	}
}

// set changes the sidecar.
func (s *sidecar) set(change func(*sidecar)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *sidecar) connections() (open, all int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.readers), s.opened
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func sidecarSettings(token string, urls ...string) ([]byte, map[string]string) {
	return fmt.Appendf(nil, `{"sidecarUrls":%q}`, strings.Join(urls, ", ")), map[string]string{"sidecarToken": token}
}
