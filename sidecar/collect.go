package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/collect"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/consume"
)

func newCollectCommand(logging *logOptions) *cobra.Command {
	var path, topic string
	var period time.Duration
	c := &cobra.Command{
		Use:     "collect --config FILE",
		Short:   "Write this host's metrics to Kafka",
		Long:    "Samples this host's CPU, memory, disk, load, network and busiest processes and writes them to Kafka as JSON, until it is interrupted.",
		Example: "  tidemark collect --config tidemark.yaml --period 1s",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := logging.configured(c, path)
			if err != nil {
				return err
			}
			if c.Flags().Changed("topic") {
				if err := config.CheckTopic(topic); err != nil {
					return usageError{fmt.Errorf("--topic: %w", err)}
				}
				cfg.Collect.Topic = topic
			}
			if c.Flags().Changed("period") {
				if err := config.CheckCollectPeriod(period); err != nil {
					return usageError{fmt.Errorf("--period %w", err)}
				}
				cfg.Collect.Period = period
			}
			return runCollect(c.Context(), cfg, logger)
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&topic, "topic", "", "the topic, instead of collect.topic")
	c.Flags().DurationVar(&period, "period", 0, "the time between two samples, 100ms to 1h, instead of collect.period")
	return c
}

func runCollect(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	opts, err := consume.ClientOptions(cfg.Kafka)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(opts, collect.ClientOptions()...)...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer client.Close()
	producer := collect.NewProducer(client, cfg.Collect.Topic, logger)
	if err := producer.EnsureTopic(ctx, 0); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	logger.Info("collecting", "topic", cfg.Collect.Topic, "period", cfg.Collect.Period)
	err = collect.Run(ctx, collect.Options{Host: cfg.Collect.Host, Period: cfg.Collect.Period, Processes: cfg.Collect.Processes, Logger: logger}, producer.Produce)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if e := producer.Close(closing); err == nil && e != nil {
		err = e
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
