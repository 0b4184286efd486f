package plugin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/datasourcetest"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// epoch is the present of the tests, and log_writes is sealed up to 15 s before it.
var epoch = time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)

// cluster answers like an Elasticsearch that holds one rollup, or like one that has what went wrong.
type cluster struct {
	version  string              // what GET / tells; "" is 8.19.0
	mu       sync.Mutex          // of progress, where it changes while it is asked for
	progress []json.RawMessage   // the documents of the progress index
	answer   func(string) string // a search's body -> its answer, as JSON
	check    func(*http.Request) int
	catalogs atomic.Int32 // searches of the progress index for definitions
	requests atomic.Int32 // that carried searches of rollups
	bodies   chan string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	if c.check != nil {
		if status := c.check(r); status != http.StatusOK {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error":{"type":"security_exception","reason":"no"},"status":%d}`, status)
			return
		}
	}
	switch r.URL.Path {
	case "/":
		version := c.version
		if version == "" {
			version = "8.19.0"
		}
		_, _ = fmt.Fprintf(w, `{"version":{"number":%q,"build_flavor":"default"}}`, version)
	case "/_msearch":
		c.multiSearch(w, r.Body)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (c *cluster) multiSearch(w io.Writer, body io.Reader) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var answers []string
	ofRollups := false
	for lines.Scan() {
		header := lines.Text()
		lines.Scan()
		search := lines.Text()
		if c.bodies != nil {
			c.bodies <- search
		}
		if strings.Contains(header, "-progress") {
			answers = append(answers, c.searchProgress(search))
		} else {
			answers = append(answers, c.answer(search))
			ofRollups = true
		}
	}
	if ofRollups {
		c.requests.Add(1)
	}
	_, _ = fmt.Fprintf(w, `{"responses":[%s]}`, strings.Join(answers, ","))
}

func (c *cluster) searchProgress(search string) string {
	kind := ""
	for _, known := range []string{rollup.KindDefinition, rollup.KindPartition, rollup.KindTiers, rollup.KindReplay} {
		if strings.Contains(search, `"kind":"`+known+`"`) {
			kind = known
		}
	}
	if kind == rollup.KindDefinition {
		c.catalogs.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var hits []string
	for _, document := range c.progress {
		if strings.Contains(string(document), `"kind":"`+kind+`"`) {
			hits = append(hits, `{"_source":`+string(document)+`}`)
		}
	}
	return `{"_shards":{"total":1,"successful":1},"hits":{"hits":[` + strings.Join(hits, ",") + `]}}`
}

// newCluster holds log_writes, and finds 3 events at 00:59:30.
func newCluster(t testing.TB) *cluster {
	t.Helper()
	d := rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10 * time.Second), Tiers: []rollup.Tier{rollup.Tier(time.Minute)},
		Dimensions: []rollup.Field{{Name: "host"}, {Name: "path"}}, Measures: []rollup.Field{{Name: "offset"}},
		Conditions: []rollup.Condition{{Name: "errors", Expr: "true"}}, Groupings: []rollup.Grouping{{"path"}, {}},
		Percentiles: []string{"offset"}, Distinct: []rollup.Field{{Name: "users"}}, Retention: []rollup.Retention{{Tier: rollup.Tier(10 * time.Second), Keep: (48 * time.Hour).Milliseconds()}},
	}
	d.Normalize()
	sealed := epoch.Add(-15 * time.Second).Truncate(10 * time.Second).UnixMilli()
	c := &cluster{}
	c.add(t, rollup.DefinitionProgress{
		Kind: rollup.KindDefinition, Rollup: d.Name, Stream: d.Stream, Definition: "0123456789abcdef", Spec: d, Partitions: []string{"t/0"},
	})
	c.add(t, rollup.PartitionProgress{
		Kind: rollup.KindPartition, Rollup: d.Name, Partition: "t/0", SealedThrough: &sealed, UpdatedAt: epoch.Add(-time.Second).UnixMilli(),
	})
	c.add(t, rollup.TiersProgress{Kind: rollup.KindTiers, Rollup: d.Name, Spec: rollup.TiersSpec{Tiers: []rollup.TierProgress{
		{Tier: d.Window, From: epoch.Add(-49 * time.Hour).UnixMilli()}, {Tier: rollup.Tier(time.Minute), Through: epoch.Add(-5 * time.Minute).UnixMilli()},
	}}})
	c.answer = func(string) string {
		return fmt.Sprintf(`{"_shards":{"total":1,"successful":1},"aggregations":{"late":{"total":{"value":0.0}},"time":{"buckets":[{"key":%d,"doc_count":3,"total":{"value":3.0}}]}}}`,
			epoch.Add(-30*time.Second).UnixMilli())
	}
	return c
}

func (c *cluster) add(t testing.TB, document any) {
	t.Helper()
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	c.progress = append(c.progress, raw)
}

func (c *cluster) start(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return server.URL
}

// served is the plugin over gRPC, as Grafana meets it. The harness can be there only once in a process; tests have data sources of their own in it.
var served datasourcetest.TestPlugin

func TestMain(m *testing.M) {
	backend.Logger = log.NewNullLogger()
	code, err := serve(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func serve(m *testing.M) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil { // the harness listens by itself, and tells no port
		return 0, err
	}
	shared, err := newMetrics(prometheus.NewRegistry())
	if err != nil {
		return 0, err
	}
	factory := func(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		d := newDatasource(ctx, s, shared, clock.now)
		if d.streams != nil {
			d.streams.pace = quick
		}
		return d, nil
	}
	if served, err = datasourcetest.Manage(factory, datasourcetest.ManageOpts{Address: address}); err != nil {
		return 0, err
	}
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer func() { _ = connection.Close() }()
	streamClient = pluginv2.NewStreamClient(connection)
	return m.Run(), served.Shutdown()
}

// grafana calls the plugin for one data source.
type grafana struct {
	client   *datasourcetest.TestPluginClient
	settings *backend.DataSourceInstanceSettings
}

var instances atomic.Int64

func connect(t *testing.T, settings backend.DataSourceInstanceSettings) grafana {
	t.Helper()
	settings.UID, settings.ID = t.Name(), instances.Add(1)
	return grafana{client: served.Client, settings: &settings}
}

func (g grafana) context() backend.PluginContext {
	return backend.PluginContext{PluginID: "tidemark-rollups-datasource", DataSourceInstanceSettings: g.settings}
}

func (g grafana) query(t *testing.T, headers map[string]string, queries ...string) backend.Responses {
	t.Helper()
	request := &backend.QueryDataRequest{PluginContext: g.context(), Headers: headers}
	for i, q := range queries {
		kind := ""
		if strings.Contains(q, `"queryType":"annotations"`) {
			kind = query.TypeAnnotations
		}
		request.Queries = append(request.Queries, backend.DataQuery{
			RefID: string(rune('A' + i)), QueryType: kind, JSON: []byte(q), Interval: 10 * time.Second, MaxDataPoints: 100,
			TimeRange: backend.TimeRange{From: epoch.Add(-time.Minute), To: epoch},
		})
	}
	response, err := g.client.QueryData(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	return response.Responses
}

// resource calls a resource and gives its status and body.
func (g grafana) resource(t *testing.T, method, path string) (int, string) {
	t.Helper()
	var status int
	var body []byte
	request := &backend.CallResourceRequest{PluginContext: g.context(), Method: method, Path: strings.SplitN(path, "?", 2)[0], URL: path}
	err := g.client.CallResource(t.Context(), request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		if r.Status != 0 {
			status = r.Status
		}
		body = append(body, r.Body...)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return status, strings.TrimSpace(string(body))
}

func (g grafana) health(t *testing.T) *backend.CheckHealthResult {
	t.Helper()
	result, err := g.client.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: g.context()})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
