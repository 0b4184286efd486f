package generate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/sidecar/generate"
)

func filebeat(t testing.TB, o generate.Options) *generate.Filebeat {
	t.Helper()
	f, err := generate.NewFilebeat(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// leaves adds the paths of all leaves below v.
func leaves(v any, path string, to map[string]any) {
	object, ok := v.(map[string]any)
	if !ok {
		to[path] = v
		return
	}
	for key, inner := range object {
		leaves(inner, strings.TrimPrefix(path+"."+key, "."), to)
	}
}

func decode(t *testing.T, event []byte) map[string]any {
	t.Helper()
	var v any
	if err := json.Unmarshal(event, &v); err != nil {
		t.Fatalf("%v: %s", err, event)
	}
	fields := map[string]any{}
	leaves(v, "", fields)
	return fields
}

func TestEventsAreOfTheSizeAsked(t *testing.T) {
	for _, size := range []int{generate.MinBytes, 500, 850, 900, 2000, generate.MaxBytes} {
		for _, fixed := range []bool{false, true} {
			t.Run(fmt.Sprint(size, fixed), func(t *testing.T) {
				f := filebeat(t, generate.Options{Bytes: size, ANSI: 0.5, FixedOrder: fixed, Hosts: 30, Paths: 40})
				fields := 25
				if size < 830 {
					fields = 6
				}
				for i := range int64(max(100, 500_000/size)) {
					event := f.Append(nil, i)
					if len(event) != size {
						t.Fatalf("event %d has %d bytes, want %d: %s", i, len(event), size, event)
					}
					if n := len(decode(t, event)); n != fields {
						t.Fatalf("event %d has %d fields, want %d: %s", i, n, fields, event)
					}
				}
			})
		}
	}
}

func TestEventsHaveTheKeyAndTimeThatAreTold(t *testing.T) {
	f := filebeat(t, generate.Options{Hosts: 7, Paths: 3, Rate: 300, Fields: 4, Bytes: 1000, Start: time.UnixMilli(1_767_225_599_000)})
	offsets := map[string]float64{}
	identities := map[string]string{}
	for i := range int64(1000) {
		fields := decode(t, f.Append(nil, i))
		host, path := f.Key(i)
		if fields["host.name"] != host || fields["log.file.path"] != path || fields["agent.name"] != host || fields["labels.field_3"] == nil {
			t.Fatalf("event %d is not of %s and %s: %v", i, host, path, fields)
		}
		if at, err := time.Parse(time.RFC3339, fields["@timestamp"].(string)); err != nil || at.UnixMilli() != f.Time(i) {
			t.Fatalf("event %d is of %v, want %d: %v", i, fields["@timestamp"], f.Time(i), err)
		}
		if want := 1_767_225_599_000 + i*1000/300; f.Time(i) != want {
			t.Fatalf("event %d is of %d, want %d", i, f.Time(i), want)
		}
		offset := fields["log.offset"].(float64)
		if last, known := offsets[host+path]; known && offset <= last {
			t.Fatalf("event %d: the offset in the file goes from %v to %v", i, last, offset)
		}
		offsets[host+path] = offset
		identity := fmt.Sprint(fields["host.id"], fields["host.ip"], fields["host.mac"], fields["agent.id"], fields["agent.ephemeral_id"])
		if known := identities[host]; known != "" && known != identity {
			t.Fatalf("event %d: host %s is another than before", i, host)
		}
		identities[host] = identity
	}
	distinct := map[string]bool{}
	for _, identity := range identities {
		distinct[identity] = true
	}
	if len(distinct) != 7 {
		t.Errorf("%d hosts differ, want 7", len(distinct))
	}
}

func TestEveryKeyComesOnceInEachRound(t *testing.T) {
	f := filebeat(t, generate.Options{Hosts: 123, Paths: 45})
	if f.Keys() != 123*45 {
		t.Fatalf("%d keys, want %d", f.Keys(), 123*45)
	}
	var first, order string
	for round := range int64(3) {
		keys := map[string]bool{}
		order = ""
		for i := range int64(f.Keys()) {
			host, path := f.Key(round*int64(f.Keys()) + i)
			keys[host+" "+path] = true
			if i < 20 {
				order += host + path
			}
		}
		if len(keys) != f.Keys() {
			t.Errorf("round %d has %d keys, want %d", round, len(keys), f.Keys())
		}
		if order == first {
			t.Errorf("round %d has the keys in the order of the first", round)
		}
		if round == 0 {
			first = order
		}
	}
}

func TestEventsFollowFromTheOptions(t *testing.T) {
	a, b := filebeat(t, generate.Options{Seed: 1}), filebeat(t, generate.Options{Seed: 1})
	other := filebeat(t, generate.Options{Seed: 2})
	fixed := filebeat(t, generate.Options{Seed: 1, FixedOrder: true})
	messages := map[any]bool{}
	for i := range int64(100) {
		event := a.Append(nil, i)
		if string(b.Append([]byte("before"), i)) != "before"+string(event) {
			t.Fatalf("event %d differs between two generators", i)
		}
		if bytes.Equal(other.Append(nil, i), event) {
			t.Fatalf("event %d is the same with another seed", i)
		}
		fields := decode(t, event)
		messages[fields["message"]] = true
		if got := decode(t, fixed.Append(nil, i)); !maps.EqualFunc(got, fields, func(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Fatalf("event %d has other fields in a fixed order: %v, want %v", i, got, fields)
		}
	}
	if len(messages) != 100 {
		t.Errorf("%d of 100 messages differ", len(messages))
	}
}

func TestShareOfColouredMessages(t *testing.T) {
	for _, share := range []float64{0, 0.2, 1} {
		f := filebeat(t, generate.Options{ANSI: share})
		coloured := 0
		for i := range int64(5000) {
			if message := decode(t, f.Append(nil, i))["message"].(string); strings.HasPrefix(message, "\x1b[") {
				coloured++
			}
		}
		if got := float64(coloured) / 5000; got < share-0.02 || got > share+0.02 {
			t.Errorf("a share of %v is coloured, want %v", got, share)
		}
	}
}

func TestSetTimeChangesOnlyTheTime(t *testing.T) {
	f := filebeat(t, generate.Options{})
	event := f.Append(nil, 17)
	generate.SetTime(event, 1_800_000_000_123)
	if want := f.AppendAt(nil, 17, 1_800_000_000_123); !bytes.Equal(event, want) {
		t.Errorf("event %s, want %s", event, want)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	f := filebeat(t, generate.Options{ANSI: 0.5, Fields: 3, Bytes: 1000})
	buffer := make([]byte, 0, 2000)
	var i int64
	if n := testing.AllocsPerRun(1000, func() {
		buffer = f.Append(buffer[:0], i)
		generate.SetTime(buffer, i)
		i++
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for says, o := range map[string]generate.Options{
		"hosts":                  {Hosts: -1},
		"keys are allowed":       {Hosts: 100_000, Paths: 1000},
		"100 bytes":              {Bytes: 100},
		"fields are not":         {Fields: 1000},
		"do not fit":             {Fields: 20, Bytes: 200},
		"a share of 2":           {ANSI: 2},
		"a rate of -1 events":    {Rate: -1},
		"events of 100000 bytes": {Bytes: 100_000},
	} {
		if _, err := generate.NewFilebeat(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: error %v, want one with %q", o, err, says)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	f := filebeat(b, generate.Options{})
	buffer := f.Append(nil, 0)
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	var i int64
	for b.Loop() {
		buffer = f.Append(buffer[:0], i)
		i++
	}
}
