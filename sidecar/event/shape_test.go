package event

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

var shapePaths = []string{"host.name", "log.offset", "@timestamp", "tags", "a", "a.b", "x.y"}

// pairOfEvents decodes documents twice: with what was kept of those before, and without.
type pairOfEvents struct {
	decoder     Decoder
	kept, fresh *Event
	schema      *Schema
}

func newPair(t testing.TB, paths ...string) *pairOfEvents {
	t.Helper()
	s, d := decoderOf(t, paths...)
	return &pairOfEvents{decoder: d, kept: s.NewEvent(), fresh: s.NewEvent(), schema: s}
}

// check decodes a document, and fails where a shape made a difference. It reports whether one matched.
func (p *pairOfEvents) check(t testing.TB, document string) bool {
	t.Helper()
	hits := p.kept.shape.hits
	got := p.decoder.Decode([]byte(document), p.kept)
	p.fresh.shape = shape{}
	want := p.decoder.Decode([]byte(document), p.fresh)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%q: %v with shapes, %v without", document, got, want)
	}
	for slot, v := range p.fresh.Values {
		if k := p.kept.Values[slot]; k.Kind != v.Kind || !bytes.Equal(k.Text, v.Text) || k.Kind == Number && !reflect.DeepEqual(k.Number, v.Number) {
			t.Fatalf("%q: %s is %s with shapes, %s without", document, p.schema.Paths()[slot], show(k), show(v))
		}
	}
	return p.kept.shape.hits > hits
}

func TestDocumentsOfOneProducerMatchAShape(t *testing.T) {
	documents := func(i int) []string {
		return []string{
			fmt.Sprintf(`{"@timestamp":"2026-01-01T00:00:%02dZ","host":{"name":"web-%d","ip":["10.0.0.%d"],"up":%t},"log":{"offset":%d},"message":"line %d"}`, i, i%7, i, i%2 == 0, i*i*100, i),
			fmt.Sprintf(`[{"host.name":"h","log":{"offset":%d.5},"tags":["a",%d],"note":%s}]`+"\n", i, i, []string{"null", `"é\n"`, `{"deep":[1,{}]}`}[i%3]),
		}
	}
	p := newPair(t, shapePaths...)
	matched := 0
	for i := range 60 {
		for _, document := range documents(i) {
			if p.check(t, document) {
				matched++
			}
		}
	}
	if matched < 110 {
		t.Errorf("only %d of 120 documents matched a shape", matched)
	}
}

func TestAShapeDecidesNothing(t *testing.T) {
	base := `{"host":{"name":"a"},"log":{"offset":12},"tags":["x"],"a":"text","x":{"y":true},"n":1}`
	p := newPair(t, shapePaths...)
	for _, change := range []string{
		`"a"`, `"a`, `"b"`, `"é"`, `"\xff"`, "\"\xc3\"", "\"\x01\"", `"\u00e9"`, `"\ud800"`, `"\x"`, "null", "1", "-", "01", "1e", "{}", `{"y":1}`, `[]`, `[{"b":1}]`, `[1,]`, "tru", "true", `"a","name":"b"`, `"a" `, "",
		`"` + strings.Repeat("long ", 100) + `"`, strings.Repeat("[", MaxDepth+1), strings.Repeat("9", 400),
	} {
		for _, old := range []string{`"a"`, "12", `["x"]`, `"text"`, "true", `"n":1`, "1}"} {
			for range 2 {
				p.check(t, base)
				p.check(t, strings.Replace(base, old, change, 1))
				p.check(t, strings.Replace(base, old, change, 1)+" ")
			}
		}
	}
	for i := range len(base) {
		p.check(t, base[:i])
		p.check(t, base+base[i:])
	}
}

func TestObjectsThatAreKnownLeaveOutNothing(t *testing.T) {
	p := newPair(t, "host.name", "host.os.name", "a.b", "x.y")
	documents := []string{
		`{"host":{"id":1}}`, `{"host":{"name":"a","os":{"name":"b"}}}`, `{"host.name":"x","host":{"id":1}}`, `{"host":{"id":1},"host.name":"y"}`, `{"host":{"id":1}}`,
		`{"a":{"b":{"c":[1]}},"x":{"y":null}}`, `{"x":{"y":null},"a":{"b":{"c":[1]}}}`, `{"a":{"b":"\u00e9"},"a":{"b":"\u00e9"}}`, `{"a":{"b":"\u00e9"}}`, `{"a":{"b":"\u00e9"`, `{"a":{"b":"\u00e9"}x`,
		`[{"a":{"b":"\u00e9"}}]`, `{"deep":` + strings.Repeat(`{"a":`, MaxDepth-2) + `{"b":1}` + strings.Repeat("}", MaxDepth-1), `[{"deep":` + strings.Repeat(`{"a":`, MaxDepth-2) + `{"b":1}` + strings.Repeat("}", MaxDepth-1) + "]",
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 5_000 {
		p.check(t, strings.ReplaceAll(documents[rnd.IntN(len(documents))], `"id":1`, fmt.Sprintf(`"id":%d`, rnd.IntN(5))))
	}
}

func TestDocumentsWithoutACommonShapeAreReadAllTheSame(t *testing.T) {
	p := newPair(t, shapePaths...)
	for i := range 5_000 {
		p.check(t, fmt.Sprintf(`{"key%d":%d,"host":{"name":"h%d"},"k%d":{}}`, i, i, i, i))
	}
	if n := len(p.kept.shape.root.members); n > maxMembers {
		t.Errorf("%d members are kept", n)
	}
	if p.kept.shape.pause < 16 {
		t.Errorf("a shape that never serves learns every %d documents", p.kept.shape.pause)
	}
}

func TestAnEventOfAnotherDecoderHasItsOwnShapes(t *testing.T) {
	p, q := newPair(t, "a", "b"), newPair(t, "b", "a")
	q.kept = p.kept
	for range 10 {
		p.check(t, `{"a":1,"b":"x"}`)
		q.check(t, `{"a":1,"b":"x"}`)
	}
}

// FuzzShapes decodes documents one after the other: what is kept of one must not change what the next one gives.
func FuzzShapes(f *testing.F) {
	f.Add(`{"host":{"name":"a"},"a":1}`, `{"host":{"name":"b"},"a":2}`, `{"host":{"name":"\u00e9"},"a":{"b":2}}`)
	f.Add(`[{"a":{"b":[1,2]},"tags":[]}]`, `[{"a":{"b":[3]},"tags":["x"]}] `, `[{"a":{"b":null},"tags":{}}]`)
	f.Add(`{"a":12,"b":"x"}`, `{"a":123,"b":"x"}`, `{"a":1,"b":"x"}`)
	f.Add(filebeatDocument, strings.Replace(filebeatDocument, "1", "22", 3), filebeatDocument[:100])
	f.Fuzz(func(t *testing.T, first, second, third string) {
		p := newPair(t, shapePaths...)
		for range 3 {
			for _, document := range []string{first, first, second, second, third, first} {
				p.check(t, document)
			}
		}
	})
}

func TestTextIsScannedAlikeInEveryWay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 20_000 {
		data := make([]byte, rnd.IntN(200))
		for i := range data {
			switch rnd.IntN(60) {
			case 0:
				data[i] = []byte{'"', '\\', 0, 0x1f, '\n'}[rnd.IntN(5)]
			case 1:
				data[i] = byte(0x80 + rnd.IntN(128))
			default:
				data[i] = byte(0x20 + rnd.IntN(0x60))
			}
		}
		from := rnd.IntN(len(data) + 1)
		want, ascii := from, true
		for ; want < len(data) && data[want] >= 0x20 && data[want] != '"' && data[want] != '\\'; want++ {
			ascii = ascii && data[want] < 0x80
		}
		for name, skip := range map[string]func([]byte, int) (int, bool){"whatever there is": skipPlain, "words": skipPlainWords} {
			if at, plain := skip(data, from); at != want || plain != ascii {
				t.Fatalf("%s: %q from %d: %d, %t, want %d, %t", name, data, from, at, plain, want, ascii)
			}
		}
	}
}
