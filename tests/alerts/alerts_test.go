package alerts

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/datasourcetest"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/plugin"
	"github.com/tidemark/tidemark/tests/servers"
)

const (
	// deadline bounds what a test waits for.
	deadline = 90 * time.Second
	// pollEvery is how often an evaluation begins, or as soon as the one before has ended.
	pollEvery = 5 * time.Millisecond
	// rules is how many data sources take turns. Each keeps its catalog for two seconds, at times of its own, so that nearly every evaluation is by one that was
	// just read.
	rules = 100
)

var (
	// tidemark is the path of the command, built once for all tests.
	tidemark string
	// served is the plugin over gRPC, as Grafana meets it.
	served datasourcetest.TestPlugin
)

func TestMain(m *testing.M) {
	log.DefaultLogger = log.NewNullLogger()
	backend.Logger = log.DefaultLogger
	code, err := prepare(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepare(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tidemark-alerts-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	tidemark = filepath.Join(dir, "tidemark")
	if runtime.GOOS == "windows" {
		tidemark += ".exe"
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-o", tidemark, "./sidecar")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the command: %w\n%s", err, output)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // the harness listens by itself, and tells no port
		return 0, err
	}
	factory, err := plugin.Factory(prometheus.NewRegistry())
	if err != nil {
		return 0, err
	}
	if served, err = datasourcetest.Manage(factory, datasourcetest.ManageOpts{Address: address}); err != nil {
		return 0, err
	}
	return m.Run(), served.Shutdown()
}

// rule is an alert rule with two queries, of a data source of its own.
type rule struct {
	t         *testing.T
	world     *world
	id        int64 // of the data source
	begin     int64
	seen      map[string]map[int64]float64 // by series and window: the last value
	tidemark  string
	corrected float64 // events by which values have grown
}

// evaluate asks as Grafana's alerting does, and gives the frames by query.
func (r *rule) evaluate(from, to time.Time) map[string]data.Frames {
	r.t.Helper()
	request := &backend.QueryDataRequest{
		PluginContext: backend.PluginContext{PluginID: "tidemark-rollups-datasource", DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: r.id, UID: fmt.Sprintf("%s-%d", r.world.prefix, r.id), URL: r.world.store, JSONData: []byte(`{"indexPrefix":"` + r.world.prefix + `"}`),
		}},
		Headers: map[string]string{"FromAlert": "true", "X-Cache-Skip": "true", "http_X-Rule-Name": "writes", "http_X-Rule-Source": "grafana"},
	}
	for ref, model := range map[string]string{
		"byHost": `{"refId":"byHost","rollup":"writes","stat":"count","groupBy":["host"],"intervalMs":1000,"maxDataPoints":43200}`,
		"sum":    `{"refId":"sum","rollup":"writes","stat":"sum","measure":"n","intervalMs":1000,"maxDataPoints":43200}`,
	} {
		request.Queries = append(request.Queries, backend.DataQuery{
			RefID: ref, JSON: []byte(model), Interval: time.Second, MaxDataPoints: 43200, TimeRange: backend.TimeRange{From: from, To: to},
		})
	}
	response, err := served.Client.QueryData(r.t.Context(), request)
	if err != nil {
		r.t.Fatal(err)
	}
	answers := map[string]data.Frames{}
	for ref, a := range response.Responses {
		switch {
		case a.Error == nil:
			answers[ref] = a.Frames
		case len(r.seen) == 0: // the sidecar makes the indices yet
		default:
			r.t.Fatalf("%s: %v", ref, a.Error)
		}
	}
	return answers
}

// check looks at one evaluation's answers.
func (r *rule) check(answers map[string]data.Frames) {
	r.t.Helper()
	for ref, frames := range answers {
		series := map[string]bool{}
		for _, f := range frames {
			if len(f.Fields) == 0 {
				continue
			}
			name := ref + " " + f.Fields[1].Labels["host"]
			series[name] = true
			r.checkFrame(name, f)
		}
		r.checkTidemark(frames)
		for name := range r.seen {
			if strings.HasPrefix(name, ref+" ") && !series[name] {
				r.t.Errorf("the series %q has vanished: there are %v", name, slices.Sorted(maps.Keys(series)))
			}
		}
	}
}

func (r *rule) checkTidemark(frames data.Frames) {
	r.t.Helper()
	info, _ := frames[0].Meta.Custom.(map[string]any)
	if at, sealed := info["tidemark"].(string); sealed {
		if at < r.tidemark {
			r.t.Errorf("the tidemark went back from %s to %s", r.tidemark, at)
		}
		r.tidemark = max(r.tidemark, at)
	}
}

func (r *rule) checkFrame(name string, f *data.Frame) {
	r.t.Helper()
	if r.seen[name] == nil {
		r.seen[name] = map[int64]float64{}
	}
	seen := r.seen[name]
	for row := range f.Rows() {
		at, _ := f.Fields[0].ConcreteAt(row)
		start, _ := at.(time.Time)
		value, err := f.Fields[1].NullableFloatAt(row)
		if err != nil {
			r.t.Fatal(err)
		}
		window := int((start.UnixMilli() - r.begin) / second)
		least, most := expected(name, window)
		switch {
		case start.UnixMilli() < r.begin || window >= windows:
			if value != nil && *value != 0 {
				r.t.Errorf("%s has %v events at %s, where none were", name, *value, start)
			}
			continue
		case value == nil:
			r.t.Errorf("%s has no value in window %d", name, window)
			continue
		case *value < least || *value > most:
			r.t.Errorf("%s has %v events in window %d: %v to %v are right", name, *value, window, least, most)
		}
		if before, known := seen[int64(window)]; known && *value < before {
			r.t.Errorf("%s shrinks from %v to %v events in window %d", name, before, *value, window)
		}
		if strings.HasPrefix(name, "byHost") {
			r.corrected += *value - max(seen[int64(window)], least)
		}
		seen[int64(window)] = *value
	}
}

// expected is how many events a series has in a window when that is sealed, and when all late ones have come.
func expected(name string, window int) (least, most float64) {
	for h := range hosts {
		if strings.HasPrefix(name, "sum") || strings.HasSuffix(name, hostName(h)) {
			least += float64(onTime(h, window))
			most += float64(onTime(h, window) + late(h, window))
		}
	}
	return least, most
}

func TestAlertsSeeWholeWindowsOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	elasticsearch := func(t *testing.T) string { t.Helper(); return servers.ElasticsearchURL(t) }
	for _, c := range []struct {
		name    string
		store   func(*testing.T) string
		unasked bool
	}{
		{"embedded", func(t *testing.T) string { return servers.EmbeddedStore(t, "") }, false},
		{"elasticsearch", elasticsearch, false},
		{"elasticsearch that refreshes only when it is asked to", elasticsearch, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.store(t))
			w.neverRefreshed = c.unasked
			checkAlerts(t, w)
		})
	}
}

func checkAlerts(t *testing.T, w *world) {
	t.Helper()
	w.run()
	begin := time.Now().Truncate(time.Second)
	s := &script{begin: begin.UnixMilli()}
	produced := make(chan error, 1)
	go func() { produced <- w.produce(s) }()
	all := make([]*rule, rules)
	for i := range all {
		all[i] = &rule{t: t, world: w, id: w.id + int64(i), begin: s.begin, seen: map[string]map[int64]float64{}}
	}
	want, lastWindow := 0.0, int64(windows-lateBy)
	for h := range hosts {
		for i := range windows {
			want += float64(late(h, i))
		}
	}
	complete := func(r *rule) bool {
		_, sealed := r.seen["sum "][lastWindow]
		return sealed && r.corrected == want
	}
	crash := begin.Add(8 * time.Second)
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	polls, r := 0, all[0]
	for ; !complete(r) && !t.Failed(); polls++ {
		<-ticker.C
		r = all[polls%len(all)]
		now := time.Now()
		if now.Sub(begin) > deadline {
			t.Fatalf("the alert has seen %v of %v corrections, and windows up to %v", r.corrected, want, slices.Sorted(maps.Keys(r.seen["sum "])))
		}
		if now.After(crash) {
			w.crash()
			w.run()
			crash = begin.Add(time.Hour)
		}
		r.check(r.evaluate(begin.Add(-10*time.Second), now))
	}
	t.Logf("%d evaluations in %s", polls, time.Since(begin).Round(time.Millisecond))
	if err := <-produced; err != nil {
		t.Fatal(err)
	}
	if !t.Failed() {
		checkStale(t, w, r)
	}
}

// checkStale stops the sidecar and asks for a time that the tidemark does not reach: no data, with the reason.
func checkStale(t *testing.T, w *world, r *rule) {
	t.Helper()
	w.crash()
	last, err := time.Parse(time.RFC3339, r.tidemark)
	if err != nil {
		t.Fatal(err)
	}
	for ref, frames := range r.evaluate(last.Add(10*time.Second), last.Add(time.Minute)) {
		if len(frames) != 1 || len(frames[0].Fields) != 0 {
			t.Errorf("%s: there is data after the tidemark: %v", ref, frames)
			continue
		}
		var notices []string
		for _, n := range frames[0].Meta.Notices {
			notices = append(notices, n.Text)
		}
		if text := strings.Join(notices, " "); !strings.Contains(text, "tidemark") {
			t.Errorf("%s: the reason is not told: %s", ref, text)
		}
	}
}
