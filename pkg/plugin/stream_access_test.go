package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
)

func TestOnlyTheStreamOfAPathCanBeHad(t *testing.T) {
	s := newSidecar(epoch)
	g := streaming(t, newCluster(t), s.start(t))
	p := g.panel(t, 10*time.Second, streamCount)
	hash := p.path[strings.LastIndex(p.path, "/")+1:]
	const (
		ok       = pluginv2.SubscribeStreamResponse_OK
		notFound = pluginv2.SubscribeStreamResponse_NOT_FOUND
		denied   = pluginv2.SubscribeStreamResponse_PERMISSION_DENIED
	)
	other := strings.Replace(string(p.data), "log_writes", "log_reads", 1)
	for _, c := range []struct {
		name, path, data string
		org              int64
		want             pluginv2.SubscribeStreamResponse_Status
	}{
		{"its data", p.path, string(p.data), 1, ok},
		{"no data, since it is remembered", p.path, "", 1, ok},
		{"empty data", p.path, "{}", 1, ok},
		{"another organization", p.path, string(p.data), 2, denied},
		{"the path of another organization", "v1/2/" + hash, string(p.data), 2, denied},
		{"data of another query", p.path, other, 1, denied},
		{"another hash", "v1/1/" + strings.Repeat("0", 32), string(p.data), 1, denied},
		{"a hash that nobody asked for", "v1/1/" + strings.Repeat("0", 32), "", 1, notFound},
		{"no path", "", string(p.data), 1, notFound},
		{"a path that goes up", "v1/1/../1/" + hash, string(p.data), 1, notFound},
		{"another version", "v2/1/" + hash, string(p.data), 1, notFound},
		{"a path that goes on", p.path + "/x", string(p.data), 1, notFound},
		{"a line feed at its end", p.path + "\n", string(p.data), 1, notFound},
		{"capitals", "v1/1/" + strings.ToUpper(hash), string(p.data), 1, notFound},
		{"a number with zeros", "v1/01/" + hash, string(p.data), 1, notFound},
		{"a long path", strings.Repeat("v1/1/", 10_000) + hash, string(p.data), 1, notFound},
		{"no JSON", p.path, "{", 1, denied},
		{"data of another kind", p.path, "[1]", 1, denied},
		{"huge data", p.path, `{"query":{"rollup":"` + strings.Repeat("x", 3<<20) + `"}}`, 1, denied},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := streamClient.SubscribeStream(t.Context(), &pluginv2.SubscribeStreamRequest{PluginContext: g.streamContext(c.org), Path: c.path, Data: []byte(c.data)})
			if err != nil {
				t.Fatal(err)
			}
			if answer.GetStatus() != c.want {
				t.Errorf("got %s, want %s", answer.GetStatus(), c.want)
			}
			if c.want == ok {
				return
			}
			stream, err := streamClient.RunStream(t.Context(), &pluginv2.RunStreamRequest{PluginContext: g.streamContext(c.org), Path: c.path, Data: []byte(c.data)})
			if err == nil {
				_, err = stream.Recv()
			}
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("it runs: %v", err)
			}
		})
	}
	if answer, err := streamClient.PublishStream(t.Context(), &pluginv2.PublishStreamRequest{PluginContext: g.streamContext(1), Path: p.path, Data: []byte("{}")}); err != nil || answer.GetStatus() != pluginv2.PublishStreamResponse_PERMISSION_DENIED {
		t.Errorf("publishing is answered with %v, %v", answer, err)
	}
}

func TestWhereTheChannelIsTold(t *testing.T) {
	g := streaming(t, newCluster(t), newSidecar(epoch).start(t))
	native := g.panel(t, 10*time.Second, `{"rollup":"log_writes","stat":"count","read":"stream"}`)
	overlay := g.panel(t, 10*time.Second, streamCount)
	if native.data != nil || native.path != overlay.path || len(overlay.data) == 0 {
		t.Errorf("%s with %s, and %s with %s", native.path, native.data, overlay.path, overlay.data)
	}
	if want := `{"interval":10000,"query":{"format":"series","read":"stream","rollup":"log_writes","stat":"count","tier":"auto"}}`; string(overlay.data) != want {
		t.Errorf("the data are %s, want %s", overlay.data, want)
	}
	if again := g.panel(t, 10*time.Second, `{"refId":"B","stat":"count","rollup":"log_writes","read":"stream","datasource":{}}`); again.path != overlay.path {
		t.Error("the same stream has another path")
	}
	if longer := g.panel(t, 20*time.Second, streamCount); longer.path == overlay.path {
		t.Error("another interval has the same path")
	}
	r := g.query(t, map[string]string{"FromAlert": "true"}, streamCount)["A"]
	if r.Error != nil || r.Frames[0].Rows() != 4 || r.Frames[0].Meta.Channel != "" {
		t.Errorf("an alert rule gets %v %v", r.Error, r.Frames)
	}
	g.settings.UID = "with/slash"
	if r := g.query(t, nil, streamCount)["A"]; r.Error != nil || r.Frames[0].Meta.Channel != "" {
		t.Errorf("a uid that no channel can have: %v", r.Error)
	}
}

func TestNoMoreStreamsRunThanAllowed(t *testing.T) {
	m := testMetrics(t)
	s := newStreams(&sidecars{}, m)
	for range maxStreams {
		if err := s.enter(&run{path: "p"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.enter(&run{path: "q"}); err == nil || !strings.Contains(err.Error(), "runs 200 streams") {
		t.Errorf("entered: %v", err)
	}
	if _, err := s.running("q"); err == nil {
		t.Error("there is room")
	}
	if r, err := s.running("p"); err != nil || r == nil {
		t.Errorf("%v %v", r, err)
	}
}

func TestStreamsOfADisposedDataSourceEnd(t *testing.T) {
	s := newSidecar(epoch)
	json, _ := sidecarSettings("", s.start(t))
	d := newDatasource(t.Context(), backend.DataSourceInstanceSettings{UID: "u", URL: newCluster(t).start(t), JSONData: json}, testMetrics(t), clock.now)
	stream := &query.Stream{Query: query.Query{Rollup: "log_writes", Stat: query.StatCount, Read: query.ReadStream}, Interval: 10_000}
	path, err := pathOf(1, "u", stream)
	if err != nil {
		t.Fatal(err)
	}
	d.streams.remembered.Add(path, stream)
	ended := make(chan error)
	go func() {
		ended <- d.RunStream(context.Background(), &backend.RunStreamRequest{
			PluginContext: organization(), Path: path,
		}, backend.NewStreamSender(packetSender(func([]byte) {})))
	}()
	eventually(t, "it is read", func() bool { open, _ := s.connections(); return open == 1 })
	d.Dispose()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "settings have changed") {
		t.Errorf("ended with %v", err)
	}
}

// packetSender is given what is sent.
type packetSender func([]byte)

// Send passes it on.
func (s packetSender) Send(p *backend.StreamPacket) error {
	s(p.Data)
	return nil
}

func FuzzSubscribe(f *testing.F) {
	m := testMetrics(f)
	stream := &query.Stream{Query: query.Query{Rollup: "log_writes", Stat: query.StatCount, Read: query.ReadStream, GroupBy: []string{"host"}}, Interval: 10_000, Keys: [][]string{{"a"}}}
	path, err := pathOf(1, "u", stream)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(stream)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(path, text)
	f.Add(path, []byte(`{}`))
	f.Add("v1/1/../x", []byte(`{"query":{},"interval":-1,"keys":[[],["a","a"]]}`))
	c := newCluster(f)
	entry := entryOf(f, c)
	of := organization()
	f.Fuzz(func(t *testing.T, path string, raw []byte) {
		s := newStreams(&sidecars{}, m)
		found, status := s.find(of, path, raw)
		if (found != nil) != (status == backend.SubscribeStreamStatusOK) {
			t.Errorf("%v with %v", found, status)
		}
		if parsed, err := query.ParseStream(raw); err == nil {
			streaming, err := query.NewStreaming(parsed, entry, "tidemark", epoch.UnixMilli())
			if err != nil {
				return
			}
			if _, err := data.FrameToJSON(streaming.Empty(), data.IncludeAll); err != nil {
				t.Error(err)
			}
			if streaming.Polled() == "" {
				if _, err := liveParameters(streaming.Request(), false); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// FuzzLiveStream reads what is no live stream, or one that makes no sense: it ends with an error, in little memory.
func FuzzLiveStream(f *testing.F) {
	shape := live.Shape{Rollup: "log_writes", Interval: 1000, Measures: []string{"offset"}, Conditions: []string{"errors"}}
	for _, c := range []live.Compression{live.Uncompressed, live.Zstd} {
		e, err := live.NewEncoder(shape, c)
		if err != nil {
			f.Fatal(err)
		}
		s := sidecar{events: []happening{at(-1, "/a"), at(-3, "/b")}, now: epoch.UnixMilli(), complete: epoch.UnixMilli() - 10_000}
		batch, err := e.Batch(s.batch(&reader{view: view{shape: shape, encoder: e}}, live.Snapshot, 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Join([][]byte{e.Opening(), batch, batch, e.Closing()}, nil))
	}
	entry := entryOf(f, newCluster(f))
	stream := &query.Stream{Query: query.Query{Rollup: "log_writes", Stat: query.StatMax, Measure: "offset", Read: query.ReadStream}, Interval: 1000}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := live.NewReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		defer r.Close()
		st, err := query.NewStreaming(stream, entry, "tidemark", epoch.UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		board := query.NewBoard(st.Request())
		if board.Begin(r.Shape()) != nil {
			return
		}
		for {
			batch, err := r.Next()
			if err != nil || board.Apply(&batch) != nil {
				return
			}
			frames, _, err := st.Frames(board, 0, nil)
			if err != nil {
				return
			}
			for _, frame := range frames {
				if _, err := data.FrameToJSON(frame, data.IncludeAll); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func TestHealthNamesTheSidecarsThatDoNotAnswer(t *testing.T) {
	s := newSidecar(epoch)
	s.token = "sesame"
	url := s.start(t)
	page := newCluster(t).start(t)
	g := streaming(t, newCluster(t), url, page)
	health := g.health(t)
	expectHealth(t, health, true, "live streams: 1 of 2 sidecars answer", page+": the sidecar answers 404")
	expectDetails(t, health, func(d healthDetails) bool {
		return d.Sidecars[0].Version == "1.2.3" && d.Sidecars[0].Problem == "" && d.Sidecars[1].Version == "" && d.Sidecars[1].Problem != ""
	})
	json, _ := sidecarSettings("", url)
	g = connect(t, backend.DataSourceInstanceSettings{URL: newCluster(t).start(t), JSONData: json, DecryptedSecureJSONData: map[string]string{"sidecarToken": "other"}})
	expectHealth(t, g.health(t), true, "0 of 1 sidecars answer", "the sidecar answers 401: no token (check the sidecar's token in the data source's settings)")
}

func TestHealthTellsOfTheSidecarsOfAClusterThatDoesNotAnswer(t *testing.T) {
	s, gone := newSidecar(epoch), httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	empty := newCluster(t)
	empty.progress = nil
	page := newCluster(t).start(t)
	for name, cluster := range map[string]string{"connect to Elasticsearch": gone.URL, "is missing or empty": empty.start(t)} {
		json, _ := sidecarSettings("", s.start(t), gone.URL, page)
		health := connect(t, backend.DataSourceInstanceSettings{URL: cluster, JSONData: json}).health(t)
		expectHealth(t, health, false, name)
		expectDetails(t, health, func(d healthDetails) bool {
			all := d.Sidecars
			return len(all) == 3 && all[0].Problem == "" && all[0].Version == "1.2.3" && strings.Contains(all[1].Problem, "refused") && strings.Contains(all[2].Problem, "check the address")
		})
	}
	if _, opened := s.connections(); opened != 2 {
		t.Errorf("the sidecar was asked for %d live streams, want one a check", opened)
	}
}

func TestTheHealthCheckAsksASidecarForARollupThatItKeeps(t *testing.T) {
	for _, c := range []struct {
		kept, rollups []string
		want          string
	}{
		{[]string{"b", "c"}, []string{"a", "c", "b"}, "c"},
		{[]string{"d"}, []string{"a", "b"}, "a"},
		{nil, []string{"a", "b"}, "a"},
		{[]string{"d", "e"}, nil, "d"},
		{nil, nil, ""},
	} {
		if got := askedFor(c.kept, c.rollups); got != c.want {
			t.Errorf("a sidecar that keeps %v of %v is asked for %q, want %q", c.kept, c.rollups, got, c.want)
		}
	}
}

func TestAddressesOfSidecars(t *testing.T) {
	for json, want := range map[string]string{
		`{}`:                 "",
		`{"sidecarUrls":""}`: "",
		`{"sidecarUrls":"http://a:1, https://b/x,"}`:  "http://a:1 https://b/x",
		`{"sidecarUrls":["http://a:1","http://a:1"]}`: "http://a:1",
	} {
		s, err := parseSettings(backend.DataSourceInstanceSettings{URL: "http://es:9200", JSONData: []byte(json)})
		if err != nil || strings.Join(s.sidecars, " ") != want {
			t.Errorf("%s: %v, %v", json, s.sidecars, err)
		}
	}
	for json, want := range map[string]string{
		`{"sidecarUrls":5}`:                          "neither a list",
		`{"sidecarUrls":"a:8089"}`:                   "http and https are allowed",
		`{"sidecarUrls":"http://ann:sesame@a:8089"}`: "holds a user name",
		`{"sidecarUrls":"http://a/?x=sesame"}`:       "leave it out",
		`{"sidecarUrls":"` + manyAddresses() + `"}`:  "at most 20 are allowed",
	} {
		_, err := parseSettings(backend.DataSourceInstanceSettings{URL: "http://es:9200", JSONData: []byte(json)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%.80s: %v", json, err)
		}
	}
	_, err := parseSettings(backend.DataSourceInstanceSettings{URL: "http://es:9200", DecryptedSecureJSONData: map[string]string{"sidecarToken": "ses\name"}})
	if err == nil || strings.Contains(err.Error(), "ame") && strings.Contains(err.Error(), "ses") {
		t.Errorf("a token of two lines: %v", err)
	}
}

func manyAddresses() string {
	var all []string
	for i := range maxSidecars + 1 {
		all = append(all, "http://s"+strings.Repeat("x", i))
	}
	return strings.Join(all, ",")
}

func TestNoCredentialsOfElasticsearchReachSidecars(t *testing.T) {
	headers := make(chan http.Header, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers <- r.Header
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	json, _ := sidecarSettings("", server.URL)
	client, _, err := settings{}.connectSidecars(t.Context(), backend.DataSourceInstanceSettings{
		BasicAuthEnabled: true, BasicAuthUser: "ann", JSONData: append(json[:len(json)-1], []byte(`,"httpHeaderName1":"X-Secret"}`)...),
		DecryptedSecureJSONData: map[string]string{"basicAuthPassword": "sesame", "httpHeaderValue1": "sesame"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.open(t.Context(), server.URL, query.LiveRequest{Rollup: "r", Interval: 1000}, true); err == nil {
		t.Error("a stream is read")
	}
	for name, values := range <-headers {
		if strings.Contains(strings.Join(values, " "), "sesame") || name == "Authorization" {
			t.Errorf("%s: %s", name, values)
		}
	}
}

func organization() backend.PluginContext {
	return backend.PluginContext{OrgID: 1, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{UID: "u"}} //nolint:staticcheck // paths have it
}
