package rollup_test

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// TestAStoredDocumentIsReadAsItWasWritten writes documents, reads them and writes them again.
func TestAStoredDocumentIsReadAsItWasWritten(t *testing.T) {
	d := definition()
	d.Percentiles = []string{"offset"}
	sketch := rollup.NewSketch()
	sketch.Add(5)
	for _, change := range []func(*rollup.Document){
		func(*rollup.Document) {},
		func(doc *rollup.Document) { doc.Correction = &rollup.Correction{Arrived: doc.Start + 20_000} },
		func(doc *rollup.Document) { doc.Overflow, doc.Dimensions = true, nil },
		func(doc *rollup.Document) { doc.Grouping, doc.Dimensions, doc.LateCount = d.Groupings[2], nil, 1 },
		func(doc *rollup.Document) {
			doc.Measures, doc.Sketches, doc.Distinct = []rollup.Measure{{}}, []*rollup.Sketch{nil}, []*rollup.Distinct{nil}
		},
	} {
		doc := document()
		doc.Partition, doc.Sketches = nil, []*rollup.Sketch{sketch}
		change(&doc)
		want := doc.AppendJSON(nil, &d, "HASH")
		read, err := rollup.ParseDocument(want, &d)
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if got := read.AppendJSON(nil, &d, "HASH"); !bytes.Equal(got, want) {
			t.Errorf("read\n%s, want\n%s", got, want)
		}
	}
}

func TestADocumentOfAnotherDefinitionIsNotRead(t *testing.T) {
	d, doc := definition(), document()
	source := doc.AppendJSON(nil, &d, "HASH")
	other := definition()
	other.Groupings = other.Groupings[1:]
	for name, text := range map[string][]byte{
		"a grouping that the definition lacks": source,
		"what is no JSON":                      []byte("{"),
		"a count that is no number":            []byte(`{"grouping":"path","count":"many"}`),
		"a sketch that is none":                []byte(`{"grouping":"path","d.users":"AQ=="}`),
		"a sketch that is not base64":          []byte(`{"grouping":"path","d.users":"?"}`),
	} {
		if _, err := rollup.ParseDocument(text, &other); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// TestMergedDocumentsSayWhatTheirEventsSay spreads events over documents, and compares the merged one with the one of all events.
func TestMergedDocumentsSayWhatTheirEventsSay(t *testing.T) {
	d := definition()
	d.Percentiles = []string{"offset"}
	empty := func() rollup.Document {
		return rollup.Document{
			Grouping: d.Groupings[2], Measures: make([]rollup.Measure, 1), Sketches: make([]*rollup.Sketch, 1), Conditions: make([]int64, 1), Distinct: make([]*rollup.Distinct, 1),
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		all := empty()
		parts := []rollup.Document{empty(), empty(), empty()}
		parts[2].Correction = &rollup.Correction{}
		for n := range random.IntN(200) {
			p := random.IntN(len(parts))
			value, user := float64(random.IntN(1000)), []byte(strconv.Itoa(random.IntN(50)))
			if p == 2 {
				all.LateCount++
			}
			for _, doc := range []*rollup.Document{&all, &parts[p]} {
				doc.Count++
				doc.Bytes += 10
				doc.Conditions[0] += int64(n % 2)
				if n%3 == 0 {
					continue // an event without the measure and the user
				}
				doc.Measures[0].Add(value)
				if doc.Sketches[0] == nil {
					doc.Sketches[0], doc.Distinct[0] = rollup.NewSketch(), rollup.NewDistinct()
				}
				doc.Sketches[0].Add(value)
				doc.Distinct[0].Add(user)
			}
		}
		merged := empty()
		for i := range parts {
			merged.Merge(&parts[i])
		}
		if got, want := merged.AppendJSON(nil, &d, "HASH"), all.AppendJSON(nil, &d, "HASH"); !bytes.Equal(got, want) {
			t.Fatalf("merged\n%s, want\n%s", got, want)
		}
	}
}

func FuzzDocument(f *testing.F) {
	d, doc := definition(), document()
	f.Add(doc.AppendJSON(nil, &d, "HASH"))
	f.Add([]byte(`{"grouping":"path","dim.path":"x","late":true,"arrived":5,"m.offset.sketch":"AQ==","d.users":"Ag4AAQAAAAAAAAABA2STwAAAAATAp5Ib"}`))
	d.Percentiles = []string{"offset"}
	f.Fuzz(func(t *testing.T, source []byte) {
		read, err := rollup.ParseDocument(source, &d)
		if err != nil {
			return
		}
		again, err := rollup.ParseDocument(read.AppendJSON(nil, &d, "HASH"), &d)
		if err != nil {
			t.Fatalf("%s: what was written is not read: %v", source, err)
		}
		again.Merge(&read)
	})
}
