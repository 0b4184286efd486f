package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/sidecar/collect"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/embedded"
)

//go:embed demo.yaml
var demoConfig []byte

type demoOptions struct {
	data      string
	duration  time.Duration
	listen    string
	kafkaPort int
	storePort int
	period    time.Duration
}

func newDemoCommand(logging *logOptions) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show everything at work on this machine, without any server",
		Long: "Starts an in-process Kafka and an embedded store that speaks Elasticsearch's protocol, writes this machine's metrics, this program's own log\n" +
			"lines and the calls that the store answers to the one, keeps their rollups in the other as `tidemark run` does, and shows them on a page, until it is interrupted.",
		Example: "  tidemark demo\n  tidemark demo --data ./demo-data --duration 10m",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			handler, err := logging.handler(c.ErrOrStderr())
			if err != nil {
				return err
			}
			threshold := slog.LevelWarn
			if c.Flags().Changed("log-level") {
				threshold = slog.LevelDebug // the handler knows
			}
			return runDemo(c.Context(), o, quietly{handler, threshold}, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&o.data, "data", "", "a folder that keeps Kafka's topics and the store between runs, of one demo at a time (default: memory)")
	c.Flags().DurationVar(&o.duration, "duration", 0, "stop after this time (default: when interrupted)")
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8089", "the address of the page, /status and /metrics")
	c.Flags().IntVar(&o.kafkaPort, "kafka-port", 19092, "the port of the in-process Kafka, on the loopback; 0 for any free one")
	c.Flags().IntVar(&o.storePort, "store-port", 19200, "the port of the embedded store, on the loopback; 0 for any free one")
	c.Flags().DurationVar(&o.period, "period", time.Second, "the time between two samples of this machine's metrics, 100ms to 1h")
	return c
}

// check finds what is wrong with the flags.
func (o *demoOptions) check() error {
	if err := config.CheckCollectPeriod(o.period); err != nil {
		return fmt.Errorf("--period %w", err)
	}
	if o.duration < 0 {
		return fmt.Errorf("--duration %s: it cannot be negative", o.duration)
	}
	if err := config.CheckListen(o.listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	_, listen, _ := net.SplitHostPort(o.listen)
	flags := map[string]string{listen: "--listen"}
	for _, port := range []struct {
		flag   string
		number int
	}{{"--kafka-port", o.kafkaPort}, {"--store-port", o.storePort}} {
		if port.number < 0 || port.number > math.MaxUint16 {
			return fmt.Errorf("%s %d: 0 to 65535 are allowed", port.flag, port.number)
		}
		text := strconv.Itoa(port.number)
		if other, taken := flags[text]; taken && port.number != 0 {
			return fmt.Errorf("%s %s: %s has the same port, choose another for one of them", port.flag, text, other)
		}
		flags[text] = port.flag
	}
	return nil
}

// quietly lets every line pass to a LogTee in front, and only those from a level on to the handler.
type quietly struct {
	slog.Handler
	threshold slog.Level
}

func (q quietly) Enabled(context.Context, slog.Level) bool { return true }

func (q quietly) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < q.threshold || !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

func (q quietly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietly{q.Handler.WithAttrs(attrs), q.threshold}
}

func (q quietly) WithGroup(name string) slog.Handler {
	return quietly{q.Handler.WithGroup(name), q.threshold}
}

func runDemo(ctx context.Context, o demoOptions, terminal slog.Handler, out io.Writer) (err error) {
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	cfg, err := config.Parse("demo.yaml", demoConfig, os.Getenv)
	if err != nil {
		return err
	}
	cfg.HTTP.Listen = o.listen
	cfg.Kafka.SessionTimeout = 6 * time.Second

	if o.data != "" {
		release, failed := holdFolder(o.data)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	servers, err := startDemoServers(ctx, o, cfg.Health.Topic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.close()) }()
	cfg.Kafka.Brokers = []string{servers.kafka.Addr()}
	cfg.Elasticsearch.Addresses = []string{"http://" + servers.listener.Addr().String()}

	host, err := collect.HostName("")
	if err != nil {
		return err
	}
	tee := collect.NewLogTee(terminal, host)
	logger := slog.New(tee)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return servers.serve(ctx) })
	g.Go(func() error { return feed(ctx, cfg, o, host, tee, servers.calls, slog.New(terminal)) })
	g.Go(func() error {
		err := runSidecar(ctx, cfg, logger, func(pl *pipeline, address string) {
			describeDemo(out, o, servers, cfg, address)
			g.Go(func() error { summarize(ctx, out, pl); return nil })
		})
		return listenedBy("--listen", err)
	})
	return g.Wait()
}

// demoServers are what stands in for Kafka and Elasticsearch.
type demoServers struct {
	kafka    *embedded.Kafka
	store    *embedded.Store
	listener net.Listener
	server   *http.Server
	calls    *collect.CallLog // of the store
}

func startDemoServers(ctx context.Context, o demoOptions, healthTopic string) (*demoServers, error) {
	var kafkaDir, storeDir string
	if o.data != "" {
		kafkaDir, storeDir = filepath.Join(o.data, "kafka"), filepath.Join(o.data, "store")
	}
	s := &demoServers{calls: collect.NewCallLog("store")}
	var err error
	var listen net.ListenConfig
	s.listener, err = listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.storePort)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("start the embedded store: port %d is in use: stop the other program, or choose a port by --store-port", o.storePort)
	}
	if err != nil {
		return nil, fmt.Errorf("start the embedded store: %w", err)
	}
	s.kafka, err = embedded.StartKafka(embedded.KafkaOptions{Port: o.kafkaPort, Dir: kafkaDir, Topics: map[string]int32{"topic-app-info": 2, "metrics": 2, callsTopic: 1, healthTopic: 1}})
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("start the in-process Kafka: port %d is in use: stop the other program, or choose a port by --kafka-port", o.kafkaPort)
	}
	if err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	if s.store, err = embedded.OpenStore(storeDir); err != nil { //nolint:contextcheck // the store outlives the start
		s.kafka.Close()
		return nil, errors.Join(err, s.listener.Close())
	}
	s.server = &http.Server{Handler: s.calls.Around(s.store), ReadHeaderTimeout: 10 * time.Second}
	return s, nil
}

// serve answers for the store until it is closed; that is later than the context's end, since what is under way is still written.
func (s *demoServers) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the embedded store: %w", err)
	case <-ctx.Done():
		return nil
	}
}

func (s *demoServers) close() error {
	err := s.server.Close()
	s.kafka.Close()
	return errors.Join(err, s.store.Close())
}

// callsTopic is where the calls that the store answers are told of.
const callsTopic = "service-calls"

// feed writes this machine's metrics, this program's log lines and the store's calls to Kafka.
func feed(ctx context.Context, cfg *config.Config, o demoOptions, host string, tee *collect.LogTee, calls *collect.CallLog, logger *slog.Logger) error {
	client, err := kgo.NewClient(append(collect.ClientOptions(), kgo.SeedBrokers(cfg.Kafka.Brokers...))...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer client.Close()
	metrics := collect.NewProducer(client, cfg.Collect.Topic, logger)
	logs := collect.NewProducer(client, cfg.Streams[0].Topics[0], logger)
	served := collect.NewProducer(client, callsTopic, logger)
	var g errgroup.Group
	g.Go(func() error { calls.Run(ctx, served.Produce); return nil })
	g.Go(func() error { tee.Run(ctx, logs.Produce); return nil })
	g.Go(func() error {
		return collect.Run(ctx, collect.Options{Host: host, Period: o.period, Processes: cfg.Collect.Processes, Logger: logger}, metrics.Produce)
	})
	err = g.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return errors.Join(err, metrics.Close(closing), logs.Close(closing), served.Close(closing))
}
