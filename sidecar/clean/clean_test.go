package clean

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
)

// run cleans a document for the given paths, and shows their values: "path=kind text" joined by "; ", or "dropped".
func run(t testing.TB, steps []config.Step, document string, paths ...string) string {
	t.Helper()
	s := event.NewSchema()
	slots := make([]event.Slot, len(paths))
	for i, path := range paths {
		slot, err := s.Slot(path)
		if err != nil {
			t.Fatal(err)
		}
		slots[i] = slot
	}
	c, err := Compile(steps, s)
	if err != nil {
		t.Fatal(err)
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	e := s.NewEvent()
	if err := d.Decode([]byte(document), e); err != nil {
		t.Fatal(err)
	}
	if !c.Clean(e) {
		return "dropped"
	}
	var shown []string
	for i, path := range paths {
		v := e.Value(slots[i])
		shown = append(shown, strings.TrimSpace(path+"="+v.Kind.String()+" "+string(v.Text)))
	}
	return strings.Join(shown, "; ")
}

func TestSteps(t *testing.T) {
	type fields = map[string]string
	tests := []struct {
		name, document, paths, want string
		steps                       []config.Step
	}{
		{"no steps", `{"a":1}`, "a", "a=number 1", nil},
		{"strip_ansi", `{"a":"\u001b[31mx\u001b[0m"}`, "a", "a=string x", []config.Step{{StripANSI: []string{"a", "unused"}}}},
		{"strip_ansi leaves numbers", `{"a":1}`, "a", "a=number 1", []config.Step{{StripANSI: []string{"a"}}}},
		{"strip_ansi in an array", `{"a":["\u001b[31mx",2,null,{"b":"\u001b["}]}`, "a", `a=array ["x",2,null,{"b":"\u001b["}]`, []config.Step{{StripANSI: []string{"a"}}}},
		{"lowercase", `{"a":"MiXed ÄÖ ẞ"}`, "a", "a=string mixed äö ß", []config.Step{{Lowercase: []string{"a"}}}},
		{"lowercase that needs more bytes", `{"a":"ȺȺȺȺȺȺȺȺ"}`, "a", "a=string ⱥⱥⱥⱥⱥⱥⱥⱥ", []config.Step{{Lowercase: []string{"a"}}}},
		{"lowercase in an array", `{"a":["A\"","B"]}`, "a", `a=array ["a\"","b"]`, []config.Step{{Lowercase: []string{"a"}}}},
		{"drop", `{"a":1}`, "a", "dropped", []config.Step{{Drop: "a == 1"}}},
		{"drop others", `{"a":2}`, "a", "a=number 2", []config.Step{{Drop: "a == 1"}}},
		{"keep", `{"a":1}`, "a", "a=number 1", []config.Step{{Keep: "a == 1"}}},
		{"keep others", `{"a":2}`, "a", "dropped", []config.Step{{Keep: "a == 1"}}},
		{"keep what cannot be evaluated", `{}`, "a", "dropped", []config.Step{{Keep: "a > 1"}}},
		{"a condition sees what the steps before it did", `{"a":"X"}`, "a", "dropped", []config.Step{{Lowercase: []string{"a"}}, {Drop: `a == "x"`}}},
		{"a condition does not see what the steps after it do", `{"a":"X"}`, "a", "a=string x", []config.Step{{Drop: `a == "x"`}, {Lowercase: []string{"a"}}}},
		{"rename", `{"a":1}`, "b a", "b=number 1; a=missing", []config.Step{{Rename: fields{"a": "b"}}}},
		{"rename of an object", `{"agent":{"name":"x","id":7}}`, "beat.name agent.name agent.id beat", `beat.name=string x; agent.name=missing; agent.id=missing; beat=object {"name":"x","id":7}`,
			[]config.Step{{Rename: fields{"agent": "beat"}}}},
		{"rename of flat keys", `{"agent.name":"x"}`, "beat.name", "beat.name=string x", []config.Step{{Rename: fields{"agent": "beat"}}}},
		{"rename replaces what is there, field by field", `{"a":{"x":1},"b":{"x":2,"y":3}}`, "b.x b.y", "b.x=number 1; b.y=number 3", []config.Step{{Rename: fields{"a": "b"}}}},
		{"rename of flat keys, field by field", `{"a.x":1,"b.x":2,"b.y":3}`, "b.x b.y", "b.x=number 1; b.y=number 3", []config.Step{{Rename: fields{"a": "b"}}}},
		{"rename to what nothing uses", `{"a":{"b":1},"d":2}`, "a.b d", "a.b=missing; d=number 2", []config.Step{{Rename: fields{"a.b": "c"}}}},
		{"rename to what something uses", `{"a":{"b":1}}`, "a.b c", "a.b=missing; c=number 1", []config.Step{{Rename: fields{"a.b": "c"}}}},
		{"rename of an object over a value", `{"a":{"b":1},"c":2}`, "a.b c c.b", "a.b=missing; c=number 2; c.b=number 1", []config.Step{{Rename: fields{"a": "c"}}}},
		{"rename of flat keys over a value", `{"a.b":1,"c":2}`, "a.b c c.b", "a.b=missing; c=number 2; c.b=number 1", []config.Step{{Rename: fields{"a": "c"}}}},
		{"rename of a value over an object", `{"a":1,"c":{"b":2}}`, "c c.b", "c=number 1; c.b=number 2", []config.Step{{Rename: fields{"a": "c"}}}},
		{"rename of a value over flat keys", `{"a":1,"c.b":2}`, "c c.b", "c=number 1; c.b=number 2", []config.Step{{Rename: fields{"a": "c"}}}},
		{"rename swaps an object and a value", `{"a":{"x":1},"b":2}`, "a a.x b b.x", `a=number 2; a.x=missing; b=object {"x":1}; b.x=number 1`, []config.Step{{Rename: fields{"a": "b", "b": "a"}}}},
		{"rename without the source", `{"b":{"y":3}}`, "b.y", "b.y=number 3", []config.Step{{Rename: fields{"a": "b"}}}},
		{"rename of null", `{"a":null,"b":1}`, "b", "b=null", []config.Step{{Rename: fields{"a": "b"}}}},
		{"rename swaps", `{"a":1,"b":2}`, "a b", "a=number 2; b=number 1", []config.Step{{Rename: fields{"a": "b", "b": "a"}}}},
		{"rename in a row", `{"a":1}`, "c b a", "c=number 1; b=missing; a=missing", []config.Step{{Rename: fields{"a": "b"}}, {Rename: fields{"b": "c"}}}},
		{"rename into itself", `{"a":1}`, "a.b a", "a.b=number 1; a=missing", []config.Step{{Rename: fields{"a": "a.b"}}}},
		{"rename out of itself", `{"a":{"b":{"c":1}}}`, "a.c a.b.c", "a.c=number 1; a.b.c=missing", []config.Step{{Rename: fields{"a.b": "a"}}}},
		{"set", `{"a":{"b":1}}`, "a a.b", "a=string x; a.b=missing", []config.Step{{Set: map[string]any{"a": "x"}}}},
		{"set numbers and booleans", `{}`, "a b c.d", "a=number 1.5; b=boolean true; c.d=boolean false", []config.Step{{Set: map[string]any{"a": 1.5, "b": true, "c.d": false}}}},
		{"remove", `{"a":{"b":1},"c":2}`, "a.b c", "a.b=missing; c=number 2", []config.Step{{Remove: []string{"a"}}}},
		{"remove leaves what has the same beginning", `{"ab":1}`, "ab", "ab=number 1", []config.Step{{Remove: []string{"a"}}}},
		{"remove, then set again", `{"a":1}`, "a", "a=number 2", []config.Step{{Remove: []string{"a"}}, {Set: map[string]any{"a": 2.0}}}},
		{"rename, then change", `{"a":"X"}`, "b", "b=string x", []config.Step{{Rename: fields{"a": "b"}}, {Lowercase: []string{"b"}}}},
		{"change, then rename", `{"a":"X"}`, "b", "b=string x", []config.Step{{Lowercase: []string{"a"}}, {Rename: fields{"a": "b"}}}},
		{"convert in an array", `{"a":["1","x",2,[3],null]}`, "a", `a=array [1,2,null]`, []config.Step{{Convert: fields{"a": "number"}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := run(t, test.steps, test.document, strings.Fields(test.paths)...); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestConvert(t *testing.T) {
	tests := []struct{ kind, json, want string }{
		{"number", `"12.50"`, "number 12.50"},
		{"number", `" +7 "`, "number 7"},
		{"number", `"-1e3"`, "number -1e3"},
		{"number", `8`, "number 8"},
		{"number", `true`, "number 1"},
		{"number", `false`, "number 0"},
		{"number", `null`, "null"},
		{"number", `"x"`, "missing"},
		{"number", `""`, "missing"},
		{"number", `"+-1"`, "missing"},
		{"number", `"0x1"`, "missing"},
		{"number", `"1_000"`, "missing"},
		{"number", `"Infinity"`, "missing"},
		{"number", `{}`, "missing"},
		{"string", `1.50`, "string 1.50"},
		{"string", `true`, "string true"},
		{"string", `"x"`, "string x"},
		{"string", `null`, "null"},
		{"string", `{}`, "missing"},
		{"boolean", `"TRUE"`, "boolean true"},
		{"boolean", `" yes "`, "boolean true"},
		{"boolean", `"off"`, "boolean false"},
		{"boolean", `"0"`, "boolean false"},
		{"boolean", `0`, "boolean false"},
		{"boolean", `-2`, "boolean true"},
		{"boolean", `true`, "boolean true"},
		{"boolean", `"maybe"`, "missing"},
		{"boolean", `{}`, "missing"},
		{"boolean", `null`, "null"},
	}
	for _, test := range tests {
		got := run(t, []config.Step{{Convert: map[string]string{"a": test.kind}}}, `{"a":`+test.json+`}`, "a")
		if got != "a="+test.want {
			t.Errorf("%s to %s: got %s, want %s", test.json, test.kind, got, test.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		step         config.Step
		key, message string
	}{
		{config.Step{Drop: "a =="}, "drop", "more is expected"},
		{config.Step{Keep: "1"}, "keep", "true or false"},
		{config.Step{StripANSI: []string{"a", "b..c"}}, "strip_ansi[1]", "empty segment"},
		{config.Step{Lowercase: []string{""}}, "lowercase[0]", "empty"},
		{config.Step{Remove: []string{"a."}}, "remove[0]", "empty segment"},
		{config.Step{Set: map[string]any{"a.": 1.0}}, "set.a.", "empty segment"},
		{config.Step{Set: map[string]any{"a": 1.0, "a.b": 2.0}}, "set.a.b", "inside a"},
		{config.Step{Set: map[string]any{"a": []any{}}}, "set.a", "neither a string"},
		{config.Step{Rename: map[string]string{"a": "a"}}, "rename.a", "itself"},
		{config.Step{Rename: map[string]string{"a": "c", "b": "c"}}, "rename.b", "two fields"},
		{config.Step{Rename: map[string]string{"a": "c", "b": "c.d"}}, "rename.b", "inside c"},
		{config.Step{Rename: map[string]string{"a.b": "c", "a": "d"}}, "rename.a.b", "a.b is inside a, which the same step moves"},
		{config.Step{Rename: map[string]string{"a.": "c"}}, "rename.a.", "empty segment"},
		{config.Step{Rename: map[string]string{"a": "c."}}, "rename.a", "empty segment"},
		{config.Step{Convert: map[string]string{"a": "date"}}, "convert.a", "no type"},
		{config.Step{Convert: map[string]string{".a": "string"}}, "convert..a", "empty segment"},
	}
	for _, test := range tests {
		_, err := Compile([]config.Step{{Remove: []string{"x"}}, test.step}, event.NewSchema())
		var at *StepError
		if !errors.As(err, &at) || at.Step != 1 || at.Key != test.key || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%+v: got %v", test.step, err)
		}
	}
}

func TestCompileRefusesEverythingAtOnce(t *testing.T) {
	_, err := Compile([]config.Step{
		{Drop: "a =="},
		{Remove: []string{"a.", "b", "c."}},
		{Set: map[string]any{"a": []any{}, "b.": 1.0}},
		{Rename: map[string]string{"a": "a", "b": "c.", "d": "e", "f": "e"}},
		{Convert: map[string]string{"a": "date", "b.": "string"}},
		{Lowercase: []string{"a.", ".b"}},
	}, event.NewSchema())
	if n := strings.Count(fmt.Sprint(err), "cleaning step"); n != 12 {
		t.Errorf("%d mistakes were found, not 12:\n%v", n, err)
	}
}

func TestCleanDoesNotChangeTheRecord(t *testing.T) {
	s := event.NewSchema()
	for _, path := range []string{"a", "b", "c"} {
		if _, err := s.Slot(path); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Compile([]config.Step{
		{Lowercase: []string{"a", "b"}}, {StripANSI: []string{"a", "b"}}, {Convert: map[string]string{"c": "number"}}, {Rename: map[string]string{"a": "b"}},
	}, s)
	if err != nil {
		t.Fatal(err)
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	const document = "{\"a\":\"ABC\u009b31mD\",\"b\":[\"X\"],\"c\":\"true\"}"
	value, e := []byte(document), s.NewEvent()
	if err := d.Decode(value, e); err != nil {
		t.Fatal(err)
	}
	c.Clean(e)
	if string(value) != document {
		t.Errorf("the record's value became %q", value)
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte(`{"a":"\u001b[31mX","b":{"c":[1,"2",{"d":null}]},"e":["A","\u001b]0;"]}`))
	f.Add([]byte(`{"a":[[["x"]]],"b.c":true,"e":{"f":1}}`))
	s := event.NewSchema()
	paths := []string{"a", "b", "b.c", "e", "g.f", "g"}
	for _, path := range paths {
		if _, err := s.Slot(path); err != nil {
			f.Fatal(err)
		}
	}
	c, err := Compile([]config.Step{
		{StripANSI: []string{"a", "e", "b.c"}},
		{Lowercase: []string{"a", "e"}},
		{Convert: map[string]string{"b.c": "number", "e": "string", "a": "boolean"}},
		{Rename: map[string]string{"e": "g", "a": "b"}},
		{Drop: `b == "drop" or any(g, # == "drop")`},
		{Set: map[string]any{"a": 1.0}},
	}, s)
	if err != nil {
		f.Fatal(err)
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		f.Fatal(err)
	}
	e := s.NewEvent()
	f.Fuzz(func(t *testing.T, document []byte) {
		if d.Decode(document, e) != nil {
			return
		}
		c.Clean(e)
		for i := range paths {
			v := e.Values[i]
			v.Float()
			v.Dimension()
			v.Any() // panics where a step leaves something that is not JSON
			for element := range v.Elements() {
				element.Any()
			}
		}
	})
}
