package live

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a hub counts.
type metrics struct {
	encoded, dropped, cut, unreadable prometheus.Counter
	delay                             prometheus.Histogram
	gauges                            []prometheus.Collector
}

func newMetrics(h *Hub) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "tidemark_live_" + name, Help: help})
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "tidemark_live_" + name, Help: help}, value)
	}
	return &metrics{
		encoded:    counter("updates_total", "Batches that were made for subscribers, each once for all with the same query and encoding."),
		dropped:    counter("dropped_total", "Batches that were dropped since a subscriber did not read them in time."),
		cut:        counter("cut_total", "Events that are in no row of a view, since it has too many keys, or the event's definition not the dimension."),
		unreadable: counter("unreadable_total", "Parts of live batches that could not be read."),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tidemark_live_delay_seconds", Help: "Time from the end of a bucket until it was told, or told again.",
			Buckets: []float64{0.45, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60},
		}),
		gauges: []prometheus.Collector{
			gauge("subscribers", "Readers of the live stream.", func() float64 { return float64(h.State().Subscribers) }),
			gauge("views", "Different queries that are read live.", func() float64 { return float64(h.State().Views) }),
			gauge("rows", "Rows in memory, over all views.", func() float64 { return float64(h.State().Rows) }),
			gauge("rows_bytes", "About the memory that those rows take.", func() float64 { return float64(h.State().Bytes) }),
		},
	}
}

// Register adds the hub's metrics, whose names begin with tidemark_live_.
func (h *Hub) Register(r prometheus.Registerer) {
	m := h.metrics
	r.MustRegister(m.encoded, m.dropped, m.cut, m.unreadable, m.delay)
	r.MustRegister(m.gauges...)
}

// State is how much a hub does.
type State struct {
	Subscribers, Views int
	// Rows are those in memory, Bytes about what they take.
	Rows, Bytes int64
}

// State tells how much is read.
func (h *Hub) State() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return State{Subscribers: len(h.subscriptions), Views: len(h.views), Rows: h.rows.Load(), Bytes: h.bytes.Load()}
}
