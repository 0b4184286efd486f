package status

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ms(v int64) *int64 { return &v }

// fixedSource always tells the same.
type fixedSource Snapshot

func (s fixedSource) Snapshot() Snapshot { return Snapshot(s) }

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fixed is a small state with something in every field.
func fixed() Snapshot {
	ledger := rollup.Ledger{Consumed: 100, OnTime: 90, Late: 4, Overflowed: 1, Filtered: 2, Undecodable: 1, Quarantined: 1, Rejected: 1}
	return Snapshot{
		Version: "1.2.3", StartedAt: began, Ready: true, Kafka: Component{OK: true, Since: began}, Elasticsearch: Component{OK: true, Since: began},
		Streams: []StreamStatus{{Name: "app-logs", Topics: []string{"app"}, Rollups: []RollupStatus{{
			Name: "log_writes", Definition: "0011223344556677", Window: "10s", Tidemark: ms(1_767_323_040_000), HeldBy: "app/0", HeldReason: "is behind by 5 events", Ledger: ledger,
			Partitions: []PartitionStatus{{
				Partition: "app/0", State: Reading, NextOffset: 100, EndOffset: 105, Lag: 5, Lost: 6, Watermark: ms(1_767_323_045_500), SealedThrough: ms(1_767_323_040_000),
				Ledger: ledger, OpenWindows: 2, OpenKeys: 7, UnacknowledgedDocuments: 3, LastEventAt: ms(1_767_323_055_500),
			}},
		}}}},
	}
}

// busySource is a sidecar at work, for a look at the page: some 1,200 events a second in four partitions.
type busySource struct{ away bool }

func (b busySource) Snapshot() Snapshot {
	now := time.Now()
	up := now.UnixMilli() % 100_000_000
	sealed := now.Add(-21*time.Second).UnixMilli() / 10_000 * 10_000
	s := Snapshot{Version: "0.1.0", StartedAt: began, Ready: !b.away, Kafka: Component{OK: true, Since: began}, Elasticsearch: Component{OK: !b.away, Since: now}}
	if b.away {
		s.Elasticsearch.Error = "POST /_bulk: dial tcp 127.0.0.1:9200: connect: connection refused"
		s.Reasons = []string{"Elasticsearch is away"}
	}
	for _, name := range []string{"log_writes", "log_levels"} {
		r := RollupStatus{Name: name, Definition: "0011223344556677", Window: "10s", Tidemark: &sealed}
		for i := range int64(4) {
			read := up/1000*300 + i*7 + up%1000*3/10
			p := PartitionStatus{
				Partition: fmt.Sprintf("topic-app-info/%d", i), State: Reading, NextOffset: read, EndOffset: read + i*17, Lag: i * 17,
				Watermark: ms(now.Add(-12 * time.Second).UnixMilli()), SealedThrough: &sealed, OpenWindows: 2, OpenKeys: 120 + int(i)*31, LastEventAt: ms(now.UnixMilli() - 900),
				Ledger: rollup.Ledger{Consumed: read, OnTime: read - 412, Late: 404, Filtered: 8},
			}
			if i == 3 {
				p.State = Idle
			}
			if b.away {
				p.State, p.Reason = Paused, "Elasticsearch does not answer; 64 MiB of documents wait"
				p.UnacknowledgedDocuments = 4096
			}
			r.Partitions = append(r.Partitions, p)
			r.Ledger = r.Ledger.Add(p.Ledger)
		}
		for i := range s.Streams {
			s.Streams[i].Rollups = append(s.Streams[i].Rollups, r)
		}
		if len(s.Streams) == 0 {
			s.Streams = []StreamStatus{{Name: "app-logs", Topics: []string{"topic-app-info"}, Rollups: []RollupStatus{r}}}
		}
	}
	return s
}

// waves answers queries with series that are a function of time alone, and fails when it has answered so many.
type waves struct{ left *atomic.Int64 }

func newWaves(answers int64) waves {
	w := waves{&atomic.Int64{}}
	w.left.Store(answers)
	return w
}

func (w waves) Catalog(context.Context) ([]CatalogRollup, error) {
	return []CatalogRollup{
		{Name: "log_writes", Stream: "app-logs", Window: "10s", Dimensions: []string{"host", "path"}, Measures: []string{"offset"}},
		{Name: "log_levels", Stream: "app-logs", Window: "10s", Dimensions: []string{"level"}, Measures: nil},
	}, nil
}

func (w waves) Query(_ context.Context, request QueryRequest) (QueryResult, error) {
	if w.left.Add(-1) < 0 {
		return QueryResult{}, fmt.Errorf("%w: dial tcp 127.0.0.1:9200: connect: connection refused", ErrUnavailable)
	}
	var query struct {
		Rollup, Stat, Measure string
		GroupBy               []string
	}
	if err := json.Unmarshal(request.Query, &query); err != nil {
		return QueryResult{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	names := []string{"total"}
	if len(query.GroupBy) > 0 {
		names = []string{
			"/var/log/nginx/access.log", "/var/log/app/checkout.log", "/var/log/app/search.log", "/var/log/app/payments.log", "/var/log/app/accounts.log",
			"/var/log/syslog", "/var/log/app/recommendations/model-server.log", "/var/log/auth.log",
		}
		if query.Stat == "count" {
			names = append(names, "other")
		}
	}
	var result QueryResult
	for i, name := range names {
		f := Frame{Name: name, Labels: map[string]string{}}
		if len(query.GroupBy) > 0 && name != "other" {
			f.Labels[query.GroupBy[0]] = name
		}
		for t := request.From; t < request.To; t += request.Interval {
			f.Times = append(f.Times, t)
			f.Values = append(f.Values, wave(query.Stat, len(names), i, t, request.Interval))
		}
		result.Frames = append(result.Frames, f)
	}
	return result, nil
}

func wave(stat string, of, i int, t, interval int64) *float64 {
	if t > time.Now().UnixMilli()-18_000 {
		return nil
	}
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, stat, i, t/interval)
	noise := float64(h.Sum32()%1000) / 1000
	x := float64(t) / 1000
	v := (1.6 + math.Sin(x/171+float64(i)) + 0.5*math.Sin(x/43) + 0.5*noise) / float64(i+1)
	switch stat {
	case "count":
		v *= 900
	case "bytes":
		v *= 900 * 180
	default:
		v = 2e6 + 4e5*float64(i) + 3e5*math.Sin(x/200+float64(i))
		if stat == "max" {
			v *= 1.6 + 0.2*noise
		}
	}
	if of == 1 {
		v *= 3
	}
	if stat == "count" || stat == "bytes" {
		v = math.Round(v * float64(interval) / 10_000)
	}
	return &v
}
