package alerts

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/embedded"
	"github.com/tidemark/tidemark/tests/process"
)

// The names of what the tests make.
const (
	topic      = "logs"
	partitions = 2
)

// world is an in-process Kafka, a store and a sidecar between them.
type world struct {
	t             *testing.T
	kafka         *kgo.Client
	store, prefix string
	id            int64 // of the first data source
	// neverRefreshed keeps Elasticsearch from refreshing the rollup's indices by itself.
	neverRefreshed bool
	configuration  string
	sidecar        *process.Process
	log            string
}

func newWorld(t *testing.T, store string) *world {
	t.Helper()
	kafka, err := embedded.StartKafka(embedded.KafkaOptions{Topics: map[string]int32{topic: partitions}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	dir := t.TempDir()
	id := rand.Int64N(1<<32) * rules
	w := &world{t: t, id: id, kafka: client, store: store, prefix: fmt.Sprintf("alerts-%d", id), configuration: filepath.Join(dir, "tidemark.yaml"), log: filepath.Join(dir, "sidecar.log")}
	text := fmt.Sprintf(`
kafka: {brokers: ["%s"], group: alerts, instance_id: alerts-1, session_timeout: 6s}
elasticsearch: {addresses: ["%s"], index_prefix: %s}
http: {listen: "127.0.0.1:0"}
streams:
  - name: logs
    topics: [%s]
    timestamp: {field: t, format: unix_ms}
    lateness: 1s
    rollups:
      - {name: writes, window: 1s, dimensions: {host: host}, measures: {n: n}}
`, kafka.Addr(), store, w.prefix, topic)
	if err := os.WriteFile(w.configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.crash()
		if text, err := os.ReadFile(w.log); t.Failed() && err == nil {
			t.Logf("the sidecar's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return w
}

// run starts the sidecar.
func (w *world) run() {
	w.t.Helper()
	log, err := os.OpenFile(w.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(tidemark, "run", "--config", w.configuration)
	command.Stdout, command.Stderr = log, log
	if w.sidecar, err = process.Start(command, nil); err != nil {
		w.t.Fatal(err)
	}
}

// crash kills the sidecar.
func (w *world) crash() {
	if w.sidecar == nil {
		return
	}
	if err := w.sidecar.Kill(); err != nil {
		w.t.Error(err)
	}
	w.sidecar = nil
}

const (
	hosts   = 4
	windows = 20
	// lateBy is how many windows after their own late events come: long after the watermark has passed them.
	lateBy = 4
	second = int64(1000)
)

// script is what is produced: in window i, host h has onTime(h, i) events, and of some more come late.
type script struct {
	begin int64 // of the first window, ms
}

func hostName(h int) string { return fmt.Sprintf("host-%d", h) }

func onTime(h, i int) int { return 1 + (h+i)%3 }

func late(h, i int) int {
	if i >= windows-2*lateBy || (h+i)%3 != 0 {
		return 0
	}
	return 1 + i%2
}

// records are the events that are produced with window i: all of its own, and then those of an earlier one that come late.
func (s *script) records(i int) []*kgo.Record {
	var all []*kgo.Record
	add := func(h, window, n int) {
		for k := range n {
			at := s.begin + int64(window)*second + int64(k)*100
			all = append(all, &kgo.Record{Topic: topic, Partition: int32(h % partitions), Value: fmt.Appendf(nil, `{"t":%d,"host":%q,"n":1}`, at, hostName(h))})
		}
	}
	for h := range hosts {
		add(h, i, onTime(h, i))
	}
	for h := range hosts {
		if i >= lateBy {
			add(h, i-lateBy, late(h, i-lateBy))
		}
	}
	return all
}

// stopRefreshing has the indices that there are refreshed only when that is asked for.
func (w *world) stopRefreshing() error {
	url := w.store + "/" + w.prefix + "-writes-*/_settings?allow_no_indices=true"
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPut, url, strings.NewReader(`{"index":{"refresh_interval":"-1"}}`))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("set the refresh interval: %s", response.Status)
	}
	return nil
}

// produce writes a window a second.
func (w *world) produce(s *script) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for i := range windows {
		if err := w.kafka.ProduceSync(w.t.Context(), s.records(i)...).FirstErr(); err != nil {
			return err
		}
		<-ticker.C
		if w.neverRefreshed {
			if err := w.stopRefreshing(); err != nil {
				return err
			}
		}
	}
	return nil
}
