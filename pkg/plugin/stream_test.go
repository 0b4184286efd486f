package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
)

const (
	streamCount = `{"rollup":"log_writes","stat":"count","read":"stream","overlay":true}`
	streamPaths = `{"rollup":"log_writes","stat":"count","read":"stream","overlay":true,"groupBy":["path"]}`
)

// streaming is a data source with sidecars.
func streaming(t *testing.T, c *cluster, urls ...string) grafana {
	t.Helper()
	json, secrets := sidecarSettings("sesame", urls...)
	g := connect(t, backend.DataSourceInstanceSettings{URL: c.start(t), JSONData: json, DecryptedSecureJSONData: secrets})
	g.settings.UID = fmt.Sprintf("stream-%d", g.settings.ID)
	return g
}

func at(second int64, path string) happening {
	return happening{at: epoch.UnixMilli() + second*1000, host: "h", path: path, offset: float64(second)}
}

func TestAStreamGoesOnFromTheHistory(t *testing.T) {
	s := newSidecar(epoch)
	s.token = "sesame"
	g := streaming(t, newCluster(t), s.start(t))
	p := g.panel(t, 10*time.Second, streamCount)
	s.advance(25*time.Second, at(-15, "/a"), at(1, "/a"), at(2, "/b"))
	p.watch(t)
	p.shows(t, "3 1 0 2 0 -", "count", -30, -20, -10, 0, 10, 20)
	s.advance(10*time.Second, at(3, "/a"), at(21, "/a"))
	p.shows(t, "3 1 0 3 0 1", "count", -30, -20, -10, 0, 10, 20)
	if p.source != query.SourceSidecar || p.noticed() != "" {
		t.Errorf("%s: %s", p.source, p.noticed())
	}
	if initial := p.subscribe(t).GetData(); !strings.Contains(string(initial), `"through":"2026-01-01T01:00:30Z"`) {
		t.Errorf("a second viewer begins with %s", initial)
	}
}

func TestRunsOfOneViewShareAConnectionAndEndWhenNobodyWatches(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s := newSidecar(epoch)
	g := streaming(t, newCluster(t), s.start(t))
	var stops []func()
	for _, stat := range []string{`"count"`, `"rate"`, `"bytes"`, `"max","measure":"offset"`, `"avg","measure":"offset"`, `"ratio","condition":"errors"`} {
		p := g.panel(t, 10*time.Second, `{"rollup":"log_writes","read":"stream","overlay":true,"stat":`+stat+`}`)
		stops = append(stops, p.watch(t))
		eventually(t, "frames come", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.source == query.SourceSidecar })
	}
	if open, all := s.connections(); open != 1 || all != 1 {
		t.Errorf("%d of %d connections are open", open, all)
	}
	other := g.panel(t, 20*time.Second, streamCount)
	stops = append(stops, other.watch(t))
	eventually(t, "another view has another connection", func() bool { open, _ := s.connections(); return open == 2 })
	for _, stop := range stops {
		stop()
	}
	eventually(t, "nothing is read", func() bool { open, _ := s.connections(); return open == 0 })
	if err := goleak.Find(before, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("internal/poll.runtime_pollWait")); err != nil {
		t.Error(err)
	}
}

func TestAnotherSidecarTakesOver(t *testing.T) {
	s, second := newSidecar(epoch), newSidecar(epoch)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	g := streaming(t, newCluster(t), silent.URL, s.start(t), second.start(t))
	p := g.panel(t, 10*time.Second, streamCount)
	p.watch(t)
	second.advance(20*time.Second, at(1, "/a"))
	s.advance(20*time.Second, at(1, "/a"))
	p.shows(t, "1 0 -", "count", 0, 10, 20)
	s.set(func(s *sidecar) { s.refuse = http.StatusServiceUnavailable })
	s.end("the sidecar stops")
	second.advance(10*time.Second, at(21, "/a"))
	p.shows(t, "1 0 1", "count", 0, 10, 20)
}

func TestWhatComesWhileASidecarIsAwayIsNotMissed(t *testing.T) {
	s := newSidecar(epoch)
	g := streaming(t, newCluster(t), s.start(t))
	p := g.panel(t, 10*time.Second, streamCount)
	p.watch(t)
	p.shows(t, "0 -", "count", -10, 0)
	for i := range int64(5) {
		s.cut()
		s.advance(10*time.Second, at(10*i+1, "/a"), at(-5, "/a"))
		p.shows(t, fmt.Sprint(i+1, " 1"), "count", -10, 10*i)
	}
	eventually(t, "the next addresses are not asked without end", func() bool { _, all := s.connections(); return all < 500 })
}

func TestWhatSidecarsDidNotTellIsReadFromDocuments(t *testing.T) {
	s := newSidecar(epoch)
	c := newCluster(t)
	c.answer = counting(s)
	g := streaming(t, c, s.start(t))
	p := g.panel(t, 10*time.Second, streamCount)
	p.watch(t)
	s.advance(10*time.Second, at(1, "/a"))
	p.shows(t, "1 -", "count", 0, 10)
	s.cut()
	s.set(func(s *sidecar) { s.complete = epoch.Add(40 * time.Second).UnixMilli() })
	s.advance(50*time.Second, at(11, "/a"), at(12, "/a"), at(31, "/a"), at(45, "/a"), at(2, "/a"))
	p.shows(t, "1 - - - 1 0", "count", 0, 10, 20, 30, 40, 50)
	// The beginning of what is missing can be sealed, and filled, by now.
	if text := p.noticed(); !strings.Contains(text, "was interrupted between") || !strings.Contains(text, "and 2026-01-01T01:00:40Z") {
		t.Errorf("noticed: %s", text)
	}
	c.seal(t, 50*time.Second)
	p.shows(t, "2 2 0 1 1 0", "count", 0, 10, 20, 30, 40, 50)
	eventually(t, "the notice goes", func() bool { return p.noticed() == "" })
}

func TestWithoutSidecarsElasticsearchIsPolled(t *testing.T) {
	s := newSidecar(epoch)
	c := newCluster(t)
	c.answer = counting(s)
	refusing := newSidecar(epoch)
	refusing.refuse = http.StatusUnauthorized
	for _, c := range []struct {
		name, query, want string
		g                 grafana
	}{
		{"no address", streamCount, "the data source's settings have no sidecar", streaming(t, c)},
		{"none answers", streamCount, "no sidecar tells the newest ones, the last attempt: ", streaming(t, c, refusing.start(t), "http://127.0.0.1:1")},
		{"a shift", `{"rollup":"log_writes","stat":"count","read":"stream","shift":"1m"}`, "values of an earlier time", streaming(t, c, s.start(t))},
		{"a moving average", `{"rollup":"log_writes","stat":"count","read":"stream","movingAverage":3}`, "a moving average needs earlier points", streaming(t, c, s.start(t))},
		{"a difference", `{"rollup":"log_writes","stat":"delta","read":"stream"}`, "delta needs the point before", streaming(t, c, s.start(t))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := c.g.panel(t, 10*time.Second, c.query)
			p.watch(t)
			eventually(t, "it is polled", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.source == query.SourcePolling })
			if text := p.noticed(); !strings.Contains(text, c.want) {
				t.Errorf("noticed: %s", text)
			}
		})
	}
	p := streaming(t, c).panel(t, 10*time.Second, streamCount)
	s.advance(0, at(-5, "/a"), at(1, "/a"))
	clock.set(t, 7*time.Second)
	p.watch(t)
	p.shows(t, "1 1", "count", -10, 0)
	s.advance(0, at(2, "/a"))
	c.seal(t, 0)
	p.shows(t, "1 2", "count", -10, 0)
}

// Before every partition has sealed something, documents come long after the events too.
func TestPollingWithoutTidemark(t *testing.T) {
	s := newSidecar(epoch)
	c := newCluster(t)
	c.answer = counting(s)
	c.progress = c.progress[:1]
	if _, is := entryOf(t, c).Tidemark(); is {
		t.Fatal("there is a tidemark")
	}
	p := streaming(t, c).panel(t, 10*time.Second, streamCount)
	clock.set(t, 7*time.Second)
	p.watch(t)
	eventually(t, "it is polled", func() bool { return p.noticed() != "" })
	clock.set(t, 33*time.Second)
	s.advance(0, at(31, "/a"))
	p.shows(t, "1", "count", 30)
	s.advance(0, at(1, "/a"), at(12, "/a"), at(22, "/a"))
	clock.set(t, 36*time.Second)
	p.shows(t, "1 1 1 1", "count", 0, 10, 20, 30)
}

func TestASidecarThatComesBackEndsThePolling(t *testing.T) {
	s := newSidecar(epoch)
	s.refuse = http.StatusServiceUnavailable
	c := newCluster(t)
	c.answer = counting(s)
	p := streaming(t, c, s.start(t)).panel(t, 10*time.Second, streamCount)
	p.watch(t)
	eventually(t, "it is polled", func() bool { return strings.Contains(p.noticed(), "the sidecar answers 503: busy") })
	s.set(func(s *sidecar) { s.refuse = 0 })
	s.advance(10*time.Second, at(1, "/a"))
	p.shows(t, "1", "count", 0)
	eventually(t, "the notice goes", func() bool { return p.noticed() == "" })
}

func TestPointsCloserThanWindowsComeFromSidecars(t *testing.T) {
	s := newSidecar(epoch)
	s.advance(0, at(-3, "/a"), at(-3, "/a"), at(-1, "/b"))
	g := streaming(t, newCluster(t), s.start(t))
	p := g.panel(t, time.Second, streamPaths)
	p.shows(t, "2 0 0 -", `countpath=/a`, -3, -2, -1, 0)
	p.shows(t, "0 0 1 -", `countpath=/b`, -3, -2, -1, 0)
	p.watch(t)
	s.advance(2*time.Second, at(0, "/a"), at(1, "/c"))
	p.shows(t, "2 0 0 1 0", `countpath=/a`, -3, -2, -1, 0, 1)
	p.shows(t, "1", `countpath=/c`, 1)
	s.set(func(s *sidecar) { s.refuse = http.StatusServiceUnavailable })
	p = g.panel(t, time.Second, streamCount)
	p.shows(t, "3 - 0", "count", -30, -25, -40) // from documents
	s.set(func(s *sidecar) { s.refuse, s.complete = 0, s.now-30_000 })
	p = g.panel(t, time.Second, streamCount)
	p.shows(t, "3 - 0", "count", -30, -25, -40) // since the sidecar lacks the beginning
}

func TestASidecarThatHangsHoldsUpOneSnapshot(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(hanging.Close)
	s := &sidecars{addresses: []string{hanging.URL, newSidecar(epoch).start(t)}, token: "sesame", client: &http.Client{}}
	request := query.LiveRequest{Rollup: "log_writes", Interval: 1000}
	const within = time.Second
	for i, most := range []time.Duration{time.Minute, within} {
		begun := time.Now()
		if _, err := s.snapshot(t.Context(), request, within); err != nil || time.Since(begun) >= most {
			t.Errorf("snapshot %d: %v after %v", i, err, time.Since(begun))
		}
	}
}

func TestTheLargestSeriesAndOtherGoOn(t *testing.T) {
	s := newSidecar(epoch)
	var events []happening
	for i := range int64(30) {
		for range i + 1 {
			events = append(events, at(-2, fmt.Sprintf("/%02d", i)))
		}
	}
	s.advance(0, events...)
	g := streaming(t, newCluster(t), s.start(t))
	p := g.panel(t, time.Second, `{"rollup":"log_writes","stat":"count","read":"stream","overlay":true,"groupBy":["path"],"top":10,"other":true,"filters":[{"dimension":"host","op":"=","values":["h"]}]}`)
	if len(p.values) != 11 {
		t.Fatalf("%d series: %v", len(p.values), p.values)
	}
	p.watch(t)
	s.advance(2*time.Second, at(0, "/29"), at(0, "/00"), at(1, "/new"))
	p.shows(t, "30 0 1 0", `countpath=/29`, -2, -1, 0, 1)
	p.shows(t, "0 0", `countpath=/25`, 0, 1)
	p.shows(t, "210 0 1 1", `countpath=(other)`, -2, -1, 0, 1)
	if len(p.values) != 11 {
		t.Errorf("%d series", len(p.values))
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	s := newSidecar(epoch)
	p := streaming(t, newCluster(t), s.start(t)).panel(t, 10*time.Second, streamCount)
	p.watch(t)
	s.set(func(s *sidecar) { s.note = live.Note{Missing: []string{"t/0", "t/1"}, Cut: 7} })
	s.advance(10 * time.Second)
	eventually(t, "it is said", func() bool {
		return strings.Contains(p.noticed(), "nothing is heard of t/0, t/1") && strings.Contains(p.noticed(), "some of the newest events")
	})
	s.set(func(s *sidecar) { s.note = live.Note{} })
	s.advance(0)
	eventually(t, "partitions that are heard of again are not named", func() bool { return !strings.Contains(p.noticed(), "t/0") })
	if !strings.Contains(p.noticed(), "some of the newest events") {
		t.Error("the events are still missing")
	}
	s.cut()
	eventually(t, "nothing is missing in what is told anew", func() bool { return p.noticed() == "" })
}

// Through lost connections and gaps, a panel shows in the end what all events add up to.
func TestAPanelShowsAllEventsWhateverHappens(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 5))
			s := newSidecar(epoch)
			c := newCluster(t)
			c.answer = counting(s)
			p := streaming(t, c, s.start(t)).panel(t, 10*time.Second, streamCount)
			p.watch(t)
			now := int64(0)
			for now < 120 {
				by := 1 + rng.Int64N(6)
				var events []happening
				for range rng.IntN(6) {
					events = append(events, at(now+by-rng.Int64N(15)-1, "/a"))
				}
				switch rng.IntN(6) {
				case 0:
					s.cut()
				case 1:
					s.end("it stops")
				case 2:
					s.cut()
					s.set(func(s *sidecar) { s.complete = epoch.UnixMilli() + (now+by)*1000 })
				}
				s.advance(time.Duration(by)*time.Second, events...)
				now += by
				<-time.After(time.Duration(rng.IntN(30)) * time.Millisecond)
			}
			s.advance(20 * time.Second)
			c.seal(t, 130*time.Second)
			want := map[int64]int{}
			for _, e := range s.events {
				want[(e.at-epoch.UnixMilli()+600_000)/10_000*10-600]++
			}
			for second := int64(-60); second < 120; second += 10 {
				p.shows(t, fmt.Sprint(want[second]), "count", second)
			}
		})
	}
}

func TestAViewerWhoTakesNothingHoldsUpNobody(t *testing.T) {
	s := newSidecar(epoch)
	g := streaming(t, newCluster(t), s.start(t))
	slow, other := g.panel(t, 10*time.Second, streamCount), g.panel(t, 10*time.Second, `{"rollup":"log_writes","stat":"rate","read":"stream","overlay":true}`)
	d := newDatasource(t.Context(), *g.settings, testMetrics(t), clock.now)
	defer d.Dispose()
	of := organization()
	of.DataSourceInstanceSettings = g.settings
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	run := func(p *panel, send packetSender) {
		ended <- d.RunStream(ctx, &backend.RunStreamRequest{PluginContext: of, Path: p.path, Data: p.data}, backend.NewStreamSender(send))
	}
	taken := make(chan struct{})
	go run(slow, func([]byte) { <-taken })
	go run(other, func(packet []byte) {
		var f data.Frame
		if err := json.Unmarshal(packet, &f); err != nil {
			t.Error(err)
			return
		}
		other.take(&f)
	})
	for i := range int64(50) {
		s.advance(10*time.Second, at(10*i, "/a"))
	}
	other.shows(t, "0.1 0.1", "rate", 480, 490)
	if _, all := s.connections(); all != 1 {
		t.Errorf("%d connections were made", all)
	}
	cancel()
	close(taken)
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	}
}
