// Package queries checks the plugin's answers from end to end: rollup documents are written through pkg/elastic as the sidecar writes them, and what
// pkg/query answers about them is compared with a naive reading of the events, on the embedded store and on a real Elasticsearch.
package queries

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/tests/servers"
)

func TestAnswersOverTheEmbeddedStoreAreThoseOfANaiveReading(t *testing.T) {
	checkAnswers(t, servers.EmbeddedStore(t, ""), 40)
}

func TestAnswersOverElasticsearchAreThoseOfANaiveReading(t *testing.T) {
	checkAnswers(t, servers.ElasticsearchURL(t), 12)
}

// checkAnswers draws events, a definition and questions for each seed.
func checkAnswers(t *testing.T, address string, seeds uint64) {
	t.Helper()
	client, err := elastic.New(elastic.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 1))
		definition := drawDefinition(rng)
		events := drawEvents(rng)
		prefix := fmt.Sprintf("queries-%d-%d", rand.Uint32(), seed)
		write(t, client, prefix, definition, documentsOf(definition, events))
		for range 12 {
			in := drawInput(rng, definition)
			in.Prefix = prefix
			frames, err := query.Run(t.Context(), in, search.Over(client))
			if err != nil {
				t.Fatalf("seed %d, query %+v: %v", seed, in.Query, err)
			}
			got, bucket := seriesOf(t, in.Query, frames)
			start, end := grid(in, bucket)
			if diff := cmp.Diff(naive(in, events, start, end, bucket), got, cmp.Comparer(sameValue)); diff != "" {
				t.Fatalf("seed %d, query %+v, from %d to %d (-naive +answer):\n%s\n%s", seed, in.Query, in.From, in.To, diff, frames[0].Meta.ExecutedQueryString)
			}
			checkTable(t, client, in, events)
			checkValues(t, client, in, events)
		}
	}
}

// checkTable asks for one value of each series.
func checkTable(t *testing.T, client *elastic.Client, in query.Input, events []event) {
	t.Helper()
	in.Query.Format = query.FormatTable
	in.Limits = query.DefaultLimits()
	frames, err := query.Run(t.Context(), in, search.Over(client))
	if err != nil {
		t.Fatalf("query %+v: %v", in.Query, err)
	}
	start, end := grid(in, in.Rollup.Spec.Window.Milliseconds())
	got := rowsOf(in.Query, frames[0])
	if diff := cmp.Diff(naive(in, events, start, end, end-start), got, cmp.Comparer(sameValue)); diff != "" {
		t.Fatalf("query %+v, from %d to %d (-naive +table):\n%s\n%s", in.Query, in.From, in.To, diff, frames[0].Meta.ExecutedQueryString)
	}
}

// rowsOf reads a table as series of one value.
func rowsOf(q query.Query, f *data.Frame) map[string][]*float64 {
	rows := map[string][]*float64{}
	for i := range f.Rows() {
		labels := map[string]string{}
		for j, name := range q.GroupBy {
			labels[name], _ = f.Fields[j].At(i).(string)
		}
		v, _ := f.Fields[len(q.GroupBy)].At(i).(*float64)
		rows[seriesName(q.GroupBy, labels)] = []*float64{v}
	}
	return rows
}

func sameValue(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func seriesOf(t *testing.T, q query.Query, frames data.Frames) (map[string][]*float64, int64) {
	t.Helper()
	info, ok := frames[0].Meta.Custom.(query.FrameInfo)
	if !ok {
		t.Fatalf("the frame tells %T", frames[0].Meta.Custom)
	}
	series := map[string][]*float64{}
	for _, f := range frames {
		if len(f.Fields) == 0 {
			continue
		}
		values := make([]*float64, f.Rows())
		for i := range values {
			values[i], _ = f.Fields[1].At(i).(*float64)
		}
		series[seriesName(q.GroupBy, f.Fields[1].Labels)] = values
	}
	return series, info.BucketMS
}

// checkValues lists the paths of all time and compares them with the events.
func checkValues(t *testing.T, client *elastic.Client, in query.Input, events []event) {
	t.Helper()
	want := map[string]int64{}
	for _, e := range events {
		want[e.dims["path"]]++
	}
	values, truncated, err := query.Values(t.Context(), query.ValuesInput{Dimension: "path", Rollup: in.Rollup, Prefix: in.Prefix}, search.Over(client))
	if err != nil || truncated {
		t.Fatalf("values: %v, truncated %t", err, truncated)
	}
	got := map[string]int64{}
	for i, v := range values {
		got[v.Value] = v.Count
		if i > 0 && v.Count > values[i-1].Count {
			t.Errorf("the values are not in the order of their events: %v", values)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values of path (-events +answer):\n%s", diff)
	}
}

// kept is a document and the tier that it belongs to.
type kept struct {
	tier rollup.Tier
	*rollup.Document
}

// write writes documents of the finest tier.
func write(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition, documents []*rollup.Document) {
	t.Helper()
	all := make([]kept, len(documents))
	for i, doc := range documents {
		all[i] = kept{d.Window, doc}
	}
	writeKept(t, client, prefix, d, all)
}

// writeKept writes documents, to be found at once, and removes their indices at the end of the test.
func writeKept(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition, documents []kept) {
	t.Helper()
	servers.PutTemplate(t, client, prefix, d)
	indices := map[string]bool{}
	var body bytes.Buffer
	for _, doc := range documents {
		index := rollup.IndexName(prefix, d.Name, doc.tier, doc.Start)
		indices[index] = true
		fmt.Fprintf(&body, `{"index":{"_index":%q,"_id":%q,"version":1,"version_type":"external_gte"}}`+"\n", index, doc.ID(d.Hash()))
		body.Write(doc.AppendJSON(nil, d, d.Hash()))
		body.WriteByte('\n')
	}
	if len(documents) == 0 {
		return
	}
	response, err := client.Bulk(t.Context(), body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range response.Items {
		if item.Err != nil {
			t.Fatalf("write %s: %v", item.ID, item.Err)
		}
	}
	for index := range indices {
		if err := client.Refresh(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		removeLater(t, client, index)
	}
}

func removeLater(t *testing.T, client *elastic.Client, index string) {
	t.Helper()
	t.Cleanup(func() {
		if err := client.DeleteIndex(context.WithoutCancel(t.Context()), index); err != nil {
			t.Error(err)
		}
	})
}
