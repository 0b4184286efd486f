package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/downsample"
	"github.com/tidemark/tidemark/sidecar/write"
)

// tiersEvery is how often it is looked whether windows of coarser tiers can be made.
const tiersEvery = 5 * time.Second

// tiersState is what the coarser tiers are doing, for /metrics and /status.
type tiersState struct {
	windows, documents atomic.Int64

	through *prometheus.GaugeVec // by rollup and tier, of what this process made

	mu     sync.Mutex
	failed map[string]error // by rollup, at the last look
}

func (t *tiersState) register(r prometheus.Registerer) {
	t.through = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tidemark_tier_through_seconds", Help: "The end of the last window of a coarser tier that this process made, in seconds since the Unix epoch.",
	}, []string{"rollup", "tier"})
	r.MustRegister(t.through, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tidemark_tiers_failing", Help: "1 while the coarser tiers cannot be made, 0 otherwise.",
	}, func() float64 {
		t.mu.Lock()
		defer t.mu.Unlock()
		return float64(min(1, len(t.failed)))
	}))
}

// made counts a span of windows.
func (t *tiersState) made(name string, tier rollup.Tier, s rollup.Span, documents int) {
	t.windows.Add((s.To - s.From) / tier.Milliseconds())
	t.documents.Add(int64(documents))
	if t.through != nil {
		t.through.WithLabelValues(name, tier.String()).Set(float64(s.To) / 1000)
	}
}

// tierBatch carries what downsample makes to the writer.
type tierBatch struct {
	batch *write.Batch
	done  chan write.Result
}

func newTierBatch(w *write.Writer) *tierBatch {
	done := make(chan write.Result, 1)
	return &tierBatch{batch: w.Begin(func(r write.Result) { done <- r }), done: done}
}

func (b *tierBatch) Index(ctx context.Context, index, id string, version int64, source []byte) error {
	return b.batch.AddRaw(ctx, index, id, version, source)
}

func (b *tierBatch) Delete(ctx context.Context, index, id string, version int64) error {
	return b.batch.AddDelete(ctx, index, id, version)
}

// Close waits for the acknowledgements.
func (b *tierBatch) Close(ctx context.Context) error {
	if err := b.batch.Close(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		b.batch.Cancel()
		return ctx.Err()
	case <-b.done:
		return nil
	}
}

func newMaker(cfg *config.Config, client *elastic.Client, w *write.Writer, made func(string, rollup.Tier, rollup.Span, int), logger *slog.Logger) *downsample.Maker {
	return downsample.New(client, downsample.Options{
		Prefix: cfg.Elasticsearch.IndexPrefix, MergeAfter: cfg.Elasticsearch.ForceMergeAfter, Begin: func() downsample.Batch { return newTierBatch(w) }, Made: made, Logger: logger,
	})
}

// tiersLoop makes the coarser tiers of the streams of which this process owns the first partition: so somebody does, and mostly one.
func (pl *pipeline) tiersLoop(ctx context.Context) {
	maker := newMaker(pl.cfg, pl.client, pl.writer, func(name string, t rollup.Tier, s rollup.Span, documents int) {
		pl.tiers.made(name, t, s, documents)
		pl.logger.Debug("windows made", "rollup", name, "tier", t.String(), "from", formatTime(s.From), "to", formatTime(s.To), "documents", documents)
	}, pl.logger)
	for sleep(ctx, tiersEvery) {
		failed := pl.makeTiers(ctx, maker)
		if ctx.Err() != nil {
			return
		}
		pl.tiers.note(failed, pl.logger)
	}
}

// note keeps why the coarser tiers of rollups cannot be made, and tells of each that begins or ends to fail.
func (t *tiersState) note(failed map[string]error, logger *slog.Logger) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		if t.failed[name] == nil {
			logger.Warn("coarser tiers cannot be made: it is tried again", "rollup", name, "error", failed[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.failed)) {
		if failed[name] == nil {
			logger.Info("coarser tiers are made again", "rollup", name)
		}
	}
	t.failed = failed
}

// err is why the coarser tiers of a rollup cannot be made; nil where they can.
func (t *tiersState) err(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed[name]
}

// makeTiers brings the tiers of all rollups up to date that this process is to look after, and gives the rollups of which it cannot.
func (pl *pipeline) makeTiers(ctx context.Context, maker *downsample.Maker) map[string]error {
	var names []string
	for _, s := range pl.streams {
		if !pl.ownsFirst(s) {
			continue
		}
		for _, d := range s.definitions {
			if len(d.Tiers) > 0 || len(d.Retention) > 0 {
				names = append(names, d.Name)
			}
		}
	}
	failed := map[string]error{}
	if len(names) == 0 {
		return failed
	}
	catalog, err := pl.catalog.read(ctx)
	for _, name := range names {
		if err != nil {
			failed[name] = err
			continue
		}
		entry, found := catalog.Rollup(name)
		if !found {
			continue
		}
		if err := maker.Round(ctx, entry); err != nil && !errors.Is(err, downsample.ErrOvertaken) {
			failed[name] = err
		}
	}
	return failed
}

// ownsFirst reports whether this process owns the first of the partitions that the stream's tidemarks wait for.
func (pl *pipeline) ownsFirst(s *stream) bool {
	first := pl.catalog.first(s)
	for _, p := range pl.owned() {
		if p.stream == s && p.id.String() == first {
			return true
		}
	}
	return false
}

// first is the first partition that the stream's tidemarks wait for; empty without one.
func (c *catalog) first(s *stream) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.partitions[s.Name]) == 0 {
		return ""
	}
	return c.partitions[s.Name][0]
}
