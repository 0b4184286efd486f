package main

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/live"
	"github.com/tidemark/tidemark/sidecar/status"
)

// liveValues are what the members of the group tell one another at once, before it is sealed.
type liveValues struct {
	feed    *live.Feed
	log     *live.Log
	hub     atomic.Pointer[live.Hub] // nil before there are readers
	topic   string
	history time.Duration
}

// newLiveValues prepares them; nil where they are not wanted.
func newLiveValues(c *config.Config, logger *slog.Logger) (*liveValues, error) {
	if !c.Live.Enabled {
		return nil, nil //nolint:nilnil // nil is what stands for none
	}
	options, err := consume.ClientOptions(c.Kafka)
	if err != nil {
		return nil, err
	}
	v := &liveValues{topic: c.Live.TopicOf(c.Kafka.Group), history: c.Live.History}
	v.log = live.NewLog(live.LogOptions{History: c.Live.History, MaxBytes: c.Live.MaxBytes})
	v.feed = live.NewFeed(live.FeedOptions{Kafka: options, Topic: v.topic, History: c.Live.History, Log: v.log, Logger: logger})
	return v, nil
}

// teller makes what tells of a partition; nil where live values are not wanted.
func (v *liveValues) teller(p *partition, a consume.Assignment) *teller {
	if v == nil {
		return nil
	}
	return &teller{
		feed: v.feed, source: live.Source{TopicID: a.TopicID, Topic: a.Topic, Number: a.Number}, stream: p.stream.Name, history: v.history,
		generation: a.Generation, logEnd: a.LogEnd, logger: p.logger,
	}
}

// status is what /status tells.
func (v *liveValues) status() *status.LiveStatus {
	if v == nil {
		return nil
	}
	since, err := v.feed.Err()
	stats := v.log.Stats()
	s := &status.LiveStatus{Component: status.Component{OK: err == nil, Since: since}, Topic: v.topic, Batches: stats.Batches, Bytes: stats.Bytes}
	if err != nil {
		s.Error = err.Error()
	}
	if hub := v.hub.Load(); hub != nil {
		s.Readers, s.Views = hub.State().Subscribers, hub.State().Views
	}
	return s
}

func (v *liveValues) register(r prometheus.Registerer) {
	if v == nil {
		return
	}
	for _, m := range []struct {
		name, help string
		value      func() int64
	}{
		{"tidemark_live_batches_written_total", "Batches of live values that this sidecar wrote.", func() int64 { return v.feed.Stats().Published }},
		{"tidemark_live_batches_lost_total", "Batches of live values that this sidecar did not write, since Kafka did not take them.", func() int64 { s := v.feed.Stats(); return s.Dropped + s.Failed }},
		{"tidemark_live_batches_read_total", "Batches of live values read, of all sidecars.", func() int64 { return v.feed.Stats().Read }},
		{"tidemark_live_batches_broken_total", "Records of the live topic that are no batch of live values.", func() int64 { return v.feed.Stats().Broken }},
		{"tidemark_live_batches_repeated_total", "Batches read that told again what was known.", func() int64 { return v.log.Stats().Dropped }},
		{"tidemark_live_gaps_total", "Batches read that came after one that is missing.", func() int64 { return v.log.Stats().Gaps }},
		{"tidemark_live_batches_replacing_total", "Batches read that replaced those of an earlier owner.", func() int64 { return v.log.Stats().Rewritten }},
		{"tidemark_live_events_cut_total", "Events that this sidecar told in no live value, since there were too many keys.", func() int64 { return v.feed.Stats().Cut }},
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help}, func() float64 { return float64(m.value()) }))
	}
	for _, m := range []struct {
		name, help string
		value      func() float64
	}{
		{"tidemark_live_up", "1 while the live topic is read, 0 while it cannot be used.", func() float64 { return oneIfNil(v.feed.Err()) }},
		{"tidemark_live_log_bytes", "Memory that the live values of the last minutes take.", func() float64 { return float64(v.log.Stats().Bytes) }},
		{"tidemark_live_log_batches", "Batches of live values in memory.", func() float64 { return float64(v.log.Stats().Batches) }},
	} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: m.name, Help: m.help}, m.value))
	}
}

func oneIfNil(_ time.Time, err error) float64 {
	if err == nil {
		return 1
	}
	return 0
}
