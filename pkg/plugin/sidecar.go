package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
)

const (
	livePath   = "/api/v1/live"
	statusPath = "/status"
	// maxProblemBytes bounds what a sidecar says is wrong.
	maxProblemBytes = 4 << 10
	// maxStatusBytes bounds a sidecar's status, which has every partition of every rollup.
	maxStatusBytes = 16 << 20
	// sidecarWithin is how long a sidecar may take to answer the health check, each time that it is asked.
	sidecarWithin = 5 * time.Second
	// noLimit is more bytes than a stream ever has.
	noLimit = 1 << 60
)

// sidecars are the sidecars whose live streams are read.
type sidecars struct {
	addresses []string
	token     string
	client    *http.Client
	answered  atomic.Int32 // the place of the address that gave a snapshot last
}

// connectSidecars makes the client through the SDK, with the data source's TLS settings and its proxy. Credentials of Elasticsearch, and headers for a proxy before
// it, are nothing for sidecars.
func (s settings) connectSidecars(ctx context.Context, instance backend.DataSourceInstanceSettings) (*sidecars, func(), error) {
	nothing := func() {}
	options, err := instance.HTTPClientOptions(ctx)
	if err != nil {
		return nil, nothing, badSettings("%v", err)
	}
	options.BasicAuth, options.Header, options.SigV4, options.ForwardHTTPHeaders = nil, nil, nil, false
	closeIdle := nothing
	options.ConfigureTransport = func(_ httpclient.Options, t *http.Transport) { closeIdle = t.CloseIdleConnections }
	transport, err := httpclient.GetTransport(options)
	if err != nil {
		return nil, nothing, badSettings("%v", err)
	}
	client := &http.Client{ // without a time limit: streams last
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &sidecars{addresses: s.sidecars, token: s.sidecarToken, client: client}, closeIdle, nil
}

// liveParameters writes what is asked for as the parameters of a URL.
func liveParameters(r query.LiveRequest, once bool) (string, error) {
	values := url.Values{
		"rollup": {r.Rollup}, "interval": {strconv.FormatInt(r.Interval/1000, 10) + "s"}, "format": {"arrow"}, "compression": {string(live.Uncompressed)},
	}
	for _, name := range r.GroupBy {
		values.Add("groupBy", name)
	}
	for i := range r.Filters {
		text, err := json.Marshal(&r.Filters[i])
		if err != nil {
			return "", fmt.Errorf("write a filter: %w", err)
		}
		values.Add("filter", string(text))
	}
	if once {
		values.Set("once", "true")
	}
	return values.Encode(), nil
}

// open begins a live stream. Whoever calls it closes the stream.
func (s *sidecars) open(ctx context.Context, address string, r query.LiveRequest, once bool) (*liveStream, error) {
	parameters, err := liveParameters(r, once)
	if err != nil {
		return nil, err
	}
	ctx = httpclient.WithResponseLimit(ctx, noLimit) // Grafana's is for answers that end; the reader has its own
	response, err := s.get(ctx, address, livePath+"?"+parameters, live.ContentType)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	if err := checkLive(response); err != nil {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	reader, err := live.NewReader(response.Body)
	if err != nil {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return &liveStream{Reader: reader, body: response.Body}, nil
}

// sidecarStatus is what the health check needs of a sidecar's /status.
type sidecarStatus struct {
	Version string `json:"version"`
	Streams []struct {
		Rollups []struct {
			Name string `json:"name"`
		} `json:"rollups"`
	} `json:"streams"`
}

func (s *sidecarStatus) rollups() []string {
	var names []string
	for _, stream := range s.Streams {
		for _, one := range stream.Rollups {
			names = append(names, one.Name)
		}
	}
	return names
}

// status is what a sidecar says on /status. It is an error where nobody answers; it is empty where it cannot be read, since a proxy may pass on live streams alone.
func (s *sidecars) status(ctx context.Context, address string) (sidecarStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, sidecarWithin)
	defer cancel()
	var status sidecarStatus
	response, err := s.get(ctx, address, statusPath, "application/json")
	if err != nil {
		return status, fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(response.Body, maxStatusBytes)).Decode(&status) != nil {
		return sidecarStatus{}, nil
	}
	return status, nil
}

// try asks a sidecar for the live stream of a rollup, and gives it back at once.
func (s *sidecars) try(ctx context.Context, address, rollup string) error {
	if rollup == "" {
		return fmt.Errorf("%s: no rollup is known to ask for, not even from %s: check the address", address, statusPath)
	}
	ctx, cancel := context.WithTimeout(ctx, sidecarWithin)
	defer cancel()
	stream, err := s.open(ctx, address, query.LiveRequest{Rollup: rollup, Interval: time.Second.Milliseconds()}, true)
	if err == nil {
		stream.close()
	}
	return err
}

// get asks a sidecar for something. Whoever calls it closes the answer's body.
func (s *sidecars) get(ctx context.Context, address, path, accept string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(address, "/")+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("User-Agent", "tidemark-grafana")
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.client.Do(request)
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err // without the whole address
	}
	return response, err
}

func checkLive(response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxProblemBytes))
		var problem struct {
			Error struct {
				Message string `json:"message"`
			} `json:"error"`
		}
		said := ""
		if json.Unmarshal(text, &problem) == nil {
			said = problem.Error.Message
		}
		if said == "" {
			said = http.StatusText(response.StatusCode)
		}
		if response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
			said += " (check the sidecar's token in the data source's settings)"
		}
		return fmt.Errorf("the sidecar answers %d: %.500s", response.StatusCode, said)
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != live.ContentType {
		return fmt.Errorf("the sidecar answers with %.80q, which is no live stream: check its address", response.Header.Get("Content-Type"))
	}
	return nil
}

// liveStream is an open one.
type liveStream struct {
	*live.Reader
	body io.Closer
}

func (s *liveStream) close() {
	s.Close()
	_ = s.body.Close()
}
