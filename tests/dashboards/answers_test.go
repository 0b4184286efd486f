package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/tests/servers"
)

const (
	start   = int64(1_763_769_600_000) // a midnight, in ms
	windows = 6
)

// earlier are the days before the start of which the store holds the same, for what is compared with them.
var earlier = []int64{0, 1, 7}

// keys are the two sources that the store holds, in each window: 3 events of the first and 5 of the second.
var keys = []struct {
	values map[string]string
	events int64
}{
	{map[string]string{
		"host": "web-1", "path": "/var/log/a.log", "process": "java", "sidecar": "tidemark-1/7", "stream": "app-logs", "rollup": "log_writes", "partition": "topic-app-info/0",
	}, 3},
	{map[string]string{
		"host": "web-2", "path": "/var/log/b.log", "process": "node", "sidecar": "tidemark-2/7", "stream": "host-metrics", "rollup": "host_activity", "partition": "metrics/1",
	}, 5},
}

func readSidecarConfig(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.Load(filepath.Join(root, "provisioning", "sidecar", "tidemark.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stock is a store with the rollups that the provisioned sidecar keeps.
type stock struct {
	search  query.Search
	prefix  string
	entries map[string]*rollup.CatalogEntry
}

func openStock(t *testing.T) *stock {
	t.Helper()
	client, err := elastic.New(elastic.Config{Addresses: []string{servers.EmbeddedStore(t, "")}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := readSidecarConfig(t)
	s := &stock{search: search.Over(client), prefix: c.Elasticsearch.IndexPrefix, entries: map[string]*rollup.CatalogEntry{}}
	for i := range c.Streams {
		for _, d := range c.Streams[i].Definitions() {
			s.fill(t, client, &d)
		}
	}
	return s
}

// fill writes the documents of a rollup, all of them sealed.
func (s *stock) fill(t *testing.T, client *elastic.Client, d *rollup.Definition) {
	t.Helper()
	template, err := rollup.Template(s.prefix, d, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PutIndexTemplate(t.Context(), rollup.TemplateName(s.prefix, d.Name), template); err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	for _, doc := range documentsOf(d) {
		fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n", rollup.IndexName(s.prefix, d.Name, d.Window, doc.Start), doc.ID(d.Hash()))
		body.Write(doc.AppendJSON(nil, d, d.Hash()))
		body.WriteByte('\n')
	}
	response, err := client.Bulk(t.Context(), body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range response.Items {
		if item.Err != nil {
			t.Fatalf("write a document of %s: %v", d.Name, item.Err)
		}
	}
	if err := client.Refresh(t.Context(), rollup.IndicesOf(s.prefix, d.Name)); err != nil {
		t.Fatal(err)
	}
	sealed := start + windows*d.Window.Milliseconds()
	s.entries[d.Name] = &rollup.CatalogEntry{
		DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Stream: d.Stream, Spec: *d, Since: startOf(slices.Max(earlier)), Partitions: []string{"topic/0"}},
		Progress:           []rollup.PartitionProgress{{Rollup: d.Name, Partition: "topic/0", SealedThrough: &sealed}},
	}
}

// startOf is the start so many days before.
func startOf(days int64) int64 { return start - days*24*time.Hour.Milliseconds() }

// documentsOf are those of each window and grouping, with the sources that a grouping does not tell apart in one.
func documentsOf(d *rollup.Definition) []*rollup.Document {
	var all []*rollup.Document
	for i := range windows * len(earlier) {
		at := startOf(earlier[i/windows]) + int64(i%windows)*d.Window.Milliseconds()
		for _, grouping := range d.Groupings {
			merged := map[string]*rollup.Document{}
			for _, key := range keys {
				values := make([]string, len(grouping))
				for i, dimension := range grouping {
					values[i] = key.values[dimension]
				}
				id := strings.Join(values, "\x00")
				doc := merged[id]
				if doc == nil {
					doc = &rollup.Document{
						Start: at, Partition: &rollup.Partition{Topic: "topic"}, Grouping: grouping, Dimensions: values,
						Measures: make([]rollup.Measure, len(d.Measures)), Conditions: make([]int64, len(d.Conditions)),
					}
					merged[id] = doc
					all = append(all, doc)
				}
				doc.Count += key.events
				doc.Bytes += 100 * key.events
				for m := range doc.Measures {
					doc.Measures[m].Add(float64(10 * key.events))
				}
			}
		}
	}
	return all
}

func TestEveryQueryIsAnswered(t *testing.T) {
	s := openStock(t)
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for i, q := range p.decodeTargets(t) {
				for name, selected := range map[string]string{"All": "", "one source": "chosen"} {
					t.Run(fmt.Sprintf("%s/%s/%s", p.Title, q.RefID, name), func(t *testing.T) {
						s.check(t, d, &p, p.Targets[i], selected != "")
					})
				}
			}
		}
	})
}

// check asks one query with all sources or the second one chosen in every variable, and compares the counts with the events.
func (s *stock) check(t *testing.T, d *dashboard, p *panel, raw json.RawMessage, chosen bool) {
	t.Helper()
	q, err := query.Parse(raw, query.ReadLive)
	if err != nil {
		t.Fatal(err)
	}
	choose(t, d, &q, chosen)
	entry := s.entries[q.Rollup]
	if entry == nil {
		t.Fatalf("the sidecar keeps no rollup %s", q.Rollup)
	}
	to := start + windows*entry.Spec.Window.Milliseconds()
	frames, err := query.Run(t.Context(), query.Input{
		Query: q, From: start, To: to, Interval: 1000, MaxDataPoints: max(p.MaxDataPoints, windows), Rollup: entry, Prefix: s.prefix,
	}, s.search)
	if err != nil {
		t.Fatal(err)
	}
	sum, points := 0.0, 0
	for _, frame := range frames {
		if len(frame.Fields) < 2 {
			t.Fatalf("a frame without values: %+v", frame.Meta)
		}
		if name := frame.Fields[1].Config.DisplayNameFromDS; name == "" || strings.Contains(name, "{{") {
			t.Errorf("a series is called %q", name)
		}
		for row := range frame.Rows() {
			if v, _ := frame.Fields[1].At(row).(*float64); v != nil {
				sum += *v
				points++
			}
		}
	}
	series := 1
	if len(q.GroupBy) > 0 && !chosen {
		series = len(keys)
	}
	if points != series*windows {
		t.Errorf("%d points in %d series, want %d", points, len(frames), series*windows)
	}
	if want := float64(windows * eventsOf(chosen)); q.Stat == query.StatCount && sum != want {
		t.Errorf("the answer counts %g events, want %g", sum, want)
	}
}

func eventsOf(chosen bool) int64 {
	if chosen {
		return keys[1].events
	}
	return keys[0].events + keys[1].events
}

// choose puts the dashboard's variables into the filters, as the plugin's front end does.
func choose(t *testing.T, d *dashboard, q *query.Query, chosen bool) {
	t.Helper()
	if len(q.Filters) == 0 {
		t.Error("no variable narrows the query")
	}
	for i := range q.Filters {
		f := &q.Filters[i]
		if len(f.Values) != 1 || f.Values[0] != "$"+f.Dimension || !slices.ContainsFunc(d.Templating.List, func(v variable) bool { return "$"+v.Name == f.Values[0] }) {
			t.Fatalf("the filter on %s has %q, which is not the variable of that dimension", f.Dimension, f.Values)
		}
		f.Values = []string{keys[1].values[f.Dimension]}
	}
	if !chosen {
		q.Filters = nil
	}
}

func TestVariablesOfferWhatThereIs(t *testing.T) {
	s := openStock(t)
	each(t, func(t *testing.T, d *dashboard) {
		for _, v := range d.Templating.List[1:] {
			if v.Type != "query" || v.Label == "" || !v.Multi || !v.IncludeAll || v.AllValue != nil {
				t.Errorf("variable %q: a labelled one of several values with All, and no other value for it, is wanted", v.Name)
			}
			var q struct{ Kind, Rollup, Dimension string }
			if err := json.Unmarshal(v.Query, &q); err != nil {
				t.Fatal(err)
			}
			entry := s.entries[q.Rollup]
			if q.Kind != "values" || entry == nil {
				t.Fatalf("variable %q asks for %s of rollup %q", v.Name, q.Kind, q.Rollup)
			}
			values, truncated, err := query.Values(t.Context(), query.ValuesInput{Dimension: q.Dimension, Rollup: entry, Prefix: s.prefix}, s.search)
			if err != nil || truncated || len(values) != len(keys) || values[0].Value != keys[1].values[v.Name] {
				t.Errorf("variable %q offers %v (%v)", v.Name, values, err)
			}
		}
	})
}
