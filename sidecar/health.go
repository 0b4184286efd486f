package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/collect"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/health"
)

// healthRetry is how long telling pauses when Kafka refuses it.
const healthRetry = 30 * time.Second

// healthLoop tells of this sidecar's work until the context ends, where that is wanted. Nothing waits for it: it has a client of its own.
func (pl *pipeline) healthLoop(ctx context.Context) {
	if pl.cfg.Health.Topic == "" {
		return
	}
	for told := false; ; told = true {
		err := pl.tellHealth(ctx)
		if err != nil && !told && ctx.Err() == nil {
			pl.logger.Warn("health events cannot be written: it is tried again", "topic", pl.cfg.Health.Topic, "error", err)
		}
		if !sleep(ctx, healthRetry) {
			return
		}
	}
}

func (pl *pipeline) tellHealth(ctx context.Context) error {
	options, err := consume.ClientOptions(pl.cfg.Kafka)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(options, collect.ClientOptions()...)...)
	if err != nil {
		return fmt.Errorf("set up the Kafka client: %w", err)
	}
	defer client.Close()
	producer := collect.NewProducer(client, pl.cfg.Health.Topic, pl.logger)
	if err := producer.EnsureTopic(ctx, 0); err != nil {
		return err
	}
	err = health.Run(ctx, health.Options{Sidecar: pl.owner, Period: pl.cfg.Health.Period, Sample: pl.health}, producer.Produce)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if e := producer.Close(closing); err == nil {
		err = e
	}
	return err
}

// health is what this sidecar has counted by now.
func (pl *pipeline) health() health.Sample {
	s := health.Sample{Retries: pl.writer.Stats.Retries.Load()}
	s.CPU, s.Memory = health.Self()
	for _, p := range pl.owned() {
		s.Partitions = append(s.Partitions, p.health()...)
	}
	return s
}

// health is what was counted of the partition for each rollup; nothing while it is being taken over, or read under earlier definitions.
func (p *partition) health() []health.Partition {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, definitions := &p.view, p.stream.definitions
	if !v.known || v.switchAt > 0 || len(v.ledgers) != len(definitions) || p.done == nil || !p.stream.matches(p.done) {
		return nil
	}
	end := max(p.logEnd, p.firstEnd, v.position)
	all := make([]health.Partition, len(definitions))
	for i := range definitions {
		all[i] = health.Partition{
			Stream: p.stream.Name, Rollup: definitions[i].Name, Partition: p.id.String(), Held: p.held,
			Read: v.ledgers[i], Settled: p.done.Rollups[i].Ledger(), End: end, Lag: end - v.position, SealedThrough: known(v.sealed),
		}
	}
	return all
}
