package embedded

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// FuzzSearch looks for searches that make the store panic or answer with an error of its own.
func FuzzSearch(f *testing.F) {
	files, err := filepath.Glob("../../tests/conformance/testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "{") && (strings.Contains(line, "query") || strings.Contains(line, "aggs") || strings.Contains(line, "sort")) {
				f.Add(line)
			}
		}
	}
	s := openTestStore(f, "")
	fill(f, s, 3, 3)
	mustAsk(f, s, "POST", "/_bulk", `{"index":{"_index":"t-2","_id":"1"}}`+"\n"+`{"grouping":["a","b"],"count":[1,2],"@timestamp":[1,99999999999999]}`+"\n")
	f.Fuzz(func(t *testing.T, body string) {
		status, answer := ask(t, s, "POST", "/t-*/_search", body)
		if status == http.StatusInternalServerError {
			t.Errorf("status %d: %s", status, answer)
		}
	})
}

// FuzzBulk looks for bulk requests that make the store panic or answer with an error of its own.
func FuzzBulk(f *testing.F) {
	f.Add(`{"index":{"_index":"t-1","_id":"1"}}` + "\n" + `{"count":1,"m":{"o.sum":"2"},"grouping":[null,true]}` + "\n")
	f.Add(`{"delete":{"_index":"t-1","_id":"1","version":3,"version_type":"external"}}` + "\n")
	f.Add(`{"delete":{"_index":"t-1","_id":"1","version":3,"version_type":"external_gte"}}` + "\n" + `{"create":{"_index":"t-1","_id":"1"}}` + "\n{}\n" + `{"delete":{"_index":"t-9","_id":"1"}}` + "\n")
	s := openTestStore(f, "")
	fill(f, s, 1, 1)
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/t-1/_bulk?filter_path=items.*.status", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-ndjson")
		s.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	})
}

// FuzzLuceneRegexp looks for expressions whose translation is accepted but cannot be compiled for another reason than a repetition.
func FuzzLuceneRegexp(f *testing.F) {
	for _, text := range []string{`[^a-c]+\.log`, `"a*b"`, `(a|b){2,3}`, `[]a]`, `[a\]]`, `@#`, `h\d`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		expression, why := luceneRegexp(text)
		if why != nil {
			return
		}
		compiled, err := regexp.Compile(expression)
		if err != nil {
			return // it is answered with status 400
		}
		compiled.MatchString(text)
	})
}
