package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func newClient(t *testing.T, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(append(ClientOptions(), kgo.SeedBrokers(c.ListenAddrs()...)), opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestProducerCreatesTheTopicAndKeysByHost(t *testing.T) {
	cluster := newCluster(t)
	client := newClient(t, cluster)
	p := NewProducer(client, "metrics", silent())
	for range 2 { // the second finds the topic there
		if err := p.EnsureTopic(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
	}
	topics, err := kadm.NewClient(newClient(t, cluster)).ListTopics(t.Context(), "metrics")
	if err != nil || len(topics["metrics"].Partitions) != 3 {
		t.Fatalf("topics = %v, %v; want metrics with 3 partitions", topics, err)
	}
	for i := range 20 {
		if err := p.Produce(t.Context(), []byte("web-1"), fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := p.Stats(); stats != (ProducerStats{Sent: 20}) {
		t.Errorf("stats = %+v", stats)
	}

	consumer := newClient(t, cluster, kgo.ConsumeTopics("metrics"))
	var got []string
	partitions := map[int32]bool{}
	for len(got) < 20 {
		fetches := consumer.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got = append(got, string(r.Value))
			partitions[r.Partition] = true
		})
	}
	if len(partitions) != 1 || got[0] != `{"n":0}` || got[19] != `{"n":19}` {
		t.Errorf("partitions %v, records %v; want one partition, in order", partitions, got)
	}
}

func TestProducerTellsThatATopicIsRefused(t *testing.T) {
	cluster := newCluster(t)
	cluster.ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = "metrics", kerr.TopicAuthorizationFailed.Code
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	err := NewProducer(newClient(t, cluster), "metrics", silent()).EnsureTopic(t.Context(), 0)
	if !errors.Is(err, kerr.TopicAuthorizationFailed) || !strings.Contains(err.Error(), `create topic "metrics"`) {
		t.Errorf("error = %v", err)
	}
}

func TestProducerHoldsBackWhileKafkaIsAway(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "metrics"))
	hold := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		select {
		case <-hold:
			return nil, nil, false
		default:
			return nil, errors.New("away"), true
		}
	})
	var log bytes.Buffer
	client := newClient(t, cluster, kgo.MetadataMinAge(10*time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return time.Millisecond }))
	p := NewProducer(client, "metrics", slog.New(slog.NewTextHandler(&log, nil)))
	for range bufferedRecords {
		if err := p.Produce(t.Context(), []byte("h"), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for range 2 {
		if err := p.Produce(ctx, []byte("h"), []byte("{}")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error = %v, want the context's: the buffer is full", err)
		}
	}
	if n := strings.Count(log.String(), "waiting"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, &log)
	}
	if stats := p.Stats(); stats.Buffered != bufferedRecords || stats.Waiting != 0 {
		t.Errorf("stats = %+v, want %d buffered", stats, bufferedRecords)
	}
	flush, cancelFlush := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelFlush()
	if err := p.Close(flush); err == nil || !strings.Contains(err.Error(), "10000 were not acknowledged") {
		t.Errorf("error = %v, want how many are left", err)
	}
	close(hold)
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stats := p.Stats(); stats.Sent != bufferedRecords {
		t.Errorf("stats = %+v, want all that were accepted sent", stats)
	}
}

func TestProducerRefusesAnEventThatIsTooLong(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "metrics"))
	p := NewProducer(newClient(t, cluster), "metrics", silent())
	if err := p.Produce(t.Context(), nil, make([]byte, maxRecordBytes)); err == nil || p.Stats().Failed != 1 {
		t.Errorf("error = %v, stats = %+v", err, p.Stats())
	}
}

func TestProducerMetrics(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "metrics", "logs"))
	client := newClient(t, cluster)
	r := prometheus.NewPedanticRegistry()
	for _, topic := range []string{"metrics", "logs"} {
		p := NewProducer(client, topic, silent())
		if err := p.Register(r); err != nil {
			t.Fatal(err)
		}
		if err := p.Produce(t.Context(), nil, []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`tidemark_collect_events_total{outcome="failed",topic="logs"} 0`, `tidemark_collect_events_total{outcome="sent",topic="metrics"} 1`,
		`tidemark_collect_buffered_events{topic="logs"} 0`, `tidemark_collect_waiting{topic="metrics"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("%s is not in\n%s", want, w.Body)
		}
	}
}
