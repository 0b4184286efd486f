package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/tests/servers"
)

const lineage = 3

func logWrites() *rollup.Definition {
	d := &rollup.Definition{
		Name: "log_writes", Stream: "app-logs", Window: rollup.Tier(10 * time.Second),
		Dimensions: []rollup.Field{{Name: "host", Path: "host.name"}, {Name: "path", Path: "log.file.path"}},
		Measures:   []rollup.Field{{Name: "offset", Path: "log.offset"}},
		Conditions: []rollup.Condition{{Name: "errors", Expr: `level == "error"`}},
		Distinct:   []rollup.Field{{Name: "users", Path: "user.id"}},
		Tiers:      []rollup.Tier{rollup.Tier(time.Minute)},
	}
	d.Normalize()
	return d
}

// appendDocument adds the action and source of a document to a bulk request.
func appendDocument(body *bytes.Buffer, prefix string, d *rollup.Definition, doc *rollup.Document) {
	hash := d.Hash()
	fmt.Fprintf(body, `{"index":{"_index":%q,"_id":%q,"version":%d,"version_type":"external_gte"}}`+"\n",
		rollup.IndexName(prefix, d.Name, d.Window, doc.Start), doc.ID(hash), rollup.Version(lineage, doc.LastOffset))
	body.Write(doc.AppendJSON(nil, d, hash))
	body.WriteByte('\n')
}

// documents are two hosts with two windows each, their totals, a correction and an overflow.
func documents() []*rollup.Document {
	partition := &rollup.Partition{Topic: "app", TopicID: [16]byte{1}, Number: 3}
	full, total := rollup.Grouping{"host", "path"}, rollup.Grouping{}
	const start = 1_795_305_600_000 // a day's first window
	measure := func(values ...float64) []rollup.Measure {
		var m rollup.Measure
		for _, v := range values {
			m.Add(v)
		}
		return []rollup.Measure{m}
	}
	document := func(window int64, g rollup.Grouping, dims []string, last int64, count, errors int64, m []rollup.Measure) *rollup.Document {
		return &rollup.Document{
			Start: start + window*10_000, Partition: partition, Grouping: g, Dimensions: dims, Count: count, Bytes: count * 100,
			Measures: m, Conditions: []int64{errors}, Distinct: []*rollup.Distinct{rollup.NewDistinct()}, LastOffset: last,
		}
	}
	list := []*rollup.Document{
		document(-1, full, []string{"h1", "/a"}, 1, 4, 0, measure(1, 2)),
		document(0, full, []string{"h1", "/a"}, 9, 5, 1, measure(3, 10.5)),
		document(0, full, []string{"h2", "/b\n\"é"}, 8, 7, 0, measure()),
		document(-1, total, nil, 1, 4, 0, measure(1, 2)),
		document(0, total, nil, 9, 12, 1, measure(3, 10.5)),
	}
	late := document(-1, full, []string{"h1", "/a"}, 20, 2, 2, measure(-5))
	late.Correction = &rollup.Correction{Arrived: start + 20_000, Opened: 19}
	overflow := document(0, full, nil, 9, 1, 0, measure(0))
	overflow.Overflow = true
	return append(list, late, overflow)
}

func TestRollupDocumentsAreCountedOnceHoweverOftenTheyAreWritten(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		d := logWrites()
		servers.PutTemplate(t, s.client, s.prefix, d)
		var body, stale bytes.Buffer
		for _, doc := range documents() {
			appendDocument(&body, s.prefix, d, doc)
			older := *doc
			older.LastOffset--
			older.Count = 1
			appendDocument(&stale, s.prefix, d, &older)
		}
		for range 2 {
			write(t, s, body.Bytes(), func(i elastic.BulkItem) bool { return i.Err == nil })
		}
		write(t, s, stale.Bytes(), func(i elastic.BulkItem) bool { return i.Err != nil && i.Err.Superseded() })
		checkSums(t, s, d)
		checkIndices(t, s, d)
	})
}

func write(t *testing.T, s *session, body []byte, good func(elastic.BulkItem) bool) {
	t.Helper()
	response, err := s.client.Bulk(t.Context(), body)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Items) != len(documents()) {
		t.Fatalf("got %d items for %d documents", len(response.Items), len(documents()))
	}
	for _, item := range response.Items {
		if !good(item) {
			t.Errorf("document %s in %s: status %d, %v", item.ID, item.Index, item.Status, item.Err)
		}
	}
}

func checkSums(t *testing.T, s *session, d *rollup.Definition) {
	t.Helper()
	pattern := rollup.IndexPattern(s.prefix, d.Name, d.Window)
	if err := s.client.Refresh(t.Context(), pattern); err != nil {
		t.Fatal(err)
	}
	var requests []elastic.SearchRequest
	for _, grouping := range []string{"host,path", rollup.Total} {
		body := fmt.Sprintf(`{"size":0,"query":{"bool":{"filter":[{"term":{"grouping":%q}},{"range":{"@timestamp":{"gte":1795305590000,"lt":1795305610000}}}]}},
			"aggs":{"time":{"date_histogram":{"field":"@timestamp","fixed_interval":"10s","min_doc_count":1},
				"aggs":{"count":{"sum":{"field":"count"}},"errors":{"sum":{"field":"c.errors"}},"sum":{"sum":{"field":"m.offset.sum"}},
					"values":{"sum":{"field":"m.offset.count"}},"min":{"min":{"field":"m.offset.min"}},"max":{"max":{"field":"m.offset.max"}},
					"late":{"filter":{"term":{"late":true}}}}}}}`, grouping)
		requests = append(requests, elastic.SearchRequest{Indices: []string{pattern}, Body: json.RawMessage(body), Complete: true})
	}
	responses, err := s.client.MultiSearch(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range responses {
		if responses[i].Err != nil {
			t.Fatal(responses[i].Err)
		}
		got = append(got, describeAggregations(responses[i].Aggregations)...)
	}
	bucket := `  {"count":{"value":%d},"doc_count":%d,"errors":{"value":%d},"key":%d,"key_as_string":"%d","late":{"doc_count":%d},"max":{"value":%v},"min":{"value":%v},"sum":{"value":%v},"values":{"value":%d}}`
	want := []string{
		"time {}",
		fmt.Sprintf(bucket, 6, 6, 2, 1795305590000, 1795305590000, 2, 2, -5, -2, 3),
		fmt.Sprintf(bucket, 13, 13, 1, 1795305600000, 1795305600000, 0, 10.5, 0, 13.5, 3),
		"time {}",
		fmt.Sprintf(bucket, 4, 4, 0, 1795305590000, 1795305590000, 0, 2, 1, 3, 2),
		fmt.Sprintf(bucket, 12, 12, 1, 1795305600000, 1795305600000, 0, 10.5, 3, 13.5, 2),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sums (-want +got):\n%s", diff)
	}
}

func checkIndices(t *testing.T, s *session, d *rollup.Definition) {
	t.Helper()
	indices, err := s.client.ListIndices(t.Context(), rollup.IndexPattern(s.prefix, d.Name, d.Window))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, index := range indices {
		got = append(got, fmt.Sprintf("%s %d", strings.TrimPrefix(index.Name, s.prefix), index.Docs))
	}
	want := []string{"-log_writes-10s-2026.11.21 3", "-log_writes-10s-2026.11.22 4"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("indices (-want +got):\n%s", diff)
	}
}

func TestProgressIndexTakesDefinitionsAndPartitions(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		body, err := rollup.ProgressIndexBody()
		if err != nil {
			t.Fatal(err)
		}
		index := rollup.ProgressIndex(s.prefix)
		for range 2 {
			if err := s.client.CreateIndex(t.Context(), index, body); err != nil {
				t.Fatal(err)
			}
		}
		d := logWrites()
		sealed := int64(1_795_305_600_000)
		definition := rollup.DefinitionProgress{
			Kind: rollup.KindDefinition, Rollup: d.Name, Stream: d.Stream, Definition: d.Hash(), Since: 1, Partitions: []string{"app/0", "app/3"}, Floors: []*int64{nil, &sealed}, Spec: *d, UpdatedAt: 2,
		}
		partition := rollup.PartitionProgress{
			Kind: rollup.KindPartition, Rollup: d.Name, Stream: d.Stream, Partition: "app/3", TopicID: "t", Definition: d.Hash(), SealedThrough: &sealed,
			NextOffset: 12, EndOffset: 15, Lag: 3, Ledger: rollup.Ledger{Consumed: 12, OnTime: 12}, Lineage: lineage, Commit: 7, Owner: "me", UpdatedAt: 9,
		}
		var bulk bytes.Buffer
		tiers := rollup.TiersProgress{Kind: rollup.KindTiers, Rollup: d.Name, UpdatedAt: 10, Spec: rollup.TiersSpec{Generation: 4, Tiers: []rollup.TierProgress{
			{Tier: d.Window, From: 60_000}, {Tier: rollup.Tier(time.Minute), Through: 120_000, Arrived: 130_000, Again: []rollup.Span{{From: 60_000, To: 120_000}}},
		}}}
		for id, source := range map[string]any{definition.ID(): definition, partition.ID(): partition, tiers.ID(): tiers} {
			text, err := json.Marshal(source)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&bulk, `{"index":{"_index":%q,"_id":%q,"version":7,"version_type":"external_gte"}}`+"\n%s\n", index, id, text)
		}
		response, err := s.client.Bulk(t.Context(), bulk.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range response.Items {
			if item.Err != nil {
				t.Fatal(item.Err)
			}
		}
		if err := s.client.Refresh(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		found, err := s.client.Search(t.Context(), elastic.SearchRequest{Indices: []string{index}, Body: json.RawMessage(`{"size":10000,"sort":[{"rollup":"asc"}]}`)})
		if err != nil {
			t.Fatal(err)
		}
		var sources []json.RawMessage
		for _, hit := range found.Hits.Hits {
			sources = append(sources, hit.Source)
		}
		catalog, err := rollup.ParseCatalog(sources)
		if err != nil {
			t.Fatal(err)
		}
		want := &rollup.Catalog{Rollups: []rollup.CatalogEntry{{
			DefinitionProgress: definition, Definitions: []rollup.DefinitionProgress{definition}, Progress: []rollup.PartitionProgress{partition},
			Tiers: tiers.Spec.Tiers, Generation: tiers.Spec.Generation,
		}}}
		if diff := cmp.Diff(want, catalog); diff != "" {
			t.Errorf("catalog (-want +got):\n%s", diff)
		}
	})
}

func TestVersionAndHealthAreKnown(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		v, err := s.client.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(v.Number, "8.19.") {
			t.Errorf("version is %v, want 8.19", v)
		}
		h, err := s.client.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if h.Nodes != 1 || h.ClusterName == "" || h.Status != "green" && h.Status != "yellow" {
			t.Errorf("health is %+v, want one node with a cluster that works", h)
		}
	})
}

func TestPagesBySearchAfterHoldEveryDocumentOnce(t *testing.T) {
	each(t, func(t *testing.T, s *session) {
		const n = 530
		var bulk bytes.Buffer
		index := s.prefix + "-pages"
		if err := s.client.CreateIndex(t.Context(), index, []byte(`{"mappings":{"dynamic":"strict","properties":{"@timestamp":{"type":"date","format":"epoch_millis"},"key":{"type":"keyword"}}}}`)); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			fmt.Fprintf(&bulk, `{"index":{"_index":%q,"_id":"%d"}}`+"\n"+`{"@timestamp":%d,"key":"k%d"}`+"\n", index, i, (i%7)*600_000, i)
		}
		if _, err := s.client.Bulk(t.Context(), bulk.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := s.client.Refresh(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		var after []any
		for pages := 0; ; pages++ {
			body, err := json.Marshal(map[string]any{"size": 100, "_source": false, "sort": []any{map[string]any{"@timestamp": "desc"}, "key"}})
			if err != nil {
				t.Fatal(err)
			}
			if after != nil {
				page := map[string]any{}
				if err := json.Unmarshal(body, &page); err != nil {
					t.Fatal(err)
				}
				page["search_after"] = after
				if body, err = json.Marshal(page); err != nil {
					t.Fatal(err)
				}
			}
			response, err := s.client.Search(t.Context(), elastic.SearchRequest{Indices: []string{index}, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if len(response.Hits.Hits) == 0 {
				break
			}
			for _, hit := range response.Hits.Hits {
				seen[hit.ID]++
				after = hit.Sort
			}
			if pages > n {
				t.Fatal("the pages do not end")
			}
		}
		if len(seen) != n {
			t.Errorf("saw %d documents, want %d", len(seen), n)
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("document %s was seen %d times", id, times)
			}
		}
	})
}
