package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// TestIndicesThatCannotHoldTheRollupsStopTheStart finds indices that others made, or an earlier release.
func TestIndicesThatCannotHoldTheRollupsStopTheStart(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		index := b.prefix + "-writes-10s-2026.01.01"
		progress := rollup.ProgressIndex(b.prefix)
		for _, test := range []struct {
			name, index, properties string
			says                    []string // nothing: it starts
		}{
			{
				"dimension", index, `{"count":{"type":"long"},"dim":{"properties":{"host":{"type":"long"}}}}`,
				[]string{"index " + index + ": field dim.host is mapped as long, where keyword is needed", `rename the dimension "host"`, "elasticsearch.index_prefix", "reindex or delete that index"},
			},
			{"measure", index, `{"m":{"properties":{"n":{"properties":{"sum":{"type":"long"}}}}}}`, []string{"field m.n.sum is mapped as long, where double is needed", `rename the measure "n"`}},
			{"object", index, `{"m":{"type":"keyword"}}`, []string{"field m is mapped as keyword, where object is needed"}},
			{"own fields", index, `{"count":{"type":"double"},"@timestamp":{"type":"keyword"}}`, []string{"field @timestamp is mapped as keyword, where date is needed, and 1 more fields are wrong: set elasticsearch.index_prefix"}},
			{"progress", progress, `{"partition":{"type":"long"}}`, []string{"index " + progress + ": field partition is mapped as long, where keyword is needed"}},
			{"of another rollup", b.prefix + "-writes2-10s-2026.01.01", `{"count":{"type":"double"}}`, nil},
			{"only not strict", index, `{"count":{"type":"long"},"more":{"type":"double"},"dim":{"properties":{"host":{"type":"keyword"}}}}`, nil},
		} {
			t.Run(test.name, func(t *testing.T) {
				if err := b.elastic.CreateIndex(t.Context(), test.index, []byte(`{"mappings":{"properties":`+test.properties+`}}`)); err != nil {
					t.Fatal(err)
				}
				configuration := b.configure()
				b.checkRefusal(t, []string{"setup", "--config", configuration}, test.says)
				if len(test.says) > 0 {
					b.checkRefusal(t, []string{"run", "--config", configuration}, test.says)
				}
				for _, name := range []string{test.index, progress} {
					_ = b.elastic.DeleteIndex(t.Context(), name) // the progress index is not always there
				}
			})
		}
		b.produce(0, 600)
		run := b.start(b.configure())
		b.await(run)
		run.end()
	})
}

// checkRefusal runs a command, which ends by itself: with status 1 and one error where it is to say something.
func (b *bench) checkRefusal(t *testing.T, args, says []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline/3)
	defer cancel()
	begin := time.Now()
	var out bytes.Buffer
	code := execute(ctx, args, &out, &out)
	want := 0
	if len(says) > 0 {
		want = 1
	}
	if code != want || ctx.Err() != nil {
		t.Errorf("%s: exit status %d after %s, want %d:\n%s", args[0], code, time.Since(begin), want, &out)
	}
	for _, part := range says {
		if strings.Count(out.String(), part) != 1 {
			t.Errorf("%s does not say %q once:\n%s", args[0], part, &out)
		}
	}
}

// TestDimensionThatIsAddedIsInIndicesOldAndNew adds one to a rollup whose indices are there.
func TestDimensionThatIsAddedIsInIndicesOldAndNew(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.produce(0, 300)
		run := b.start(b.configure())
		b.await(run)
		run.end()
		changed := b.configure("path: path}", "path: path, level: level}")
		b.must("setup", "--config", changed)
		old := b.prefix + "-writes-10s-2026.01.01"
		keyword := func(index string) bool {
			mappings, err := b.elastic.Mappings(t.Context(), index)
			if err != nil {
				t.Fatal(err)
			}
			needed := elastic.Mapping{"properties": map[string]any{"dim": map[string]any{"properties": map[string]any{"level": map[string]any{"type": "keyword"}}}}}
			text, err := json.Marshal(mappings[index])
			if err != nil {
				t.Fatal(err)
			}
			return len(mappings) == 1 && len(mappings[index].Conflicts(needed)) == 0 && bytes.Contains(text, []byte(`"level":{"type":"keyword"}`))
		}
		if !keyword(old) {
			t.Errorf("the index that was there does not have the dimension")
		}
		var records []*kgo.Record
		for _, day := range []int64{0, 1} {
			at := testOrigin + day*86_400_000 + 120_000
			records = append(records, &kgo.Record{Topic: b.topic, Value: fmt.Appendf(nil, `{"t":%d,"host":"h1","path":"/p1","level":"error"}`, at)})
		}
		run = b.start(changed)
		run.eventually(func() bool { return strings.Count(run.log.String(), "the definitions changed") == testPartitions }, func() string {
			return "the partitions have not gone over to the definition"
		})
		b.send(records)
		pattern := rollup.IndexPattern(b.prefix, "writes", rollup.Tier(10*time.Second))
		found := map[string]int64{}
		run.eventually(func() bool {
			if err := b.elastic.Refresh(t.Context(), pattern); err != nil {
				t.Fatal(err)
			}
			body := `{"size":10,"query":{"bool":{"filter":[{"term":{"grouping":"host,level,path"}},{"term":{"dim.level":"error"}}]}}}`
			response, err := b.elastic.Search(t.Context(), elastic.SearchRequest{Indices: []string{pattern}, Body: json.RawMessage(body)})
			if err != nil {
				t.Fatal(err)
			}
			clear(found)
			for _, hit := range response.Hits.Hits {
				source, err := readSource(hit.Source)
				if err != nil {
					t.Fatal(err)
				}
				found[hit.Index] += source.integer(rollup.FieldCount)
			}
			return found[old] == 1 && found[b.prefix+"-writes-10s-2026.01.02"] == 1
		}, func() string { return fmt.Sprintf("events with the new dimension: %v", found) })
		if !keyword(b.prefix + "-writes-10s-2026.01.02") {
			t.Errorf("the new index does not have the dimension")
		}
		if strings.Contains(run.log.String(), "document rejected") {
			t.Error("documents were rejected")
		}
		run.end()
	})
}
