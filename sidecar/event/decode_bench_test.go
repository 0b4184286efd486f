package event_test

import (
	"encoding/json"
	"fmt"
	"testing"

	gojson "github.com/goccy/go-json"

	"github.com/tidemark/tidemark/sidecar/event"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// wanted are the fields of a rollup by host and path with one measure, and others that events have, in the order in which they are asked for.
var wanted = []string{
	"@timestamp", "host.name", "log.file.path", "log.offset", "log.level", "message", "input.type", "ecs.version", "host.architecture", "host.id",
	"host.containerized", "host.ip", "host.mac", "host.os.platform", "host.os.version", "host.os.name", "host.os.kernel", "agent.type", "agent.version",
	"agent.name", "agent.id", "agent.ephemeral_id", "@metadata.beat", "@metadata.type", "@metadata.version",
	"labels.field_0", "labels.field_1", "labels.field_2", "labels.field_3", "labels.field_4",
}

// logs makes a few thousand events, so that no document is known by heart.
func logs(b *testing.B, o generate.Options) [][]byte {
	b.Helper()
	source, err := generate.NewFilebeat(o)
	if err != nil {
		b.Fatal(err)
	}
	events := make([][]byte, max(64, 4<<20/source.Bytes()))
	for i := range events {
		events[i] = source.Append(nil, int64(i))
	}
	return events
}

func decoder(b *testing.B, paths []string) (event.Decoder, *event.Event) {
	b.Helper()
	s := event.NewSchema()
	for _, path := range paths {
		if _, err := s.Slot(path); err != nil {
			b.Fatal(err)
		}
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		b.Fatal(err)
	}
	return d, s.NewEvent()
}

// measure decodes one event after the other.
func measure(b *testing.B, events [][]byte, decode func([]byte) error) {
	b.Helper()
	b.SetBytes(int64(len(events[0])))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := decode(events[i]); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(events) {
			i = 0
		}
	}
}

// fourFields is what the peers decode to.
type fourFields struct {
	Timestamp string `json:"@timestamp"`
	Host      struct {
		Name string `json:"name"`
	} `json:"host"`
	Log struct {
		Offset json.Number `json:"offset"`
		File   struct {
			Path string `json:"path"`
		} `json:"file"`
	} `json:"log"`
}

// BenchmarkDecoders decodes four fields with the decoder and its peers. The peers find only the usual spelling of a path.
func BenchmarkDecoders(b *testing.B) {
	events := logs(b, generate.Options{})
	b.Run("decoder=tidemark", func(b *testing.B) {
		d, e := decoder(b, wanted[:4])
		measure(b, events, func(value []byte) error { return d.Decode(value, e) })
	})
	b.Run("decoder=goccy", func(b *testing.B) {
		measure(b, events, func(value []byte) error { return gojson.Unmarshal(value, new(fourFields)) })
	})
	b.Run("decoder=encoding-json", func(b *testing.B) {
		measure(b, events, func(value []byte) error { return json.Unmarshal(value, new(fourFields)) })
	})
}

func BenchmarkDecodeOrders(b *testing.B) {
	for _, fixed := range []bool{false, true} {
		b.Run(fmt.Sprintf("fixed=%t", fixed), func(b *testing.B) {
			d, e := decoder(b, wanted[:4])
			measure(b, logs(b, generate.Options{FixedOrder: fixed}), func(value []byte) error { return d.Decode(value, e) })
		})
	}
}

func BenchmarkDecodeFields(b *testing.B) {
	events := logs(b, generate.Options{Bytes: 1050, Fields: 5})
	for _, n := range []int{1, 2, 4, 8, 16, 30} {
		b.Run(fmt.Sprintf("fields=%d", n), func(b *testing.B) {
			d, e := decoder(b, wanted[:n])
			measure(b, events, func(value []byte) error { return d.Decode(value, e) })
		})
	}
}

func BenchmarkDecodeSizes(b *testing.B) {
	for _, bytes := range []int{200, 500, 900, 2 << 10, 8 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) {
			d, e := decoder(b, wanted[:4])
			measure(b, logs(b, generate.Options{Bytes: bytes}), func(value []byte) error { return d.Decode(value, e) })
		})
	}
}

func BenchmarkTimestamp(b *testing.B) {
	s := event.NewSchema()
	timestamp, err := event.CompileTimestamp("@timestamp", "rfc3339", s)
	if err != nil {
		b.Fatal(err)
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		b.Fatal(err)
	}
	var events []*event.Event
	for _, text := range logs(b, generate.Options{}) {
		e := s.NewEvent()
		if err := d.Decode(text, e); err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := timestamp.Milliseconds(events[i], 0); err != nil {
			b.Fatal(err)
		}
		if i++; i == len(events) {
			i = 0
		}
	}
}
