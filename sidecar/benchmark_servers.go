package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
)

// benchmarkRun is a topic with events, a sidecar that reads them, and the servers between them.
type benchmarkRun struct {
	// name is the topic, the group and the index prefix.
	name    string
	stream  benchmarkStream
	servers *config.Config // nil: in-process ones
	folder  string
	profile string // the file for a profile of the sidecar; empty for none
	notes   *progressNotes

	feed          *childProcess
	sidecar       *childProcess
	kafka         config.Kafka
	elasticsearch config.Elasticsearch
	elastic       *elastic.Client
	url           string // of the sidecar

	mu      sync.Mutex
	answer  feedAnswer
	changed chan struct{} // of one place: answer did
}

// openRun starts the process that feeds the run, and waits until the servers and the topic are there. The caller closes the run, after an error too.
func (b *benchmark) openRun(ctx context.Context, part string, s benchmarkStream, order feedOrder) (*benchmarkRun, error) {
	r := &benchmarkRun{
		name: "tidemark-bench-" + strconv.FormatUint(rand.Uint64N(1<<40), 36), stream: s, servers: b.servers, profile: b.profile(part), notes: b.notes, changed: make(chan struct{}, 1),
	}
	r.stream.topic = r.name
	order.Config, order.Topic, order.Compression = b.options.config, r.name, b.options.compression
	order.Partitions, order.Keyed = int32(b.options.partitions), b.options.keyed
	text, err := json.Marshal(order)
	if err != nil {
		return r, fmt.Errorf("write the order: %w", err)
	}
	if r.folder, err = os.MkdirTemp("", "tidemark-bench-"); err != nil {
		return r, fmt.Errorf("make a folder for the configuration: %w", err)
	}
	if r.feed, err = startChild(ctx, "the producer", nil, r.note, "bench", "feed"); err != nil {
		return r, err
	}
	if _, err := fmt.Fprintf(r.feed.in, "%s\n", text); err != nil {
		return r, fmt.Errorf("tell the producer what to do: %w", err)
	}
	answer, err := r.await(ctx, func(*feedAnswer) bool { return true })
	if err != nil {
		return r, err
	}
	if r.servers != nil {
		r.kafka, r.elasticsearch = r.servers.Kafka, r.servers.Elasticsearch
	} else {
		r.kafka = config.Kafka{Brokers: []string{answer.Kafka}, SessionTimeout: 10 * time.Second}
		r.elasticsearch = config.Elasticsearch{Addresses: []string{answer.Store}, RequestTimeout: 20 * time.Second}
	}
	r.elastic, err = newElasticClient(r.elasticsearch)
	return r, err
}

// note takes an answer of the producer.
func (r *benchmarkRun) note(line []byte) {
	var a feedAnswer
	if err := json.Unmarshal(line, &a); err != nil {
		return // not ours
	}
	r.mu.Lock()
	r.answer = a
	r.mu.Unlock()
	wakeUp(r.changed)
}

// await waits for an answer of the producer that is as wanted.
func (r *benchmarkRun) await(ctx context.Context, wanted func(*feedAnswer) bool) (feedAnswer, error) {
	for {
		select {
		case <-ctx.Done():
			return feedAnswer{}, ctx.Err()
		case <-r.feed.ended:
			return feedAnswer{}, r.feed.endedEarly()
		case <-r.changed:
		}
		if a := r.told(); wanted(&a) {
			return a, nil
		}
	}
}

// told is what the producer told last.
func (r *benchmarkRun) told() feedAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer
}

func (r *benchmarkRun) beginProducing() error {
	if _, err := r.feed.in.Write([]byte("produce\n")); err != nil {
		return fmt.Errorf("tell the producer to begin: %w", err)
	}
	return nil
}

// sidecarAddress finds where a sidecar says that it listens.
var sidecarAddress = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)

// startSidecar starts `tidemark run` and waits until it listens.
func (r *benchmarkRun) startSidecar(ctx context.Context) error {
	text, err := r.configuration()
	if err != nil {
		return err
	}
	path := filepath.Join(r.folder, "tidemark.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	arguments := []string{"bench", "sidecar", "--config", path}
	if r.profile != "" {
		arguments = append(arguments, "--profile", r.profile)
	}
	if r.sidecar, err = startChild(ctx, "tidemark run", r.passwords(), func([]byte) {}, arguments...); err != nil {
		return err
	}
	for {
		if found := sidecarAddress.FindStringSubmatch(r.sidecar.said.String()); found != nil {
			r.url = found[1]
			return nil
		}
		if err := r.pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits, and fails where a process that is needed ended meanwhile.
func (r *benchmarkRun) pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.feed.ended:
		return r.feed.endedEarly()
	case <-r.sidecar.ended:
		return r.sidecar.endedEarly()
	case <-timer.C:
		return nil
	}
}

// configuration is the file of the sidecar.
func (r *benchmarkRun) configuration() ([]byte, error) {
	k, e := &r.kafka, &r.elasticsearch
	kafka := map[string]any{"brokers": k.Brokers, "group": r.name, "session_timeout": k.SessionTimeout.String()}
	if k.TLS != nil {
		kafka["tls"] = settings(map[string]string{"ca_file": k.TLS.CAFile, "cert_file": k.TLS.CertFile, "key_file": k.TLS.KeyFile}, "")
	}
	if k.SASL != nil {
		kafka["sasl"] = settings(map[string]string{
			"mechanism": k.SASL.Mechanism, "username": k.SASL.Username, "password_file": k.SASL.PasswordFile,
		}, passed(k.SASL.Password, kafkaPassword))
	}
	elasticsearch := settings(map[string]string{
		"username": e.Username, "password_file": e.PasswordFile, "api_key_file": e.APIKeyFile,
		"ca_file": e.CAFile, "cert_file": e.CertFile, "key_file": e.KeyFile,
	}, passed(e.Password, elasticsearchPassword))
	elasticsearch["addresses"], elasticsearch["index_prefix"], elasticsearch["request_timeout"] = e.Addresses, r.name, e.RequestTimeout.String()
	servers, err := yaml.Marshal(map[string]any{"kafka": kafka, "elasticsearch": elasticsearch, "http": map[string]any{"listen": "127.0.0.1:0"}})
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return append(servers, r.stream.text()...), nil
}

// The variables that passwords are handed on in: the configuration refuses literal ones.
const (
	kafkaPassword         = "TIDEMARK_BENCH_KAFKA_PASSWORD"         //nolint:gosec // a name
	elasticsearchPassword = "TIDEMARK_BENCH_ELASTICSEARCH_PASSWORD" //nolint:gosec // a name
)

// passwords are the variables for the sidecar.
func (r *benchmarkRun) passwords() []string {
	variables := []string{elasticsearchPassword + "=" + r.elasticsearch.Password}
	if r.kafka.SASL != nil {
		variables = append(variables, kafkaPassword+"="+r.kafka.SASL.Password)
	}
	return variables
}

// passed stands for a password that is handed on in a variable; empty for none.
func passed(password, variable string) string {
	if password == "" {
		return ""
	}
	return "${" + variable + "}"
}

// settings are those that are not empty, as the file spells them.
func settings(all map[string]string, password string) map[string]any {
	kept := map[string]any{}
	for key, value := range all {
		if value != "" {
			kept[key] = strings.ReplaceAll(value, "${", "$${")
		}
	}
	if password != "" {
		kept["password"] = password
	}
	return kept
}

// leftError says what a run has left behind.
type leftError struct{ error }

func (e leftError) Unwrap() error { return e.error }

// cleanTimeout bounds the removal of what a run made.
const cleanTimeout = 30 * time.Second

// close ends the processes and removes what the run made, even where the context has ended.
func (r *benchmarkRun) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
	defer cancel()
	var err error
	if r.sidecar != nil {
		err = r.sidecar.stop()
	}
	if r.servers != nil && r.feed != nil {
		r.notes.say("bench: removing the topic, the group and the indices %s", r.name)
		if e := errors.Join(r.removeFromKafka(ctx), r.removeFromElasticsearch(ctx)); e != nil {
			err = errors.Join(err, leftError{fmt.Errorf("remove what is named %s yourself: %w", r.name, e)})
		}
	}
	if r.elastic != nil {
		r.elastic.Close()
	}
	if r.feed != nil {
		err = errors.Join(err, r.feed.stop())
	}
	if r.folder != "" {
		err = errors.Join(err, os.RemoveAll(r.folder))
	}
	return err
}

func (r *benchmarkRun) removeFromKafka(ctx context.Context) error {
	opts, err := consume.ClientOptions(r.servers.Kafka)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.DeleteTopics(ctx, r.name, r.name+".live")
	if err == nil {
		err = topics.Error()
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		err = fmt.Errorf("delete the topic: %w", err)
	} else {
		err = nil
	}
	groups, e := admin.DeleteGroups(ctx, r.name)
	if e == nil {
		e = groups.Error()
	}
	if e != nil && !errors.Is(e, kerr.GroupIDNotFound) {
		err = errors.Join(err, fmt.Errorf("delete the group: %w", e))
	}
	return err
}

func (r *benchmarkRun) removeFromElasticsearch(ctx context.Context) error {
	if r.elastic == nil {
		return nil
	}
	indices, err := r.elastic.ListIndices(ctx, r.name+"-*")
	for _, index := range indices {
		if e := r.elastic.DeleteIndex(ctx, index.Name); e != nil && !elastic.IsNotFound(e) {
			err = errors.Join(err, e)
		}
	}
	for n := range r.stream.rollups {
		if e := r.elastic.DeleteIndexTemplate(ctx, rollup.TemplateName(r.name, benchmarkRollupName(n))); e != nil && !elastic.IsNotFound(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}
