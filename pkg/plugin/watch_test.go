package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// streamClient is how Grafana calls streams.
var streamClient pluginv2.StreamClient

// clock is that of the data sources.
var clock testClock

type testClock struct{ past atomic.Int64 } // since the epoch of the tests

func (c *testClock) now() time.Time { return epoch.Add(time.Duration(c.past.Load())) }

// set puts the clock to a time after the epoch, until the test ends.
func (c *testClock) set(t testing.TB, past time.Duration) {
	t.Helper()
	c.past.Store(int64(past))
	t.Cleanup(func() { c.past.Store(0) })
}

var quick = pace{
	open: time.Second, silence: 500 * time.Millisecond, retryMin: time.Millisecond, retryMax: 20 * time.Millisecond, settled: 50 * time.Millisecond,
	unreachable: 50 * time.Millisecond, pollMin: 10 * time.Millisecond, pollMax: 20 * time.Millisecond,
}

// panel shows a history and the stream that goes on from it: whole values by series and time, of which the last counts.
type panel struct {
	grafana
	path string
	data []byte

	mu      sync.Mutex
	values  map[string]map[int64]float64 // without null
	notices []string
	source  query.Source
	frames  int
	ended   chan struct{}
	err     error
}

func (g grafana) streamContext(org int64) *pluginv2.PluginContext {
	of := g.context()
	of.OrgID = org //nolint:staticcheck // paths have it
	return backend.ToProto().PluginContext(of)
}

// panel asks for a history of the last minute, and gets the stream that belongs to it.
func (g grafana) panel(t *testing.T, interval time.Duration, raw string) *panel {
	t.Helper()
	request := &backend.QueryDataRequest{PluginContext: g.context(), Queries: []backend.DataQuery{{
		RefID: "A", JSON: []byte(raw), Interval: interval, MaxDataPoints: 1000, TimeRange: backend.TimeRange{From: clock.now().Add(-time.Minute), To: clock.now().Add(5 * time.Minute)},
	}}}
	request.PluginContext.OrgID = 1 //nolint:staticcheck // paths have it
	response, err := g.client.QueryData(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	a := response.Responses["A"]
	if a.Error != nil {
		t.Fatal(a.Error)
	}
	p := &panel{grafana: g, values: map[string]map[int64]float64{}, ended: make(chan struct{})}
	for _, f := range a.Frames {
		p.take(f)
	}
	custom, err := json.Marshal(a.Frames[0].Meta.Custom)
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Channel string
		Data    json.RawMessage
	}
	if err := json.Unmarshal(custom, &told); err != nil {
		t.Fatal(err)
	}
	if told.Channel == "" {
		told.Channel = a.Frames[0].Meta.Channel
	}
	before := "ds/" + g.settings.UID + "/"
	if !strings.HasPrefix(told.Channel, before) {
		t.Fatalf("the channel is %q, %s", told.Channel, custom)
	}
	p.path, p.data = strings.TrimPrefix(told.Channel, before), told.Data
	return p
}

func (p *panel) subscribe(t testing.TB) *pluginv2.SubscribeStreamResponse {
	t.Helper()
	answer, err := streamClient.SubscribeStream(t.Context(), &pluginv2.SubscribeStreamRequest{PluginContext: p.streamContext(1), Path: p.path, Data: p.data})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// watch subscribes and runs the stream, as Grafana does, until the function that it gives is called.
func (p *panel) watch(t testing.TB) (stop func()) {
	t.Helper()
	if answer := p.subscribe(t); answer.GetStatus() != pluginv2.SubscribeStreamResponse_OK {
		t.Fatalf("the subscription is answered with %s", answer.GetStatus())
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := streamClient.RunStream(ctx, &pluginv2.RunStreamRequest{PluginContext: p.streamContext(1), Path: p.path, Data: p.data})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for {
			packet, err := stream.Recv()
			if err != nil {
				p.err = err
				return
			}
			var f data.Frame
			if err := json.Unmarshal(packet.GetData(), &f); err != nil {
				p.err = err
				return
			}
			p.take(&f)
		}
	}()
	stop = func() {
		cancel()
		<-p.ended
	}
	t.Cleanup(stop)
	return stop
}

func (p *panel) take(f *data.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frames++
	p.notices = nil
	for _, n := range f.Meta.Notices {
		p.notices = append(p.notices, n.Text)
	}
	var custom struct{ Live *query.LiveInfo }
	if text, err := json.Marshal(f.Meta.Custom); err == nil && json.Unmarshal(text, &custom) == nil && custom.Live != nil {
		p.source = custom.Live.Source
	}
	for i := 1; i < len(f.Fields); i++ {
		field := f.Fields[i]
		id := field.Name + field.Labels.String()
		if p.values[id] == nil {
			p.values[id] = map[int64]float64{}
		}
		for row := range field.Len() {
			at, _ := f.Fields[0].At(row).(time.Time)
			if v, _ := field.At(row).(*float64); v != nil {
				p.values[id][at.Sub(epoch).Milliseconds()/1000] = *v
			} else {
				delete(p.values[id], at.Sub(epoch).Milliseconds()/1000)
			}
		}
	}
}

// text shows a series: the values at the seconds after the epoch of the tests.
func (p *panel) text(series string, seconds ...int64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, s := range seconds {
		if v, some := p.values[series][s]; some {
			all = append(all, fmt.Sprint(v))
		} else {
			all = append(all, "-")
		}
	}
	return strings.Join(all, " ")
}

func (p *panel) noticed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.notices, "\n")
}

// shows waits until a series has the values.
func (p *panel) shows(t testing.TB, want, series string, seconds ...int64) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		if p.text(series, seconds...) == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("series %s at %v is %q, want %q; notices: %s", series, seconds, p.text(series, seconds...), want, p.noticed())
		}
	}
}

// seal has everything sealed up to a time after the epoch, and puts the clock some seconds later.
func (c *cluster) seal(t testing.TB, past time.Duration) {
	t.Helper()
	c.mu.Lock()
	c.progress[1] = fmt.Appendf(nil, `{"kind":"partition","rollup":"log_writes","partition":"t/0","sealed_through":%d,"updated_at":%d}`, epoch.Add(past).UnixMilli(), epoch.Add(past).UnixMilli())
	c.mu.Unlock()
	clock.set(t, past+15*time.Second)
}

// counting answers searches for counts of all events by what the sidecar has counted, sealed or not.
func counting(s *sidecar) func(string) string {
	return func(body string) string {
		var search struct {
			Query struct {
				Bool struct {
					Filter []struct {
						Range map[string]struct{ Gte, Lt int64 } `json:"range"`
					} `json:"filter"`
				} `json:"bool"`
			} `json:"query"`
		}
		if err := json.Unmarshal([]byte(body), &search); err != nil {
			return `{"error":{"type":"parse","reason":"` + err.Error() + `"},"status":400}`
		}
		counts := map[int64]int{}
		s.set(func(s *sidecar) {
			for _, f := range search.Query.Bool.Filter {
				for _, span := range f.Range {
					for _, e := range s.events {
						if e.at >= span.Gte && e.at < span.Lt {
							counts[e.at-e.at%10_000]++
						}
					}
				}
			}
		})
		var buckets []string
		for _, start := range slices.Sorted(maps.Keys(counts)) {
			buckets = append(buckets, fmt.Sprintf(`{"key":%d,"doc_count":1,"total":{"value":%d}}`, start, counts[start]))
		}
		return `{"_shards":{"total":1,"successful":1},"aggregations":{"late":{"total":{"value":0.0}},"time":{"buckets":[` + strings.Join(buckets, ",") + `]}}}`
	}
}

// entryOf is the rollup of a cluster.
func entryOf(t testing.TB, c *cluster) *rollup.CatalogEntry {
	t.Helper()
	catalog, err := rollup.ParseCatalog(c.progress)
	if err != nil {
		t.Fatal(err)
	}
	return &catalog.Rollups[0]
}
