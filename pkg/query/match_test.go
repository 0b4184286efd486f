package query

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestMatcherTakesWhatTheFilterTakes(t *testing.T) {
	long := strings.Repeat("x", rollup.MaxDimensionBytes+10)
	tests := []struct {
		op     string
		values []string
		takes  []string
		leaves []string
	}{
		{OpOneOf, []string{"a", "b"}, []string{"a", "b"}, []string{"", "ab", "A"}},
		{OpOneOf, []string{""}, []string{""}, []string{"a"}},
		{OpOneOf, []string{long}, []string{rollup.CutDimension(long)}, []string{"x"}},
		{OpNoneOf, []string{"a", "b"}, []string{"", "ab"}, []string{"a", "b"}},
		{OpExists, []string{"passed over"}, []string{"a"}, []string{""}},
		{OpExistsNo, nil, []string{""}, []string{"a"}},
		{OpMatches, []string{"web-[0-9]+"}, []string{"web-1", "web-22"}, []string{"", "web-", "a web-1", "web-1 b"}},
		{OpMatches, []string{"^a|b$"}, []string{"a", "b"}, []string{"ab", "ac", "cb"}},
		{OpMatches, []string{"a", "(?i)b"}, []string{"a", "b", "B"}, []string{"A"}},
		{OpMatches, []string{"a.b"}, []string{"a\nb", "axb"}, []string{"ab"}},
		{OpMatches, []string{"a||b"}, []string{"", "a", "b"}, []string{"c"}},
		{OpMatchesNo, []string{"web-.*", "db"}, []string{"", "db-1"}, []string{"web-", "db"}},
	}
	for _, test := range tests {
		m, err := Filter{Dimension: "host", Op: test.op, Values: test.values}.Compile()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range test.takes {
			if !m.Match(v) {
				t.Errorf("%s %.40q does not take %.40q", test.op, test.values, v)
			}
		}
		for _, v := range test.leaves {
			if m.Match(v) {
				t.Errorf("%s %.40q takes %.40q", test.op, test.values, v)
			}
		}
	}
}

func TestParseFilter(t *testing.T) {
	if m, err := ParseFilter([]byte(`{"dimension":"host","op":"=","values":["b","a","b"]}`)); err != nil || m == nil || strings.Join(m.Values, ",") != "a,b" {
		t.Errorf("filter %v, error %v", m, err)
	}
	if m, err := ParseFilter([]byte(`{"dimension":"host","op":"!=","values":[]}`)); m != nil || err != nil {
		t.Errorf("a filter without values is %v, error %v", m, err)
	}
	for _, bad := range []string{
		``, `[]`, `{}`, `{"dimension":"host","op":"in","values":["a"]}`, `{"dimension":"","op":"=","values":["a"]}`, `{"dimension":"host","op":"=~","values":["("]}`,
		`{"dimension":"host","op":"=~","values":["a)|(b"]}`, `{"dimension":"host","op":"like","values":[]}`,
		`{"dimension":"host","op":"=~","values":["((` + strings.Repeat("a", 900) + `){1000})"]}`,
		`{"dimension":"host","op":"=~","values":["` + strings.Repeat("a", maxPatternBytes+1) + `"]}`,
	} {
		var invalid *InvalidError
		if _, err := ParseFilter([]byte(bad)); !errors.As(err, &invalid) {
			t.Errorf("%.80s: error %v", bad, err)
		}
	}
}
