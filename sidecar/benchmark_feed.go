package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/embedded"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// feedOrder is what the process that feeds a benchmark is told, on the first line of its input. A second line makes it produce. It ends with its input.
type feedOrder struct {
	// Config is the file whose Kafka is used; empty: an in-process Kafka and store.
	Config     string `json:"config,omitempty"`
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions"`
	// Keyed gives records the host as their key; without it they go to the partitions in turn.
	Keyed       bool             `json:"keyed,omitempty"`
	Compression string           `json:"compression"`
	Events      generate.Options `json:"events"`
	Count       int64            `json:"count"`
	// PerSecond is how many events are produced a second, with the time of their making; 0: as fast as possible, with the times that the options give.
	PerSecond int64 `json:"per_second,omitempty"`
}

// feedAnswer is a line that the process writes.
type feedAnswer struct {
	// Kafka and Store are where the servers are, once they are; empty where they are not in-process ones.
	Kafka string `json:"kafka,omitempty"`
	Store string `json:"store,omitempty"`
	// Produced is how many events Kafka has acknowledged.
	Produced int64 `json:"produced"`
	// The rest is known when Done.
	Done bool `json:"done,omitempty"`
	// Raw and Sent are the bytes of the batches before and after their compression.
	Raw  int64 `json:"raw,omitempty"`
	Sent int64 `json:"sent,omitempty"`
	// First and Last are the times of the first and the last event in milliseconds.
	First int64 `json:"first,omitempty"`
	Last  int64 `json:"last,omitempty"`
}

func newBenchFeedCommand() *cobra.Command {
	return &cobra.Command{
		Use: "feed", Hidden: true, Short: "Produce the events of a benchmark", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// Ctrl-C in a terminal reaches every process: the servers have to last until the others are done with them.
			return runFeed(context.WithoutCancel(c.Context()), c.InOrStdin(), c.OutOrStdout())
		},
	}
}

// runFeed carries out an order.
func runFeed(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return errors.Join(errors.New("read the order: there is none"), lines.Err())
	}
	var order feedOrder
	if err := json.Unmarshal(lines.Bytes(), &order); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	f := &feeder{order: order, answers: json.NewEncoder(out), volume: newVolumeHook()}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.begin(ctx); err != nil {
		return err
	}
	if !lines.Scan() {
		return lines.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // until the input ends, which is when this process does
		for lines.Scan() {
		}
		cancel()
	}()
	if err := f.produce(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	<-ctx.Done()
	return nil
}

// feeder produces events, and is the servers where there are no others.
type feeder struct {
	order   feedOrder
	answers *json.Encoder
	answer  feedAnswer

	kafka   *embedded.Kafka
	store   *embedded.Store
	server  *http.Server
	serving sync.WaitGroup
	client  *kgo.Client

	mu       sync.Mutex
	produced int64
	failure  error
	volume   *volumeHook
}

// begin starts the servers and makes the topic.
func (f *feeder) begin(ctx context.Context) error {
	var opts []kgo.Opt
	if f.order.Config == "" {
		if err := f.startServers(ctx); err != nil {
			return err
		}
		opts = []kgo.Opt{kgo.SeedBrokers(f.kafka.Addr())}
	} else {
		cfg, err := config.Load(f.order.Config)
		if err != nil {
			return err
		}
		if opts, err = consume.ClientOptions(cfg.Kafka); err != nil {
			return err
		}
	}
	var err error
	partitioner := kgo.ManualPartitioner()
	if f.order.Keyed {
		partitioner = kgo.StickyKeyPartitioner(nil)
	}
	f.client, err = kgo.NewClient(append(opts,
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(codecs[f.order.Compression]), kgo.RecordPartitioner(partitioner),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000), kgo.MaxBufferedBytes(128<<20), kgo.WithHooks(f.volume),
	)...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	if _, err := kadm.NewClient(f.client).CreateTopic(ctx, f.order.Partitions, -1, nil, f.order.Topic); err != nil {
		return fmt.Errorf("make the topic %q: %w", f.order.Topic, err)
	}
	return f.answers.Encode(f.answer)
}

// retainAll is more than a benchmark produces into a partition.
const retainAll = 1 << 33

func (f *feeder) startServers(ctx context.Context) (err error) {
	if f.kafka, err = embedded.StartKafka(embedded.KafkaOptions{RetainBytes: retainAll}); err != nil {
		return err
	}
	if f.store, err = embedded.OpenStore(""); err != nil { //nolint:contextcheck // the store outlives the start
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the embedded store: %w", err)
	}
	f.server = &http.Server{Handler: f.store, ReadHeaderTimeout: 10 * time.Second}
	f.serving.Go(func() { _ = f.server.Serve(listener) }) // it ends with an error always, mostly since it is closed
	f.answer.Kafka, f.answer.Store = f.kafka.Addr(), "http://"+listener.Addr().String()
	return nil
}

func (f *feeder) close() error {
	var err error
	if f.client != nil {
		f.client.Close()
	}
	if f.server != nil {
		err = f.server.Close()
		f.serving.Wait()
	}
	if f.store != nil {
		err = errors.Join(err, f.store.Close())
	}
	if f.kafka != nil {
		f.kafka.Close()
	}
	return err
}

const (
	// tellEvery is how often the process tells how far it has come.
	tellEvery = 500 * time.Millisecond
	// paceEvery is how often events are produced at a rate.
	paceEvery = 5 * time.Millisecond
	// arenaBytes is how much memory the events of many records share.
	arenaBytes = 1 << 20
)

// produce produces all events, and waits until Kafka has them.
func (f *feeder) produce(ctx context.Context) error {
	source, err := generate.NewFilebeat(f.order.Events)
	if err != nil {
		return err
	}
	begin := time.Now()
	tell := begin
	var arena []byte
	for i := int64(0); i < f.order.Count; {
		due, at := f.order.Count, source.Time(i)
		if f.order.PerSecond > 0 {
			if !sleep(ctx, paceEvery) {
				return ctx.Err()
			}
			now := time.Now()
			due, at = min(due, int64(now.Sub(begin).Seconds()*float64(f.order.PerSecond))), now.UnixMilli()
		}
		for ; i < due; i++ {
			if f.order.PerSecond == 0 {
				at = source.Time(i)
			}
			if cap(arena)-len(arena) < f.order.Events.Bytes {
				arena = make([]byte, 0, max(arenaBytes, f.order.Events.Bytes))
			}
			start := len(arena)
			arena = source.AppendAt(arena, i, at)
			r := &kgo.Record{Topic: f.order.Topic, Partition: int32(i % int64(f.order.Partitions)), Value: arena[start:len(arena):len(arena)]}
			if f.order.Keyed {
				host, _ := source.Key(i)
				r.Key = []byte(host)
			}
			f.client.Produce(ctx, r, f.acknowledge)
			if f.answer.First == 0 {
				f.answer.First = at
			}
			f.answer.Last = max(f.answer.Last, at)
			if i%1000 == 0 && time.Since(tell) > tellEvery {
				tell = time.Now()
				if err := f.tell(false); err != nil {
					return err
				}
			}
		}
	}
	if err := f.client.Flush(ctx); err != nil {
		return fmt.Errorf("wait until Kafka has all events: %w", err)
	}
	return f.tell(true)
}

// acknowledge counts what Kafka has taken.
func (f *feeder) acknowledge(_ *kgo.Record, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.produced++
	} else if f.failure == nil {
		f.failure = err
	}
}

// tell writes how far the producing has come. It fails where an event was not taken.
func (f *feeder) tell(done bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return fmt.Errorf("produce to the topic %q: %w", f.order.Topic, f.failure)
	}
	if done {
		f.volume.await(f.produced)
	}
	a := f.answer
	a.Produced, a.Done = f.produced, done
	a.Raw, a.Sent = f.volume.read()
	return f.answers.Encode(a)
}

// volumeHook adds up the bytes of the batches that were written.
type volumeHook struct {
	mu        sync.Mutex
	raw, sent int64
	records   int64
	grown     sync.Cond
}

func newVolumeHook() *volumeHook {
	v := &volumeHook{}
	v.grown.L = &v.mu
	return v
}

// OnProduceBatchWritten is called by the client.
func (v *volumeHook) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.raw += int64(m.UncompressedBytes)
	v.sent += int64(m.CompressedBytes)
	v.records += int64(m.NumRecords)
	v.grown.Broadcast()
}

// await waits for the batches of so many records: the client tells of a batch by itself, soon after it has acknowledged the batch's records.
func (v *volumeHook) await(records int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.records < records {
		v.grown.Wait()
	}
}

func (v *volumeHook) read() (raw, sent int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.raw, v.sent
}
