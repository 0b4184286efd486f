package status

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "write the golden files anew")

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newTestServer(source Source, querier Querier) *Server {
	return NewServer(Options{Listen: "127.0.0.1:0", Source: source, Querier: querier, Logger: silent()})
}

// ask sends one request to the server's handler; headers are name and value in turn.
func ask(t *testing.T, s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestHealthAndReadiness(t *testing.T) {
	away := fixed()
	away.Ready, away.Reasons = false, []string{"Kafka is away: connection refused"}
	tests := []struct {
		name, path string
		source     Snapshot
		status     int
		body       string
	}{
		{"healthy", "/healthz", fixed(), 200, "ok\n"},
		{"healthy though not ready", "/healthz", away, 200, "ok\n"},
		{"ready", "/readyz", fixed(), 200, `{"ready":true,"reasons":[]}` + "\n"},
		{"not ready", "/readyz", away, 503, `{"ready":false,"reasons":["Kafka is away: connection refused"]}` + "\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := ask(t, newTestServer(fixedSource(test.source), nil), "GET", test.path, "")
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("answer = %d %q, want %d %q", w.Code, w.Body, test.status, test.body)
			}
		})
	}
}

func TestStatusAsJSON(t *testing.T) {
	w := ask(t, newTestServer(fixedSource(fixed()), nil), "GET", "/status", "")
	const ledger = `{"consumed":100,"on_time":90,"late":4,"overflowed":1,"filtered":2,"undecodable":1,"quarantined":1,"rejected":1}`
	want := `{"version":"1.2.3","started_at":"2026-01-02T03:04:05Z","ready":true,"reasons":[],` +
		`"kafka":{"ok":true,"since":"2026-01-02T03:04:05Z"},"elasticsearch":{"ok":true,"since":"2026-01-02T03:04:05Z"},` +
		`"streams":[{"name":"app-logs","topics":["app"],"rollups":[{"name":"log_writes","definition":"0011223344556677","window":"10s","tidemark":1767323040000,"held_by":"app/0","held_reason":"is behind by 5 events",` +
		`"ledger":` + ledger + `,"partitions":[{"partition":"app/0","state":"reading","next_offset":100,"end_offset":105,"lag":5,"lost":6,` +
		`"watermark":1767323045500,"sealed_through":1767323040000,"ledger":` + ledger +
		`,"open_windows":2,"open_keys":7,"unacknowledged_documents":3,"last_event_at":1767323055500}]}]}]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); w.Code != 200 || diff != "" {
		t.Errorf("status %d, body (-want +got):\n%s", w.Code, diff)
	}
	empty := ask(t, newTestServer(fixedSource{}, nil), "GET", "/status", "").Body.String()
	if strings.Contains(empty, `"reasons":null`) || !strings.Contains(empty, `"streams":[]`) {
		t.Errorf("an empty state has lists that are null: %s", empty)
	}
}

func TestMetrics(t *testing.T) {
	s := newTestServer(fixedSource(fixed()), nil)
	other := prometheus.NewCounter(prometheus.CounterOpts{Name: "tidemark_other_total", Help: "Of another stage."})
	s.Registerer().MustRegister(other)
	all := ask(t, s, "GET", "/metrics", "").Body.String()
	var ours []string
	for line := range strings.Lines(all) {
		if strings.Contains(line, "tidemark_") {
			ours = append(ours, line)
		}
	}
	got := strings.Join(ours, "")
	golden := filepath.Join("testdata", "metrics.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s\n-update accepts the change", diff)
	}
	for _, name := range []string{"go_goroutines ", "process_start_time_seconds "} {
		if !strings.Contains(all, "\n"+name) {
			t.Errorf("%s is missing", name)
		}
	}
}

// answers is a Querier with a fixed answer.
type answers struct {
	result QueryResult
	err    error
	asked  *QueryRequest
}

func (a answers) Catalog(context.Context) ([]CatalogRollup, error) {
	return []CatalogRollup{{Name: "r", Stream: "s", Window: "10s", Tidemark: ms(5)}}, a.err
}

func (a answers) Query(_ context.Context, request QueryRequest) (QueryResult, error) {
	if a.asked != nil {
		*a.asked = request
	}
	return a.result, a.err
}

const goodQuery = `{"query":{"rollup":"r"},"from":1000,"to":61000,"interval":10000,"maxDataPoints":100}`

func TestQueryGivesFramesWithGaps(t *testing.T) {
	one, nan := 1.0, math.NaN()
	var asked QueryRequest
	s := newTestServer(fixedSource{}, answers{asked: &asked, result: QueryResult{Frames: []Frame{{Name: "f", Times: []int64{1, 2, 3}, Values: []*float64{&one, nil, &nan}}}}})
	w := ask(t, s, "POST", "/api/v1/query", goodQuery, "Content-Type", "application/json")
	want := `{"frames":[{"name":"f","labels":{},"times":[1,2,3],"values":[1,null,null]}],"notices":[]}` + "\n"
	if w.Code != 200 || w.Body.String() != want {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
	if string(asked.Query) != `{"rollup":"r"}` || asked.From != 1000 || asked.To != 61000 || asked.Interval != 10000 || asked.MaxDataPoints != 100 {
		t.Errorf("the querier was asked %+v", asked)
	}
	catalog := ask(t, s, "GET", "/api/v1/catalog", "")
	if want := `{"rollups":[{"name":"r","stream":"s","window":"10s","dimensions":[],"measures":[],"tidemark":5}]}` + "\n"; catalog.Body.String() != want {
		t.Errorf("catalog = %s", catalog.Body)
	}
}

func TestQueriesThatFail(t *testing.T) {
	const json = "application/json"
	tests := []struct {
		name, body, kind string
		querier          Querier
		headers          []string
		status           int
		code, message    string
	}{
		{name: "no JSON", body: "rollup", kind: json, status: 400, code: "invalid", message: "read the query"},
		{name: "unknown field", body: `{"form":1}`, kind: json, status: 400, code: "invalid", message: "form"},
		{name: "two values", body: goodQuery + "{}", kind: json, status: 400, code: "invalid", message: "after it"},
		{name: "a body too long", body: `{"query":{"a":"` + strings.Repeat("x", maxBodyBytes) + `"}}`, kind: json, status: 413, code: "invalid", message: "65536 bytes"},
		{name: "another type", body: goodQuery, kind: "text/plain", status: 415, code: "invalid", message: "application/json"},
		{name: "no query", body: `{"from":1,"to":2,"interval":1000,"maxDataPoints":1}`, kind: json, status: 400, code: "invalid", message: `"query"`},
		{name: "times in the wrong order", body: `{"query":{},"from":2,"to":1,"interval":1000,"maxDataPoints":1}`, kind: json, status: 400, code: "invalid", message: `"to" after "from"`},
		{name: "a range too long", body: `{"query":{},"from":0,"to":99999999999,"interval":1000,"maxDataPoints":1}`, kind: json, status: 400, code: "invalid", message: "366 days"},
		{name: "no interval", body: `{"query":{},"from":0,"to":1,"maxDataPoints":1}`, kind: json, status: 400, code: "invalid", message: `"interval"`},
		{name: "no points", body: `{"query":{},"from":0,"to":1,"interval":1000}`, kind: json, status: 400, code: "invalid", message: `"maxDataPoints"`},
		{name: "an interval too short", body: `{"query":{},"from":0,"to":9999999,"interval":1000,"maxDataPoints":1}`, kind: json, status: 400, code: "invalid", message: "5000"},
		{name: "a query that means nothing", body: goodQuery, kind: json, querier: answers{err: errors.Join(ErrInvalid, errors.New("no rollup x"))}, status: 400, code: "invalid", message: "no rollup x"},
		{name: "Elasticsearch away", body: goodQuery, kind: json, querier: answers{err: errors.Join(ErrUnavailable, errors.New("refused"))}, status: 503, code: "unavailable", message: "refused"},
		{name: "time out", body: goodQuery, kind: json, querier: answers{err: context.DeadlineExceeded}, status: 504, code: "timeout", message: "10s"},
		{name: "something else", body: goodQuery, kind: json, querier: answers{err: errors.New("odd")}, status: 502, code: "failed", message: "odd"},
		{name: "another site", body: goodQuery, kind: json, headers: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, code: "forbidden", message: "other sites"},
		{name: "another origin in an old browser", body: goodQuery, kind: json, headers: []string{"Origin", "https://elsewhere.example"}, status: 403, code: "forbidden", message: "other sites"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			querier := test.querier
			if querier == nil {
				querier = answers{}
			}
			w := ask(t, newTestServer(fixedSource{}, querier), "POST", "/api/v1/query", test.body, append(test.headers, "Content-Type", test.kind)...)
			var got failure
			decodeBody(t, w, &got)
			if w.Code != test.status || got.Error.Code != test.code || !strings.Contains(got.Error.Message, test.message) {
				t.Errorf("answer = %d %+v, want %d %s with %q", w.Code, got.Error, test.status, test.code, test.message)
			}
		})
	}
}

func FuzzQueryBody(f *testing.F) {
	f.Add(goodQuery)
	f.Add(`{"query":{},"from":-1,"to":9223372036854775807,"interval":1000,"maxDataPoints":1}`)
	f.Add(`{"query":`)
	s := newTestServer(fixedSource{}, answers{})
	f.Fuzz(func(t *testing.T, body string) {
		w := ask(t, s, "POST", "/api/v1/query", body, "Content-Type", "application/json")
		if !json.Valid(w.Body.Bytes()) || w.Code >= 500 {
			t.Errorf("answer = %d %s", w.Code, w.Body)
		}
		var request QueryRequest
		if w.Code == 200 && (json.Unmarshal([]byte(body), &request) != nil || request.Check() != nil || (request.To-request.From)/request.Interval > maxDataPoints) {
			t.Errorf("answered %s", body)
		}
	})
}

func decodeBody(t *testing.T, w *httptest.ResponseRecorder, into any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("read the answer %q: %v", w.Body, err)
	}
}

func TestQueriesAreNotAnsweredWithoutAQuerier(t *testing.T) {
	if w := ask(t, newTestServer(fixedSource{}, nil), "GET", "/api/v1/catalog", ""); w.Code != 404 {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
}

// stuck answers when its context ends.
type stuck struct{ asked chan struct{} }

func (s stuck) Catalog(ctx context.Context) ([]CatalogRollup, error) {
	s.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}
func (s stuck) Query(context.Context, QueryRequest) (QueryResult, error) { return QueryResult{}, nil }

func TestTooManyQueriesAreTurnedAway(t *testing.T) {
	q := stuck{make(chan struct{})}
	s := newTestServer(fixedSource{}, q)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, maxQueries)
	for range maxQueries {
		go func() {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/api/v1/catalog", nil))
			ended <- w.Code
		}()
		<-q.asked
	}
	if w := ask(t, s, "GET", "/api/v1/catalog", ""); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
	cancel()
	for range maxQueries {
		if code := <-ended; code != 504 {
			t.Errorf("a query that was broken off answered %d", code)
		}
	}
}

func TestListenErrorsSayWhatToDo(t *testing.T) {
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	for listen, want := range map[string]string{
		address:            "listen on " + address + ": the address is in use: stop the other program, or choose another address",
		"127.0.0.1:999999": "listen on 127.0.0.1:999999, choose another address",
	} {
		err := NewServer(Options{Listen: listen, Source: fixedSource{}, Logger: silent()}).Run(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error = %v, want %s", err, want)
		}
	}
}

// serve starts the server and gives its address, and how to stop it.
func serve(t *testing.T, s *Server) (url string, stop func() error) {
	t.Helper()
	l, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	return "http://" + l.Addr().String(), func() error { cancel(); return <-done }
}

func TestShutdownEndsStreams(t *testing.T) {
	s := newTestServer(fixedSource{}, nil)
	var streaming atomic.Bool
	s.Handle("/api/v1/live", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streaming.Store(true)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	url, stop := serve(t, s)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	start := time.Now()
	if err := stop(); err != nil {
		t.Errorf("error = %v", err)
	}
	if !streaming.Load() || time.Since(start) >= shutdownTimeout {
		t.Errorf("shutting down took %s with a stream open", time.Since(start))
	}
}
