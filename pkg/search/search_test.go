package search_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

// cluster answers each search with its own body, and notes how many each request had and their headers.
type cluster struct {
	requests []int
	headers  []string
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 32<<20)
	var answers []string
	for lines.Scan() {
		c.headers = append(c.headers, lines.Text())
		lines.Scan()
		if strings.Contains(lines.Text(), "bad") {
			answers = append(answers, `{"error":{"type":"parsing_exception","reason":"no"},"status":400}`)
		} else {
			answers = append(answers, `{"_shards":{"total":1,"successful":1},"aggregations":`+lines.Text()+`}`)
		}
	}
	c.requests = append(c.requests, len(answers))
	_, _ = fmt.Fprintf(w, `{"responses":[%s]}`, strings.Join(answers, ","))
}

func start(t *testing.T, maxBytes int64) (*cluster, *elastic.Client) {
	t.Helper()
	c := &cluster{}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	client, err := elastic.New(elastic.Config{Addresses: []string{server.URL}, MaxResponseBytes: maxBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return c, client
}

func requests(n, size int) []query.Request {
	all := make([]query.Request, n)
	for i := range all {
		all[i] = query.Request{Indices: []string{"i"}, Body: fmt.Appendf(nil, `{"n":%d,"x":%q}`, i, strings.Repeat("x", size))}
	}
	return all
}

func TestAsManySearchesAsFitGoIntoOneRequest(t *testing.T) {
	for _, c := range []struct {
		name     string
		n, size  int
		maxBytes int64
		want     []int
	}{
		{"few", 3, 1, 0, []int{3}},
		{"many", 130, 1, 0, []int{64, 64, 2}},
		{"long ones", 3, 3 << 20, 0, []int{2, 1}},
		{"longer ones", 2, 9 << 20, 0, []int{1, 1}},
		{"answers that are too long together", 4, 1000, 2500, []int{4, 2, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, client := start(t, c.maxBytes)
			asked := requests(c.n, c.size)
			for i, r := range search.OverEach(client)(t.Context(), asked) {
				if r.Err != nil || string(r.Response.Aggregations) != string(asked[i].Body) {
					t.Fatalf("search %d: %v", i, r.Err)
				}
			}
			if diff := cmp.Diff(c.want, cluster.requests); diff != "" {
				t.Errorf("searches by request: %s", diff)
			}
		})
	}
}

func TestASearchThatFailsFailsAlone(t *testing.T) {
	_, client := start(t, 0)
	asked := requests(3, 1)
	asked[1].Body = []byte(`{"bad":1}`)
	results := search.OverEach(client)(t.Context(), asked)
	if results[0].Err != nil || results[2].Err != nil || results[1].Err == nil || !strings.Contains(results[1].Err.Error(), "search i: ") {
		t.Errorf("got %v", results)
	}
	if _, err := search.Over(client)(t.Context(), asked); err == nil {
		t.Error("all of them succeed")
	}
}

func TestAnAnswerThatIsTooLongByItselfIsAnError(t *testing.T) {
	_, client := start(t, 500)
	results := search.OverEach(client)(t.Context(), requests(2, 1000))
	for _, r := range results {
		if r.Err == nil || !strings.Contains(r.Err.Error(), "ask for a shorter time range or fewer groups") {
			t.Errorf("got %v", r.Err)
		}
	}
}

func TestShardsKeepTheAnswersThatCanBeUsedAgain(t *testing.T) {
	for _, c := range []struct {
		name, body, valid string
		want              bool
	}{
		{"sealed aggregations", `{"aggs":{},"size":0}`, "v", true},
		{"what may change", `{"aggs":{},"size":0}`, "", false},
		{"documents", `{"size":100}`, "v", false},
		{"documents of no number", `{"query":{}}`, "v", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster, client := start(t, 0)
			search.OverEach(client)(t.Context(), []query.Request{{Indices: []string{"i"}, Body: []byte(c.body), Valid: c.valid}})
			if got := strings.Contains(cluster.headers[0], `"request_cache":true`); got != c.want {
				t.Errorf("the header is %s", cluster.headers[0])
			}
		})
	}
}
