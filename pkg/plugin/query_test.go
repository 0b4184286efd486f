package plugin

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/elastic"
)

var update = flag.Bool("update", false, "write the golden files anew")

const countQuery = `{"refId":"A","rollup":"log_writes","stat":"count"}`

func TestQueriesAreAnsweredOverGRPC(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	responses := g.query(t, nil, countQuery, `{"rollup":"log_writes","stat":"median"}`, `{"rollup":"other","stat":"count"}`, `{`)
	if r := responses["A"]; r.Error != nil || len(r.Frames) != 1 {
		t.Fatalf("A: %v %v", r.Error, r.Frames)
	}
	got, err := responses["A"].Frames[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/count.json"
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", golden, diff)
	}
	for ref, want := range map[string]struct {
		status backend.Status
		text   string
	}{
		"B": {backend.StatusBadRequest, `unknown statistic "median"`},
		"C": {backend.StatusNotFound, `there is no rollup "other" under the index prefix "tidemark": there are log_writes`},
		"D": {backend.StatusBadRequest, "read the query"},
	} {
		r := responses[ref]
		if r.Error == nil || !strings.Contains(r.Error.Error(), want.text) || r.Status != want.status || r.ErrorSource != backend.ErrorSourceDownstream {
			t.Errorf("%s: got %d %s %v, want %d with %q", ref, r.Status, r.ErrorSource, r.Error, want.status, want.text)
		}
	}
}

func TestAlertRulesReadSealedWindowsUnlessTheySayOtherwise(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	live := `{"rollup":"log_writes","stat":"count","read":"live"}`
	for _, q := range []struct {
		name, query string
		headers     map[string]string
		want        int
	}{
		{"a panel", countQuery, nil, 6},
		{"an alert rule", countQuery, map[string]string{"FromAlert": "true"}, 4},
		{"an alert rule, by an HTTP header", countQuery, map[string]string{"http_FromAlert": "true"}, 4},
		{"an alert rule that reads live", live, map[string]string{"FromAlert": "true"}, 6},
		{"an older alert header", countQuery, map[string]string{"FromAlert": "false"}, 6},
	} {
		t.Run(q.name, func(t *testing.T) {
			r := g.query(t, q.headers, q.query)["A"]
			if r.Error != nil || r.Frames[0].Rows() != q.want {
				t.Fatalf("%v: %v, want %d buckets", r.Error, r.Frames, q.want)
			}
			frame := r.Frames[0]
			if frame.Meta.Type != data.FrameTypeTimeSeriesMulti || frame.TimeSeriesSchema().Type == data.TimeSeriesTypeNot {
				t.Errorf("alerting does not take the frame for a time series: %v", frame.Meta)
			}
		})
	}
}

func TestAlertRulesHaveMoreSeriesThanPanels(t *testing.T) {
	c := newCluster(t)
	var keys []string
	for i := range 1001 {
		keys = append(keys, fmt.Sprintf(`{"key":{"path":"/%d"},"doc_count":1,"total":{"value":3.0}}`, i))
	}
	c.answer = func(search string) string {
		aggregations := "{}"
		if strings.Contains(search, `"composite"`) {
			aggregations = `{"keys":{"buckets":[` + strings.Join(keys, ",") + `]}}`
		}
		return `{"_shards":{"total":1,"successful":1},"aggregations":` + aggregations + `}`
	}
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	for name, want := range map[string]struct {
		headers map[string]string
		series  int
	}{"a panel": {nil, 1000}, "an alert rule": {map[string]string{"FromAlert": "true"}, 1001}} {
		if r := g.query(t, want.headers, `{"rollup":"log_writes","stat":"count","groupBy":["path"]}`)["A"]; r.Error != nil || len(r.Frames) != want.series {
			t.Errorf("%s has %d series, want %d (%v)", name, len(r.Frames), want.series, r.Error)
		}
	}
}

func TestTheQueriesOfARequestAreSearchedTogether(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t), JSONData: []byte(`{"cacheMiB":0}`)})
	var queries []string
	for i := range queriesAtOnce {
		queries = append(queries, fmt.Sprintf(`{"rollup":"log_writes","stat":"count","filters":[{"dimension":"host","op":"=","values":["web-%d"]}]}`, i))
	}
	for ref, r := range g.query(t, nil, append(queries, `{"rollup":"log_writes","stat":"median"}`)...) {
		if failed := ref == string(rune('A'+queriesAtOnce)); (r.Error != nil) != failed {
			t.Errorf("%s: %v", ref, r.Error)
		}
	}
	if n := c.requests.Load(); n != 1 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestAnnotationsAreAnsweredOverGRPC(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	r := g.query(t, nil, `{"queryType":"annotations","rollup":"log_writes","kinds":["unsealed"]}`, `{"queryType":"annotations","rollup":"log_writes","kinds":["x"]}`)
	if a := r["A"]; a.Error != nil || len(a.Frames) != 1 || a.Frames[0].Rows() != 1 {
		t.Errorf("%v %v", a.Error, a.Frames)
	}
	if b := r["B"]; b.Error == nil || b.Status != backend.StatusBadRequest {
		t.Errorf("an unknown kind: %d %v", b.Status, b.Error)
	}
}

func TestQueriesOfAlertRulesLookBackUnlessTheySayOtherwise(t *testing.T) {
	for raw, want := range map[string]string{
		`{"a":1}`:           `{"a":1,"lookback":"1d"}`,
		`{"lookback":null}`: `{"lookback":"1d"}`,
		`{"lookback":""}`:   `{"lookback":""}`,
		`{"lookback":"2h"}`: `{"lookback":"2h"}`,
		`null`:              `null`,
		`[]`:                `[]`,
		`{`:                 `{`,
	} {
		if got := string(withDefault([]byte(raw), "lookback", alertLookback)); got != want {
			t.Errorf("%s becomes %s, want %s", raw, got, want)
		}
	}
}

func TestPanelsOfADashboardShareOneCatalog(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	g.query(t, nil, countQuery, countQuery, countQuery)
	g.query(t, nil, countQuery)
	if n := c.catalogs.Load(); n != 1 {
		t.Errorf("the catalog was loaded %d times within one instant", n)
	}
}

func TestFailuresOfTheClusterAreDownstreamErrors(t *testing.T) {
	for _, f := range []struct {
		name   string
		answer string
		status backend.Status
		want   string
	}{
		{"a search that is refused", `{"error":{"type":"too_many_buckets_exception","reason":"trying to create too many buckets"},"status":400}`, backend.StatusBadGateway, "too many buckets"},
		{"a busy cluster", `{"error":{"type":"es_rejected_execution_exception","reason":"full"},"status":429}`, backend.StatusTooManyRequests, "full"},
		{"an answer that makes no sense", `{"aggregations":{"time":[]}}`, backend.StatusBadGateway, "read the answer of Elasticsearch"},
	} {
		t.Run(f.name, func(t *testing.T) {
			c := newCluster(t)
			c.answer = func(string) string { return f.answer }
			r := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)}).query(t, nil, countQuery)["A"]
			if r.Error == nil || !strings.Contains(r.Error.Error(), f.want) || r.Status != f.status || r.ErrorSource != backend.ErrorSourceDownstream {
				t.Errorf("got %d %s %v", r.Status, r.ErrorSource, r.Error)
			}
		})
	}
}

func TestMoreQueriesThanAllowedAreRefused(t *testing.T) {
	d := newDatasource(t.Context(), backend.DataSourceInstanceSettings{URL: "http://localhost:1"}, nil, time.Now)
	if _, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: make([]backend.DataQuery, maxQueries+1)}); err == nil {
		t.Error("accepted")
	}
}

func TestAPanicIsAnErrorOfThePlugin(t *testing.T) {
	d := &Datasource{} // no catalog to ask
	r, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{{RefID: "A", JSON: []byte(countQuery)}}})
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Responses["A"]; a.Error == nil || a.ErrorSource != backend.ErrorSourcePlugin || a.Status != backend.StatusInternal {
		t.Errorf("got %+v", a)
	}
}

func TestStatusOfErrors(t *testing.T) {
	for want, err := range map[int]error{
		http.StatusGatewayTimeout:      &elastic.ConnectionError{Address: "x", Err: context.DeadlineExceeded},
		http.StatusBadGateway:          &elastic.ConnectionError{Address: "x", Err: errors.New("refused")},
		http.StatusBadRequest:          badSettings("x"),
		http.StatusNotFound:            &notFoundError{},
		http.StatusInternalServerError: backend.PluginErrorf("x"),
		http.StatusTooManyRequests:     &elastic.Error{Status: http.StatusTooManyRequests},
	} {
		if got := statusOf(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
	if got := statusOf(fmt.Errorf("search: %w", &elastic.TooLongError{Limit: 1})); got != http.StatusBadRequest {
		t.Errorf("an answer that is too long: %d", got)
	}
}
