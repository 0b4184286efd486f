package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	client  *elastic.Client
	prefix  string
	streams []*stream
	admin   *kadm.Client // nil: the partitions are not known
	logger  *slog.Logger

	mu         sync.Mutex
	partitions map[string][]string // of each stream
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
	known, err := c.definitions(ctx)
	if err != nil {
		return err
	}
	for _, s := range c.streams {
		for i := range s.definitions {
			d := &s.definitions[i]
			if err := c.installRollup(ctx, d.Union(known[d.Name])); err != nil {
				return fmt.Errorf("set up rollup %q: %w", d.Name, err)
			}
		}
	}
	return c.publish(ctx)
}

// definitions are all that each rollup ever had: documents are still written under an earlier one where a partition, or another sidecar, is behind.
func (c *catalog) definitions(ctx context.Context) (map[string][]rollup.Definition, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	sources, err := c.search(ctx, fmt.Sprintf(`{"size":10000,"query":{"term":{"kind":%q}}}`, rollup.KindDefinition))
	if err != nil {
		return nil, err
	}
	known := map[string][]rollup.Definition{}
	for _, source := range sources {
		var doc rollup.DefinitionProgress
		if err := json.Unmarshal(source, &doc); err != nil {
			return nil, fmt.Errorf("read a definition in the progress index: %w", err)
		}
		known[doc.Rollup] = append(known[doc.Rollup], doc.Spec)
	}
	return known, nil
}

// checkNew fails where the progress index tells of the partition already, though the group has no offset for it: what was written would be counted again.
// Of an earlier topic of the same name it tells the last lineage and commit, since progress is ordered by them. It waits for Elasticsearch.
func (c *catalog) checkNew(ctx context.Context, id rollup.Partition) (lineage, commit int64, err error) {
	query, err := json.Marshal(map[string]any{"size": 1000, "query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"terms": map[string]any{"kind": []string{rollup.KindPartition, rollup.KindState}}},
		map[string]any{"term": map[string]any{"partition": id.String()}},
	}}}})
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the partition's progress: %w", err)
	}
	for {
		err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix))
		var sources []json.RawMessage
		if err == nil {
			sources, err = c.search(ctx, string(query))
		}
		if err == nil {
			return c.lastCommit(id, sources)
		}
		if !sleep(ctx, retryMax) {
			return 0, 0, ctx.Err()
		}
	}
}

// lastCommit finds the last lineage and commit in a partition's progress documents. It fails where one is of this very partition.
func (c *catalog) lastCommit(id rollup.Partition, sources []json.RawMessage) (lineage, commit int64, err error) {
	for _, source := range sources {
		var doc struct {
			TopicID string `json:"topic_id"`
			Lineage int64  `json:"lineage"`
			Commit  int64  `json:"commit"`
		}
		if err := json.Unmarshal(source, &doc); err != nil {
			return 0, 0, fmt.Errorf("read the partition's progress: %w", err)
		}
		if doc.TopicID == encodeTopicID(id.TopicID) {
			return 0, 0, fmt.Errorf("the group has no offset for the partition, but %s holds rollups of it: it was read by another group, or the group's offsets were deleted; %s",
				rollup.ProgressIndex(c.prefix), howToGoOn)
		}
		if rollup.Version(doc.Lineage, doc.Commit) > rollup.Version(lineage, commit) {
			lineage, commit = doc.Lineage, doc.Commit
		}
	}
	return lineage, commit, nil
}

// mend puts templates and mappings anew, for an index that was made while they were older.
func (c *catalog) mend(ctx context.Context) {
	if err := c.install(ctx); err != nil {
		c.logger.Warn("mappings cannot be brought up to date", "error", err)
	}
}

// installRollup puts the template, and adds what the definition has newly to the indices that exist.
func (c *catalog) installRollup(ctx context.Context, d *rollup.Definition) error {
	mapping, err := json.Marshal(rollup.DocumentMapping(d))
	if err != nil {
		return fmt.Errorf("describe the mapping: %w", err)
	}
	var existing []string // patterns that match something
	for _, tier := range append([]rollup.Tier{d.Window}, d.Tiers...) {
		pattern := rollup.IndexPattern(c.prefix, d.Name, tier)
		indices, err := c.checkMappings(ctx, pattern, mapping)
		if err != nil {
			return err
		}
		if indices > 0 {
			existing = append(existing, pattern)
		}
	}
	template, err := rollup.Template(c.prefix, d)
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
		for i, d := range s.definitions {
			d.Tiers = nil // readers are told of tiers that are kept
			doc := rollup.DefinitionProgress{
				Kind: rollup.KindDefinition, Rollup: d.Name, Stream: s.Name, Definition: s.hashes[i], Since: now, UpdatedAt: now, Partitions: partitions, Spec: d,
			}
			if entry, ok := known.Rollup(d.Name); ok {
				if entry.Definition == doc.Definition {
					doc.Since = entry.Since
				}
				doc.Partitions = sealedOrKnown(partitions, entry)
				if c.admin == nil {
					doc.Partitions = entry.Partitions
				}
				partitions = doc.Partitions
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
		c.partitions[s.Name] = partitions
		c.mu.Unlock()
	}
	return c.bulk(ctx, b)
}

// sealedOrKnown leaves out partitions that appeared and have sealed nothing yet, so that the tidemark does not vanish until they have.
func sealedOrKnown(partitions []string, entry *rollup.CatalogEntry) []string {
	if len(entry.Partitions) == 0 {
		return partitions
	}
	kept := []string{}
	for _, name := range partitions {
		sealed := slices.ContainsFunc(entry.Progress, func(p rollup.PartitionProgress) bool { return p.Partition == name && p.SealedThrough != nil })
		if sealed || slices.Contains(entry.Partitions, name) {
			kept = append(kept, name)
		}
	}
	return kept
}

// kafkaError is what Kafka, not Elasticsearch, failed with.
type kafkaError struct{ error }

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

// read gives what the progress index holds.
func (c *catalog) read(ctx context.Context) (*rollup.Catalog, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	sources, err := c.search(ctx, fmt.Sprintf(`{"size":10000,"query":{"terms":{"kind":[%q,%q]}}}`, rollup.KindDefinition, rollup.KindPartition))
	if err != nil {
		return nil, err
	}
	return rollup.ParseCatalog(sources)
}

func (c *catalog) search(ctx context.Context, body string) ([]json.RawMessage, error) {
	response, err := c.client.Search(ctx, elastic.SearchRequest{Indices: []string{rollup.ProgressIndex(c.prefix)}, Body: json.RawMessage(body)})
	if err != nil {
		return nil, err
	}
	sources := make([]json.RawMessage, 0, len(response.Hits.Hits))
	for _, hit := range response.Hits.Hits {
		sources = append(sources, hit.Source)
	}
	return sources, nil
}

// earlier finds the stream whose definitions have the hashes, for a partition that was last read under them. It waits for Elasticsearch.
func (c *catalog) earlier(ctx context.Context, hashes []string) (*stream, error) {
	for {
		s, err := c.find(ctx, hashes)
		var connection *elastic.ConnectionError
		var answer *elastic.Error
		if err == nil || ctx.Err() != nil || !errors.As(err, &connection) && !errors.As(err, &answer) {
			return s, err
		}
		if !sleep(ctx, retryMax) {
			return nil, ctx.Err()
		}
	}
}

func (c *catalog) find(ctx context.Context, hashes []string) (*stream, error) {
	query, err := json.Marshal(map[string]any{"query": map[string]any{"ids": map[string]any{"values": []string{streamID(hashes)}}}})
	if err != nil {
		return nil, fmt.Errorf("ask for earlier definitions: %w", err)
	}
	sources, err := c.search(ctx, string(query))
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("the partition was last read under definitions (%s) that %s does not hold: restore the earlier configuration", strings.Join(hashes, ", "), rollup.ProgressIndex(c.prefix))
	}
	var doc streamSettings
	if err := json.Unmarshal(sources[0], &doc); err != nil {
		return nil, fmt.Errorf("read earlier definitions: %w", err)
	}
	settings, err := decodeStream(doc.Spec.Settings)
	if err != nil {
		return nil, err
	}
	s, err := newStream(settings)
	if err == nil && !slices.Equal(s.hashes, hashes) {
		err = fmt.Errorf("the earlier definitions of stream %q cannot be rebuilt by this release: start the earlier one with the earlier configuration, stop it, and start this one", settings.Name)
	}
	return s, err
}

// tell writes partitions' progress and states.
func (c *catalog) tell(ctx context.Context, documents []rollup.PartitionProgress, states []rollup.PartitionState) error {
	c.logger.Debug("progress told", "documents", len(documents), "partitions", len(states))
	b := &write.Request{}
	for i := range states {
		s := &states[i]
		if err := add(b, c.prefix, s.ID(), rollup.Version(s.Lineage, s.Commit), s); err != nil {
			return err
		}
	}
	for i := range documents {
		d := &documents[i]
		if err := add(b, c.prefix, d.ID(), rollup.Version(d.Lineage, d.Commit), d); err != nil {
			return err
		}
	}
	return c.bulk(ctx, b)
}

func add(b *write.Request, prefix, id string, version int64, doc any) error {
	source, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode progress document %s: %w", id, err)
	}
	b.Index(rollup.ProgressIndex(prefix), id, version, source)
	return nil
}

// bulk writes the batch at once. Documents that were superseded by newer ones are no error.
func (c *catalog) bulk(ctx context.Context, b *write.Request) error {
	if b.Documents() == 0 {
		return nil
	}
	response, err := c.client.Bulk(ctx, b.Body())
	if err != nil {
		return err
	}
	for _, item := range response.Items {
		if item.Err != nil && !item.Err.Superseded() {
			return fmt.Errorf("write progress document %s: %w", item.ID, item.Err)
		}
	}
	return nil
}

// record keeps that a rollup was rebuilt.
func (c *catalog) record(ctx context.Context, r replayRecord) error {
	b := &write.Request{}
	id := strings.Join([]string{r.Kind, r.Rollup, r.Partition, r.TopicID}, ":")
	if err := add(b, c.prefix, id, r.Lineage, r); err != nil {
		return err
	}
	return c.bulk(ctx, b)
}

// replays are the records of what was rebuilt from a partition's log.
func (c *catalog) replays(ctx context.Context, id rollup.Partition) ([]replayRecord, error) {
	if err := c.client.Refresh(ctx, rollup.ProgressIndex(c.prefix)); err != nil {
		return nil, err
	}
	query, err := json.Marshal(map[string]any{"size": 10_000, "query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"kind": rollup.KindReplay}},
		map[string]any{"term": map[string]any{"partition": id.String()}},
		map[string]any{"term": map[string]any{"topic_id": encodeTopicID(id.TopicID)}},
	}}}})
	if err != nil {
		return nil, fmt.Errorf("ask for what was rebuilt: %w", err)
	}
	sources, err := c.search(ctx, string(query))
	if err != nil {
		return nil, err
	}
	records := make([]replayRecord, len(sources))
	for i := range sources {
		if err := json.Unmarshal(sources[i], &records[i]); err != nil {
			return nil, fmt.Errorf("read what was rebuilt: %w", err)
		}
	}
	return records, nil
}

// streamSettings keeps a stream's settings in the progress index.
type streamSettings struct {
	Kind      string       `json:"kind"`
	Stream    string       `json:"stream"`
	UpdatedAt int64        `json:"updated_at"`
	Spec      settingsSpec `json:"spec"`
}

type settingsSpec struct {
	Settings string `json:"settings"`
}

func streamID(hashes []string) string { return kindStream + ":" + definitionsID(hashes) }

func encodeStream(s config.Stream) (string, error) {
	text, err := yaml.Marshal(map[string]any{"streams": []config.Stream{s}})
	if err != nil {
		return "", fmt.Errorf("encode stream %q: %w", s.Name, err)
	}
	return strings.ReplaceAll(string(text), "${", "$${"), nil
}

func decodeStream(text string) (config.Stream, error) {
	c, err := config.Parse("earlier definitions", []byte(text), func(string) string { return "" })
	if err != nil {
		return config.Stream{}, fmt.Errorf("read earlier definitions: %w", err)
	}
	if len(c.Streams) != 1 {
		return config.Stream{}, errors.New("read earlier definitions: they hold no stream")
	}
	return c.Streams[0], nil
}

func encodeTopicID(id [16]byte) string { return hex.EncodeToString(id[:]) }
