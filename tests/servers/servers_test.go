package servers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/tests/servers"
)

func TestSharedKafkaCarriesRecords(t *testing.T) {
	addr := servers.KafkaAddr(t)
	topic := fmt.Sprintf("servers-%d", time.Now().UnixNano())
	produce(t, addr, topic, "first")
	if got := consume(t, addr, topic); got != "first" {
		t.Errorf("consumed %q, want %q", got, "first")
	}
}

func TestKafkaKeepsRecordsOverACrash(t *testing.T) {
	kafka := servers.NewKafka(t, servers.KafkaOptions{})
	produce(t, kafka.Addr, "crash", "kept")
	if err := kafka.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := kafka.Resume(); err == nil {
		t.Error("a killed Kafka can be resumed")
	}
	if err := kafka.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, kafka.Addr, "crash"); got != "kept" {
		t.Errorf("consumed %q, want %q", got, "kept")
	}
}

func TestKafkaThatCannotStartShowsWhy(t *testing.T) {
	servers.KafkaAddr(t)
	_, err := servers.StartKafka(t.Context(), servers.KafkaOptions{Properties: map[string]string{"num.io.threads": "-1"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("error %v does not name the wrong property", err)
	}
}

func TestSharedElasticsearchFindsDocuments(t *testing.T) {
	url := servers.ElasticsearchURL(t)
	index := fmt.Sprintf("servers-%d", time.Now().UnixNano())
	send(t, http.MethodPut, url+"/"+index+"/_doc/1?refresh=true", `{"message":"hello"}`)
	answer := send(t, http.MethodGet, url+"/"+index+"/_search?q=message:hello", "")
	var found struct {
		Hits struct {
			Total struct{ Value int }
		}
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		t.Fatal(err)
	}
	if found.Hits.Total.Value != 1 {
		t.Errorf("found %d documents, want 1: %s", found.Hits.Total.Value, answer)
	}
	send(t, http.MethodDelete, url+"/"+index, "")
}

func TestSecureElasticsearchAsksForTrustAndPassword(t *testing.T) {
	server := servers.NewElasticsearch(t, servers.ElasticsearchOptions{Secure: true})
	request, err := server.Request(t.Context(), http.MethodGet, "/_cluster/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := status(t, server.Client(), request); got != http.StatusOK {
		t.Errorf("with the password: status %d, want 200", got)
	}
	request.SetBasicAuth(server.Username, "wrong")
	if got := status(t, server.Client(), request); got != http.StatusUnauthorized {
		t.Errorf("with a wrong password: status %d, want 401", got)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("a client that does not know the authority trusts the server")
	}
}

func produce(t *testing.T, addr, topic, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: topic, Value: []byte(value)}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func consume(t *testing.T, addr, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		for record := range fetches.RecordsAll() {
			return string(record.Value)
		}
		if err := ctx.Err(); err != nil {
			t.Fatal(errors.Join(err, fetches.Err()))
		}
	}
}

func send(t *testing.T, method, url, body string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	return answer
}

func status(t *testing.T, client *http.Client, request *http.Request) int {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}
