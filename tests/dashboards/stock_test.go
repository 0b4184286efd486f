package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
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

// stock is a store with the rollups that the provisioned sidecar keeps, and the plugin that reads it.
type stock struct {
	*plugin
	rollups map[string]*rollup.Definition
}

func openStock(t *testing.T) *stock {
	t.Helper()
	url := servers.EmbeddedStore(t, "")
	client, err := elastic.New(elastic.Config{Addresses: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	prefix := readSidecarConfig(t).Elasticsearch.IndexPrefix
	createProgress(t, client, prefix)
	s := &stock{rollups: readDefinitions(t)}
	for _, d := range s.rollups {
		write(t, client, prefix, d, documentsOf(d))
		tellProgress(t, client, prefix, d, startOf(slices.Max(earlier)), endOf(d))
	}
	s.plugin = startPlugin(t, url, prefix)
	return s
}

// createProgress makes the index that tells which rollups there are.
func createProgress(t *testing.T, client *elastic.Client, prefix string) {
	t.Helper()
	index, err := rollup.ProgressIndexBody()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateIndex(t.Context(), rollup.ProgressIndex(prefix), index); err != nil {
		t.Fatal(err)
	}
}

// tellProgress says of a rollup since when there is something of it, and up to when it is sealed.
func tellProgress(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition, since, sealed int64) {
	t.Helper()
	const partition = "topic/0"
	definition := &rollup.DefinitionProgress{
		Kind: rollup.KindDefinition, Rollup: d.Name, Stream: d.Stream, Definition: d.Hash(), Since: since,
		Partitions: []string{partition}, Spec: *d, UpdatedAt: sealed,
	}
	progress := &rollup.PartitionProgress{
		Kind: rollup.KindPartition, Rollup: d.Name, Stream: d.Stream, Partition: partition, TopicID: fmt.Sprintf("%032x", 0), Definition: d.Hash(),
		SealedThrough: &sealed, UpdatedAt: sealed,
	}
	var body bytes.Buffer
	for _, doc := range []interface{ ID() string }{definition, progress} {
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q}}`+"\n%s\n", rollup.ProgressIndex(prefix), doc.ID(), text)
	}
	bulk(t, client, body.Bytes())
	if err := client.Refresh(t.Context(), rollup.ProgressIndex(prefix)); err != nil {
		t.Fatal(err)
	}
}

// write writes documents of a rollup, after its template.
func write(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition, documents []*rollup.Document) {
	t.Helper()
	servers.PutTemplate(t, client, prefix, d)
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

// endOf is when the last window ends that the store holds.
func endOf(d *rollup.Definition) int64 { return start + windows*d.Window.Milliseconds() }

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
