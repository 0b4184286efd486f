package rollup_test

import (
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func BenchmarkDocument(b *testing.B) {
	d := rollup.Definition{
		Name: "log_writes", Stream: "app", Window: definition().Window,
		Dimensions: []rollup.Field{{Name: "host", Path: "host.name"}, {Name: "path", Path: "log.file.path"}}, Measures: []rollup.Field{{Name: "offset", Path: "log.offset"}},
	}
	d.Normalize()
	hash := d.Hash()
	doc := rollup.Document{
		Start: 1_767_225_600_000, Partition: &rollup.Partition{Topic: "topic-app-info", TopicID: [16]byte{7}, Number: 3}, Grouping: d.Groupings[0],
		Dimensions: []string{"web-12", "/var/log/orders/access.log"}, Count: 125, Bytes: 112_500,
		Measures: []rollup.Measure{{Count: 125, Sum: 1.25e9, Min: 9_987_654, Max: 10_012_345}}, LastOffset: 123_456_789,
	}
	b.Run("work=json", func(b *testing.B) {
		text := doc.AppendJSON(nil, &d, hash)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			text = doc.AppendJSON(text[:0], &d, hash)
		}
	})
	b.Run("work=id", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = doc.ID(hash)
		}
	})
	b.Run("work=index-name", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = rollup.IndexName("tidemark", d.Name, d.Window, doc.Start)
		}
	})
}
