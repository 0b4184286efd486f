package event

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// decode reads a document for the given paths.
func decode(t testing.TB, document string, paths ...string) (*Event, error) {
	t.Helper()
	s, d := decoderOf(t, paths...)
	e := s.NewEvent()
	return e, d.Decode([]byte(document), e)
}

// decoderOf makes a schema of the paths, in that order, and a decoder of it.
func decoderOf(t testing.TB, paths ...string) (*Schema, Decoder) {
	t.Helper()
	s := NewSchema()
	for _, path := range paths {
		if _, err := s.Slot(path); err != nil {
			t.Fatal(err)
		}
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	return s, d
}

func show(v Value) string {
	if v.Kind == Number {
		return fmt.Sprintf("number %s=%v", v.Text, v.Number)
	}
	return strings.TrimSpace(v.Kind.String() + " " + string(v.Text))
}

func TestDecodeFindsAFieldInEverySpelling(t *testing.T) {
	tests := []struct{ name, document, path, want string }{
		{"nested", `{"host":{"name":"a"}}`, "host.name", "string a"},
		{"flat", `{"host.name":"a"}`, "host.name", "string a"},
		{"flat inside", `{"log":{"file.path":"/x"}}`, "log.file.path", "string /x"},
		{"flat outside", `{"log.file":{"path":"/x"}}`, "log.file.path", "string /x"},
		{"nested before flat", `{"host":{"name":"a"},"host.name":"b"}`, "host.name", "string a"},
		{"nested after flat", `{"host.name":"b","host":{"name":"a"}}`, "host.name", "string a"},
		{"flat where nesting leads nowhere", `{"host.name":"b","host":{"id":1}}`, "host.name", "string b"},
		{"nested null wins", `{"host.name":"b","host":{"name":null}}`, "host.name", "null"},
		{"shortest key first", `{"a.b":{"c":1},"a":{"b.c":2}}`, "a.b.c", "number 2=2"},
		{"shortest key first, second level", `{"a":{"b.c":1,"b":{"c":2}}}`, "a.b.c", "number 2=2"},
		{"shortest key last, second level", `{"a":{"b":{"c":2},"b.c":1}}`, "a.b.c", "number 2=2"},
		{"missing", `{"host":{"id":"a"}}`, "host.name", "missing"},
		{"through text", `{"host":"a"}`, "host.name", "missing"},
		{"key with an escape", `{"h\u006fst":{"n\/":1}}`, "host.n/", "number 1=1"},
		{"a repeated key, the last counts", `{"a":1,"a":2}`, "a", "number 2=2"},
		{"a repeated object, the last counts", `{"a":{"b":1},"a":{"c":2}}`, "a.b", "missing"},
		{"a repeated object hides nothing flat", `{"a.b":5,"a":{"b":1},"a":{"c":2}}`, "a.b", "number 5=5"},
		{"a repeated key that is no object", `{"a":{"b":1},"a":3}`, "a.b", "missing"},
		{"first of an array of objects", `{"a":[{"b":1},{"b":2}]}`, "a.b", "number 1=1"},
		{"first of arrays in arrays", `{"a":[[{"b":1}],{"b":2}]}`, "a.b", "number 1=1"},
		{"array without the field in its first", `{"a":[{"c":1},{"b":2}]}`, "a.b", "missing"},
		{"empty array", `{"a":[ ]}`, "a.b", "missing"},
		{"whole array", `{"a":[1, "b"]}`, "a", `array [1, "b"]`},
		{"whole object", `{"a":{"b": 1}}`, "a", `object {"b": 1}`},
		{"boolean", `{"a":true}`, "a", "boolean true"},
		{"null", `{"a":null}`, "a", "null"},
		{"number", `{"a":-1.50e2}`, "a", "number -1.50e2=-150"},
		{"large number", `{"a":12345678901234567890}`, "a", "number 12345678901234567890=1.2345678901234567e+19"},
		{"number beyond float64", `{"a":1e999}`, "a", "number 1e999=+Inf"},
		{"negative zero", `{"a":-0}`, "a", "number -0=-0"},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, "a", "string \"\\/\b\f\n\r\té😀"},
		{"lone surrogates", `{"a":"\ud800x\udc00\ud800\u0041"}`, "a", "string \ufffdx\ufffd\ufffdA"},
		{"surrogate before a pair", `{"a":"\ud83d\ud83d\ude00"}`, "a", "string \ufffd😀"},
		{"empty text", `{"a":""}`, "a", "string"},
		{"array with one object", ` [ {"a":1} ] `, "a", "number 1=1"},
		{"byte order mark", "\ufeff{\"a\":1}", "a", "number 1=1"},
		{"white space", "\r\n\t {\"a\" :\n1 } \n", "a", "number 1=1"},
		{"empty object", `{}`, "a", "missing"},
		{"empty key", `{"":1,"a":2}`, "a", "number 2=2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// Other paths of the schema must not change what is found.
			for _, others := range [][]string{nil, {"a", "a.b", "a.b.c", "a.c", "host", "log.file", "log"}} {
				e, err := decode(t, test.document, append([]string{test.path}, others...)...)
				if err != nil {
					t.Fatal(err)
				}
				if got := show(e.Values[0]); got != test.want {
					t.Errorf("%s in %s: got %s, want %s", test.path, test.document, got, test.want)
				}
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct{ document, reason string }{
		{"", ReasonEmpty},
		{" \n", ReasonEmpty},
		{"null", ReasonEmpty},
		{"null x", ReasonNotJSON},
		{"{", ReasonTruncated},
		{`{"a":tru`, ReasonTruncated},
		{`{"a":1`, ReasonTruncated},
		{`{"a":-`, ReasonTruncated},
		{`{"a":1.`, ReasonTruncated},
		{`{"a":1e+`, ReasonTruncated},
		{`{"a":"\u12`, ReasonTruncated},
		{"{\"a\":\"\xc3", ReasonTruncated},
		{`[{"a":1}`, ReasonTruncated},
		{`[{"a":1`, ReasonTruncated},
		{`[`, ReasonTruncated},
		{`{"a":1}}`, ReasonNotJSON},
		{`{"a":1} x`, ReasonNotJSON},
		{`{"a":1}{"a":2}`, ReasonNotJSON},
		{`{"a":1,}`, ReasonNotJSON},
		{`{,}`, ReasonNotJSON},
		{`{a:1}`, ReasonNotJSON},
		{`{"a" 1}`, ReasonNotJSON},
		{`{"a":01}`, ReasonNotJSON},
		{`{"a":+1}`, ReasonNotJSON},
		{`{"a":.5}`, ReasonNotJSON},
		{`{"a":1.e5}`, ReasonNotJSON},
		{`{"a":NaN}`, ReasonNotJSON},
		{`{"a":trUe}`, ReasonNotJSON},
		{`{"a":"\x"}`, ReasonNotJSON},
		{`{"a":"\u12g4"}`, ReasonNotJSON},
		{"{\"a\":\"x\ny\"}", ReasonNotJSON},
		{"{\"a\":\"\x00\"}", ReasonNotJSON},
		{"{\"a\":[1,]}", ReasonNotJSON},
		{"{'a':1}", ReasonNotJSON},
		{"plain text", ReasonNotJSON},
		{"{\"a\":1}\x00", ReasonNotJSON},
		{"{\"a\":\"\xff\"}", ReasonNotUTF8},
		{"{\"\xe4\":1}", ReasonNotUTF8},
		{"{\"a\":\"\xed\xa0\x80\"}", ReasonNotUTF8},
		{`"text"`, ReasonNotObject},
		{`12`, ReasonNotObject},
		{`true `, ReasonNotObject},
		{`[]`, ReasonNotObject},
		{`[1]`, ReasonNotObject},
		{`[{"a":1},{"a":2}]`, ReasonNotObject},
		{`[{"a":1},2]`, ReasonNotObject},
		{`[[{"a":1}]]`, ReasonNotObject},
		{`[{"a":1},]`, ReasonNotJSON},
		{`[{"a":1}] ]`, ReasonNotJSON},
		{`{"a":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`, ReasonTooDeep},
		{strings.Repeat(`{"b":`, MaxDepth) + "{}" + strings.Repeat("}", MaxDepth), ReasonTooDeep},
		{strings.Repeat("[", 100_000), ReasonTooDeep},
	}
	for _, test := range tests {
		e, err := decode(t, test.document, "a", "a.b")
		var decodeError *DecodeError
		if !errors.As(err, &decodeError) || decodeError.Reason != test.reason {
			t.Errorf("%.60q: got %v, want %s", test.document, err, test.reason)
		}
		if e.Values[0].Kind != Missing {
			t.Errorf("%.60q: an event that was refused has a value", test.document)
		}
	}
}

func TestDecodeFindsEveryTruncation(t *testing.T) {
	for _, document := range []string{filebeatDocument, `[{"a":[1,-2.5e+3,true,null,{"b":"\u00e9é\\"}]}]`} {
		for length := 1; length < len(document); length++ {
			_, err := decode(t, document[:length], "host.name", "a", "a.b")
			var refused *DecodeError
			if !errors.As(err, &refused) || refused.Reason != ReasonTruncated {
				t.Fatalf("%q is accepted or not truncated: %v", document[:length], err)
			}
		}
	}
}

func TestDecodeAcceptsTheDeepestDocument(t *testing.T) {
	document := `{"a":` + strings.Repeat("[", MaxDepth-1) + "1" + strings.Repeat("]", MaxDepth-1) + `}`
	for _, paths := range [][]string{{"x"}, {"a"}, {"a.b"}} {
		if _, err := decode(t, document, paths...); err != nil {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

func TestAnEventIsReused(t *testing.T) {
	s := NewSchema()
	slot, err := s.Slot("a")
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		t.Fatal(err)
	}
	e := s.NewEvent()
	for _, step := range []struct{ document, want string }{
		{`{"a":"one\n"}`, "string one\n"}, {`{"b":1}`, "missing"}, {`{"a":"two\n"}`, "string two\n"}, {`{`, "missing"},
	} {
		_ = d.Decode([]byte(step.document), e)
		if got := show(*e.Value(slot)); got != strings.TrimSpace(step.want) {
			t.Errorf("%s: got %q, want %q", step.document, got, step.want)
		}
	}
}

func TestNewDecoderRefusesAnUnknownFormat(t *testing.T) {
	if _, err := NewDecoder("xml", NewSchema()); err == nil {
		t.Error("xml is accepted")
	}
}

const filebeatDocument = `{"@timestamp":"2021-08-14T08:05:49.123Z","@metadata":{"beat":"filebeat","type":"_doc","version":"7.14.0"},"log":{"offset":123456,"file":{"path":"/var/log/app/info.log"}},"message":"2021-08-14 08:05:49.123  INFO 7 --- [nio-8080-exec-1] \u001b[36mc.e.demo.Controller\u001b[0;39m : request \"GET /api/orders/42\" took 35 ms","input":{"type":"log"},"ecs":{"version":"1.10.0"},"host":{"name":"host001","hostname":"host001","architecture":"x86_64","os":{"platform":"centos","version":"7 (Core)","family":"redhat","name":"CentOS Linux","kernel":"3.10.0-1160.el7.x86_64","codename":"Core","type":"linux"},"id":"5b1a3c0c9f4d4a0e8a3c5a1f9a3b7c11","containerized":false,"ip":["10.0.0.11","fe80::f816:3eff:fe5e:1a2b"],"mac":["fa:16:3e:5e:1a:2b"]},"agent":{"ephemeral_id":"0c9e1a8e-4a65-4a0d-9d3f-2f5d3a1b7c55","id":"9f7f3e0a-6b86-4d2e-bb7b-0a1b2c3d4e5f","name":"host001","type":"filebeat","version":"7.14.0","hostname":"host001"}}`

func BenchmarkDecode(b *testing.B) {
	s := NewSchema()
	for _, path := range []string{"@timestamp", "host.name", "log.file.path", "log.offset"} {
		if _, err := s.Slot(path); err != nil {
			b.Fatal(err)
		}
	}
	d, err := NewDecoder("json", s)
	if err != nil {
		b.Fatal(err)
	}
	e := s.NewEvent()
	document := []byte(filebeatDocument)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(document, e); err != nil {
			b.Fatal(err)
		}
	}
}
