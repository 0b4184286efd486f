package servers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// KafkaVersion is the version of Apache Kafka that is fetched and started.
const KafkaVersion = "4.1.0"

// KafkaOptions says how to start a Kafka. The zero value is what most tests want.
type KafkaOptions struct {
	// Properties are added to the broker's server.properties, and replace those with the same name.
	Properties map[string]string
	// Progress gets a line when something takes long. nil: nowhere.
	Progress io.Writer
}

// Kafka is a running broker, which is its own controller.
type Kafka struct {
	*node
	// Addr is the broker's bootstrap address, host:port. It stays the same over Restart.
	Addr string
}

// FetchKafka makes sure that Kafka's jars are in the cache, and returns their folder. It writes lines of progress.
func FetchKafka(ctx context.Context, progress io.Writer) (string, error) {
	return cached(ctx, "kafka-"+KafkaVersion, func(ctx context.Context, dir string) error {
		kafka := artifact{Group: "org.apache.kafka", Name: "kafka_2.13", Version: KafkaVersion, Type: "jar", Transitive: true}
		return kafka.copyTo(ctx, dir, progress)
	})
}

// StartKafka fetches Kafka where the cache lacks it, starts one and waits until it answers. ctx bounds the start only: the
// caller ends the server by Close.
func StartKafka(ctx context.Context, options KafkaOptions) (*Kafka, error) {
	progress := options.Progress
	if progress == nil {
		progress = io.Discard
	}
	libs, err := FetchKafka(ctx, progress)
	if err != nil {
		return nil, err
	}
	java, err := JavaHome(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	dir, err := newDir("kafka")
	if err != nil {
		return nil, err
	}
	kafka := &Kafka{Addr: loopback(ports[0])}
	kafka.node = &node{
		name: "Kafka", dir: dir, ready: kafka.ready,
		command: func() *exec.Cmd {
			return kafkaCommand(java, libs, dir, "kafka.Kafka", filepath.Join(dir, "server.properties"))
		},
	}
	if err := kafka.prepare(ctx, java, libs, properties(dir, ports[0], ports[1], options.Properties)); err != nil {
		return nil, errors.Join(err, kafka.Close())
	}
	if err := kafka.start(ctx); err != nil {
		return nil, errors.Join(err, kafka.Close())
	}
	return kafka, nil
}

func properties(dir string, port, controller int, more map[string]string) map[string]string {
	all := map[string]string{
		"node.id":                                  "1",
		"process.roles":                            "broker,controller",
		"controller.quorum.voters":                 "1@" + loopback(controller),
		"controller.listener.names":                "CONTROLLER",
		"listeners":                                "PLAINTEXT://" + loopback(port) + ",CONTROLLER://" + loopback(controller),
		"advertised.listeners":                     "PLAINTEXT://" + loopback(port),
		"log.dirs":                                 filepath.Join(dir, "data"),
		"num.partitions":                           "1",
		"auto.create.topics.enable":                "false",
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "4",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "4",
		"broker.session.timeout.ms":                "4000", // a killed broker may register again only after it
		"broker.heartbeat.interval.ms":             "500",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "1000",
		"log.cleaner.dedupe.buffer.size":           "16777216",
	}
	maps.Copy(all, more)
	return all
}

// prepare writes the configuration and formats the storage.
func (k *Kafka) prepare(ctx context.Context, java, libs string, properties map[string]string) error {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	config := filepath.Join(k.dir, "server.properties")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(k.dir, "log4j2.properties"), []byte(kafkaLogging), 0o600); err != nil {
		return err
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	id[0] &= 0x7f // Kafka's tools take an identifier that begins with a dash for an option
	format := kafkaCommand(java, libs, k.dir, "kafka.tools.StorageTool", "format",
		"--cluster-id", base64.RawURLEncoding.EncodeToString(id), "--config", config)
	if output, err := runBounded(ctx, format, nil); err != nil {
		return fmt.Errorf("format Kafka's storage: %w\n%s", err, output)
	}
	return nil
}

const kafkaLogging = `rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1} %m%n
logger.server.name = kafka.server
logger.server.level = info
`

// kafkaCommand runs a class of Kafka's by a JVM that starts fast: tests are over before the best compiler would pay.
func kafkaCommand(java, libs, dir, class string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(java, "bin", "java"), append([]string{
		"-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true",
		"-Dlog4j2.configurationFile=" + filepath.Join(dir, "log4j2.properties"),
		"-cp", filepath.Join(libs, "*"), class,
	}, args...)...)
	command.Dir = dir
	return command
}

// ready asks the broker for its group coordinator, which is the last part of it to come up and the first that a consumer
// needs.
func (k *Kafka) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addr), kgo.RetryTimeout(time.Second), kgo.DialTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := admin.ListBrokers(ctx); err != nil {
		return err
	}
	return admin.FindGroupCoordinators(ctx, "ready").Error()
}
