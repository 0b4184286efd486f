package status

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// collector turns a Snapshot into metrics at every scrape, so that nothing is counted twice over or kept after a partition is gone.
type collector struct {
	source Source

	build, started, ready, component, consumed, events, lost, lag, watermark, sealed, tidemark, lastEvent, windows, keys, unacknowledged, state *prometheus.Desc
}

func newCollector(source Source) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tidemark_"+name, help, labels, nil)
	}
	partition := []string{"stream", "rollup", "partition"}
	return &collector{
		source:         source,
		build:          desc("build_info", "Always 1; the label tells the version.", "version"),
		started:        desc("start_time_seconds", "When the sidecar started, in seconds since the Unix epoch."),
		ready:          desc("ready", "1 while the sidecar does its work, 0 while something is in the way."),
		component:      desc("component_up", "1 while the server answers, 0 while it does not.", "component"),
		consumed:       desc("events_consumed_total", "Events read. It equals the sum of tidemark_events_total over all outcomes.", partition...),
		events:         desc("events_total", "Events read, by where they were counted: each in exactly one outcome.", append(partition, "outcome")...),
		lost:           desc("events_lost_total", "Records that Kafka deleted before they were read.", partition...),
		lag:            desc("partition_lag", "Events between the next one to read and the end of the partition.", partition...),
		watermark:      desc("watermark_seconds", "The largest event time seen less the allowed lateness, in seconds since the Unix epoch.", partition...),
		sealed:         desc("sealed_through_seconds", "The time up to which the partition's windows are sealed and acknowledged, in seconds since the Unix epoch.", partition...),
		lastEvent:      desc("last_event_seconds", "The newest event's time, in seconds since the Unix epoch.", partition...),
		tidemark:       desc("tidemark_seconds", "The time up to which every partition's windows are sealed, in seconds since the Unix epoch.", "stream", "rollup"),
		windows:        desc("open_windows", "Windows in memory.", partition...),
		keys:           desc("open_keys", "Keys in memory, over all open windows.", partition...),
		unacknowledged: desc("documents_unacknowledged", "Documents that Elasticsearch has not acknowledged.", partition...),
		state:          desc("partition_state", "1 for the state that the partition is in, 0 for the others.", append(partition, "state")...),
	}
}

// Describe sends all descriptions.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.build, c.started, c.ready, c.component, c.consumed, c.events, c.lost, c.lag, c.watermark, c.sealed, c.tidemark, c.lastEvent, c.windows, c.keys, c.unacknowledged, c.state,
	} {
		to <- d
	}
}

// Collect reads the source and sends what it tells.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := c.source.Snapshot()
	gauge := gaugeTo(to)
	gauge(c.build, 1, s.Version)
	gauge(c.started, float64(s.StartedAt.UnixMilli())/1000)
	gauge(c.ready, oneIf(s.Ready))
	gauge(c.component, oneIf(s.Kafka.OK), "kafka")
	gauge(c.component, oneIf(s.Elasticsearch.OK), "elasticsearch")
	for _, stream := range s.Streams {
		for _, r := range stream.Rollups {
			if r.Tidemark != nil {
				gauge(c.tidemark, seconds(*r.Tidemark), stream.Name, r.Name)
			}
			for i := range r.Partitions {
				c.partition(to, stream.Name, r.Name, &r.Partitions[i])
			}
		}
	}
}

func (c *collector) partition(to chan<- prometheus.Metric, stream, rollupName string, p *PartitionStatus) {
	labels := []string{stream, rollupName, p.Partition}
	counters := p.Ledger.Counters()
	to <- prometheus.MustNewConstMetric(c.consumed, prometheus.CounterValue, float64(counters[0]), labels...)
	for i, outcome := range rollup.LedgerCounters[1:] {
		to <- prometheus.MustNewConstMetric(c.events, prometheus.CounterValue, float64(counters[i+1]), stream, rollupName, p.Partition, outcome)
	}
	to <- prometheus.MustNewConstMetric(c.lost, prometheus.CounterValue, float64(p.Lost), labels...)
	gauge := gaugeTo(to)
	gauge(c.lag, float64(p.Lag), labels...)
	gauge(c.windows, float64(p.OpenWindows), labels...)
	gauge(c.keys, float64(p.OpenKeys), labels...)
	gauge(c.unacknowledged, float64(p.UnacknowledgedDocuments), labels...)
	for _, t := range []struct {
		desc *prometheus.Desc
		at   *int64
	}{{c.watermark, p.Watermark}, {c.sealed, p.SealedThrough}, {c.lastEvent, p.LastEventAt}} {
		if t.at != nil {
			gauge(t.desc, seconds(*t.at), labels...)
		}
	}
	for _, state := range PartitionStates {
		gauge(c.state, oneIf(p.State == state), stream, rollupName, p.Partition, string(state))
	}
}

func gaugeTo(to chan<- prometheus.Metric) func(*prometheus.Desc, float64, ...string) {
	return func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
}

func seconds(ms int64) float64 { return float64(ms) / 1000 }

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
