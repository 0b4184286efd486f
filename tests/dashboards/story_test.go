package dashboards

import (
	"slices"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// story is what the sources did in the last hours, in the rollups that alert rules ask.
type story struct {
	prefix string // of the indices: the way in which it goes
	now    int64
}

// The times that a story is told of, before and after now, and those of the day before, which the volume is compared with. The rules look back two hours at most.
const (
	told  = 2*time.Hour + 10*time.Minute
	ahead = 10 * time.Minute
	day   = 24 * time.Hour
)

// The ways in which it goes.
const (
	calm     = "calm"
	troubled = "troubled"
	young    = "young"  // calm, and without a day before
	silent   = "silent" // calm, until the sidecars stopped sealing longer ago than the rules look back
)

// write fills a store with the documents and the progress of the rollups. They are sealed until after now.
func (s *story) write(t *testing.T, client *elastic.Client) {
	t.Helper()
	createProgress(t, client, s.prefix)
	since, sealed := s.now-2*day.Milliseconds(), s.now+ahead.Milliseconds()
	switch s.prefix {
	case young:
		since = s.now - told.Milliseconds()
	case silent:
		sealed = s.now - told.Milliseconds()
	}
	c := readSidecarConfig(t)
	for i := range c.Streams {
		for _, d := range c.Streams[i].Definitions() {
			if !slices.Contains([]string{"log_writes", "service_calls", "pipeline_health"}, d.Name) {
				continue
			}
			write(t, client, s.prefix, &d, s.documents(&d))
			tellProgress(t, client, s.prefix, &d, since, sealed)
		}
	}
}

func (s *story) documents(d *rollup.Definition) []*rollup.Document {
	var all []*rollup.Document
	days := []time.Duration{0, day}
	if s.prefix == young {
		days = days[:1]
	}
	for _, before := range days {
		from, to := s.now-(before+told).Milliseconds(), s.now-before.Milliseconds()+ahead.Milliseconds()
		for at := d.Window.Start(from); at < to; at += d.Window.Milliseconds() {
			documents := windowOf(d, at, func(k *key, doc *rollup.Document) { s.add(d, k, doc) })
			all = append(all, slices.DeleteFunc(documents, func(doc *rollup.Document) bool { return doc.Count == 0 })...)
		}
	}
	return all
}

// add is what a source has in a window. In trouble, the systems' calls fail and take long, few events are written and none by the second source, and the
// sidecars are behind and cannot decode some of what they read.
func (s *story) add(d *rollup.Definition, k *key, doc *rollup.Document) {
	isTroubled := s.prefix == troubled && doc.Start > s.now-time.Hour.Milliseconds()
	choose := func(calm, troubled float64) float64 {
		if isTroubled {
			return troubled
		}
		return calm
	}
	events := int64(20)
	values := map[string]float64{
		"time_consumed": choose(100, 6000), "lag": choose(10, 200_000), "tidemark_age": choose(12, 400),
		"consumed": 100, "undecodable": choose(0, 5),
	}
	if d.Name == "log_writes" && isTroubled {
		events = 2
		if k.values["host"] == keys[1].values["host"] && doc.Start > s.now-(15*time.Minute).Milliseconds() {
			events = 0
		}
	}
	for range events {
		doc.Count++
		doc.Bytes += 100
		for i, f := range d.Measures {
			doc.Measures[i].Add(values[f.Name])
		}
		for i := range doc.Conditions {
			doc.Conditions[i] += int64(choose(0, 1))
		}
	}
}
