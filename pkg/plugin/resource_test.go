package plugin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func TestRollupsAreListedForTheEditors(t *testing.T) {
	g := connect(t, backend.DataSourceInstanceSettings{URL: newCluster(t).start(t)})
	status, body := g.resource(t, http.MethodGet, "rollups")
	want := `{"rollups":[{"name":"log_writes","stream":"app","window":"10s","tiers":["10s","1m"],"dimensions":["host","path"],"measures":["offset"],` +
		`"conditions":["errors"],"groupings":[["host","path"],["path"],[]],"percentiles":["offset"],"distinct":["users"],"retention":[{"tier":"10s","keep":"48h0m0s"}],` +
		`"tierProgress":[{"tier":"10s","from":"2025-12-30T00:00:00Z"},{"tier":"1m","through":"2026-01-01T00:55:00Z"}],` +
		`"definition":"0123456789abcdef","tidemark":"2026-01-01T00:59:40Z","behindSeconds":20,"updatedAt":"2026-01-01T00:59:59Z"}]}`
	if status != http.StatusOK || body != want {
		t.Errorf("%d\ngot  %s\nwant %s", status, body, want)
	}
}

func TestNoRollupsIsAnEmptyList(t *testing.T) {
	c := newCluster(t)
	c.progress = nil
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	if status, body := g.resource(t, http.MethodGet, "rollups"); status != http.StatusOK || body != `{"rollups":[]}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestValuesAreListedForTheEditors(t *testing.T) {
	c := newCluster(t)
	c.bodies = make(chan string, 10)
	c.answer = func(string) string {
		return `{"aggregations":{"values":{"buckets":[{"key":"/a","total":{"value":5.0}},{"key":"/b","total":{"value":3.0}}]}}}`
	}
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	status, body := g.resource(t, http.MethodGet, "values?rollup=log_writes&dimension=path&search=%2F&limit=1&from=1000&to=20000")
	if status != http.StatusOK || body != `{"truncated":true,"values":[{"value":"/a","count":5}]}` {
		t.Errorf("%d %s", status, body)
	}
	close(c.bodies)
	var last string
	for last = range c.bodies {
		continue
	}
	for _, part := range []string{`"gte":0,"lt":20000`, `"value":".*\\/.*"`} {
		if !strings.Contains(last, part) {
			t.Errorf("%s is not in %s", part, last)
		}
	}
}

func TestResourceErrorsHaveTheirStatusAndAMessage(t *testing.T) {
	g := connect(t, backend.DataSourceInstanceSettings{URL: newCluster(t).start(t)})
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{http.MethodGet, "nothing", http.StatusNotFound, "there is no such resource"},
		{http.MethodPost, "rollups", http.StatusMethodNotAllowed, "only GET is allowed"},
		{http.MethodGet, "values?rollup=other&dimension=path", http.StatusNotFound, `there is no rollup \"other\"`},
		{http.MethodGet, "values?rollup=log_writes&dimension=zone", http.StatusBadRequest, `no dimension \"zone\"`},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&limit=many", http.StatusBadRequest, `limit=\"many\" is not a whole number`},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&limit=1001", http.StatusBadRequest, "1 to 1000 are allowed"},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&from=5&to=2", http.StatusBadRequest, "the time range"},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&search=" + strings.Repeat("a", 2000), http.StatusBadRequest, "too long"},
	} {
		status, body := g.resource(t, c.method, c.path)
		if status != c.status || !strings.HasPrefix(body, `{"message":"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s %.60s: %d %s, want %d with %s", c.method, c.path, status, body, c.status, c.want)
		}
	}
}
