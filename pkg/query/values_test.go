package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValuesAreSearchedInTheSmallestGrouping(t *testing.T) {
	var asked Request
	search := func(_ context.Context, requests []Request) ([]Response, error) {
		asked = requests[0]
		return []Response{{Aggregations: []byte(`{"values":{"buckets":[{"key":"/b","total":{"value":7.0}},{"key":"","total":{"value":2.0}},{"key":"/c","total":{"value":1.0}}]}}`)}}, nil
	}
	in := ValuesInput{Dimension: "path", Search: "a.B", Limit: 2, From: 12_345, To: 45_678, Rollup: testEntry(), Prefix: "tidemark"}
	values, truncated, err := Values(t.Context(), in, search)
	if diff := cmp.Diff([]Value{{"/b", 7}, {"", 2}}, values); err != nil || !truncated || diff != "" {
		t.Fatalf("%v truncated %t %s", err, truncated, diff)
	}
	for _, part := range []string{`{"term":{"grouping":"path"}}`, `"gte":10000,"lt":50000`, `{"regexp":{"dim.path":{"value":".*[aA]\\.[Bb].*"}}}`, `"size":3`} {
		if !strings.Contains(string(asked.Body), part) {
			t.Errorf("%s is not in %s", part, asked.Body)
		}
	}
	if diff := cmp.Diff([]string{testIndex}, asked.Indices); diff != "" {
		t.Error(diff)
	}
	in.From, in.To, in.Search = 0, 0, ""
	if _, _, err := Values(t.Context(), in, search); err != nil || asked.Indices[0] != "tidemark-log_writes-10s-*" || strings.Contains(string(asked.Body), "range") {
		t.Errorf("%v: all time is asked for as %s %s", err, asked.Indices, asked.Body)
	}
}

func TestValuesRefuseWhatTheyCannotAnswer(t *testing.T) {
	for name, edit := range map[string]func(*ValuesInput){
		`no dimension "zone": it has host and path`: func(in *ValuesInput) { in.Dimension = "zone" },
		"1 to 1000 are allowed":                     func(in *ValuesInput) { in.Limit = 1001 },
		"limit is -1":                               func(in *ValuesInput) { in.Limit = -1 },
		"the time range 5 to 5":                     func(in *ValuesInput) { in.From, in.To = 5, 5 },
		"the search text is too long":               func(in *ValuesInput) { in.Search = strings.Repeat("a", 5000) },
	} {
		in := ValuesInput{Dimension: "path", Rollup: testEntry(), Prefix: "tidemark"}
		edit(&in)
		if _, _, err := Values(t.Context(), in, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
}

func TestCatalogIsReadPageByPage(t *testing.T) {
	s := &store{}
	index := "tidemark-progress"
	spec, err := json.Marshal(testEntry().Spec)
	if err != nil {
		t.Fatal(err)
	}
	var partitions []string
	for i := range catalogPage + 3 {
		name := fmt.Sprintf("t/%d", i)
		partitions = append(partitions, name)
		s.add(index, fmt.Appendf(nil, `{"kind":"partition","rollup":"log_writes","partition":%q,"topic_id":"t","sealed_through":%d}`, name, 1000+i))
	}
	all, err := json.Marshal(partitions)
	if err != nil {
		t.Fatal(err)
	}
	s.add(index, fmt.Appendf(nil, `{"kind":"definition","rollup":"log_writes","definition":"x","since":5,"partitions":%s,"spec":%s}`, all, spec))
	s.add(index, []byte(`{"kind":"cursor","rollup":"log_writes"}`))
	rounds := 0
	catalog, err := LoadCatalog(t.Context(), "tidemark", func(ctx context.Context, requests []Request) ([]Response, error) {
		rounds++
		return s.search(ctx, requests)
	})
	if err != nil {
		t.Fatal(err)
	}
	if rounds != 2 { // all kinds at once, and the second page of the partitions
		t.Errorf("the catalog took %d rounds", rounds)
	}
	entry, found := catalog.Rollup("log_writes")
	if !found || len(entry.Progress) != len(partitions) || entry.Spec.Window != testEntry().Spec.Window {
		t.Fatalf("found %t with %d partitions", found, len(entry.Progress))
	}
	if tidemark, sealed := entry.Tidemark(); !sealed || tidemark != 1000 {
		t.Errorf("the tidemark is %d, %t", tidemark, sealed)
	}
}

func TestCatalogOfNoIndexIsEmpty(t *testing.T) {
	catalog, err := LoadCatalog(t.Context(), "tidemark", (&store{}).search)
	if err != nil || len(catalog.Rollups) != 0 {
		t.Fatalf("%v %v", catalog, err)
	}
}
