package plugin

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/rollup"
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
		{http.MethodGet, "values?rollup=log_writes&dimension=path&regex=(", http.StatusBadRequest, "the regular expression"},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&filters={}", http.StatusBadRequest, "filters is not an array of filters"},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&filters=[{%22dimension%22:%22zone%22,%22op%22:%22=%22,%22values%22:[%22a%22]}]", http.StatusBadRequest, `no dimension \"zone\"`},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&limit=9223372036854775807", http.StatusBadRequest, "1 to 1000 are allowed"},
		{http.MethodGet, "values?rollup=log_writes&search=%zz", http.StatusBadRequest, "the parameters cannot be read"},
		{http.MethodGet, "values?" + strings.Repeat("a", maxParameterBytes+1), http.StatusBadRequest, "bytes long"},
		{http.MethodGet, "values?" + manyParameters(), http.StatusBadRequest, "at most 50 are allowed"},
		{http.MethodGet, "values?dimension=path", http.StatusNotFound, "there is no rollup"},
		{http.MethodGet, "values?rollup=log_writes&rollup=other&dimension=path", http.StatusNotFound, `there is no rollup \"other\"`},
		{http.MethodGet, "values?dimension=path" + manyRollups(), http.StatusBadRequest, "at most 10 are allowed together"},
		{http.MethodGet, "explain?query={}", http.StatusBadRequest, "names no rollup"},
		{http.MethodGet, "explain?query=" + url.QueryEscape(countQuery), http.StatusBadRequest, "the time range"},
		{http.MethodGet, "values?rollup=log_writes&dimension=path&search=" + strings.Repeat("a", 2000), http.StatusBadRequest, "too long"},
	} {
		status, body := g.resource(t, c.method, c.path)
		if status != c.status || !strings.HasPrefix(body, `{"message":"`) || !strings.Contains(body, c.want) {
			t.Errorf("%s %.60s: %d %s, want %d with %s", c.method, c.path, status, body, c.status, c.want)
		}
	}
}

func manyParameters() string {
	var all []string
	for i := range maxParameters + 1 {
		all = append(all, fmt.Sprintf("p%d=", i))
	}
	return strings.Join(all, "&")
}

func manyRollups() string {
	all := ""
	for i := range valuesRollups + 1 {
		all += fmt.Sprintf("&rollup=r%d", i)
	}
	return all
}

func TestValuesOfSeveralRollupsAreListedTogether(t *testing.T) {
	c := newCluster(t)
	accesses := rollup.Definition{Name: "accesses", Stream: "web", Window: rollup.Tier(10 * time.Second), Dimensions: []rollup.Field{{Name: "host"}, {Name: "zone"}}}
	accesses.Normalize()
	c.add(t, rollup.DefinitionProgress{Kind: rollup.KindDefinition, Rollup: accesses.Name, Stream: accesses.Stream, Definition: "fedcba9876543210", Spec: accesses})
	c.answer = func(search string) string {
		if strings.Contains(search, `"dim.path":["/b"]`) {
			return `{"aggregations":{"values":{"buckets":[{"key":"web","total":{"value":5}}]}}}`
		}
		return `{"aggregations":{"values":{"buckets":[{"key":"","total":{"value":7}},{"key":"web","total":{"value":5}}]}}}`
	}
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	filters := "&filters=" + url.QueryEscape(`[{"dimension":"path","op":"=","values":["/b"]}]`)
	const both = "&rollup=log_writes&rollup=accesses&from=1&to=20000"
	for path, want := range map[string]string{
		"values?rollup=log_writes&dimension=host" + filters: `{"truncated":false,"values":[{"value":"web","count":10}]}`, // of two tiers
		"values?dimension=host" + both:                      `{"truncated":false,"values":[{"value":"","count":14},{"value":"web","count":10}]}`,
		"values?dimension=host&rollup=accesses" + both:      `{"truncated":false,"values":[{"value":"","count":14},{"value":"web","count":10}]}`,
		"values?dimension=host&limit=1" + both:              `{"truncated":true,"values":[{"value":"","count":14}]}`,
		"values?dimension=host" + both + filters:            `{"truncated":false,"values":[{"value":"web","count":10},{"value":"","count":7}]}`,
		"values?dimension=zone" + both:                      `{"truncated":false,"values":[{"value":"","count":7},{"value":"web","count":5}]}`,
	} {
		if status, body := g.resource(t, http.MethodGet, path); status != http.StatusOK || body != want {
			t.Errorf("%s: %d\ngot  %s\nwant %s", path, status, body, want)
		}
	}
	if status, body := g.resource(t, http.MethodGet, "values?dimension=colour"+both); status != http.StatusBadRequest || !strings.Contains(body, `no dimension \"colour\"`) {
		t.Errorf("a dimension that none has: %d %s", status, body)
	}
}

func TestAPlanIsExplainedWithoutASearch(t *testing.T) {
	c := newCluster(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)})
	status, body := g.resource(t, http.MethodGet, "explain?from=1767225600000&to=1767229200000&interval=60000&maxDataPoints=100&query="+
		url.QueryEscape(`{"rollup":"log_writes","stat":"count","groupBy":["path"]}`))
	if status != http.StatusOK || !strings.HasPrefix(body, `{"plan":"`) || !strings.Contains(body, "log_writes") || !strings.Contains(body, "_search") {
		t.Errorf("%d %s", status, body)
	}
	if n := c.requests.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
