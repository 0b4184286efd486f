package queries

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/tests/servers"
)

func TestTiersOverTheEmbeddedStore(t *testing.T) {
	checkTiers(t, servers.EmbeddedStore(t, ""))
}

func TestTiersOverElasticsearch(t *testing.T) {
	checkTiers(t, servers.ElasticsearchURL(t))
}

// made is the time up to which the tier of a minute is made: events before it are in both tiers, those after it in the finest only.
const made = midnight - 60_000

// checkTiers writes an event every ten seconds for ten minutes around midnight: the n-th of host n%2 with the offset n, a user n%7, and every fifth an error. Every
// eleventh came late.
func checkTiers(t *testing.T, address string) {
	t.Helper()
	client, err := elastic.New(elastic.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := &rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10 * time.Second), Tiers: []rollup.Tier{rollup.Tier(time.Minute)},
		Dimensions: []rollup.Field{{Name: "host"}}, Measures: []rollup.Field{{Name: "offset"}}, Percentiles: []string{"offset"},
		Conditions: []rollup.Condition{{Name: "errors"}}, Distinct: []rollup.Field{{Name: "users"}}, Groupings: []rollup.Grouping{{}},
	}
	d.Normalize()
	prefix := fmt.Sprintf("tiers-%d", rand.Uint32())
	writeTiers(t, client, prefix, d)
	entry := &rollup.CatalogEntry{
		DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Definition: d.Hash(), Spec: *d, Since: midnight - 300_000, Partitions: []string{"t/0"}},
		Tiers:              []rollup.TierProgress{{Tier: d.Window}, {Tier: d.Tiers[0], Through: made}},
	}
	sealed := midnight + 300_000
	entry.Progress = []rollup.PartitionProgress{{Partition: "t/0", SealedThrough: &sealed}}
	for _, c := range []struct{ name, query, want string }{
		{"count", `"stat":"count"`, "12 12 12 12 12"},
		{"count of a condition", `"stat":"count","condition":"errors"`, "3 2 3 2 2"},
		{"ratio", `"stat":"ratio","condition":"errors"`, "0.25 0.1667 0.25 0.1667 0.1667"},
		{"percentile", `"stat":"percentile","measure":"offset","percentile":100`, "11~ 23~ 35~ 47~ 59~"},
		{"distinct", `"stat":"distinct","measure":"users"`, "7 7 7 7 7"},
		{"delta of a measure", `"stat":"delta","measure":"offset"`, "- 12 12 12 12"},
		{"delta of the count", `"stat":"delta"`, "- 0 0 0 0"},
		{"moving average", `"stat":"avg","measure":"offset","movingAverage":2`, "5.5 11.5 23.5 35.5 47.5"},
		{"the largest and the others", `"stat":"sum","measure":"offset","groupBy":["host"],"top":1,"other":true`, "36 108 180 252 324|30 102 174 246 318"},
		{"percentile of one, the largest within a sketch's error, and the others", `"stat":"percentile","measure":"offset","percentile":100,"groupBy":["host"],"top":1,"other":true`, "10~ 22~ 34~ 46~ 58~|11~ 23~ 35~ 47~ 59~"},
		{"exists", `"stat":"count","filters":[{"dimension":"host","op":"exists"}]`, "12 12 12 12 12"},
		{"not exists", `"stat":"count","filters":[{"dimension":"host","op":"!exists"}]`, "- 0 0 0 0"},
		{"shift", `"stat":"max","measure":"offset","shift":"2m"`, "- 11 23 35 47"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := query.Parse([]byte(`{"rollup":"log_writes",`+c.query+`}`), query.ReadLive)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := query.Run(t.Context(), query.Input{
				Query: q, From: midnight - 360_000, To: midnight + 240_000, Interval: 120_000, Rollup: entry, Prefix: prefix,
			}, search.Over(client))
			if err != nil {
				t.Fatal(err)
			}
			curves := strings.Split(c.want, "|")
			if len(frames) != len(curves) {
				t.Fatalf("%d series, want %d:\n%s", len(frames), len(curves), frames[0].Meta.ExecutedQueryString)
			}
			for i, f := range frames {
				for j, want := range strings.Fields(curves[i]) {
					if v, _ := f.Fields[1].At(j).(*float64); !isText(v, want) {
						t.Errorf("series %d, point %d is %v, want %s:\n%s", i, j, text(v), want, frames[0].Meta.ExecutedQueryString)
					}
				}
			}
			if info, ok := frames[0].Meta.Custom.(query.FrameInfo); !ok || len(info.Segments) != 2 || info.Tier != "1m" {
				t.Errorf("the answer is made of %+v", info)
			}
		})
	}
	checkTierTables(t, client, entry, prefix)
}

// checkTierTables asks for tables of the same time, whose beginning and end are in no whole minute.
func checkTierTables(t *testing.T, client *elastic.Client, entry *rollup.CatalogEntry, prefix string) {
	t.Helper()
	for _, c := range []struct{ name, query, want string }{
		{"count", `"stat":"count"`, "54"},
		{"rate", `"stat":"rate"`, "0.1"},
		{"average", `"stat":"avg","measure":"offset"`, "29.5"},
		{"ratio", `"stat":"ratio","condition":"errors"`, "0.2037"},
		{"percentile", `"stat":"percentile","measure":"offset","percentile":100`, "56~"},
		{"distinct", `"stat":"distinct","measure":"users"`, "7"},
		{"the largest and the others", `"stat":"sum","measure":"offset","groupBy":["host"],"top":1,"other":true`, "h0 810|(other) 783"},
		{"the largest first", `"stat":"max","measure":"offset","groupBy":["host"]`, "h0 56|h1 55"},
	} {
		t.Run("table of "+c.name, func(t *testing.T) {
			q, err := query.Parse([]byte(`{"rollup":"log_writes","format":"table",`+c.query+`}`), query.ReadLive)
			if err != nil {
				t.Fatal(err)
			}
			frames, err := query.Run(t.Context(), query.Input{
				Query: q, From: midnight - 330_000, To: midnight + 210_000, Interval: 120_000, Rollup: entry, Prefix: prefix,
			}, search.Over(client))
			if err != nil {
				t.Fatal(err)
			}
			f := frames[0]
			rows := strings.Split(c.want, "|")
			if len(frames) != 1 || f.Rows() != len(rows) {
				t.Fatalf("%d rows, want %d:\n%s", f.Rows(), len(rows), f.Meta.ExecutedQueryString)
			}
			for i, row := range rows {
				host, want, grouped := strings.Cut(row, " ")
				if !grouped {
					want = host
				} else if got := f.Fields[0].At(i); got != host {
					t.Errorf("row %d is of %v, want %s", i, got, host)
				}
				if v, _ := f.Fields[len(f.Fields)-1].At(i).(*float64); !isText(v, want) {
					t.Errorf("row %d is %v, want %s:\n%s", i, text(v), want, f.Meta.ExecutedQueryString)
				}
			}
			if info, ok := f.Meta.Custom.(query.FrameInfo); !ok || len(info.Segments) != 3 || info.Tier != "1m" || info.BucketMS != 540_000 {
				t.Errorf("the answer is made of %+v", info)
			}
		})
	}
}

func isText(v *float64, want string) bool {
	if v == nil || want == "-" {
		return v == nil && want == "-"
	}
	number, near := strings.CutSuffix(want, "~")
	var w float64
	if _, err := fmt.Sscan(number, &w); err != nil {
		return false
	}
	tolerance := 5e-5
	if near {
		tolerance = w * rollup.SketchAccuracy
	}
	return math.Abs(*v-w) <= tolerance
}

func text(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// writeTiers writes the finest documents, and what is made of those before made.
func writeTiers(t *testing.T, client *elastic.Client, prefix string, d *rollup.Definition) {
	t.Helper()
	var documents []kept
	coarser := map[string]*rollup.Document{}
	for n := range 60 {
		for _, g := range d.Groupings {
			doc := tierDocument(n, g)
			documents = append(documents, kept{d.Window, doc})
			if doc.Start >= made {
				continue
			}
			merged := *tierDocument(n, g)
			merged.Partition, merged.Correction, merged.Start, merged.LateCount = nil, nil, d.Tiers[0].Start(doc.Start), 0
			if doc.Correction != nil {
				merged.LateCount = 1
			}
			id := merged.ID("")
			if coarser[id] == nil {
				coarser[id] = &merged
			} else {
				coarser[id].Merge(doc)
			}
		}
	}
	for _, doc := range coarser {
		documents = append(documents, kept{d.Tiers[0], doc})
	}
	writeKept(t, client, prefix, d, documents)
}

func tierDocument(n int, g rollup.Grouping) *rollup.Document {
	doc := &rollup.Document{
		Start: midnight - 360_000 + int64(n)*10_000, Partition: &rollup.Partition{Topic: "t"}, Grouping: g, Count: 1, Measures: make([]rollup.Measure, 1),
		Sketches: []*rollup.Sketch{rollup.NewSketch()}, Conditions: make([]int64, 1), Distinct: []*rollup.Distinct{rollup.NewDistinct()},
	}
	if len(g) > 0 {
		doc.Dimensions = []string{fmt.Sprintf("h%d", n%2)}
	}
	doc.Measures[0].Add(float64(n))
	doc.Sketches[0].Add(float64(n))
	doc.Distinct[0].Add(fmt.Append(nil, n%7))
	if n%5 == 0 {
		doc.Conditions[0] = 1
	}
	if n%11 == 0 {
		doc.Correction = &rollup.Correction{Arrived: doc.Start + 60_000}
	}
	return doc
}
