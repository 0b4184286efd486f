package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

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
