package clean

import (
	"testing"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// BenchmarkSteps decodes events and cleans them; the case without steps is the decoding alone.
func BenchmarkSteps(b *testing.B) {
	source, err := generate.NewFilebeat(generate.Options{ANSI: 0.1})
	if err != nil {
		b.Fatal(err)
	}
	events := make([][]byte, 4000)
	for i := range events {
		events[i] = source.Append(nil, int64(i))
	}
	for _, c := range []struct {
		name  string
		steps []config.Step
	}{
		{"none", nil},
		{"strip_ansi", []config.Step{{StripANSI: []string{"message"}}}},
		{"drop", []config.Step{{Drop: `log.level == "debug"`}}},
		{"drop_contains", []config.Step{{Drop: `message contains "healthz"`}}},
		{"keep", []config.Step{{Keep: `log.level in ["warn", "error"] or message contains "timeout"`}}},
		{"rename", []config.Step{{Rename: map[string]string{"host.name": "host.id"}}}},
		{"set", []config.Step{{Set: map[string]any{"log.level": "info"}}}},
		{"remove", []config.Step{{Remove: []string{"message"}}}},
		{"convert", []config.Step{{Convert: map[string]string{"log.offset": "string"}}}},
		{"lowercase", []config.Step{{Lowercase: []string{"message"}}}},
		{"several", []config.Step{{StripANSI: []string{"message"}}, {Drop: `log.level == "debug"`}, {Lowercase: []string{"host.name"}}}},
	} {
		b.Run("step="+c.name, func(b *testing.B) { benchmarkClean(b, events, c.steps) })
	}
}

func benchmarkClean(b *testing.B, events [][]byte, steps []config.Step) {
	b.Helper()
	s := event.NewSchema()
	for _, path := range []string{"host.name", "log.file.path", "log.offset", "message"} {
		if _, err := s.Slot(path); err != nil {
			b.Fatal(err)
		}
	}
	c, err := Compile(steps, s)
	if err != nil {
		b.Fatal(err)
	}
	d, err := event.NewDecoder("json", s)
	if err != nil {
		b.Fatal(err)
	}
	e := s.NewEvent()
	b.SetBytes(int64(len(events[0])))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := d.Decode(events[i], e); err != nil {
			b.Fatal(err)
		}
		c.Clean(e)
		if i++; i == len(events) {
			i = 0
		}
	}
}
