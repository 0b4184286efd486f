package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/status"
)

func newRunCommand(logging *logOptions) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:     "run --config FILE",
		Short:   "Read events from Kafka and keep their rollups in Elasticsearch",
		Long:    "Reads the configured streams as a member of a Kafka consumer group and writes their rollups to Elasticsearch, until it is interrupted.\nStart it on several machines with the same file to share the work.",
		Example: "  tidemark run --config tidemark.yaml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := logging.configured(c, path, needStreams)
			if err != nil {
				return err
			}
			return listenedBy("http.listen", runSidecar(c.Context(), cfg, logger, nil))
		},
	}
	configFlag(c, &path)
	return c
}

// runSidecar runs the pipeline with its HTTP server until the context ends. started, where it is not nil, gets both before they run.
func runSidecar(ctx context.Context, cfg *config.Config, logger *slog.Logger, started func(*pipeline, string)) error {
	client, err := newElasticClient(cfg.Elasticsearch)
	if err != nil {
		return err
	}
	defer client.Close()
	pl, err := newPipeline(cfg, client, logger)
	if err != nil {
		return err
	}
	server, listener, closeLive, err := newServer(ctx, pl)
	if err != nil {
		pl.kafkaClient.Close()
		return err
	}
	defer closeLive()
	if started != nil {
		started(pl, listener.Addr().String())
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx)) // /status answers while the pipeline drains
	defer stopServing()
	var g errgroup.Group
	working, stopWorking := context.WithCancel(ctx)
	defer stopWorking()
	g.Go(func() error {
		defer stopWorking()
		return server.Serve(serving, listener)
	})
	g.Go(func() error {
		defer stopServing()
		return pl.Run(working)
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("run: %w", err)
	}
	logger.Info("stopped")
	return nil
}

// newServer makes the pipeline's HTTP server, listening.
func newServer(ctx context.Context, pl *pipeline) (server *status.Server, l net.Listener, closeLive func(), err error) {
	encryption, err := status.TLSConfig(pl.cfg.HTTP.TLS)
	if err != nil {
		return nil, nil, nil, err
	}
	server = status.NewServer(status.Options{
		Listen: pl.cfg.HTTP.Listen, Source: pl, Querier: newQuerier(pl.client, pl.prefix()), TLS: encryption, Logger: pl.logger,
	})
	pl.register(server.Registerer())
	if l, err = server.Listen(ctx); err != nil {
		return nil, nil, nil, listenError{err}
	}
	if closeLive, err = pl.serveLive(server); err != nil { //nolint:contextcheck // readers are served until closeLive
		return nil, nil, nil, errors.Join(err, l.Close())
	}
	scheme := "http://"
	if encryption != nil {
		scheme = "https://"
	}
	pl.logger.Info("listening", "address", scheme+l.Addr().String())
	return server, l, closeLive, nil
}

// listenError is that of an address that cannot be listened on. Which setting it comes from is known to the command.
type listenError struct{ error }

func (e listenError) Unwrap() error { return e.error }

// listenedBy names the setting of the address, where it is that which an error is about.
func listenedBy(setting string, err error) error {
	if errors.As(err, new(listenError)) {
		return fmt.Errorf("%s: %w", setting, err)
	}
	return err
}

// register adds the metrics of the writer, the tiers, the live values and the dead letters.
func (pl *pipeline) register(r prometheus.Registerer) {
	pl.tiers.register(r)
	pl.live.register(r)
	stats := &pl.writer.Stats
	for _, m := range []struct {
		name, help string
		value      func() int64
	}{
		{"tidemark_write_documents_total", "Documents that Elasticsearch acknowledged.", stats.Documents.Load},
		{"tidemark_write_bytes_total", "Bytes of the documents that Elasticsearch acknowledged, before compression.", stats.Bytes.Load},
		{"tidemark_write_requests_total", "Bulk requests sent.", stats.Requests.Load},
		{"tidemark_write_retries_total", "Documents sent again.", stats.Retries.Load},
		{"tidemark_write_superseded_total", "Documents that Elasticsearch held in the same or a newer version already.", stats.Superseded.Load},
		{"tidemark_write_rejected_total", "Documents that Elasticsearch can never accept.", stats.Rejected.Load},
		{"tidemark_tier_windows_total", "Windows of coarser tiers that were made.", pl.tiers.windows.Load},
		{"tidemark_tier_documents_total", "Documents of coarser tiers that were written.", pl.tiers.documents.Load},
		{"tidemark_dead_letters_total", "Events and documents handed to the dead-letter topic.", pl.letters.count.Load},
		{"tidemark_dead_letters_failed_total", "Dead letters that could not be written.", pl.letters.failed.Load},
	} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: m.name, Help: m.help}, func() float64 { return float64(m.value()) }))
	}
}
