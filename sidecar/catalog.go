package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/write"
)

const (
	// refreshEvery is how often the topics' partitions are counted anew.
	refreshEvery = 30 * time.Second
	// retryMax bounds the pause between two tries to reach Elasticsearch.
	retryMax = 5 * time.Second
	// kindStream marks the progress documents that keep a stream's settings.
	kindStream = "stream"
)

// catalog keeps templates, definitions and progress in Elasticsearch.
type catalog struct {
	client *elastic.Client
	// warmAfter and coldAfter are after how long indices move to warm and cold nodes; 0 is never.
	warmAfter, coldAfter time.Duration

	prefix  string
	streams []*stream
	admin   *kadm.Client // nil: the partitions are not known
	logger  *slog.Logger

	mu         sync.Mutex
	partitions map[string][]string // of each stream, those that its tidemarks wait for
	err        error
	since      time.Time
	ready      bool
}

func newCatalog(client *elastic.Client, prefix string, streams []*stream, kafka *kgo.Client, logger *slog.Logger) *catalog {
	c := &catalog{client: client, prefix: prefix, streams: streams, logger: logger, partitions: map[string][]string{}}
	if kafka != nil {
		c.admin = kadm.NewClient(kafka)
	}
	return c
}

// moving sets after how long indices move to other nodes.
func (c *catalog) moving(e config.Elasticsearch) *catalog {
	c.warmAfter, c.coldAfter = e.WarmAfter, e.ColdAfter
	return c
}

// register installs the templates and tells the definitions, and tries until it succeeds. It gives up only where the cluster can never serve.
func (c *catalog) register(ctx context.Context) error {
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, retryMax) {
		err := c.install(ctx)
		if errors.Is(err, elastic.ErrIncompatible) || errors.As(err, new(*mappingError)) {
			return err
		}
		c.note(err)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

func (c *catalog) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if (err == nil) != (c.err == nil) || c.since.IsZero() {
		c.since = time.Now()
	}
	if err != nil && (c.err == nil || c.err.Error() != err.Error()) {
		c.logger.Warn("rollups cannot be set up yet", "error", err)
	}
	c.err = err
	c.ready = c.ready || err == nil
}

// state is what keeps the catalog from being kept, and since when.
func (c *catalog) state() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since, c.err
}

func (c *catalog) registered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

// install makes everything in Elasticsearch that the streams need. Doing it again changes nothing.
func (c *catalog) install(ctx context.Context) error {
	if _, err := c.client.Version(ctx); err != nil {
		return err
	}
	body, err := rollup.ProgressIndexBody()
	if err != nil {
		return fmt.Errorf("describe the progress index: %w", err)
	}
	if err := c.client.CreateIndex(ctx, rollup.ProgressIndex(c.prefix), body); err != nil {
		return fmt.Errorf("make the progress index: %w", err)
	}
	mapping, err := rollup.ProgressMapping()
	if err != nil {
		return fmt.Errorf("describe the progress index: %w", err)
	}
	if _, err := c.checkMappings(ctx, rollup.ProgressIndex(c.prefix), mapping); err != nil {
		return err
	}
	if err := c.client.PutMapping(ctx, rollup.ProgressIndex(c.prefix), mapping); err != nil { // an earlier release may have made it
		return fmt.Errorf("bring the progress index up to date: %w", err)
	}
	policy, err := c.installLifecycle(ctx)
	if err != nil {
		return err
	}
	known, err := c.definitions(ctx)
	if err != nil {
		return err
	}
	for _, s := range c.streams {
		for i := range s.definitions {
			d := &s.definitions[i]
			if err := c.installRollup(ctx, d.Union(known[d.Name]), policy); err != nil {
				return fmt.Errorf("set up rollup %q: %w", d.Name, err)
			}
		}
	}
	return c.publish(ctx)
}

// installLifecycle puts the policy that moves indices to warm and cold nodes, where that is wanted, and gives its name; empty for none.
func (c *catalog) installLifecycle(ctx context.Context) (string, error) {
	if c.warmAfter == 0 && c.coldAfter == 0 {
		return "", nil
	}
	body, err := rollup.LifecyclePolicy(c.warmAfter, c.coldAfter)
	if err != nil {
		return "", fmt.Errorf("describe the lifecycle policy: %w", err)
	}
	name := rollup.LifecycleName(c.prefix)
	there, err := c.client.PutLifecycle(ctx, name, body)
	if err != nil {
		return "", err
	}
	if !there {
		c.logger.Warn("the cluster has no index lifecycle management: indices stay on the nodes where they are made, whatever warm_after and cold_after say")
		return "", nil
	}
	return name, nil
}

// mend puts templates and mappings anew, for an index that was made while they were older.
func (c *catalog) mend(ctx context.Context) {
	if err := c.install(ctx); err != nil {
		c.logger.Warn("mappings cannot be brought up to date", "error", err)
	}
}

// installRollup puts the template, and adds what the definition has newly to the indices that exist.
func (c *catalog) installRollup(ctx context.Context, d *rollup.Definition, policy string) error {
	mapping, err := json.Marshal(rollup.DocumentMapping(d))
	if err != nil {
		return fmt.Errorf("describe the mapping: %w", err)
	}
	var existing []string // patterns that match something
	for _, tier := range d.Chain() {
		pattern := rollup.IndexPattern(c.prefix, d.Name, tier)
		indices, err := c.checkMappings(ctx, pattern, mapping)
		if err != nil {
			return err
		}
		if indices > 0 {
			existing = append(existing, pattern)
		}
	}
	template, err := rollup.Template(c.prefix, d, policy)
	if err != nil {
		return fmt.Errorf("describe the template: %w", err)
	}
	if err := c.client.PutIndexTemplate(ctx, rollup.TemplateName(c.prefix, d.Name), template); err != nil {
		return err
	}
	for _, pattern := range existing {
		if err := c.client.PutMapping(ctx, pattern, mapping); err != nil {
			return err
		}
	}
	return nil
}

// publish tells the definitions with the partitions that each is made of, and keeps the streams' settings for the time when they have changed.
func (c *catalog) publish(ctx context.Context) error {
	known, err := c.read(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	b := &write.Request{}
	for _, s := range c.streams {
		partitions, err := c.count(ctx, s)
		if err != nil {
			return err
		}
		admitted := partitions
		for i, d := range s.definitions {
			doc := rollup.DefinitionProgress{
				Kind: rollup.KindDefinition, Rollup: d.Name, Stream: s.Name, Definition: s.hashes[i], Since: now, UpdatedAt: now, Partitions: partitions, Spec: d,
			}
			if entry, ok := known.Rollup(d.Name); ok {
				if entry.Definition == doc.Definition {
					doc.Since = entry.Since
				}
				doc.Partitions, doc.Floors = entry.Partitions, entry.Floors
				if c.admin != nil {
					doc.Partitions, doc.Floors = entry.Admit(partitions)
				}
				admitted = doc.Partitions
			}
			if err := add(b, c.prefix, doc.ID(), now, doc); err != nil {
				return err
			}
		}
		settings, err := encodeStream(s.Stream)
		if err != nil {
			return err
		}
		doc := streamSettings{Kind: kindStream, Stream: s.Name, UpdatedAt: now, Spec: settingsSpec{Settings: settings}}
		if err := add(b, c.prefix, streamID(s.hashes), now, doc); err != nil {
			return err
		}
		c.mu.Lock()
		c.partitions[s.Name] = admitted
		c.mu.Unlock()
	}
	return c.bulk(ctx, b)
}

// kafkaError is what Kafka, not Elasticsearch, failed with.
type kafkaError struct{ error }

// known names the partitions of a stream, as they were counted last.
func (c *catalog) known(stream string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.partitions[stream])
}

// count lists the partitions of a stream's topics.
func (c *catalog) count(ctx context.Context, s *stream) ([]string, error) {
	partitions := []string{}
	if c.admin == nil {
		return partitions, nil
	}
	topics, err := c.admin.ListTopics(ctx, s.Topics...)
	if err != nil {
		return nil, kafkaError{fmt.Errorf("list the partitions of stream %q: %w", s.Name, err)}
	}
	for _, topic := range s.Topics {
		detail := topics[topic]
		if errors.Is(detail.Err, kerr.UnknownTopicOrPartition) || len(detail.Partitions) == 0 {
			c.logger.Warn("topic does not exist yet", "topic", topic, "stream", s.Name)
			continue
		}
		if detail.Err != nil {
			return nil, kafkaError{fmt.Errorf("list the partitions of topic %q: %w", topic, detail.Err)}
		}
		for _, p := range detail.Partitions.Numbers() {
			partitions = append(partitions, rollup.Partition{Topic: topic, Number: p}.String())
		}
	}
	return partitions, nil
}

// refreshLoop follows topics that appear or grow.
func (c *catalog) refreshLoop(ctx context.Context) {
	for sleep(ctx, refreshEvery) {
		changed := false
		for _, s := range c.streams {
			partitions, err := c.count(ctx, s)
			c.mu.Lock()
			changed = changed || err == nil && !slices.Equal(partitions, c.partitions[s.Name])
			c.mu.Unlock()
		}
		if changed {
			c.note(c.publish(ctx))
		}
	}
}
