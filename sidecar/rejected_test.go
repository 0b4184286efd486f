package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// choosy is a store that can never accept documents with a path, until it is mended.
type choosy struct {
	*httptest.Server
	path   string
	mended atomic.Bool
}

func newChoosy(t *testing.T, store, path string) *choosy {
	t.Helper()
	c := &choosy{path: path}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if c.mended.Load() || !strings.HasSuffix(r.URL.Path, "/_bulk") {
			r.Body = io.NopCloser(bytes.NewReader(body))
			forward(w, r, store)
			return
		}
		c.bulk(t, w, r, store, plain(t, r.Header, body))
	}))
	t.Cleanup(c.Close)
	return c
}

// bulk passes on what can be accepted, and refuses the rest.
func (c *choosy) bulk(t *testing.T, w http.ResponseWriter, r *http.Request, store, body string) {
	var passed strings.Builder
	var refused []bool
	for lines := strings.SplitAfter(body, "\n"); len(lines) > 1; {
		n := 2
		if strings.HasPrefix(lines[0], `{"delete"`) {
			n = 1
		}
		refuse := n == 2 && strings.Contains(lines[1], fmt.Sprintf(`"dim.path":%q`, c.path))
		refused = append(refused, refuse)
		if !refuse {
			passed.WriteString(strings.Join(lines[:n], ""))
		}
		lines = lines[n:]
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	if passed.Len() > 0 {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(passed.String())), int64(passed.Len())
		r.Header.Del("Content-Encoding")
		recorded := httptest.NewRecorder()
		forward(recorded, r, store)
		if recorded.Code != http.StatusOK { // the client has gone
			http.Error(w, recorded.Body.String(), recorded.Code)
			return
		}
		if err := json.Unmarshal(recorded.Body.Bytes(), &answer); err != nil {
			t.Error(err)
		}
	}
	var items []json.RawMessage
	for _, refuse := range refused {
		if refuse {
			items = append(items, json.RawMessage(`{"index":{"status":400,"error":{"type":"document_parsing_exception","reason":"not this path"}}}`))
		} else {
			items = append(items, answer.Items[0])
			answer.Items = answer.Items[1:]
		}
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"items": items}); err != nil {
		t.Error(err)
	}
}

func TestRejectedDocumentsAreToldFromDifferences(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	c := newChoosy(t, store, "/p3")
	b.store = c.URL
	configuration := b.configure()
	b.produce(0, 900)
	run := b.start(configuration)
	run.eventually(func() bool { return total(b.documents("total")) == total(b.truth) }, func() string {
		return fmt.Sprintf("the documents hold %d events of %d", total(b.documents("total")), total(b.truth))
	})
	run.end()
	replay := []string{"replay", "--config", configuration, "--from", replayFrom}
	if out := b.must("verify", "--config", configuration); !strings.Contains(out, "events that were rejected in the full grouping") {
		t.Errorf("verify says:\n%s", out)
	}
	if out := b.must(append(replay, "--dry-run")...); !strings.Contains(out, "windows lack whole keys: perhaps those whose documents Elasticsearch rejected") {
		t.Errorf("a dry run says:\n%s", out)
	}
	for range 2 {
		out := b.must(replay...)
		if sums := report(out); sums["windows that differed"] != "0" || sums["documents written"] != "0" || !strings.Contains(out, "windows lack only documents that Elasticsearch cannot accept") {
			t.Errorf("a replay that can write nothing says:\n%s", out)
		}
	}
	b.must("verify", "--config", configuration)
	c.mended.Store(true)
	if out := b.must(replay...); report(out)["documents written"] == "0" || report(out)["documents removed"] != "0" {
		t.Errorf("a replay into a mended index says:\n%s", out)
	}
	if got := total(b.documents("host,path")); got != total(b.truth) {
		t.Errorf("the documents hold %d events of %d", got, total(b.truth))
	}
	if out := b.must(replay...); report(out)["windows that differed"] != "0" {
		t.Errorf("a second replay says:\n%s", out)
	}
	if out := b.must("verify", "--config", configuration); !strings.Contains(out, "events that were rejected are written since a replay") {
		t.Errorf("verify says:\n%s", out)
	}
}
