package embedded

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	// DefaultRetainBytes is how much of each partition is kept where the options do not say: a demo's last hours.
	DefaultRetainBytes = 64 << 20
	// retentionInterval is how often what is over the bound is removed.
	retentionInterval = 10 * time.Second
	// segmentsRetained is in how many files the retained part of a partition is kept; whole files are removed.
	segmentsRetained = 8
)

// KafkaOptions says how to start a Kafka. The zero value is one without topics, in memory, on any free port.
type KafkaOptions struct {
	// Port is a port of the loopback interface; 0 is any free one.
	Port int
	// Topics are created with this many partitions each. A Dir with an earlier start in it keeps the topics of that one; others are created with one
	// partition when they are first asked for.
	Topics map[string]int32
	// Dir keeps the topics and the groups' offsets over a restart. Empty keeps them in memory: the next start begins with new, empty topics.
	Dir string
	// RetainBytes bounds each partition; the oldest records are removed first, read or not. Default: DefaultRetainBytes.
	RetainBytes int64
}

// Kafka is a Kafka of one broker in this process. It knows consumer groups and transactions, and has no authentication.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
	stop    chan struct{}
	stopped sync.WaitGroup
	once    sync.Once
}

// StartKafka starts a Kafka. The caller ends it by Close.
func StartKafka(opts KafkaOptions) (*Kafka, error) {
	if opts.Port < 0 || opts.Port > 65535 {
		return nil, fmt.Errorf("start the embedded Kafka: port %d is not between 0 and 65535", opts.Port)
	}
	if opts.RetainBytes <= 0 {
		opts.RetainBytes = DefaultRetainBytes
	}
	settings := []kfake.Opt{
		kfake.Ports(opts.Port),
		kfake.ClusterID("tidemark-embedded"),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.bytes": strconv.FormatInt(opts.RetainBytes, 10),
			"log.segment.bytes":   strconv.FormatInt(max(opts.RetainBytes/segmentsRetained, 1<<20), 10),
		}),
	}
	for topic, partitions := range opts.Topics {
		if partitions < 1 {
			return nil, fmt.Errorf("start the embedded Kafka: topic %q has %d partitions, at least one is needed", topic, partitions)
		}
		settings = append(settings, kfake.SeedTopics(partitions, topic))
	}
	if opts.Dir != "" {
		settings = append(settings, kfake.DataDir(opts.Dir))
	}
	cluster, err := kfake.NewCluster(settings...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("start the embedded Kafka: port %d is in use: stop the program that listens there, or choose another port: %w", opts.Port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka: %w", err)
	}
	k := &Kafka{cluster: cluster, addr: cluster.ListenAddrs()[0], stop: make(chan struct{})}
	k.stopped.Go(k.retain)
	return k, nil
}

// Addr is the address for clients, host:port.
func (k *Kafka) Addr() string { return k.addr }

// Port is the port of Addr.
func (k *Kafka) Port() int {
	_, text, err := net.SplitHostPort(k.addr)
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return port
}

// Close ends the Kafka and its connections. Further calls do nothing.
func (k *Kafka) Close() {
	k.once.Do(func() {
		close(k.stop)
		k.stopped.Wait() // the cluster answers no one after its end, the retention neither
		k.cluster.Close()
	})
}

func (k *Kafka) retain() {
	ticker := time.NewTicker(retentionInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.cluster.ApplyRetention()
		case <-k.stop:
			return
		}
	}
}
