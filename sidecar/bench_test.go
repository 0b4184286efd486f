package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/embedded"
	"github.com/tidemark/tidemark/sidecar/status"
	"github.com/tidemark/tidemark/tests/servers"
)

// deadline bounds what a test waits for; on a free machine it takes seconds.
const deadline = 90 * time.Second

// backends are the servers that the pipeline is tested with: in this process, and real ones.
var backends = []struct {
	name  string
	start func(t *testing.T) (kafka, elasticsearch string)
}{
	{"embedded", startEmbedded},
	{"real", func(t *testing.T) (string, string) {
		return servers.KafkaAddr(t), servers.ElasticsearchURL(t)
	}},
}

// onEveryBackend runs a test with a topic of its own on each kind of servers.
func onEveryBackend(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	for _, backend := range backends {
		t.Run(backend.name, func(t *testing.T) {
			t.Parallel()
			kafka, store := backend.start(t)
			test(t, newBench(t, kafka, store))
		})
	}
}

func startEmbedded(t *testing.T) (kafka, elasticsearch string) {
	t.Helper()
	k, err := embedded.StartKafka(embedded.KafkaOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k.Addr(), servers.EmbeddedStore(t, "")
}

// bench is one test's topic, group and index prefix on some servers.
type bench struct {
	t             *testing.T
	kafka, store  string
	topic, prefix string
	client        *kgo.Client
	elastic       *elastic.Client
	truth         map[string]int64 // events by window and key
	bad           int64            // events that cannot be counted
	produced      int64
}

const testPartitions = 3

func newBench(t *testing.T, kafka, store string) *bench {
	t.Helper()
	name := fmt.Sprintf("t%d", rand.Int64())
	b := &bench{t: t, kafka: kafka, store: store, topic: name, prefix: name, truth: map[string]int64{}}
	var err error
	if b.client, err = kgo.NewClient(kgo.SeedBrokers(kafka)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.client.Close)
	if _, err = kadm.NewClient(b.client).CreateTopic(t.Context(), testPartitions, 1, nil, b.topic); err != nil {
		t.Fatal(err)
	}
	if b.elastic, err = elastic.New(elastic.Config{Addresses: []string{store}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.elastic.Close)
	return b
}

// configure writes a configuration; changes replace parts of its text.
func (b *bench) configure(changes ...string) string {
	b.t.Helper()
	text := strings.NewReplacer(changes...).Replace(fmt.Sprintf(`
kafka:
  brokers: ["%s"]
  group: %s
  session_timeout: 6s
  dead_letter_topic: %s-dead
elasticsearch:
  addresses: ["%s"]
  index_prefix: %s
  request_timeout: 2s
http: {listen: "127.0.0.1:0"}
streams:
  - name: logs
    topics: [%s]
    timestamp: {field: t, format: unix_ms}
    lateness: 2s
    idle_timeout: 1s
    clean:
      - drop: 'host == "noise"'
    rollups:
      - name: writes
        window: 10s
        dimensions: {host: host, path: path}
        measures: {n: n}
        groupings: [[host], []]
`, b.kafka, b.topic, b.topic, b.store, b.prefix, b.topic))
	path := filepath.Join(b.t.TempDir(), "tidemark.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

const testOrigin = 1_767_225_600_000

// produce writes events of known sums: 60 seconds of them from the given second on, some disordered, some that cannot be counted, some dropped.
func (b *bench) produce(from int64, events int) {
	b.t.Helper()
	rnd := rand.New(rand.NewPCG(uint64(from), 7))
	var records []*kgo.Record
	for i := range events {
		at := testOrigin + from*1000 + int64(i)*60_000/int64(events) - rnd.Int64N(8_000)
		host, path := fmt.Sprintf("h%d", rnd.IntN(4)), fmt.Sprintf("/p%d", rnd.IntN(5))
		value := fmt.Sprintf(`{"t":%d,"host":%q,"path":%q,"n":%d}`, at, host, path, i)
		switch rnd.IntN(30) {
		case 0:
			value = value[:len(value)-3]
			b.bad++
		case 1:
			value = strings.Replace(value, host, "noise", 1)
		default:
			b.truth[fmt.Sprintf("%d %s %s", at/10_000*10_000, host, path)]++
		}
		records = append(records, &kgo.Record{Topic: b.topic, Partition: int32(i % testPartitions), Key: []byte(host), Value: []byte(value)})
	}
	b.produced += int64(events)
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// documents sums what the store holds of a grouping in the finest tier, by window and key, over all partitions and corrections.
func (b *bench) documents(grouping string) map[string]int64 {
	b.t.Helper()
	return b.tierSums(rollup.Tier(10*time.Second), grouping, 0)
}

// await waits until the store holds exactly the events produced.
func (b *bench) await(run *running) {
	b.t.Helper()
	var got map[string]int64
	run.eventually(func() bool {
		got = b.documents("host,path")
		return maps.Equal(got, b.truth)
	}, func() string {
		return fmt.Sprintf("documents hold %d events, %d were produced", total(got), total(b.truth))
	})
	if n := total(b.documents("total")); n != total(b.truth) {
		b.t.Fatalf("the total holds %d events, %d were produced", n, total(b.truth))
	}
}

func total(sums map[string]int64) int64 {
	var n int64
	for _, v := range sums {
		n += v
	}
	return n
}

// running is a sidecar that runs in this process.
type running struct {
	t      *testing.T
	stop   context.CancelFunc
	exited chan int
	log    *syncBuffer
}

// start runs `tidemark run` and waits until it listens.
func (b *bench) start(configuration string) *running {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	r := &running{t: b.t, stop: stop, exited: make(chan int, 1), log: &syncBuffer{}}
	go func() {
		r.exited <- execute(ctx, []string{"run", "--log-level", "debug", "--config", configuration}, io.Discard, r.log)
	}()
	b.t.Cleanup(func() {
		stop()
		if b.t.Failed() {
			b.t.Logf("log:\n%s", tail(r.log.String()))
		}
	})
	return r
}

func tail(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// end stops the sidecar in order.
func (r *running) end() {
	r.t.Helper()
	begin := time.Now()
	r.stop()
	select {
	case code := <-r.exited:
		if code != 0 {
			r.t.Fatalf("exit status %d:\n%s", code, tail(r.log.String()))
		}
	case <-time.After(10 * time.Second):
		r.t.Fatalf("not stopped after %s:\n%s", time.Since(begin), tail(r.log.String()))
	}
}

func (r *running) eventually(reached func() bool, otherwise func() string) {
	r.t.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); !reached(); <-ticker.C {
		if time.Now().After(limit) {
			r.t.Fatal(otherwise())
		}
	}
}

var listening = regexp.MustCompile(`address=(http://\S+)`)

// get reads a page of the sidecar.
func (r *running) get(path string) (int, string) {
	r.t.Helper()
	var address string
	r.eventually(func() bool {
		found := listening.FindStringSubmatch(r.log.String())
		if found != nil {
			address = found[1]
		}
		return found != nil
	}, func() string { return "the sidecar does not listen" })
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, address+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// status reads /status.
func (r *running) status() status.Snapshot {
	r.t.Helper()
	code, body := r.get("/status")
	var s status.Snapshot
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != http.StatusOK {
		r.t.Fatalf("status %d: %s: %v", code, body, err)
	}
	return s
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
