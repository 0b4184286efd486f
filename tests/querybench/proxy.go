package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// searchCounts are what came by: HTTP requests that hold searches, and the searches in them.
type searchCounts struct {
	requests, searches int64
	// catalog is how many of the searches were of the progress index.
	catalog int64
	// busiest is the most searches that came within one second.
	busiest int64
}

func (c *searchCounts) add(o searchCounts) {
	c.requests += o.requests
	c.searches += o.searches
	c.catalog += o.catalog
}

// proxy stands in front of an Elasticsearch and counts searches.
type proxy struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	begun time.Time
	// seconds are what came in each second since begun.
	seconds []searchCounts
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
	p := &proxy{url: "http://" + listener.Addr().String(), begun: time.Now()}
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
	body, _ := io.ReadAll(r.Body) // what is missing is missing for Elasticsearch too
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.add(countsOf(r.URL.Path, body))
}

func countsOf(path string, body []byte) searchCounts {
	c := searchCounts{requests: 1}
	if !strings.HasSuffix(path, "_msearch") {
		c.searches = 1
		return c
	}
	for i, line := range bytes.Split(bytes.TrimRight(body, "\n"), []byte("\n")) {
		if i%2 == 0 { // the line before each search
			c.searches++
			if bytes.Contains(line, []byte("-progress")) {
				c.catalog++
			}
		}
	}
	return c
}

func (p *proxy) add(c searchCounts) {
	p.mu.Lock()
	defer p.mu.Unlock()
	second := int(time.Since(p.begun).Seconds())
	for len(p.seconds) <= second {
		p.seconds = append(p.seconds, searchCounts{})
	}
	p.seconds[second].add(c)
}

// restart begins to count anew.
func (p *proxy) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun, p.seconds = time.Now(), nil
}

func (p *proxy) counts() searchCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	var sum searchCounts
	for _, c := range p.seconds {
		sum.add(c)
		sum.busiest = max(sum.busiest, c.searches)
	}
	return sum
}

func (p *proxy) close() { _ = p.server.Close() }
