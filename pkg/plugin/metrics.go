package plugin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/query"
)

// Where an answer came from that was not asked for: the values of the label from.
const (
	fromSealed = "sealed"
	fromRecent = "recent"
	fromFlight = "running"
)

// metrics count what the data sources of this process ask Elasticsearch for. Grafana serves them under /metrics/plugins/<plugin's id>.
type metrics struct {
	searches  prometheus.Counter
	failures  prometheus.Counter
	duration  prometheus.Histogram
	hits      *prometheus.CounterVec
	misses    prometheus.Counter
	evictions prometheus.Counter
	bytes     prometheus.Gauge
	// What streams do.
	streams     prometheus.Gauge
	connections prometheus.Gauge
	connects    *prometheus.CounterVec
	batches     prometheus.Counter
	frames      *prometheus.CounterVec
	gaps        prometheus.Counter
}

// What became of an attempt to read a sidecar's live stream: the values of the label result.
const (
	connectOK     = "connected"
	connectFailed = "failed"
)

// newMetrics registers the metrics; one set serves all instances of a process.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		searches: counter("tidemark_datasource_searches_total", "Searches sent to Elasticsearch."),
		failures: counter("tidemark_datasource_search_failures_total", "Searches sent to Elasticsearch that had no answer."),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tidemark_datasource_request_duration_seconds", Help: "How long the searches of one request took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		hits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidemark_datasource_cache_hits_total", Help: "Searches that were not sent: their answer was kept, or an equal one was under way.",
		}, []string{"from"}),
		misses:      counter("tidemark_datasource_cache_misses_total", "Searches that were sent since no answer was kept."),
		evictions:   counter("tidemark_datasource_cache_evictions_total", "Answers that made room for others."),
		bytes:       gauge("tidemark_datasource_cache_bytes", "Memory that kept answers take."),
		streams:     gauge("tidemark_datasource_streams", "Streams that run."),
		connections: gauge("tidemark_datasource_stream_connections", "Live streams of sidecars that are being read."),
		connects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidemark_datasource_stream_connects_total", Help: "Attempts to read a sidecar's live stream.",
		}, []string{"result"}),
		batches: counter("tidemark_datasource_stream_batches_total", "Batches that sidecars told."),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidemark_datasource_stream_frames_total", Help: "Frames that streams sent.",
		}, []string{"source"}),
		gaps: counter("tidemark_datasource_stream_gaps_total", "Spans of time that sidecars did not tell, and that were read from Elasticsearch."),
	}
	for _, c := range []prometheus.Collector{m.searches, m.failures, m.duration, m.hits, m.misses, m.evictions, m.bytes, m.streams, m.connections, m.connects, m.batches, m.frames, m.gaps} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	for _, from := range []string{fromSealed, fromRecent, fromFlight} {
		m.hits.WithLabelValues(from)
	}
	for _, result := range []string{connectOK, connectFailed} {
		m.connects.WithLabelValues(result)
	}
	for _, source := range []query.Source{query.SourceSidecar, query.SourcePolling} {
		m.frames.WithLabelValues(string(source))
	}
	return m, nil
}
