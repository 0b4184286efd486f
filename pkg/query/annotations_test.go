package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// marks reads a frame of annotations: "from to|title|text|tags" in seconds.
func marks(t *testing.T, frames data.Frames) []string {
	t.Helper()
	if len(frames) != 1 {
		t.Fatalf("%d frames", len(frames))
	}
	var all []string
	f := frames[0]
	for i := range f.Rows() {
		from, _ := f.Fields[0].ConcreteAt(i)
		begin, _ := from.(time.Time)
		line := fmt.Sprint(begin.Unix())
		if to, there := f.Fields[1].ConcreteAt(i); there {
			end, _ := to.(time.Time)
			line += fmt.Sprintf(" to %d", end.Unix())
		}
		for _, field := range f.Fields[2:] {
			line += fmt.Sprintf("|%v", field.At(i))
		}
		all = append(all, line)
	}
	return all
}

func TestAnnotationsTellWhatChangedValues(t *testing.T) {
	entry := testEntry()
	first := entry.DefinitionProgress
	first.Since = 20 * second
	later := first
	later.Definition, later.Since = "new", 60*second
	later.Spec.Where = "level == 1"
	later.Spec.Dimensions = append([]rollup.Field{{Name: "zone", Path: "cloud.zone"}}, first.Spec.Dimensions[1:]...)
	entry.Definitions, entry.DefinitionProgress = []rollup.DefinitionProgress{first, later}, later
	answer := func(_ context.Context, requests []Request) ([]Response, error) {
		responses := make([]Response, len(requests))
		for i, r := range requests {
			if r.Indices[0] == "tidemark-progress" {
				for p, at := range []int{30_000, 31_000, 500_000} {
					responses[i].Hits = append(responses[i].Hits, json.RawMessage(fmt.Sprintf(`{"kind":"replay","partition":"t/%d","lineage":2,"updated_at":%d}`, p, at)))
				}
				continue
			}
			responses[i].Aggregations = []byte(`{"time":{"buckets":[
				{"key":40000,"own":{"total":{"value":1}},"merged":{"value":0},"last":{"value":90000}},
				{"key":10000,"own":{"total":{"value":1000}},"merged":{"value":234},"last":{"value":null}},
				{"key":50000,"own":{"total":{"value":0}},"merged":{"value":0},"last":{"value":null}}]}}`)
		}
		return responses, nil
	}
	for _, c := range []struct {
		kinds []AnnotationKind
		want  []string
	}{
		{[]AnnotationKind{KindCorrections}, []string{
			"15 to 20|1,234 late events|of windows from 1970-01-01T00:00:10Z to 1970-01-01T00:00:20Z|tidemark,corrections",
			"40 to 50|1 late event|of windows from 1970-01-01T00:00:40Z to 1970-01-01T00:00:50Z; the last of them came after 1970-01-01T00:01:30Z of event time|tidemark,corrections",
		}},
		{[]AnnotationKind{KindRedefinitions}, []string{
			"20|rollup defined|definition " + first.Definition + "|tidemark,redefinitions",
			"60|rollup redefined|where level == 1 instead of none; dimension zone (cloud.zone) added; dimension host removed|tidemark,redefinitions",
		}},
		{[]AnnotationKind{KindRestarts}, []string{"30|rebuilt from Kafka|windows were counted again from t/0 and t/1|tidemark,restarts"}},
		{[]AnnotationKind{KindUnsealed}, []string{"100 to 120|not sealed|values after 1970-01-01T00:01:40Z may still grow|tidemark,unsealed"}},
	} {
		in := AnnotationsInput{Query: AnnotationsQuery{Rollup: "log_writes", Kinds: c.kinds}, From: 15 * second, To: 200 * second, Now: 120 * second, Rollup: entry, Prefix: "tidemark"}
		frames, err := Annotations(t.Context(), in, answer)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, marks(t, frames)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", c.kinds, diff)
		}
	}
}

func TestAnnotationsAreBounded(t *testing.T) {
	entry := testEntry()
	day := (24 * time.Hour).Milliseconds()
	entry.Tiers = []rollup.TierProgress{{Tier: entry.Spec.Window}, {Tier: rollup.Tier(time.Minute), Through: 999 * day}}
	var asked []Request
	in := AnnotationsInput{Query: AnnotationsQuery{Kinds: AnnotationKinds()}, From: 0, To: 1000 * day, Now: 2000 * day, Rollup: entry, Prefix: "tidemark"}
	_, err := Annotations(t.Context(), in, func(_ context.Context, requests []Request) ([]Response, error) {
		asked = append(asked, requests...)
		return make([]Response, len(requests)), nil
	})
	if err != nil || len(asked) != 3 {
		t.Fatalf("%v, %d searches", err, len(asked))
	}
	for i, want := range []string{"tidemark-log_writes-1m-*", "tidemark-log_writes-10s-1972.09.26", "tidemark-progress"} {
		if asked[i].Indices[0] != want {
			t.Errorf("search %d asks %s, want %s", i, asked[i].Indices, want)
		}
	}
	if !strings.Contains(string(asked[0].Body), `"fixed_interval":"432000000ms"`) {
		t.Errorf("the spans of 1000 days: %s", asked[0].Body)
	}
	in.From = in.To
	if _, err := Annotations(t.Context(), in, nil); err == nil {
		t.Error("no range is accepted")
	}
}

func TestAnnotationQueriesThatCannotBeAreRefused(t *testing.T) {
	for raw, want := range map[string]string{
		`{`:                                  "read the query",
		`{"rollup":"A*"}`:                    "not a rollup's name",
		`{"rollup":"a","kinds":["deploys"]}`: "corrections, redefinitions, restarts and unsealed are allowed",
		`{"rollup":"` + strings.Repeat("a", maxQueryBytes) + `"}`: "at most",
	} {
		if _, err := ParseAnnotations([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want an error with %q", raw, err, want)
		}
	}
	if q, err := ParseAnnotations([]byte(`{"rollup":"a"}`)); err != nil || len(q.Kinds) != 4 {
		t.Errorf("all kinds are not the default: %v %v", q, err)
	}
}
