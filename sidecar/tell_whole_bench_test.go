package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/embedded"
	"github.com/tidemark/tidemark/sidecar/generate"
	"github.com/tidemark/tidemark/tests/servers"
)

// BenchmarkLiveSidecar has two sidecars, processes of their own, read the same events at the same time, one with live values and one without, and tells how
// much more CPU time the first takes while nobody reads them, in percent.
func BenchmarkLiveSidecar(b *testing.B) {
	for _, rate := range []int64{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			for b.Loop() {
				benchmarkLiveSidecar(b, rate, 30*time.Second)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchmarkLiveSidecar(b *testing.B, rate int64, duration time.Duration) {
	b.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer kafka.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(b.Context(), benchmarkPartitions, 1, nil, "bench"); err != nil {
		b.Fatal(err)
	}
	store := servers.EmbeddedStore(b, "")
	with, without := spawnForBenchmark(b, kafka.Addr(), store, true), spawnForBenchmark(b, kafka.Addr(), store, false)
	with.awaitPartitions(b)
	without.awaitPartitions(b)
	used, other := -with.cpu(b), -without.cpu(b) // not that of the start
	pace(b, client, rate, duration)
	used, other = used+with.cpu(b), other+without.cpu(b)
	with.end(b)
	without.end(b)
	ends, err := kadm.NewClient(client).ListEndOffsets(b.Context(), "live-true.live")
	if err != nil {
		b.Fatal(err)
	}
	end, _ := ends.Lookup("live-true.live", 0)
	b.ReportMetric(float64(end.Offset)/duration.Seconds(), "batches/s")
	events := float64(rate) * duration.Seconds()
	b.ReportMetric(1e6*other/events, "µs/event")
	b.ReportMetric(1e6*(used-other)/events, "live-µs/event")
	b.ReportMetric(100*(used-other)/other, "live-%")
}

type benchmarkSidecar struct {
	command *exec.Cmd
	log     *syncBuffer
}

func spawnForBenchmark(b *testing.B, kafka, store string, enabled bool) *benchmarkSidecar {
	b.Helper()
	name := fmt.Sprintf("live-%t", enabled)
	s := benchmarkStream{topic: "bench", window: benchmarkWindow, lateness: benchmarkLateness}
	text := fmt.Sprintf("kafka: {brokers: [%q], group: %s}\nelasticsearch: {addresses: [%q], index_prefix: %s}\nhttp: {listen: '127.0.0.1:0'}\nlive: {enabled: %t}\n", kafka, name, store, name, enabled)
	path := filepath.Join(b.TempDir(), name+".yaml")
	if err := os.WriteFile(path, []byte(text+s.text()), 0o600); err != nil {
		b.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	p := &benchmarkSidecar{command: exec.CommandContext(b.Context(), executable, "run", "--log-level", "debug", "--config", path), log: &syncBuffer{}}
	p.command.Env = append(os.Environ(), asCommand+"=1")
	p.command.Stdout, p.command.Stderr = p.log, p.log
	if err := p.command.Start(); err != nil {
		b.Fatal(err)
	}
	return p
}

// awaitPartitions waits until every partition was begun.
func (p *benchmarkSidecar) awaitPartitions(b *testing.B) {
	b.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); bytes.Count([]byte(p.log.String()), []byte("offset committed")) < benchmarkPartitions; <-ticker.C {
		if time.Now().After(limit) {
			b.Fatalf("the sidecar does not begin:\n%s", tail(p.log.String()))
		}
	}
}

var cpuSeconds = regexp.MustCompile(`(?m)^process_cpu_seconds_total (\S+)$`)

// cpu is the CPU time, in seconds, that the sidecar has taken.
func (p *benchmarkSidecar) cpu(b *testing.B) float64 {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, listening.FindStringSubmatch(p.log.String())[1]+"/metrics", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	found := cpuSeconds.FindSubmatch(body)
	if found == nil {
		b.Skip("this platform does not tell the CPU time of processes")
	}
	seconds, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return seconds
}

// end stops the sidecar.
func (p *benchmarkSidecar) end(b *testing.B) {
	b.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		b.Fatalf("the sidecar ends with %v:\n%s", err, tail(p.log.String()))
	}
}

// pace writes events at a rate, with the times at which they are written.
func pace(b *testing.B, client *kgo.Client, rate int64, duration time.Duration) {
	b.Helper()
	source, err := generate.NewFilebeat(generate.Options{Rate: rate}.Defaults())
	if err != nil {
		b.Fatal(err)
	}
	const step = 20 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	n, begin := int64(0), time.Now()
	for time.Since(begin) < duration {
		<-ticker.C
		for due := int64(time.Since(begin).Seconds() * float64(rate)); n < due; n++ {
			record := &kgo.Record{Topic: "bench", Partition: int32(n / 10 % benchmarkPartitions), Value: source.AppendAt(nil, n, time.Now().UnixMilli())}
			client.Produce(context.Background(), record, nil)
		}
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
