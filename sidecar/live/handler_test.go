package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/sidecar/status"
)

const endpoint = "/api/v1/live"

// pipes is a network of this process, which a bubble's time passes in.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.connections <- theirs
	return ours
}

type noState struct{}

func (noState) Snapshot() status.Snapshot { return status.Snapshot{} }

// serve has the sidecar's server answer, until stop.
func (w *world) serve() (p *pipes, stop func() error) {
	s := status.NewServer(status.Options{Source: noState{}, Logger: slog.New(slog.DiscardHandler)})
	s.Handle("GET "+endpoint, w.hub)
	w.hub.Register(s.Registerer())
	p = &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, p) }()
	return p, func() error {
		cancel()
		return <-done
	}
}

// open asks for a stream, which is read from body.
func (p *pipes) open(t *testing.T, target, contentType string) (c net.Conn, body io.Reader) {
	t.Helper()
	c = p.dial()
	if _, err := io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: sidecar\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil) //nolint:bodyclose // closing the connection is enough
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != contentType {
		t.Fatalf("%d, %v", r.StatusCode, r.Header)
	}
	return c, r.Body
}

type line struct {
	wire.Note
	Rows []struct {
		Start      int64
		Dimensions map[string]string
		Count      int64
	}
}

func TestStreamOfJSONLinesEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{})
		w.event(0, "web-1")
		p, stop := w.serve()
		c, body := p.open(t, endpoint+"?rollup=log_writes&format=json&groupBy=host", ContentTypeJSON)
		lines := make(chan line)
		go func() {
			defer close(lines)
			for d := json.NewDecoder(body); ; {
				var l line
				if err := d.Decode(&l); err != nil {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
					return
				}
				lines <- l
			}
		}()
		if l := <-lines; l.Kind != wire.Snapshot || len(l.Rows) != 0 {
			t.Errorf("first: %+v", l)
		}
		rows := 0
		for range 60 { // longer than the server's time-outs
			l := <-lines
			rows += len(l.Rows)
			if l.Kind != wire.Update || len(l.Rows) > 0 && l.Rows[0].Dimensions["host"] != "web-1" {
				t.Errorf("then %+v", l)
			}
		}
		if rows != 1 {
			t.Errorf("%d rows", rows)
		}
		stopped := make(chan error, 1)
		go func() { stopped <- stop() }()
		var last line
		for l := range lines {
			last = l
		}
		if last.Kind != wire.End || last.Reason != reasonStops {
			t.Errorf("last: %+v", last)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		c.Close()
		w.hub.Close("the test ends")
	})
}

func TestArrowStreamOfASnapshot(t *testing.T) {
	for _, compression := range []string{"", "none", "lz4", "zstd"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, HubOptions{})
			defer w.hub.Close("the test ends")
			w.event(0, "web-1")
			pass(2 * time.Second)
			p, stop := w.serve()
			c, body := p.open(t, endpoint+"?rollup=log_writes&once=true&compression="+compression, wire.ContentType)
			reader, err := wire.NewReader(body, wire.Compression(compression))
			if err != nil {
				t.Fatal(err)
			}
			if s := reader.Shape(); s.Rollup != "log_writes" || len(s.Dimensions) != 0 || s.Measures[0] != "offset" || s.Conditions[0] != "errors" {
				t.Errorf("%+v", s)
			}
			first, err := reader.Next()
			if err != nil || first.Kind != wire.Snapshot || len(first.Rows) != 1 || first.Rows[0].Count != 1 {
				t.Errorf("%+v, %v", first, err)
			}
			last, err := reader.Next()
			if err != nil || last.Kind != wire.End || last.Reason != "once" {
				t.Errorf("%+v, %v", last, err)
			}
			if _, err := reader.Next(); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			if rest, err := io.ReadAll(body); len(rest) > 0 || err != nil {
				t.Errorf("after the stream: %d bytes, %v", len(rest), err)
			}
			c.Close()
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAReaderThatTakesNothingIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, HubOptions{})
		defer w.hub.Close("the test ends")
		p, stop := w.serve()
		c, _ := p.open(t, endpoint+"?rollup=log_writes", wire.ContentType)
		defer c.Close()
		if s := w.hub.State(); s.Subscribers != 1 {
			t.Errorf("%+v", s)
		}
		pass(writeTimeout + 10*time.Second)
		if s := w.hub.State(); s.Subscribers != 0 {
			t.Errorf("%+v", s)
		}
		// Nor does one hold up the end.
		c, _ = p.open(t, endpoint+"?rollup=log_writes", wire.ContentType)
		defer c.Close()
		before := time.Now()
		if err := stop(); err != nil || time.Since(before) > lastTimeout+time.Second {
			t.Errorf("the server stopped after %s, %v", time.Since(before), err)
		}
	})
}

func TestStreamOverHTTP2(t *testing.T) {
	w := newWorld(t, HubOptions{})
	defer w.hub.Close("the test ends")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := httptest.NewUnstartedServer(w.hub)
	s.EnableHTTP2 = true
	s.Config.ReadTimeout, s.Config.WriteTimeout = time.Second, time.Second
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.StartTLS()
	defer s.Close()
	r, err := s.Client().Get(s.URL + "?rollup=log_writes")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.ProtoMajor != 2 {
		t.Errorf("HTTP/%d", r.ProtoMajor)
	}
	reader, err := wire.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 { // longer than the time-outs
		b, err := reader.Next()
		if err != nil || b.Kind == wire.End {
			t.Fatalf("batch %d: %+v, %v", i, b, err)
		}
	}
	cancel()
	for {
		b, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if b.Kind == wire.End {
			break
		}
	}
	if _, err := reader.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// ask gives the answer to a request that is no stream for long.
func (w *world) ask(t *testing.T, query string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, endpoint+"?"+query, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.hub.ServeHTTP(recorder, r)
	return recorder
}

func TestTheTokenIsNeeded(t *testing.T) {
	w := newWorld(t, HubOptions{Token: "secret"})
	defer w.hub.Close("the test ends")
	for authorization, want := range map[string]int{
		"": 401, "Bearer": 401, "Bearer ": 401, "Bearer secre": 401, "Bearer secret2": 401, "Basic secret": 401, "secret": 401, "Bearer secret": 200, "bearer secret": 200,
	} {
		answer := w.ask(t, "rollup=log_writes&once=true", "Authorization", authorization)
		if answer.Code != want || want == 401 && (!strings.Contains(answer.Body.String(), `"code":"unauthorized"`) || answer.Header().Get("WWW-Authenticate") == "") {
			t.Errorf("%q: %d %s", authorization, answer.Code, answer.Body)
		}
	}
	if answer := w.ask(t, "rollup=none"); answer.Code != 401 {
		t.Errorf("without a token, rollups can be guessed: %d", answer.Code)
	}
}

func TestParametersThatAreNotAnswered(t *testing.T) {
	w := newWorld(t, HubOptions{})
	defer w.hub.Close("the test ends")
	equal := func(dimension, value string) string {
		return "&filter=" + url.QueryEscape(`{"dimension":"`+dimension+`","op":"=","values":["`+value+`"]}`)
	}
	for query, want := range map[string]struct {
		status int
		says   string
	}{
		"":                                                           {400, "the parameter rollup is needed"},
		"rollup=none":                                                {404, `no rollup \"none\"`},
		"rollup=log_writes&rollup=log_writes":                        {400, "rollup is there 2 times"},
		"rollup=log_writes&group=host":                               {400, `unknown parameter \"group\"`},
		"rollup=log_writes&groupBy=user":                             {400, "host, path are there"},
		"rollup=log_writes&interval=0s":                              {400, "whole seconds from 1s to 5m"},
		"rollup=log_writes&interval=1500ms":                          {400, "whole seconds from 1s to 5m"},
		"rollup=log_writes&interval=6m":                              {400, "whole seconds from 1s to 5m"},
		"rollup=log_writes&interval=-1s":                             {400, "whole seconds from 1s to 5m"},
		"rollup=log_writes&format=xml":                               {400, "arrow and json are allowed"},
		"rollup=log_writes&compression=gzip":                         {400, "none, lz4 and zstd are allowed"},
		"rollup=log_writes&format=json&compression=lz4":              {400, "JSON lines have none"},
		"rollup=log_writes&once=yes":                                 {400, "true and false are allowed"},
		"rollup=log_writes" + equal("user", "a"):                     {400, "no dimension"},
		"rollup=log_writes&filter=[]":                                {400, "read the filter"},
		"rollup=log_writes" + strings.Repeat(equal("host", "a"), 21): {400, "at most 20 are allowed"},
		"rollup=log_writes&filter=" + url.QueryEscape(`{"dimension":"host","op":"=~","values":["((a{30}){30})(a{1000}){10}"]}`): {400, "regular expression"},
	} {
		answer := w.ask(t, query)
		if answer.Code != want.status || !strings.Contains(answer.Body.String(), want.says) || !json.Valid(answer.Body.Bytes()) {
			t.Errorf("%.80s: %d %s", query, answer.Code, answer.Body)
		}
	}
	w.hub.opts.Unavailable = func() error { return errors.New("the topic cannot be read") }
	if answer := w.ask(t, "rollup=log_writes"); answer.Code != 503 || !strings.Contains(answer.Body.String(), "the topic cannot be read") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestBucketsThatTheHistoryHasNoRoomForAreNotAnswered(t *testing.T) {
	w := newWorld(t, HubOptions{History: time.Minute})
	defer w.hub.Close("the test ends")
	if got := w.ask(t, "rollup=log_writes&once=true&interval=30s"); got.Code != http.StatusOK {
		t.Errorf("%d: %s", got.Code, got.Body)
	}
	if got := w.ask(t, "rollup=log_writes&once=true&interval=31s"); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "1s to 30s are allowed, which is half of live.history") {
		t.Errorf("%d: %s", got.Code, got.Body)
	}
}

func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"rollup=log_writes", "rollup=log_writes&groupBy=host&groupBy=path&interval=5s&format=json&once=true", "rollup=log_writes&compression=zstd&interval=1m0s",
		`rollup=log_writes&filter={"dimension":"host","op":"=~","values":["web-[0-9]%2b"]}`, `rollup=log_writes&filter={"dimension":"path","op":"!exists"}`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, HubOptions{})
	f.Cleanup(func() { w.hub.Close("the test ends") })
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := w.hub.parse(values)
		if err != nil {
			if len(err.Error()) > 2000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if r.Interval < 1000 || r.Interval > 300_000 || r.Interval%1000 != 0 || len(r.GroupBy) > maxGroupBy || len(r.Conditions) > maxFilters || r.Rollup != "log_writes" {
			t.Errorf("%q gives %+v", query, r)
		}
		for _, c := range r.Conditions {
			c.Match("web-1")
		}
		if _, err := newOutlet(&wire.Shape{Rollup: r.Rollup, Interval: r.Interval, Dimensions: r.GroupBy}, r.Encoding); err != nil {
			t.Errorf("%q: %v", query, err)
		}
	})
}
