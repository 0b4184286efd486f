package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// late is a store that keeps requests with rollup documents for later.
type late struct {
	*httptest.Server
	mu      sync.Mutex
	kept    []lateRequest
	keeping bool
}

func newLate(t *testing.T, store string) *late {
	t.Helper()
	l := &late{keeping: true}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		l.mu.Lock()
		keep := l.keeping && strings.HasSuffix(r.URL.Path, "/_bulk") && strings.Contains(plain(t, r.Header, body), "-writes-10s-")
		if keep {
			l.kept = append(l.kept, lateRequest{store + r.URL.RequestURI(), r.Header.Clone(), body})
		}
		l.mu.Unlock()
		if keep {
			<-r.Context().Done() // the writer gives up
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward(w, r, store)
	}))
	t.Cleanup(l.Close)
	return l
}

// plain is a body without its compression.
func plain(t *testing.T, header http.Header, body []byte) string {
	t.Helper()
	if header.Get("Content-Encoding") != "gzip" {
		return string(body)
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return ""
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

type lateRequest struct {
	url    string
	header http.Header
	body   []byte
}

// send sends the request, and counts the documents that were superseded.
func (l lateRequest) send(t *testing.T) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url, bytes.NewReader(l.body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = l.header
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(plain(t, response.Header, answer), `"status":409`)
}
