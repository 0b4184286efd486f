package elastic_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
)

const password = "do-not-tell"

func newClient(t *testing.T, cfg elastic.Config) *elastic.Client {
	t.Helper()
	client, err := elastic.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// serve starts a server that answers everything with one status and body.
func serve(t *testing.T, status int, body string) (*httptest.Server, *http.Request) {
	t.Helper()
	last := &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r.Clone(r.Context())
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server, last
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  elastic.Config
		want string
	}{
		"no address":                  {elastic.Config{}, "no Elasticsearch address"},
		"another scheme":              {elastic.Config{Addresses: []string{"ftp://host"}}, "not http://host:port"},
		"no host":                     {elastic.Config{Addresses: []string{"localhost:9200"}}, "not http://host:port"},
		"credentials in an address":   {elastic.Config{Addresses: []string{"http://me:" + password + "@host"}}, "holds a user name"},
		"an unreadable address":       {elastic.Config{Addresses: []string{"http://me:" + password + "@ho st:%zz"}}, "address 1 is not a URL"},
		"a user without password":     {elastic.Config{Addresses: []string{"http://host"}, Username: "me"}, "go together"},
		"an authority that is no PEM": {elastic.Config{Addresses: []string{"http://host"}, CACert: []byte("x")}, "no certificate in PEM form"},
		"half a client certificate":   {elastic.Config{Addresses: []string{"http://host"}, ClientCert: []byte("x")}, "client certificate and key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := elastic.New(tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("error tells the password: %v", err)
			}
		})
	}
}

func TestRequestsCarryCredentialsAndPlainJSON(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg  elastic.Config
		want string
	}{
		"a user":                  {elastic.Config{Username: "me", Password: password}, "Basic bWU6ZG8tbm90LXRlbGw="},
		"a key":                   {elastic.Config{APIKey: "a2V5"}, "APIKey a2V5"},
		"a key before a user":     {elastic.Config{APIKey: "a2V5", Username: "me", Password: password}, "APIKey a2V5"},
		"nobody":                  {elastic.Config{}, ""},
		"nobody with a transport": {elastic.Config{Username: "me", Password: password, Transport: http.DefaultTransport}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, last := serve(t, http.StatusOK, `{"cluster_name":"c","status":"green","number_of_nodes":2}`)
			tc.cfg.Addresses = []string{server.URL + "/below/"}
			tc.cfg.UserAgent = "tests"
			client := newClient(t, tc.cfg)
			h, err := client.Health(t.Context())
			if err != nil || h != (elastic.Health{ClusterName: "c", Status: "green", Nodes: 2}) {
				t.Errorf("health is %+v, %v", h, err)
			}
			if got := last.Header.Get("Authorization"); got != tc.want {
				t.Errorf("authorization is %q, want %q", got, tc.want)
			}
			if last.URL.Path != "/below/_cluster/health" || last.Header.Get("User-Agent") != "tests" {
				t.Errorf("request is %s by %q", last.URL.Path, last.Header.Get("User-Agent"))
			}
			if err := client.PutIndexTemplate(t.Context(), "a", []byte(`{}`)); err != nil {
				t.Error(err)
			}
			if got := last.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("content type is %q: servers other than Elasticsearch 8 refuse anything but plain JSON", got)
			}
		})
	}
}

func TestTLSNeedsTheRightAuthority(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"status":"green"}`)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // the failed handshakes are the point
	server.StartTLS()
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if _, err := newClient(t, elastic.Config{Addresses: []string{server.URL}, CACert: authority}).Health(t.Context()); err != nil {
		t.Errorf("with the authority: %v", err)
	}
	_, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Health(t.Context())
	if err == nil || !strings.Contains(err.Error(), "certificate authority") || !elastic.Retryable(err) {
		t.Errorf("without the authority: %v, want a word about it", err)
	}
	plain := strings.Replace(server.URL, "https://", "http://", 1)
	if _, err := newClient(t, elastic.Config{Addresses: []string{plain}}).Health(t.Context()); err == nil {
		t.Error("http to a server with TLS succeeded")
	}
}

func TestClientCertificateIsShown(t *testing.T) {
	var shown int
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = len(r.TLS.PeerCertificates)
		_, _ = io.WriteString(w, `{}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate, key := testCertificate(t)
	cfg := elastic.Config{
		Addresses: []string{server.URL}, ClientCert: certificate, ClientKey: key,
		CACert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}
	if _, err := newClient(t, cfg).Health(t.Context()); err != nil || shown != 1 {
		t.Errorf("the server saw %d certificates, %v", shown, err)
	}
}

func TestConnectionErrorsSayWhereAndWhatToDo(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	client := newClient(t, elastic.Config{Addresses: []string{closed.URL}, Username: "me", Password: password})
	_, err := client.Health(t.Context())
	var connection *elastic.ConnectionError
	if !errors.As(err, &connection) || connection.Address != closed.URL {
		t.Fatalf("error is %v, want a connection's with the address", err)
	}
	for _, part := range []string{closed.URL, "connection refused", "is it running"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), password) || !elastic.Retryable(err) {
		t.Errorf("error is %v, retryable %t", err, elastic.Retryable(err))
	}
}

func TestAnswersThatBreakOffAreConnectionErrors(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"status":`)
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Health(t.Context())
	var connection *elastic.ConnectionError
	if !errors.As(err, &connection) || connection.Address != server.URL || !elastic.Retryable(err) {
		t.Fatalf("error is %v, want a connection's with the address", err)
	}
	if text := err.Error(); !strings.Contains(text, "the answer broke off: unexpected EOF") || strings.Contains(text, "https") {
		t.Errorf("error is %q", text)
	}
}

func TestTimeLimitsOfClientAndCallerAreTold(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	client := newClient(t, elastic.Config{Addresses: []string{server.URL}, RequestTimeout: 20 * time.Millisecond})
	_, err := client.Health(t.Context())
	var connection *elastic.ConnectionError
	if !errors.As(err, &connection) || !strings.Contains(err.Error(), "no answer within 20ms") {
		t.Errorf("error is %v, want the client's time limit", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = client.Health(ctx); !errors.Is(err, context.Canceled) || elastic.Retryable(err) {
		t.Errorf("error is %v, want the caller's cancellation", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	other, last := serve(t, http.StatusOK, `{}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(other.URL, "http://", "http://me:"+password+"@", 1), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, elastic.Config{Addresses: []string{server.URL}, APIKey: "a2V5"}).Health(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirect") || strings.Contains(err.Error(), password) {
		t.Errorf("error is %v, want one about the redirect", err)
	}
	if last.Method != "" {
		t.Error("the credentials went to another server")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = io.WriteString(packed, `{"cluster_name":"`+strings.Repeat("x", 1<<20)+`"}`)
		_ = packed.Close()
	}))
	t.Cleanup(server.Close)
	_, err := newClient(t, elastic.Config{Addresses: []string{server.URL}, MaxResponseBytes: 1 << 16}).Health(t.Context())
	if err == nil || !strings.Contains(err.Error(), "longer than 65536 bytes") {
		t.Errorf("error is %v, want the bound", err)
	}
	if _, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Health(t.Context()); err != nil {
		t.Errorf("within the bound: %v", err)
	}
}

func TestBulkCompressesOnlyWhatIsWorthIt(t *testing.T) {
	for name, size := range map[string]int{"short": 100, "long": 100_000} {
		t.Run(name, func(t *testing.T) {
			var got, encoding string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				encoding = r.Header.Get("Content-Encoding")
				body := io.Reader(r.Body)
				if encoding == "gzip" {
					unpacked, err := gzip.NewReader(r.Body)
					if err != nil {
						t.Error(err)
						return
					}
					body = unpacked
				}
				text, err := io.ReadAll(body)
				if err != nil {
					t.Error(err)
				}
				got = string(text)
				_, _ = io.WriteString(w, `{"items":[{"index":{"_index":"a","_id":"1","status":201}},
					{"index":{"_index":"a","_id":"2","status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}]}`)
			}))
			t.Cleanup(server.Close)
			body := strings.Repeat("x", size) + "\n"
			response, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Bulk(t.Context(), []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if got != body || (encoding == "gzip") != (size > 10_000) {
				t.Errorf("the body came as %d bytes, encoding %q", len(got), encoding)
			}
			if len(response.Items) != 2 || response.Items[0].Err != nil || response.Items[1].Err == nil || response.Items[1].Err.Permanent() {
				t.Errorf("items are %+v", response.Items)
			}
		})
	}
}

func TestDeletingWhatIsNotThereSucceeds(t *testing.T) {
	server, last := serve(t, http.StatusOK, `{"items":[
		{"delete":{"_index":"a","_id":"1","status":404}},
		{"delete":{"_index":"b","_id":"1","status":404,"error":{"type":"index_not_found_exception","reason":"no such index [b]","index":"b"}}},
		{"delete":{"_index":"a","_id":"2","status":409,"error":{"type":"version_conflict_engine_exception"}}},
		{"index":{"_index":"a","_id":"3","status":404}},
		{"delete":{"_index":"a","_id":"4","status":503}}]}`)
	client := newClient(t, elastic.Config{Addresses: []string{server.URL}, RequestTimeout: 20 * time.Second})
	response, err := client.Bulk(t.Context(), []byte("{}\n"))
	if err != nil || len(response.Items) != 5 {
		t.Fatalf("answer is %+v, %v", response, err)
	}
	for i, good := range []bool{true, false, false, false, false} {
		if item := response.Items[i]; (item.Err == nil) != good || item.Err != nil && item.Err.Permanent() {
			t.Errorf("item %d: %+v", i, item)
		}
	}
	if item := response.Items[2]; item.Action != "delete" || !item.Err.Superseded() {
		t.Errorf("a newer document: %+v", item)
	}
	if wait := last.URL.Query().Get("timeout"); wait != "10000ms" {
		t.Errorf("shards may take %q, want half of the request's time", wait)
	}
}

func TestMappingsAreComparedFieldByField(t *testing.T) {
	parse := func(text string) elastic.Mapping {
		var m elastic.Mapping
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, tc := range map[string]struct{ has, needs, want string }{
		"the same":                    {`{"properties":{"a":{"type":"long"}}}`, `{"properties":{"a":{"type":"long"}}}`, ""},
		"one lacks it":                {`{"dynamic":"strict","properties":{"b":{"type":"long"}}}`, `{"properties":{"a":{"type":"long"}}}`, ""},
		"nothing at all":              {`{}`, `{"dynamic":"strict","properties":{"a":{"type":"long"}}}`, ""},
		"no strict mapping":           {`{"dynamic":"true","properties":{"a":{"type":"long"}}}`, `{"dynamic":"strict","properties":{"a":{"type":"long"}}}`, ""},
		"another type":                {`{"properties":{"a":{"type":"integer"}}}`, `{"properties":{"a":{"type":"long"}}}`, "a integer long"},
		"dotted and nested":           {`{"properties":{"a.b":{"type":"text"}}}`, `{"properties":{"a":{"properties":{"b":{"type":"keyword"}}}}}`, "a.b text keyword"},
		"a field above":               {`{"properties":{"a":{"type":"text"}}}`, `{"properties":{"a":{"properties":{"b":{"type":"keyword"}}}}}`, "a text object"},
		"a field above a dotted one":  {`{"properties":{"a":{"type":"text"}}}`, `{"properties":{"a.b":{"type":"keyword"}}}`, "a text object"},
		"a nested object":             {`{"properties":{"a":{"type":"nested","properties":{"b":{"type":"keyword"}}}}}`, `{"properties":{"a":{"properties":{"b":{"type":"keyword"}}}}}`, "a nested object"},
		"another format":              {`{"properties":{"t":{"type":"date"}}}`, `{"properties":{"t":{"type":"date","format":"epoch_millis"}}}`, "t date without format date with format epoch_millis"},
		"not searchable":              {`{"properties":{"a":{"type":"long","index":false}}}`, `{"properties":{"a":{"type":"long"}}}`, "a long with index false long with index true"},
		"not searchable, as text":     {`{"properties":{"a":{"type":"long","index":"false"}}}`, `{"properties":{"a":{"type":"long","index":false}}}`, ""},
		"a parameter that may differ": {`{"properties":{"a":{"type":"keyword","ignore_above":8,"fields":{"x":{"type":"text"}}}}}`, `{"properties":{"a":{"type":"keyword"}}}`, ""},
		"an object that is not read":  {`{"properties":{"a":{"enabled":false}}}`, `{"properties":{"a":{"properties":{"b":{"type":"long"}}}}}`, "a object with enabled false object with enabled true"},
		"an object that is read":      {`{"properties":{"a":{"type":"object"}}}`, `{"properties":{"a":{"type":"object","enabled":false}}}`, "a object with enabled true object with enabled false"},
		"what is no mapping":          {`{"properties":{"a":5,"b":null}}`, `{"properties":{"a":{"type":"long"}}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, c := range parse(tc.has).Conflicts(parse(tc.needs)) {
				got += c.Field + " " + c.Has + " " + c.Needs
			}
			if got != tc.want {
				t.Errorf("conflicts are %q, want %q", got, tc.want)
			}
		})
	}
}

func TestVersionKnowsWhatIsSupported(t *testing.T) {
	for name, tc := range map[string]struct {
		body, want string
		compatible bool
	}{
		"elasticsearch":  {`{"version":{"number":"8.19.1"}}`, "elasticsearch 8.19.1", true},
		"oldest":         {`{"version":{"number":"7.17.0"}}`, "elasticsearch 7.17.0", true},
		"too old":        {`{"version":{"number":"7.16.3"}}`, "elasticsearch 7.16.3", false},
		"newer":          {`{"version":{"number":"10.0.0"}}`, "elasticsearch 10.0.0", true},
		"opensearch":     {`{"version":{"number":"2.19.1","distribution":"opensearch"}}`, "opensearch 2.19.1", true},
		"old opensearch": {`{"version":{"number":"1.3.0","distribution":"opensearch"}}`, "opensearch 1.3.0", false},
		"embedded":       {`{"version":{"number":"8.19.0","build_flavor":"embedded"}}`, "embedded 8.19.0", true},
		"something else": {`{}`, "elasticsearch ", false},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, http.StatusOK, tc.body)
			v, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Version(t.Context())
			if v.String() != tc.want || errors.Is(err, elastic.ErrIncompatible) == tc.compatible {
				t.Errorf("version is %q, %v", v, err)
			}
		})
	}
}

func TestVersionFallsBackToTheNodes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusMethodNotAllowed)
			_, _ = io.WriteString(w, `{"error":"Incorrect HTTP method","status":405}`)
			return
		}
		_, _ = io.WriteString(w, `{"nodes":{"a":{"version":"8.19.2"},"b":{"version":"8.9.1"}}}`)
	}))
	t.Cleanup(server.Close)
	v, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Version(t.Context())
	if err != nil || v.Number != "8.9.1" {
		t.Errorf("version is %v, %v, want the oldest node's", v, err)
	}
}

func TestNamesThatWouldBeAnotherPathAreRefused(t *testing.T) {
	server, last := serve(t, http.StatusOK, `{}`)
	client := newClient(t, elastic.Config{Addresses: []string{server.URL}})
	for _, name := range []string{"", "a/b", "../x", "..", "a?b", "a#b", "a%2f", "_all", "a,b", "-a", "a b"} {
		if err := client.DeleteIndex(t.Context(), name); err == nil {
			t.Errorf("delete %q was sent", name)
		}
		if err := client.DeleteIndexTemplate(t.Context(), name); err == nil {
			t.Errorf("delete template %q was sent", name)
		}
		if _, err := client.Search(t.Context(), elastic.SearchRequest{Indices: []string{name}, Body: json.RawMessage(`{}`)}); err == nil {
			t.Errorf("search of %q was sent", name)
		}
	}
	for _, pattern := range []string{"*", "a*"} {
		if err := client.DeleteIndex(t.Context(), pattern); err == nil || !strings.Contains(err.Error(), "pattern") {
			t.Errorf("delete %q: %v, want a refusal", pattern, err)
		}
		if err := client.DeleteIndexTemplate(t.Context(), pattern); err == nil || !strings.Contains(err.Error(), "pattern") {
			t.Errorf("delete template %q: %v, want a refusal", pattern, err)
		}
	}
	if _, err := client.Search(t.Context(), elastic.SearchRequest{Body: json.RawMessage(`{}`)}); err == nil {
		t.Error("a search without an index was sent")
	}
	if last.Method != "" {
		t.Errorf("the server got %s %s", last.Method, last.URL)
	}
}
