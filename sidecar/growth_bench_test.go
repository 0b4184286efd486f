package main

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// The benchmarks of this file show how the cost of an event grows with one thing while all others stay as they are. Time is that of one event, or one
// document. The windows stay open, so that keys are made once.

// growthBytes is how much of events is read again and again.
const growthBytes = 16 << 20

// openWindow makes events that are all of one window, and every key at least once.
func openWindow(b *testing.B, o generate.Options) *heldEvents {
	b.Helper()
	o.Rate = 1 << 32
	h, err := holdEvents(o, growthBytes)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

// benchmarkEngines counts events in several engines in turn, as many at once as a sidecar's partitions take.
func benchmarkEngines(b *testing.B, s benchmarkStream, engines int, h *heldEvents) {
	b.Helper()
	s.topic, s.window, s.lateness = "bench", benchmarkWindow, benchmarkLateness
	compiled, err := s.compile()
	if err != nil {
		b.Fatal(err)
	}
	before := liveBytes()
	all := make([]*aggregate.Engine, engines)
	for i := range all {
		plan, err := compiled.plan()
		if err != nil {
			b.Fatal(err)
		}
		all[i] = aggregate.NewEngine(plan, plan.Begin(0, 0, [16]byte{}))
	}
	const batch = 1000
	var offset int64
	i, begin, end := 0, 0, 0
	add := func() {
		if i == len(h.ends) {
			i, end = 0, 0
		}
		begin, end = end, h.ends[i]
		i++
		engine := all[int(offset/batch)%engines]
		if outcome := engine.Add(aggregate.Record{Offset: offset, Timestamp: stageOrigin, Value: h.data[begin:end:end]}); outcome.Bad() {
			b.Fatal(outcome.Reason)
		}
		offset++
	}
	for range max(len(h.ends), engines*batch*2) {
		add()
	}
	held := liveBytes() - before
	b.SetBytes(int64(h.Bytes))
	b.ReportAllocs()
	for b.Loop() {
		add()
	}
	b.ReportMetric(float64(held)/float64(engines*h.Hosts*h.Paths), "live-B/key")
}

// liveBytes is what the heap holds.
func liveBytes() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkGrowthOfKeys(b *testing.B) {
	for _, keys := range []int{100, 1000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			hosts, paths := divide(keys)
			h := openWindow(b, generate.Options{Hosts: hosts, Paths: paths, Bytes: 250}) // small ones: all keys have to fit into memory
			benchmarkEngines(b, benchmarkStream{maxKeys: keys}, 1, h)
		})
	}
}

func BenchmarkGrowthOfRollups(b *testing.B) {
	h := openWindow(b, generate.Options{}.Defaults())
	for _, rollups := range []int{1, 2, 5, 10, 20, 32} {
		b.Run(fmt.Sprintf("rollups=%d", rollups), func(b *testing.B) { benchmarkEngines(b, benchmarkStream{rollups: rollups}, 1, h) })
	}
}

func BenchmarkGrowthOfPartitions(b *testing.B) {
	h := openWindow(b, generate.Options{}.Defaults())
	for _, partitions := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) { benchmarkEngines(b, benchmarkStream{}, partitions, h) })
	}
}

func BenchmarkGrowthOfEvents(b *testing.B) {
	for _, bytes := range []int{200, 500, 900, 2 << 10, 8 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", bytes), func(b *testing.B) {
			o := generate.Options{}.Defaults()
			o.Bytes = bytes
			benchmarkEngines(b, benchmarkStream{}, 1, openWindow(b, o))
		})
	}
}

func BenchmarkStreams(b *testing.B) {
	o := generate.Options{ANSI: 0.1}.Defaults()
	h := openWindow(b, o)
	for _, clean := range []bool{false, true} {
		b.Run(fmt.Sprintf("clean=%t", clean), func(b *testing.B) { benchmarkEngines(b, benchmarkStream{clean: clean}, 1, h) })
	}
}

// BenchmarkDocuments encodes the documents of a window.
func BenchmarkDocuments(b *testing.B) {
	for _, keys := range []int{200, 2000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			o := generate.Options{}.Defaults()
			o.Hosts, o.Paths = divide(keys)
			windows, err := closedWindows(&benchmarkStream{topic: "bench", window: benchmarkWindow, lateness: benchmarkLateness}, o)
			if err != nil {
				b.Fatal(err)
			}
			e, stop := startEncoder(b.Context())
			defer stop()
			b.ReportAllocs()
			documents := int64(0)
			for documents < int64(b.N) {
				n, err := e.encode(b.Context(), windows)
				if err != nil {
					b.Fatal(err)
				}
				documents += n
			}
			b.SetBytes(e.writer.Stats.Bytes.Load() / documents)
		})
	}
}
