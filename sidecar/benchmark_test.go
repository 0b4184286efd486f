package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// runBench runs `tidemark bench` and reads its results.
func runBench(t *testing.T, arguments string) benchmarkReport {
	t.Helper()
	t.Setenv(asCommand, "1") // for the processes that it starts
	var out, notes bytes.Buffer
	code := execute(t.Context(), append([]string{"bench", "--format", "json"}, strings.Fields(arguments)...), &out, &notes)
	var r benchmarkReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || code != 0 {
		t.Fatalf("exit status %d, %v:\n%s\n%s", code, err, &out, &notes)
	}
	return r
}

func TestBenchMeasuresTheWholePath(t *testing.T) {
	profiles := t.TempDir()
	r := runBench(t, "--profiles "+profiles+" --only whole --events 20000 --hosts 6 --paths 5 --partitions 2 --rollups 2 --event-rate 250 --compression zstd --event-bytes 300")
	if e := r.Events; e.Bytes != 300 || e.Keys != 30 || e.Partitions != 2 || e.Rollups != 2 || e.Compression != "zstd" || e.Servers != "in-process" {
		t.Errorf("events %+v", e)
	}
	w := r.Whole
	if w == nil || r.Stages != nil || r.Freshness != nil || len(w.Rows) == 0 || len(w.Rows) > 2 {
		t.Fatalf("the report has other parts: %+v", r)
	}
	if w.Events != 20_000 || w.Bytes < 20_000*300 || w.CompressionRatio <= 0 || w.CompressionRatio >= 1 || w.PeakBytes <= 0 || w.CPUSeconds <= 0 {
		t.Errorf("whole %+v", w)
	}
	// 80 seconds of events in windows of 10 s: 30 keys, 6 hosts, 5 paths and the total in each window, partition and rollup.
	if least, most := int64(8*42*2*2), int64(9*42*2*2); w.Documents < least || w.Documents > most {
		t.Errorf("%d documents, want %d to %d", w.Documents, least, most)
	}
	if info, err := os.Stat(filepath.Join(profiles, "whole.pprof")); err != nil || info.Size() == 0 {
		t.Errorf("there is no profile: %v", err)
	}
	if row := w.Rows[0]; row.Count != 20_000 || row.CPUMicroseconds <= 0 || row.Unit != "event" {
		t.Errorf("row %+v", row)
	}
}

func TestBenchMeasuresTheFreshness(t *testing.T) {
	r := runBench(t, "--only freshness --keyed --rate 2000 --duration 4s --hosts 3 --paths 2 --partitions 2")
	f := r.Freshness
	if f == nil || f.Events != 8_000 || f.Windows < 1 || f.Windows > 4 || f.PeakBytes <= 0 {
		t.Fatalf("freshness %+v", f)
	}
	if f.P50 < 0 || f.P50 > f.P90 || f.P90 > f.P99 || f.P99 > f.Max {
		t.Errorf("percentiles %+v", f)
	}
	if l := f.Live; l == nil || l.Events < 4_000 || l.Events > f.Events || l.P50 <= 0 || l.P50 > l.P99 || l.P99 > l.Max {
		t.Errorf("live %+v", l)
	}
}

func TestBenchMeasuresEveryStage(t *testing.T) {
	b := &benchmark{
		options: &benchmarkOptions{rollups: 1}, events: generate.Options{Hosts: 4, Paths: 3, Bytes: 900, Rate: 10_000}, notes: &progressNotes{to: io.Discard},
		limits: stageLimits{bytes: 1 << 20, time: time.Millisecond, manyKeys: 500}, report: &benchmarkReport{},
	}
	if err := b.stages(t.Context()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range b.report.Stages {
		names = append(names, row.Name)
		if row.Count <= 0 || row.CPUMicroseconds <= 0 || row.PerSecond <= 0 || row.BytesPerSecond <= 0 || row.Allocations < 0 {
			t.Errorf("row %+v", row)
		}
	}
	want := []string{"decode", "decode and clean", "engine", "engine, with strip_ansi, drop and where", "engine, 500 keys", "encode documents"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("stages differ (-want +got):\n%s", diff)
	}
	if table := stagesTable(b.report.Stages); !strings.Contains(table, "encode documents, per document") || len(strings.Split(table, "\n")) != 8 {
		t.Errorf("table\n%s", table)
	}
}

// TestBenchLeavesNothingBehind uses servers of its own, and is interrupted at various places.
func TestBenchLeavesNothingBehind(t *testing.T) {
	kafka, store := startEmbedded(t)
	path := filepath.Join(t.TempDir(), "tidemark.yaml")
	text := "kafka: {brokers: [\"" + kafka + "\"]}\nelasticsearch: {addresses: [\"" + store + "\"]}\nstreams: [{name: other, topics: [other]}]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(asCommand, "1")
	for interruptAt, events := range map[string]string{"": "5000", "producing": "3000000", "catching up": "200000"} {
		t.Run("interrupted: "+interruptAt, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			notes := &interruptingNotes{at: interruptAt, interrupt: cancel}
			var out bytes.Buffer
			code := execute(ctx, []string{"bench", "--only", "whole", "--config", path, "--events", events, "--format", "json"}, &out, notes)
			if want := map[bool]int{true: 0, false: exitInterrupted}[interruptAt == ""]; code != want {
				t.Errorf("exit status %d, want %d:\n%s\n%s", code, want, &out, notes)
			}
			expectNothing(t, kafka, store)
		})
	}
}

// interruptingNotes interrupts the command when it says something.
type interruptingNotes struct {
	syncBuffer
	at        string
	interrupt func()
}

func (n *interruptingNotes) Write(text []byte) (int, error) {
	if n.at != "" && bytes.Contains(text, []byte(n.at)) {
		n.interrupt()
	}
	return n.syncBuffer.Write(text)
}

func expectNothing(t *testing.T, kafka, store string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(t.Context())
	if err != nil || len(topics) > 0 {
		t.Errorf("topics %v are left: %v", topics.Names(), err)
	}
	groups, err := admin.ListGroups(t.Context())
	if err != nil || len(groups) > 0 {
		t.Errorf("groups %v are left: %v", groups.Groups(), err)
	}
	es, err := elastic.New(elastic.Config{Addresses: []string{store}})
	if err != nil {
		t.Fatal(err)
	}
	defer es.Close()
	indices, err := es.ListIndices(t.Context(), "tidemark-bench-*")
	if err != nil || len(indices) > 0 {
		t.Errorf("indices %v are left: %v", indices, err)
	}
	if err := es.DeleteIndexTemplate(t.Context(), "tidemark-bench-any"); !elastic.IsNotFound(err) {
		t.Errorf("a template is left: %v", err)
	}
}

// TestBenchHandsServersOn compares the settings of a file with those of the sidecar's.
func TestBenchHandsServersOn(t *testing.T) {
	const text = `
kafka:
  brokers: [kafka-1:9093, kafka-2:9093]
  group: mine
  instance_id: one
  start: latest
  session_timeout: 1m30s
  dead_letter_topic: letters
  tls: {ca_file: /etc/ca.pem, cert_file: /etc/cert.pem, key_file: '/etc/$${x}.pem'}
  sasl: {mechanism: plain, username: me, password: "${SECRET}"}
elasticsearch:
  addresses: [https://es-1:9200]
  index_prefix: mine
  username: me
  password: "${SECRET}"
  ca_file: /etc/es.pem
  request_timeout: 1m
`
	theirs, err := config.Parse("theirs", []byte(text), func(string) string { return "secret" })
	if err != nil {
		t.Fatal(err)
	}
	r := &benchmarkRun{
		name: "tidemark-bench-x", kafka: theirs.Kafka, elasticsearch: theirs.Elasticsearch,
		stream: benchmarkStream{topic: "tidemark-bench-x", window: benchmarkWindow, rollups: 3, maxKeys: 500_000},
	}
	made, err := r.configuration()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(made, []byte("secret")) {
		t.Errorf("the file has a password:\n%s", made)
	}
	variables := map[string]string{}
	for _, v := range r.passwords() {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	ours, err := config.Parse("ours", made, func(name string) string { return variables[name] })
	if err != nil {
		t.Fatalf("%v:\n%s", err, made)
	}
	want := theirs.Kafka
	want.Group, want.InstanceID, want.Start, want.DeadLetterTopic = r.name, "", "earliest", ""
	if diff := cmp.Diff(want, ours.Kafka); diff != "" {
		t.Errorf("kafka differs (-want +got):\n%s", diff)
	}
	wanted := theirs.Elasticsearch
	wanted.IndexPrefix = r.name
	if diff := cmp.Diff(wanted, ours.Elasticsearch); diff != "" {
		t.Errorf("elasticsearch differs (-want +got):\n%s", diff)
	}
	if s := ours.Streams[0]; len(s.Rollups) != 3 || s.Rollups[2].MaxKeys != 500_000 || len(s.Rollups[0].Groupings) != 3 {
		t.Errorf("stream %+v", s)
	}
}

func TestMetricsAreReadByTheBenchmark(t *testing.T) {
	const text = `# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 4.25
process_resident_memory_bytes 1.2e+08
go_memstats_mallocs_total 12345
tidemark_events_consumed_total{partition="t/0",rollup="log_writes",stream="bench"} 100
tidemark_events_consumed_total{partition="t/1",rollup="log_writes",stream="bench"} 1.5e+06
tidemark_events_consumed_total{partition="t/1",rollup="log_writes_2",stream="bench"} 7
tidemark_partition_state{partition="t/0",rollup="log_writes",state="reading",stream="bench"} 1
tidemark_partition_state{partition="t/1",rollup="log_writes",state="idle",stream="bench"} 1
tidemark_partition_state{partition="t/1",rollup="log_writes",state="reading",stream="bench"} 0
tidemark_partition_state{partition="t/2",rollup="log_writes",state="assigned",stream="bench"} 1
`
	got, err := readSample(strings.NewReader(text))
	want := sidecarSample{consumed: 1_500_100, ready: 2, cpu: 4250 * time.Millisecond, objects: 12345, resident: 120_000_000}
	if err != nil || got != want {
		t.Errorf("sample %+v, %v, want %+v", got, err, want)
	}
}

func TestRowsOfTheWholePath(t *testing.T) {
	at := time.Unix(1000, 0)
	samples := []sidecarSample{
		{at: at, cpu: 50 * time.Millisecond, objects: 1000},
		{at: at.Add(time.Second), consumed: 150, cpu: time.Second, objects: 2000},
		{at: at.Add(2 * time.Second), consumed: 400, cpu: 2 * time.Second, objects: 2300},
		{at: at.Add(4 * time.Second), consumed: 1000, cpu: 5 * time.Second, objects: 2900},
	}
	want := []benchmarkRow{
		{Name: "from the start of the process", Unit: "event", Count: 1000, PerSecond: 250, BytesPerSecond: 2500, CPUMicroseconds: 5000, Allocations: 2.9},
		{Name: "steady state, from 40 % on", Unit: "event", Count: 600, PerSecond: 300, BytesPerSecond: 3000, CPUMicroseconds: 5000, Allocations: 1},
	}
	if diff := cmp.Diff(want, wholeRows(samples, 1000, 10)); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if rows := wholeRows(samples[3:], 1000, 10); len(rows) != 1 {
		t.Errorf("rows of one sample: %+v", rows)
	}
}

func TestFreshnessIsWeightedByEvents(t *testing.T) {
	ms := time.Millisecond
	arrivals := []arrival{
		{1000, 98, 40 * ms}, {1000, 1, 300 * ms}, {2000, 60, 20 * ms}, {2000, 40, 70 * ms}, {3000, 1, 900 * ms},
		{4000, 100, 5000 * ms}, // closed by no event
	}
	got := summarizeArrivals(arrivals, feedAnswer{Produced: 300, First: 1000, Last: 6050})
	want := &freshnessResult{P50: 40, P90: 70, P99: 70, Max: 900, Windows: 3, Events: 300, PerSecond: 300 / 5.05, Seconds: 5.05}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("freshness differs (-want +got):\n%s", diff)
	}
}

func TestKeysAreDividedIntoHostsAndPaths(t *testing.T) {
	for keys, want := range map[int][2]int{1: {1, 1}, 7: {1, 7}, 12: {2, 6}, 13: {13, 1}, 200: {20, 10}, 100_000: {10_000, 10}} {
		if hosts, paths := divide(keys); [2]int{hosts, paths} != want {
			t.Errorf("%d keys are %d hosts x %d paths, want %v", keys, hosts, paths, want)
		}
	}
}
