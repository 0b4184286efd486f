package rollup_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func definition() rollup.Definition {
	d := rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10 * time.Second), MaxKeys: 10,
		Dimensions: []rollup.Field{{Name: "path", Path: "log.file.path"}, {Name: "host", Path: "host.name"}},
		Measures:   []rollup.Field{{Name: "offset", Path: "log.offset"}},
		Conditions: []rollup.Condition{{Name: "errors", Expr: "level == 'error'"}},
		Distinct:   []rollup.Field{{Name: "users", Path: "user.id"}},
		Groupings:  []rollup.Grouping{{"path"}, {}, {"path"}},
	}
	d.Normalize()
	return d
}

func document() rollup.Document {
	d := definition()
	return rollup.Document{
		Start: 1_767_225_600_000, Partition: &rollup.Partition{Topic: "t", TopicID: [16]byte{7}, Number: 3}, Grouping: d.Groupings[0],
		Dimensions: []string{"a", `/x"y`}, Count: 2, Bytes: 30, Measures: []rollup.Measure{{Count: 1, Sum: 5, Min: 5, Max: 5}}, Conditions: []int64{1},
		Distinct: []*rollup.Distinct{users("a")}, LastOffset: 9,
	}
}

func users(names ...string) *rollup.Distinct {
	d := rollup.NewDistinct()
	for _, name := range names {
		d.Add([]byte(name))
	}
	return d
}

// TestDocumentIsEncodedAsDocumented pins the form that readers rely on, and the identity: another one would double what is stored already.
func TestDocumentIsEncodedAsDocumented(t *testing.T) {
	d, doc := definition(), document()
	const want = `{"@timestamp":1767225600000,"partition":"t/3","topic_id":"07000000000000000000000000000000","grouping":"host,path","definition":"HASH","dim.host":"a","dim.path":"/x\"y","count":2,"bytes":30,` +
		`"m.offset.count":1,"m.offset.sum":5,"m.offset.min":5,"m.offset.max":5,"c.errors":1,"d.users":"Ag4AAQAAAAAAAAABA2STwAAAAATAp5Ib","_doc_count":2}`
	if got := string(doc.AppendJSON(nil, &d, "HASH")); got != want {
		t.Errorf("document\n%s, want\n%s", got, want)
	}
	if got, want := doc.ID("HASH"), "Ag8xZldIY-EbgUQiJyTcQA"; got != want {
		t.Errorf("id %s, want %s", got, want)
	}
}

func TestEveryPartOfTheIdentityCounts(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*rollup.Document){
		"as it is":         func(*rollup.Document) {},
		"start":            func(d *rollup.Document) { d.Start++ },
		"topic id":         func(d *rollup.Document) { d.Partition.TopicID[0]++ },
		"partition number": func(d *rollup.Document) { d.Partition.Number++ },
		"no partition":     func(d *rollup.Document) { d.Partition = nil },
		"grouping":         func(d *rollup.Document) { d.Grouping = rollup.Grouping{"host", "paths"} },
		"values":           func(d *rollup.Document) { d.Dimensions = []string{"a/", `x"y`} },
		"overflow":         func(d *rollup.Document) { d.Overflow = true },
		"correction":       func(d *rollup.Document) { d.Correction = &rollup.Correction{Arrived: 5, Opened: 6} },
		"arrival":          func(d *rollup.Document) { d.Correction = &rollup.Correction{Arrived: 6, Opened: 6} },
		"opening offset":   func(d *rollup.Document) { d.Correction = &rollup.Correction{Arrived: 5, Opened: 7} },
	} {
		doc := document()
		change(&doc)
		id := doc.ID("HASH")
		if other, taken := seen[id]; taken {
			t.Errorf("%s and %s have the same identity", name, other)
		}
		seen[id] = name
	}
	doc := document()
	if _, taken := seen[doc.ID("OTHER")]; taken {
		t.Error("the definition does not count")
	}
}

func TestNumbersStayWhatJSONAndElasticsearchHold(t *testing.T) {
	d, doc := definition(), document()
	doc.Count = math.MaxInt32 + 5
	doc.Measures = []rollup.Measure{{Count: 2, Sum: math.Inf(1), Min: -math.MaxFloat64, Max: math.SmallestNonzeroFloat64}}
	var got map[string]any
	if err := json.Unmarshal(doc.AppendJSON(nil, &d, ""), &got); err != nil {
		t.Fatal(err)
	}
	if got["m.offset.sum"] != math.MaxFloat64 || got["m.offset.min"] != -math.MaxFloat64 || got["m.offset.max"] != math.SmallestNonzeroFloat64 {
		t.Errorf("document %v", got)
	}
	if got["_doc_count"] != float64(math.MaxInt32) || got["count"] != float64(math.MaxInt32+5) {
		t.Errorf("counts %v and %v", got["_doc_count"], got["count"])
	}
	doc.Measures[0].Count = 0
	if text := string(doc.AppendJSON(nil, &d, "")); strings.Contains(text, "m.offset") {
		t.Errorf("a measure without values is written: %s", text)
	}
}

func FuzzDimensionsSurviveEncoding(f *testing.F) {
	for _, s := range []string{"", "a", "\x00\x1f\"\\\u007f", "größe €😀", "\xff\xc3(", "\u2028"} {
		f.Add(s)
	}
	d := definition()
	f.Fuzz(func(t *testing.T, value string) {
		doc := document()
		doc.Dimensions = []string{value, "x"}
		var got map[string]any
		text := doc.AppendJSON(nil, &d, "")
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := strings.ToValidUTF8(value, "\ufffd"); utf8.ValidString(value) && got["dim.host"] != want {
			t.Errorf("%q became %q", value, got["dim.host"])
		}
	})
}

func TestDimensionsAreCutBetweenCharacters(t *testing.T) {
	for _, value := range []string{strings.Repeat("a", rollup.MaxDimensionBytes), strings.Repeat("é", rollup.MaxDimensionBytes), "a" + strings.Repeat("😀", rollup.MaxDimensionBytes)} {
		cut := rollup.CutDimension(value)
		if len(cut) > rollup.MaxDimensionBytes || len(cut) < min(len(value), rollup.MaxDimensionBytes-3) || !utf8.ValidString(cut) || !strings.HasPrefix(value, cut) {
			t.Errorf("%d bytes were cut to %d: valid %t", len(value), len(cut), utf8.ValidString(cut))
		}
	}
}

func TestNewerLineagesHaveLargerVersions(t *testing.T) {
	if a, b := rollup.Version(0, 1<<48-2), rollup.Version(1, 0); a >= b {
		t.Errorf("lineage 0 reaches %d, lineage 1 begins at %d", a, b)
	}
	if rollup.Version(0, 0) != 1 {
		t.Error("the first version is not 1, the least that Elasticsearch accepts")
	}
}

func ExampleTier_Start() {
	tier, _ := rollup.ParseTier("10s")
	fmt.Println(tier.Start(1_767_225_609_999), tier)
	// Output: 1767225600000 10s
}

func TestSumsBeyondTheRangeCanBeMerged(t *testing.T) {
	var up, down rollup.Measure
	for range 3 {
		up.Add(math.MaxFloat64)
		down.Add(-math.MaxFloat64)
	}
	up.Merge(down)
	if math.IsNaN(up.Sum) || up.Count != 6 {
		t.Errorf("%+v", up)
	}
}
