package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
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
	index, err := rollup.ProgressIndexBody()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateIndex(t.Context(), rollup.ProgressIndex(s.prefix), index); err != nil {
		t.Fatal(err)
	}
	c := readSidecarConfig(t)
	for i := range c.Streams {
		for _, d := range c.Streams[i].Definitions() {
			if !slices.Contains([]string{"log_writes", "service_calls", "pipeline_health"}, d.Name) {
				continue
			}
			write(t, client, s.prefix, &d, s.documents(&d))
			s.tellProgress(t, client, &d)
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

func (s *story) tellProgress(t *testing.T, client *elastic.Client, d *rollup.Definition) {
	t.Helper()
	const partition = "topic/0"
	sealed, since := s.now+ahead.Milliseconds(), s.now-2*day.Milliseconds()
	if s.prefix == young {
		since = s.now - told.Milliseconds()
	}
	if s.prefix == silent {
		sealed = s.now - told.Milliseconds()
	}
	definition := &rollup.DefinitionProgress{
		Kind: rollup.KindDefinition, Rollup: d.Name, Stream: d.Stream, Definition: d.Hash(), Since: since,
		Partitions: []string{partition}, Spec: *d, UpdatedAt: s.now,
	}
	progress := &rollup.PartitionProgress{
		Kind: rollup.KindPartition, Rollup: d.Name, Stream: d.Stream, Partition: partition, TopicID: fmt.Sprintf("%032x", 0), Definition: d.Hash(),
		SealedThrough: &sealed, UpdatedAt: s.now,
	}
	var body bytes.Buffer
	for _, doc := range []interface{ ID() string }{definition, progress} {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n%s\n", rollup.ProgressIndex(s.prefix), doc.ID(), text)
	}
	bulk(t, client, body.Bytes())
	if err := client.Refresh(t.Context(), rollup.ProgressIndex(s.prefix)); err != nil {
		t.Fatal(err)
	}
}
