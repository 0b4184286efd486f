package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

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

// key is a combination of dimension values, and how many events of it there are in each window.
type key struct {
	values map[string]string
	events int64
}

// keys are the two sources that the store holds.
var keys = []key{
	{map[string]string{"host": "web-1", "path": "/var/log/a.log", "process": "java", "system": "shop", "module": "orders", "task": "GET /a",
		"sidecar": "tidemark-1/7", "stream": "app-logs", "rollup": "log_writes", "partition": "topic-app-info/0"}, 3},
	{map[string]string{"host": "web-2", "path": "/var/log/b.log", "process": "node", "system": "billing", "module": "invoices", "task": "GET /b",
		"sidecar": "tidemark-2/7", "stream": "host-metrics", "rollup": "host_activity", "partition": "metrics/1"}, 5},
}

// kinds are the values of the dimension kind: in a rollup that has it, each source has its events of each kind.
var kinds = []string{"service", "third_party", "page_view"}

func keysOf(d *rollup.Definition) []key {
	if !slices.ContainsFunc(d.Dimensions, func(f rollup.Field) bool { return f.Name == "kind" }) {
		return keys
	}
	var all []key
	for _, k := range keys {
		for _, kind := range kinds {
			values := maps.Clone(k.values)
			values["kind"] = kind
			all = append(all, key{values, k.events})
		}
	}
	return all
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
	write(t, client, s.prefix, d, documentsOf(d))
	sealed := start + windows*d.Window.Milliseconds()
	s.entries[d.Name] = &rollup.CatalogEntry{
		DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Stream: d.Stream, Spec: *d, Since: startOf(slices.Max(earlier)), Partitions: []string{"topic/0"}},
		Progress:           []rollup.PartitionProgress{{Rollup: d.Name, Partition: "topic/0", SealedThrough: &sealed}},
	}
}

// write writes documents of a rollup, after its template.
func write(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition, documents []*rollup.Document) {
	t.Helper()
	template, err := rollup.Template(prefix, d, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PutIndexTemplate(t.Context(), rollup.TemplateName(prefix, d.Name), template); err != nil {
		t.Fatal(err)
	}
	for some := range slices.Chunk(documents, 5000) {
		var body bytes.Buffer
		for _, doc := range some {
			fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n", rollup.IndexName(prefix, d.Name, d.Window, doc.Start), doc.ID(d.Hash()))
			body.Write(doc.AppendJSON(nil, d, d.Hash()))
			body.WriteByte('\n')
		}
		bulk(t, client, body.Bytes())
	}
	if err := client.Refresh(t.Context(), rollup.IndicesOf(prefix, d.Name)); err != nil {
		t.Fatal(err)
	}
}

func bulk(t *testing.T, client *elastic.Client, body []byte) {
	t.Helper()
	response, err := client.Bulk(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range response.Items {
		if item.Err != nil {
			t.Fatalf("write a document: %v", item.Err)
		}
	}
}

// startOf is the start so many days before.
func startOf(days int64) int64 { return start - days*24*time.Hour.Milliseconds() }

// documentsOf are those of each window and grouping.
func documentsOf(d *rollup.Definition) []*rollup.Document {
	var all []*rollup.Document
	for i := range windows * len(earlier) {
		at := startOf(earlier[i/windows]) + int64(i%windows)*d.Window.Milliseconds()
		all = append(all, windowOf(d, at, func(k *key, doc *rollup.Document) {
			doc.Count += k.events
			doc.Bytes += 100 * k.events
			for m := range doc.Measures {
				doc.Measures[m].Add(float64(10 * k.events))
			}
			for i := range doc.Sketches {
				doc.Sketches[i].Add(float64(10 * k.events))
			}
			for i := range doc.Distinct {
				doc.Distinct[i].Add([]byte(strings.Join(doc.Dimensions, "\x00")))
			}
			for i := range doc.Conditions {
				doc.Conditions[i]++
			}
		})...)
	}
	return all
}

// windowOf are the documents of one window, in each grouping, with the sources that a grouping does not tell apart in one. add adds what a source has.
func windowOf(d *rollup.Definition, at int64, add func(k *key, doc *rollup.Document)) []*rollup.Document {
	var all []*rollup.Document
	for _, grouping := range d.Groupings {
		merged := map[string]*rollup.Document{}
		for _, key := range keysOf(d) {
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
					Sketches: make([]*rollup.Sketch, len(d.Percentiles)), Distinct: make([]*rollup.Distinct, len(d.Distinct)),
				}
				for i := range doc.Sketches {
					doc.Sketches[i] = rollup.NewSketch()
				}
				for i := range doc.Distinct {
					doc.Distinct[i] = rollup.NewDistinct()
				}
				merged[id] = doc
				all = append(all, doc)
			}
			add(&key, doc)
		}
	}
	return all
}

func TestEveryQueryIsAnswered(t *testing.T) {
	s := openStock(t)
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for i, q := range p.decodeTargets(t) {
				for name, chosen := range s.selections(t, d) {
					t.Run(fmt.Sprintf("%s/%s/%s", p.Title, q.RefID, name), func(t *testing.T) {
						raw := chosen.fillIn(p.Targets[i])
						if q.QueryType == query.TypeAnnotations {
							s.checkAnnotations(t, raw)
							return
						}
						s.check(t, d, &p, raw)
					})
				}
			}
		}
	})
}

func TestEveryAnnotationIsAnswered(t *testing.T) {
	s := openStock(t)
	each(t, func(t *testing.T, d *dashboard) {
		for _, a := range d.Annotations.List {
			for _, chosen := range s.selections(t, d) {
				if a.BuiltIn == 0 {
					s.checkAnnotations(t, chosen.fillIn(a.Target))
				}
			}
		}
	})
}

// selection has the values of variables by their names; one that stands for All is missing.
type selection map[string]string

// fillIn puts the values into a query, as the plugin's front end does.
func (s selection) fillIn(raw json.RawMessage) json.RawMessage {
	text := string(raw)
	for name, value := range s {
		text = strings.ReplaceAll(text, "$"+name, value)
	}
	return json.RawMessage(text)
}

// selections are All and one source, with each value of the variables that list their values.
func (s *stock) selections(t *testing.T, d *dashboard) map[string]selection {
	t.Helper()
	all := map[string]selection{"All": {}, "one source": {}}
	for name, chosen := range all {
		for _, v := range d.Templating.List[1:] {
			if v.Type == "query" && (!v.Multi || name != "All") {
				chosen[v.Name] = s.first(t, chosen, &v)
			}
		}
	}
	for _, v := range d.Templating.List[1:] {
		if v.Type != "custom" {
			continue
		}
		more := map[string]selection{}
		for _, option := range v.Options {
			for name, chosen := range all {
				one := maps.Clone(chosen)
				one[v.Name] = option.Value
				more[name+" by "+option.Value] = one
			}
		}
		all = more
	}
	return all
}

// first is what a variable stands for that nobody has touched; of sources it is the second one, which has more events.
func (s *stock) first(t *testing.T, chosen selection, v *variable) string {
	t.Helper()
	var q variableQuery
	if err := json.Unmarshal(chosen.fillIn(v.Query), &q); err != nil {
		t.Fatal(err)
	}
	if q.Kind == "rollups" {
		return v.defaultValue(t)
	}
	spec := &s.entry(t, q.Rollup).Spec
	switch q.Kind {
	case "values":
		return keys[1].values[q.Dimension]
	case "measures":
		return spec.Measures[0].Name
	case "distinct":
		return spec.Distinct[0].Name
	}
	t.Fatalf("variable %q asks for %s", v.Name, q.Kind)
	return ""
}

func (s *stock) entry(t *testing.T, name string) *rollup.CatalogEntry {
	t.Helper()
	entry := s.entries[name]
	if entry == nil {
		t.Fatalf("the sidecar keeps no rollup %q", name)
	}
	return entry
}

func (s *stock) checkAnnotations(t *testing.T, raw json.RawMessage) {
	t.Helper()
	q, err := query.ParseAnnotations(raw)
	if err != nil {
		t.Fatal(err)
	}
	entry := s.entry(t, q.Rollup)
	end := start + windows*entry.Spec.Window.Milliseconds()
	if _, err := query.Annotations(t.Context(), query.AnnotationsInput{Query: q, From: start, To: end, Now: end, Rollup: entry, Prefix: s.prefix}, s.search); err != nil {
		t.Error(err)
	}
}

// check asks one query, and compares points and counts with the events.
func (s *stock) check(t *testing.T, d *dashboard, p *panel, raw json.RawMessage) {
	t.Helper()
	q, err := query.Parse(raw, query.ReadLive)
	if err != nil {
		t.Fatal(err)
	}
	leaveOutAll(t, d, &q)
	entry := s.entry(t, q.Rollup)
	to := start + windows*entry.Spec.Window.Milliseconds()
	frames, err := query.Run(t.Context(), query.Input{
		Query: q, From: start, To: to, Interval: 1000, MaxDataPoints: max(p.MaxDataPoints, windows), Rollup: entry, Prefix: s.prefix,
	}, s.search)
	if err != nil {
		t.Fatal(err)
	}
	series, events := expected(entry, &q)
	sum, points := total(t, frames)
	wanted := series * windows
	if q.Format == query.FormatTable {
		wanted = series
	}
	if points != wanted {
		t.Errorf("%d points in %d frames, want %d", points, len(frames), wanted)
	}
	if q.Stat == query.StatCount && q.Condition == "" && sum != float64(windows*events) {
		t.Errorf("the answer counts %g events, want %d", sum, windows*events)
	}
}

// total adds up the values of an answer, and says how many there are.
func total(t *testing.T, frames data.Frames) (sum float64, points int) {
	t.Helper()
	for _, frame := range frames {
		if len(frame.Fields) == 0 { // nothing is in the answer
			continue
		}
		values := frame.Fields[len(frame.Fields)-1]
		if config := values.Config; config == nil || config.DisplayNameFromDS == "" || strings.Contains(config.DisplayNameFromDS, "{{") {
			t.Errorf("a series has no name: %+v", config)
		}
		for row := range frame.Rows() {
			if v, _ := values.At(row).(*float64); v != nil {
				sum += *v
				points++
			}
		}
	}
	return sum, points
}

// expected is how many series an answer has, and how many events a window.
func expected(entry *rollup.CatalogEntry, q *query.Query) (series int, events int64) {
	groups := map[string]bool{}
	for _, k := range keysOf(&entry.Spec) {
		kept := true
		for _, f := range q.Filters {
			kept = kept && slices.Contains(f.Values, k.values[f.Dimension]) == (f.Op == "=")
		}
		if !kept {
			continue
		}
		values := make([]string, len(q.GroupBy))
		for i, dimension := range q.GroupBy {
			values[i] = k.values[dimension]
		}
		groups[strings.Join(values, "\x00")] = true
		events += k.events
	}
	return len(groups), events
}

// leaveOutAll removes the filters by variables that stand for All. Every query is to be narrowed by a variable or a value.
func leaveOutAll(t *testing.T, d *dashboard, q *query.Query) {
	t.Helper()
	if len(q.Filters) == 0 {
		t.Error("no variable narrows the query")
	}
	q.Filters = slices.DeleteFunc(q.Filters, func(f query.Filter) bool {
		name, isVariable := strings.CutPrefix(f.Values[0], "$")
		if !isVariable {
			return false
		}
		if v := d.variable(name); v == nil || name != f.Dimension || len(f.Values) != 1 {
			t.Fatalf("the filter on %s has %q, which is not the variable of that dimension", f.Dimension, f.Values)
		}
		return true
	})
}

func TestVariablesOfferWhatThereIs(t *testing.T) {
	s := openStock(t)
	each(t, func(t *testing.T, d *dashboard) {
		chosen := s.selections(t, d)
		for _, v := range d.Templating.List[1:] {
			if v.Label == "" || v.Description == "" || v.Multi != v.IncludeAll || v.AllValue != nil {
				t.Errorf("variable %q: a labelled and explained one is wanted, with All where it has several values, and no other value for it", v.Name)
			}
			if v.Type != "query" {
				continue
			}
			var q variableQuery
			for _, one := range chosen {
				if err := json.Unmarshal(one.fillIn(v.Query), &q); err != nil {
					t.Fatal(err)
				}
			}
			s.checkVariable(t, &v, q)
		}
	})
}

func (s *stock) checkVariable(t *testing.T, v *variable, q variableQuery) {
	t.Helper()
	switch q.Kind {
	case "rollups":
		offered := regexp.MustCompile(strings.Trim(v.Regex, "/"))
		if name := v.defaultValue(t); s.entries[name] == nil || !offered.MatchString(name) || offered.MatchString("host_activity") {
			t.Errorf("variable %q offers %s, and begins with %q", v.Name, v.Regex, name)
		}
	case "values":
		wanted := len(keys)
		if len(q.Filters) > 0 {
			wanted = 1
		}
		values, truncated, err := query.Values(t.Context(), query.ValuesInput{Dimension: q.Dimension, Filters: q.Filters, Rollup: s.entry(t, q.Rollup), Prefix: s.prefix}, s.search)
		if err != nil || truncated || len(values) != wanted || values[0].Value != keys[1].values[v.Name] {
			t.Errorf("variable %q offers %v (%v)", v.Name, values, err)
		}
	case "measures", "distinct":
		s.entry(t, q.Rollup)
	default:
		t.Errorf("variable %q asks for %s", v.Name, q.Kind)
	}
}
