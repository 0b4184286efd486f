package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/write"
)

func TestCellsWithOtherSketchesDiffer(t *testing.T) {
	sketch := func(values ...float64) string {
		s := rollup.NewSketch()
		for _, v := range values {
			s.Add(v)
		}
		return base64.StdEncoding.EncodeToString(s.Append(nil))
	}
	distinct := func(values ...string) string {
		s := rollup.NewDistinct()
		for _, v := range values {
			s.Add([]byte(v))
		}
		return base64.StdEncoding.EncodeToString(s.Append(nil))
	}
	window := func(documents ...string) cells {
		c := cells{}
		for _, text := range documents {
			s, err := readSource([]byte(`{"grouping":"total",` + text + `}`))
			if err != nil {
				t.Fatal(err)
			}
			c.add(s)
		}
		return c
	}
	whole := `"count":2,"m.v.count":2,"m.v.sketch":"` + sketch(1, 2) + `","d.u":"` + distinct("a", "b") + `"`
	tests := []struct {
		name      string
		documents []string
		differing int
	}{
		{"the same", []string{whole}, 0},
		{"in two documents", []string{
			`"count":1,"m.v.count":1,"m.v.sketch":"` + sketch(2) + `","d.u":"` + distinct("b", "a") + `"`,
			`"count":1,"m.v.count":1,"m.v.sketch":"` + sketch(1) + `","d.u":"` + distinct("b") + `"`,
		}, 0},
		{"percentiles of other values", []string{strings.Replace(whole, sketch(1, 2), sketch(1, 3), 1)}, 1},
		{"percentiles that cannot be read", []string{strings.Replace(whole, sketch(1, 2), "AAAA", 1)}, 1},
		{"percentiles that are no base64", []string{strings.Replace(whole, sketch(1, 2), "!", 1)}, 1},
		{"no percentiles", []string{strings.Replace(whole, "m.v.sketch", "x", 1)}, 1},
		{"other distinct values, as many", []string{strings.Replace(whole, distinct("a", "b"), distinct("a", "c"), 1)}, 1},
		{"distinct values that cannot be read", []string{strings.Replace(whole, distinct("a", "b"), "AAAA", 1)}, 1},
		{"no distinct values", []string{strings.Replace(whole, "d.u", "x", 1)}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			right, other := window(whole), window(test.documents...)
			if got := right.differing(other); got != test.differing {
				t.Errorf("%d keys differ, want %d", got, test.differing)
			}
			overflow := `"overflow":true,"count":1`
			if got := window(whole, overflow).differing(window(append(test.documents, overflow)...)); got != test.differing {
				t.Errorf("%d totals differ, want %d", got, test.differing)
			}
		})
	}
	for _, damaged := range []string{"AAAA", sketch(1)} { // where the log does not tell for certain which events a window holds
		if w := window(strings.Replace(whole, sketch(1, 2), damaged, 1)); w.within(window(whole), window(whole)) {
			t.Errorf("a window with the percentiles %s is taken for right", damaged)
		}
	}
	if !window(whole).within(window(whole), window(whole)) {
		t.Error("a window that is right is not within itself")
	}
}

// change gives every fifth document of partition 0 other fields, until all changes are made, and returns the start of the first one's window.
func (b *bench) change(changes ...func(fields map[string]any)) int64 {
	b.t.Helper()
	m := &maintenance{store: b.elastic}
	request, n, first := &write.Request{}, 0, int64(0)
	for doc, err := range m.documentsOf(b.t.Context(), b.partitionID(0), rollup.IndexPattern(b.prefix, "writes", rollup.Tier(10*time.Second)), 0, endOfTime) {
		if err != nil {
			b.t.Fatal(err)
		}
		if n++; n%5 != 0 || len(changes) == 0 {
			continue
		}
		fields := map[string]any{}
		for name, text := range doc.fields {
			fields[name] = text
		}
		changes[0](fields)
		source, err := json.Marshal(fields)
		if err != nil {
			b.t.Fatal(err)
		}
		request.Index(doc.index, doc.id, doc.version+1, source)
		if first == 0 {
			first = doc.integer(rollup.FieldTime)
		}
		changes = changes[1:]
	}
	if len(changes) > 0 {
		b.t.Fatalf("partition 0 has only %d documents", n)
	}
	if _, err := b.elastic.Bulk(b.t.Context(), request.Body()); err != nil {
		b.t.Fatal(err)
	}
	return first
}

// TestReplayMendsSketches damages sketches, which keeps the coarser tiers from being made until a replay has mended them.
func TestReplayMendsSketches(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration, run := b.startTiered("\n        percentiles: [n]\n        distinct: {paths: path}")
		set := func(field, value string) func(map[string]any) {
			return func(fields map[string]any) { fields[field] = value }
		}
		remove := func(field string) func(map[string]any) {
			return func(fields map[string]any) { delete(fields, field) }
		}
		first := b.change(set("m.n.sketch", "AAAA"), remove("m.n.sketch"), set("d.paths", "AAAA"), remove("d.paths"))

		from := time.UnixMilli(first).UTC().Format(time.RFC3339)
		what := fmt.Sprintf("of the window at %s of rollup \"writes\": read a sketch", from)
		how := "tidemark replay --rollup writes --from " + from
		code, out := b.command("downsample", "--config", configuration, "--from", "2025-12-31T00:00:00Z", "--to", "2026-01-01T01:00:00Z")
		if code != exitFailure || !strings.Contains(out, what) || !strings.Contains(out, how) {
			t.Errorf("downsample: exit status %d:\n%s", code, out)
		}
		failing := func() string { return run.status().Streams[0].Rollups[0].TiersFailing }
		run.eventually(func() bool { return strings.Contains(failing(), how) }, func() string { return "/status says of the tiers: " + failing() })
		if code, body := run.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, how) {
			t.Errorf("readyz %d: %s", code, body)
		}

		dry := b.must("replay", "--config", configuration, "--from", replayFrom, "--dry-run")
		if sums := report(dry); sums["windows that differed"] == "0" {
			t.Errorf("the dry run says:\n%s", dry)
		}
		if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["documents written"] == "0" {
			t.Errorf("the replay says:\n%s", out)
		}
		if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["windows that differed"] != "0" {
			t.Errorf("a second replay says:\n%s", out)
		}
		run.eventually(func() bool { return failing() == "" && run.status().Ready }, func() string { return "/status says of the tiers: " + failing() })
		b.await(run)
		b.awaitTiers(run)
		run.end()
	})
}
