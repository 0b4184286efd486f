package embedded

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const testTemplate = `{"index_patterns":["t-*"],"template":{"mappings":{"dynamic":"strict","properties":{
	"@timestamp":{"type":"date","format":"epoch_millis"},"grouping":{"type":"keyword"},"count":{"type":"long"},"dim":{"properties":{"host":{"type":"keyword"}}},
	"m":{"properties":{"o":{"properties":{"sum":{"type":"double"}}}}}}}}}`

func openTestStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask sends a request and gives the status and the answer.
func ask(t testing.TB, s *Store, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func mustAsk(t testing.TB, s *Store, method, path, body string) string {
	t.Helper()
	status, answer := ask(t, s, method, path, body)
	if status != http.StatusOK || strings.Contains(answer, `"errors":true`) {
		t.Fatalf("%s %s: status %d, %.500s", method, path, status, answer)
	}
	return answer
}

// fill writes a number of documents in each of some ten-second windows, and their totals.
func fill(t testing.TB, s *Store, windows, keys int) {
	t.Helper()
	mustAsk(t, s, "PUT", "/_index_template/t", testTemplate)
	for w := range windows {
		var b strings.Builder
		for k := range keys {
			fmt.Fprintf(&b, `{"index":{"_index":"t-1","_id":"%d.%d","version":1,"version_type":"external_gte"}}`+"\n", w, k)
			fmt.Fprintf(&b, `{"@timestamp":%d,"grouping":"host","dim.host":"h%d","count":2,"m.o.sum":%d.5,"_doc_count":2}`+"\n", w*10_000, k, k)
		}
		fmt.Fprintf(&b, `{"index":{"_index":"t-1","_id":"%d"}}`+"\n"+`{"@timestamp":%d,"grouping":"total","count":%d,"_doc_count":%d}`+"\n", w, w*10_000, 2*keys, 2*keys)
		mustAsk(t, s, "POST", "/_bulk", b.String())
	}
}

func sumOfCounts(t testing.TB, s *Store, query string) float64 {
	t.Helper()
	answer := mustAsk(t, s, "POST", "/t-1/_search", `{"size":0,"query":`+query+`,"aggs":{"n":{"sum":{"field":"count"}}}}`)
	var decoded struct {
		Aggregations struct{ N struct{ Value float64 } }
	}
	if err := json.Unmarshal([]byte(answer), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded.Aggregations.N.Value
}

const all = `{"match_all":{}}`

func TestDocumentsOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 130, 5)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := ask(t, s, "POST", "/t-1/_search", `{}`); status < 500 {
		t.Errorf("a closed store answered %d", status)
	}
	s = openTestStore(t, dir)
	if got := sumOfCounts(t, s, all); got != 130*5*2*2 {
		t.Errorf("sum is %v, want %v", got, 130*5*2*2)
	}
	if status, answer := ask(t, s, "POST", "/_bulk", `{"index":{"_index":"t-1","_id":"1.1","version":0,"version_type":"external_gte"}}`+"\n{}\n"); status != 200 || !strings.Contains(answer, "409") {
		t.Errorf("an older version after a restart: %d %s", status, answer)
	}
	if answer := mustAsk(t, s, "GET", "/_index_template/t", ""); !strings.Contains(answer, "t-*") {
		t.Errorf("template is %s", answer)
	}
}

func TestSearchesAreRightWhenTheCacheIsSmallerThanTheData(t *testing.T) {
	s := openTestStore(t, t.TempDir())
	s.cacheBytes = 20_000
	fill(t, s, 300, 20)
	for range 3 {
		if got := sumOfCounts(t, s, `{"term":{"grouping":"host"}}`); got != 300*20*2 {
			t.Errorf("sum is %v, want %v", got, 300*20*2)
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	actual := 0
	for _, c := range s.indices["t-1"].chunks {
		actual += c.bytes
	}
	if actual != s.cached {
		t.Errorf("the cache's account is %d, its chunks have %d", s.cached, actual)
	}
}

func TestChangesAreSeenInChunksThatAreInMemory(t *testing.T) {
	s := openTestStore(t, "")
	fill(t, s, 10, 3)
	before := sumOfCounts(t, s, all)
	mustAsk(t, s, "POST", "/_bulk", `{"index":{"_index":"t-1","_id":"1.1","version":2,"version_type":"external_gte"}}
{"@timestamp":10000,"grouping":"host","dim.host":"h1","count":102}
{"index":{"_index":"t-1","_id":"1.2","version":2,"version_type":"external_gte"}}
{"@timestamp":90000000,"grouping":"other","dim.host":"h1","count":2}
{"delete":{"_index":"t-1","_id":"2.1"}}
{"index":{"_index":"t-1","_id":"2.2","version":2,"version_type":"external_gte"}}
{"@timestamp":20000,"grouping":"host","dim.host":"h2","count":2,"m.o.sum":2.5,"_doc_count":2}
`)
	if got := sumOfCounts(t, s, all); got != before+100-2 {
		t.Errorf("sum is %v, want %v", got, before+100-2)
	}
	if got := sumOfCounts(t, s, `{"range":{"@timestamp":{"gte":90000000}}}`); got != 2 {
		t.Errorf("sum of the moved document is %v, want 2", got)
	}
	if answer := mustAsk(t, s, "GET", "/_cat/indices?format=json&h=docs.count", ""); answer != `[{"docs.count":"39"}]` {
		t.Errorf("listing is %s, want 39 documents", answer)
	}
}

func TestDeletionsAreRememberedAndSeenByNobody(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, 2, 3)
	before := sumOfCounts(t, s, all)
	mustAsk(t, s, "POST", "/_bulk", `{"delete":{"_index":"t-1","_id":"1.1","version":5,"version_type":"external_gte"}}
{"delete":{"_index":"t-1","_id":"1.2","version":5,"version_type":"external_gte"}}
{"index":{"_index":"t-1","_id":"1.2","version":6,"version_type":"external_gte"}}
{"@timestamp":10000,"grouping":"host","dim.host":"h2","count":2}
{"delete":{"_index":"t-1","_id":"nobody","version":5,"version_type":"external_gte"}}
`)
	check := func() {
		t.Helper()
		if got := sumOfCounts(t, s, all); got != before-2 {
			t.Errorf("sum is %v, want %v", got, before-2)
		}
		if answer := mustAsk(t, s, "POST", "/t-1/_search", `{"query":{"ids":{"values":["1.1","1.2","nobody"]}}}`); !strings.Contains(answer, `"total":{"relation":"eq","value":1}`) {
			t.Errorf("search by id is %s", answer)
		}
		if answer := mustAsk(t, s, "GET", "/_cat/indices?format=json&h=docs.count", ""); answer != `[{"docs.count":"7"}]` {
			t.Errorf("listing is %s, want 7 documents", answer)
		}
		for _, id := range []string{"1.1", "nobody"} {
			body := fmt.Sprintf(`{"index":{"_index":"t-1","_id":%q,"version":4,"version_type":"external_gte"}}`+"\n{\"count\":1}\n", id)
			if status, answer := ask(t, s, "POST", "/_bulk", body); status != http.StatusOK || !strings.Contains(answer, `"status":409`) {
				t.Errorf("an older version of %s after its deletion: %d %s", id, status, answer)
			}
		}
	}
	check()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTestStore(t, dir)
	check()
}

func TestWritersAndReadersDoNotDisturbEachOther(t *testing.T) {
	s := openTestStore(t, t.TempDir())
	fill(t, s, 3, 3)
	var group sync.WaitGroup
	for writer := range 3 {
		group.Go(func() {
			for i := range 20 {
				body := fmt.Sprintf(`{"index":{"_index":"t-%d","_id":"w%d.%d"}}`+"\n"+`{"@timestamp":%d,"grouping":"host","count":1}`+"\n", 1+i%2, writer, i/2, i*100_000)
				if status, answer := ask(t, s, "POST", "/_bulk", body); status != 200 || strings.Contains(answer, `"errors":true`) {
					t.Errorf("write: %d %s", status, answer)
				}
			}
		})
	}
	for range 3 {
		group.Go(func() {
			for range 20 {
				if status, answer := ask(t, s, "POST", "/t-*/_search", `{"sort":["@timestamp"],"aggs":{"t":{"terms":{"field":"dim.host"}}}}`); status != 200 {
					t.Errorf("search: %d %s", status, answer)
				}
			}
		})
	}
	group.Go(func() {
		for range 5 {
			if status, answer := ask(t, s, "DELETE", "/t-2", ""); status != 200 && status != 404 {
				t.Errorf("delete: %d %s", status, answer)
			}
			if status, answer := ask(t, s, "PUT", "/t-1/_mapping", `{"properties":{"more":{"type":"long"}}}`); status != 200 {
				t.Errorf("mapping: %d %s", status, answer)
			}
		}
	})
	group.Wait()
	if got := sumOfCounts(t, s, `{"bool":{"must_not":{"exists":{"field":"dim.host"}},"filter":{"term":{"grouping":"host"}}}}`); got != 30 {
		t.Errorf("sum is %v, want 30", got)
	}
}

func TestWhatTheStoreCannotDoIsSaidSo(t *testing.T) {
	s := openTestStore(t, "")
	fill(t, s, 1, 1)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/t-1/_doc/1", ""},
		{"POST", "/t-1/_delete_by_query", "{}"},
		{"GET", "/_cluster/state", ""},
		{"PUT", "/_ilm/policy/x", "{}"},
		{"GET", "/_cat/indices", ""},
		{"POST", "/t-1/_search?scroll=1m", "{}"},
		{"POST", "/t-1/_search", `{"query":{"wildcard":{"grouping":"x*"}}}`},
		{"POST", "/t-1/_search", `{"query":{"bool":{"filter":[{"match":{"grouping":"x"}}]}}}`},
		{"POST", "/t-1/_search", `{"query":{"range":{"@timestamp":{"gte":"now-1h"}}}}`},
		{"POST", "/t-1/_search", `{"query":{"regexp":{"grouping":"~a"}}}`},
		{"POST", "/t-1/_search", `{"query":{"regexp":{"grouping":"a+?"}}}`},
		{"POST", "/t-1/_search", `{"aggs":{"a":{"percentiles":{"field":"count"}}}}`},
		{"POST", "/t-1/_search", `{"aggs":{"a":{"date_histogram":{"field":"@timestamp","calendar_interval":"1d"}}}}`},
		{"POST", "/t-1/_search", `{"highlight":{}}`},
		{"PUT", "/x", `{"mappings":{"properties":{"a":{"type":"text"}}}}`},
		{"POST", "/_bulk", `{"update":{"_index":"t-1","_id":"1"}}` + "\n{}\n"},
		{"GET", "/_cluster/health?filter_path=**.a", ""},
	} {
		status, answer := ask(t, s, c.method, c.path, c.body)
		if status != http.StatusNotImplemented || !strings.Contains(answer, "embedded store does not support") {
			t.Errorf("%s %s %s: status %d, %.200s", c.method, c.path, c.body, status, answer)
		}
	}
}

func TestBodiesAreBoundedAndMayBeCompressed(t *testing.T) {
	s := openTestStore(t, "")
	mustAsk(t, s, "PUT", "/_index_template/t", testTemplate)
	pack := func(write func(w io.Writer)) *bytes.Buffer {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		write(w)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	send := func(body io.Reader) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/_bulk", body)
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("Content-Encoding", "gzip")
		s.ServeHTTP(w, r)
		return w.Code
	}
	small := pack(func(w io.Writer) {
		_, _ = io.WriteString(w, `{"index":{"_index":"t-1","_id":"1"}}`+"\n"+`{"count":1}`+"\n")
	})
	if status := send(small); status != http.StatusOK {
		t.Errorf("compressed: status %d", status)
	}
	blank := bytes.Repeat([]byte{' '}, 1<<20)
	bomb := pack(func(w io.Writer) {
		for range maxBodyBytes>>20 + 1 {
			_, _ = w.Write(blank)
		}
	})
	if status := send(bomb); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d bytes that unpack to more than the limit: status %d", bomb.Len(), status)
	}
	if status := send(strings.NewReader("not gzip")); status != http.StatusBadRequest {
		t.Errorf("not gzip: status %d", status)
	}
}

func TestRootNamesTheEmbeddedStore(t *testing.T) {
	s := openTestStore(t, "")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if w.Header().Get("X-Elastic-Product") != "Elasticsearch" || !strings.Contains(w.Body.String(), `"build_flavor":"embedded"`) {
		t.Errorf("root is %s with %v", w.Body, w.Header())
	}
}

func TestFolderThatCannotBeMadeIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStore(filepath.Join(file, "store")); err == nil || !strings.Contains(err.Error(), "make its folder") {
		t.Errorf("error is %v, want one about the folder", err)
	}
}

// BenchmarkQuarterOfAnHour is a page's query over 15 minutes of 1,500 documents each ten seconds.
func BenchmarkQuarterOfAnHour(b *testing.B) {
	s := openTestStore(b, b.TempDir())
	fill(b, s, 90, 1500)
	body := `{"size":0,"track_total_hits":false,"query":{"bool":{"filter":[{"term":{"grouping":"host"}},{"range":{"@timestamp":{"gte":0,"lt":900000}}}]}},
		"aggs":{"h":{"date_histogram":{"field":"@timestamp","fixed_interval":"10s"},"aggs":{"n":{"sum":{"field":"count"}},"s":{"sum":{"field":"m.o.sum"}}}}}}`
	top := `{"size":0,"query":{"bool":{"filter":[{"term":{"grouping":"host"}},{"range":{"@timestamp":{"gte":0,"lt":900000}}}]}},
		"aggs":{"t":{"terms":{"field":"dim.host","size":10,"order":{"n":"desc"}},"aggs":{"n":{"sum":{"field":"count"}}}}}}`
	for name, query := range map[string]string{"over time": body, "top hosts": top} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mustAsk(b, s, "POST", "/t-1/_search", query)
			}
		})
	}
	b.Run("first read", func(b *testing.B) {
		for b.Loop() {
			s.mu.Lock()
			for key := range s.indices["t-1"].chunks {
				s.drop(s.indices["t-1"], key)
			}
			s.mu.Unlock()
			mustAsk(b, s, "POST", "/t-1/_search", body)
		}
	})
}
