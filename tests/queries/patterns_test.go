package queries

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/tests/servers"
)

func TestPatternsAndCatalogOverTheEmbeddedStore(t *testing.T) {
	checkPatternsAndCatalog(t, servers.EmbeddedStore(t, ""))
}

func TestPatternsAndCatalogOverElasticsearch(t *testing.T) {
	checkPatternsAndCatalog(t, servers.ElasticsearchURL(t))
}

var dimensionValues = []string{
	"", "web-1", "WEB-1", "db", "a.b", "axb", `q"uote"d`, `back\slash`, "a&b", "a~b", "<1-9>", "5", "@", "#", "{}", "[x]", "(y)", "line\nbreak", "tab\t", "日本語", "straße", "STRASSE",
	"/var/log/a.log", "^anchor$", "-", "a,b=c:d!e",
}

// The expressions that Go and Elasticsearch have to agree on; each is also asked for negated.
var patterns = []string{
	"", ".*", "web-[0-9]+", "(?i)web-1", "^db$", "a.b", `a\.b`, `.*"u.*`, `.*\\.*`, "a&b", "a~b", "~.*", "<1-9>", "@", "#", `\{\}`, `\[x\]`, `\(y\)`, `line.break`, `[^\n]*`, `\S+`,
	`\w+-\d`, "日.語", "(?i)STRASSE", "[^a-z]+", "/var/.*\\.log", `\^anchor\$`, "-", "a{1}.b", "(db|5|@)", "(a.b|)", "[日-本]+.*", `[\]\[x]+`, "a,b=c:d!e", "(?:we)?b?.*1",
}

// checkPatternsAndCatalog writes a document for each value of the dimension path and asks for them by expressions, over a catalog read from the cluster.
func checkPatternsAndCatalog(t *testing.T, address string) {
	t.Helper()
	client, err := elastic.New(elastic.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	prefix := fmt.Sprintf("patterns-%d", rand.Uint32())
	definition := &rollup.Definition{Name: "log_writes", Window: rollup.Tier(10 * time.Second), Dimensions: []rollup.Field{{Name: "path"}}}
	definition.Normalize()
	var documents []*rollup.Document
	for _, v := range dimensionValues {
		documents = append(documents, &rollup.Document{Start: midnight, Partition: &rollup.Partition{Topic: "t"}, Grouping: rollup.Grouping{"path"}, Dimensions: []string{v}, Count: 1})
	}
	write(t, client, prefix, definition, documents)
	in := query.Input{From: midnight, To: midnight + 60_000, Prefix: prefix, Rollup: throughProgressIndex(t, client, prefix, definition)}
	for _, pattern := range patterns {
		for _, op := range []string{query.OpMatches, query.OpMatchesNo} {
			in.Query = query.Query{Rollup: definition.Name, Stat: query.StatCount, GroupBy: []string{"path"}, Filters: []query.Filter{{Dimension: "path", Op: op, Values: []string{pattern}}}}
			frames, err := query.Run(t.Context(), in, search.Over(client))
			if err != nil {
				t.Fatalf("%s %q: %v", op, pattern, err)
			}
			var want, got []string
			for _, v := range dimensionValues {
				if regexp.MustCompile("^(?s:"+pattern+")$").MatchString(v) == (op == query.OpMatches) {
					want = append(want, v)
				}
			}
			for _, f := range frames {
				if len(f.Fields) > 0 {
					got = append(got, f.Fields[1].Labels["path"])
				}
			}
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %q (-Go +answer):\n%s", op, pattern, diff)
			}
		}
	}
	values, _, err := query.Values(t.Context(), query.ValuesInput{Dimension: "path", Search: "Eb-", Rollup: in.Rollup, Prefix: prefix}, search.Over(client))
	if diff := cmp.Diff([]query.Value{{Value: "WEB-1", Count: 1}, {Value: "web-1", Count: 1}}, values); err != nil || diff != "" {
		t.Errorf("values that contain %q: %v %s", "Eb-", err, diff)
	}
}

// throughProgressIndex writes the definition and a partition's progress, and reads the catalog from them.
func throughProgressIndex(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition) *rollup.CatalogEntry {
	t.Helper()
	if catalog, err := query.LoadCatalog(t.Context(), prefix, search.Over(client)); err != nil || len(catalog.Rollups) != 0 {
		t.Fatalf("without an index the catalog is %v, %v", catalog, err)
	}
	body, err := rollup.ProgressIndexBody()
	if err != nil {
		t.Fatal(err)
	}
	index := rollup.ProgressIndex(prefix)
	if err := client.CreateIndex(t.Context(), index, body); err != nil {
		t.Fatal(err)
	}
	removeLater(t, client, index)
	sealed := midnight + 60_000
	partition := rollup.PartitionProgress{Kind: rollup.KindPartition, Rollup: d.Name, Partition: "t/0", SealedThrough: &sealed, UpdatedAt: sealed}
	definition := rollup.DefinitionProgress{Kind: rollup.KindDefinition, Rollup: d.Name, Definition: d.Hash(), Partitions: []string{"t/0"}, Spec: *d}
	var lines []byte
	for id, document := range map[string]any{partition.ID(): partition, definition.ID(): definition} {
		source, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		lines = fmt.Appendf(lines, `{"index":{"_index":%q,"_id":%q}}`+"\n%s\n", index, id, source)
	}
	response, err := client.Bulk(t.Context(), lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range response.Items {
		if item.Err != nil {
			t.Fatal(item.Err)
		}
	}
	if err := client.Refresh(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	catalog, err := query.LoadCatalog(t.Context(), prefix, search.Over(client))
	if err != nil {
		t.Fatal(err)
	}
	entry, found := catalog.Rollup(d.Name)
	if tidemark, known := entry.Tidemark(); !found || !known || tidemark != sealed {
		t.Fatalf("the catalog has %+v", catalog)
	}
	return entry
}
