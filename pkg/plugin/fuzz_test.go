package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
)

// FuzzResources calls the resources with any parameters: each call has an answer in JSON, and searches little.
func FuzzResources(f *testing.F) {
	for _, seed := range [][2]string{
		{"rollups", ""},
		{"values", "rollup=log_writes&dimension=path&search=a&regex=b.*&limit=3&from=1&to=100000"},
		{"values", `rollup=log_writes&dimension=path&from=0&to=253402300799999&filters=[{"dimension":"host","op":"=~","values":["a|b"]},{"dimension":"path","op":"!=","values":[""]}]`},
		{"values", "rollup=log_writes&rollup=log_writes&dimension=host&filters=[]"},
		{"explain", `query={"rollup":"log_writes","stat":"avg","measure":"offset","groupBy":["host"],"top":3}&from=1&to=100000&interval=-5&maxDataPoints=9&alert=true`},
	} {
		f.Add(seed[0], seed[1])
	}
	c := newCluster(f)
	catalog, err := rollup.ParseCatalog(c.progress)
	if err != nil {
		f.Fatal(err)
	}
	m := testMetrics(f)
	f.Fuzz(func(t *testing.T, path, parameters string) {
		searched, bytes := 0, 0
		d := &Datasource{settings: settings{prefix: rollup.DefaultPrefix}, now: func() time.Time { return epoch }}
		d.catalog = newCatalogCache(d.now, func(context.Context) (*rollup.Catalog, error) { return catalog, nil })
		d.cache = newCache(0, d.now, m, func(_ context.Context, requests []query.Request) []search.Result {
			for _, r := range requests {
				searched++
				bytes += len(r.Body)
				if !json.Valid(r.Body) {
					t.Errorf("a search that is not JSON: %s", r.Body)
				}
			}
			return make([]search.Result, len(requests))
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: "/" + path, RawQuery: parameters}
		w := httptest.NewRecorder()
		d.resources().ServeHTTP(w, r)
		if location := w.Header().Get("Location"); location != "" {
			return // to the clean form of a path such as //
		}
		if !json.Valid(w.Body.Bytes()) || w.Code >= http.StatusInternalServerError {
			t.Errorf("%s?%s: %d %s", path, parameters, w.Code, w.Body)
		}
		if searched > 10*valuesRollups || bytes > 100*maxParameterBytes {
			t.Errorf("%s?%s: %d searches of %d bytes", path, parameters, searched, bytes)
		}
	})
}
