package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// searchCounts are what came by: HTTP requests that hold searches, and the searches in them.
type searchCounts struct {
	requests, searches int64
	// catalog is how many of the searches were of the progress index.
	catalog int64
}

func (c searchCounts) minus(o searchCounts) searchCounts {
	return searchCounts{requests: c.requests - o.requests, searches: c.searches - o.searches, catalog: c.catalog - o.catalog}
}

// proxy stands in front of an Elasticsearch and counts searches.
type proxy struct {
	url                         string
	server                      *http.Server
	requests, searches, catalog atomic.Int64
}

func startProxy(target string) (*proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{url: "http://" + listener.Addr().String()}
	forward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true},
	}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.count(r)
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = p.server.Serve(listener) }() // ends with close
	return p, nil
}

// count looks at a request, whose body can still be read.
func (p *proxy) count(r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "search") {
		return
	}
	p.requests.Add(1)
	body, _ := io.ReadAll(r.Body) // what is missing is missing for Elasticsearch too
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !strings.HasSuffix(r.URL.Path, "_msearch") {
		p.searches.Add(1)
		return
	}
	for i, line := range bytes.Split(bytes.TrimRight(body, "\n"), []byte("\n")) {
		if i%2 == 0 { // the line before each search
			p.searches.Add(1)
			if bytes.Contains(line, []byte("-progress")) {
				p.catalog.Add(1)
			}
		}
	}
}

func (p *proxy) counts() searchCounts {
	return searchCounts{requests: p.requests.Load(), searches: p.searches.Load(), catalog: p.catalog.Load()}
}

func (p *proxy) close() { _ = p.server.Close() }
