package event

import (
	"strings"
	"testing"
)

func TestValueAsANumberAndAsADimension(t *testing.T) {
	tests := []struct {
		json      string
		number    float64
		finite    bool
		dimension string
	}{
		{`12.5`, 12.5, true, "12.5"},
		{`-0`, 0, true, "-0"},
		{`1e999`, 0, false, "1e999"},
		{`"12.50"`, 12.5, true, "12.50"},
		{`"123456789012345678"`, 123456789012345678, true, "123456789012345678"},
		{`" 1"`, 0, false, " 1"},
		{`"1e999"`, 0, false, "1e999"},
		{`"NaN"`, 0, false, "NaN"},
		{`"0x10"`, 0, false, "0x10"},
		{`""`, 0, false, ""},
		{`"text"`, 0, false, "text"},
		{`true`, 0, false, "true"},
		{`null`, 0, false, ""},
		{`{}`, 0, false, ""},
		{`[]`, 0, false, ""},
		{`[ 7, 8]`, 7, true, "7"},
		{`["a\n", 8]`, 0, false, "a\n"},
		{`[[], 8]`, 0, false, ""},
		{`[["5"]]`, 5, true, "5"},
		{`[{"a":1}]`, 0, false, ""},
	}
	for _, test := range tests {
		e, err := decode(t, `{"v":`+test.json+`}`, "v")
		if err != nil {
			t.Fatal(err)
		}
		number, finite := e.Values[0].Float()
		if finite != test.finite || (finite && number != test.number) {
			t.Errorf("%s: got %v, %v", test.json, number, finite)
		}
		if got := string(e.Values[0].Dimension()); got != test.dimension {
			t.Errorf("%s: got dimension %q", test.json, got)
		}
	}
}

func TestElementsOfAnArray(t *testing.T) {
	e, err := decode(t, `{"v":[1, "a\t" ,[2],null,{"b":[3]}],"w":"x"}`, "v", "w")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for element := range e.Values[0].Elements() {
		got = append(got, show(element))
	}
	if want := "number 1=1|string a|array [2]|null|object {\"b\":[3]}"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
	for range e.Values[1].Elements() {
		t.Error("text has elements")
	}
	for range e.Values[0].Elements() {
		break
	}
}

func TestSchemaRefusesMalformedPaths(t *testing.T) {
	long := strings.Repeat("a", maxPathBytes+1)
	for _, path := range []string{"", ".", "a.", ".a", "a..b", long, strings.Repeat("a.", maxPathSegments) + "a", "a\xff"} {
		if _, err := NewSchema().Slot(path); err == nil {
			t.Errorf("%.40q is accepted", path)
		}
	}
	s := NewSchema()
	for i, path := range []string{"a", "b.c", "@timestamp", "with space", strings.Repeat("a.", maxPathSegments-1) + "a"} {
		slot, err := s.Slot(path)
		if err != nil || int(slot) != i {
			t.Errorf("%s: got slot %d, %v", path, slot, err)
		}
		if again, err := s.Slot(path); err != nil || again != slot {
			t.Errorf("%s: got slot %d at the second time", path, again)
		}
	}
}

func TestTextsOfAnEventStayWhileItsMemoryGrows(t *testing.T) {
	e := NewSchema().NewEvent()
	first := append(e.Alloc(3), "abc"...)
	var all [][]byte
	for range 100 {
		all = append(all, append(e.Alloc(50), strings.Repeat("x", 50)...))
	}
	if string(first) != "abc" {
		t.Errorf("the first text became %q", first)
	}
	for _, text := range all {
		if string(text) != strings.Repeat("x", 50) {
			t.Errorf("a text became %q", text)
		}
	}
	if grown := append(e.Alloc(1), "more than asked for"...); string(grown) != "more than asked for" {
		t.Errorf("got %q", grown)
	}
}
