package plugin

import (
	"github.com/prometheus/client_golang/prometheus"
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
}

// newMetrics registers the metrics; one set serves all instances of a process.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
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
		misses:    counter("tidemark_datasource_cache_misses_total", "Searches that were sent since no answer was kept."),
		evictions: counter("tidemark_datasource_cache_evictions_total", "Answers that made room for others."),
		bytes:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "tidemark_datasource_cache_bytes", Help: "Memory that kept answers take."}),
	}
	for _, c := range []prometheus.Collector{m.searches, m.failures, m.duration, m.hits, m.misses, m.evictions, m.bytes} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	for _, from := range []string{fromSealed, fromRecent, fromFlight} {
		m.hits.WithLabelValues(from)
	}
	return m, nil
}
