package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/downsample"
	"github.com/tidemark/tidemark/sidecar/write"
	"github.com/tidemark/tidemark/tests/servers"
)

// TestModelTiersHoldWhatTheEventsSay lets partitions write documents of several days, with late events, topics that are added and made anew, definitions that
// change and documents that are rewritten, while two makers, which fail at random and may look at what was told a while ago, make the coarser tiers and remove
// what has outlived its retention. Whenever they have come to rest, every tier holds, from where it begins up to where it is made, what the events say.
func TestModelTiersHoldWhatTheEventsSay(t *testing.T) {
	runs := 6
	if testing.Short() {
		runs = 2
	}
	runs, first := fromEnvironment(t, modelRuns, runs), fromEnvironment(t, modelSeed, 1)
	for seed := first; seed < first+runs; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			w := newTiersWorld(t, uint64(seed))
			w.run()
		})
	}
}

// tiersConfigs are the definitions that follow one another.
func tiersConfigs() []config.Stream {
	day := 24 * time.Hour
	base := config.Stream{
		Name: "s", Topics: []string{"events"}, Format: "json", Timestamp: config.Timestamp{Field: "t", Format: "unix_ms"}, Lateness: 10 * time.Second, MaxAhead: 1000 * day,
		MaxLateKeys: 1_000_000, IdleTimeout: time.Hour,
		Rollups: []config.Rollup{{
			Name: "r", Window: rollup.Tier(10 * time.Second), MaxKeys: 4, Dimensions: map[string]string{"host": "host", "path": "path"}, Measures: map[string]string{"n": "n"},
			Percentiles: []string{"n"}, Conditions: map[string]string{"big": "n > 50"}, Distinct: map[string]string{"users": "user"}, Groupings: [][]string{{"path"}, {}},
			Tiers:     []rollup.Tier{rollup.Tier(time.Minute), rollup.Tier(time.Hour), rollup.Tier(day)},
			Retention: map[rollup.Tier]time.Duration{rollup.Tier(10 * time.Second): 12 * time.Hour, rollup.Tier(time.Minute): 2 * day},
		}},
	}
	other := base
	other.Rollups = slices.Clone(base.Rollups)
	other.Rollups[0].Window = rollup.Tier(20 * time.Second)
	other.Rollups[0].Dimensions = map[string]string{"path": "path"}
	other.Rollups[0].Retention = map[rollup.Tier]time.Duration{rollup.Tier(20 * time.Second): 10 * time.Hour, rollup.Tier(time.Minute): 2 * day}
	return []config.Stream{base, other}
}

// tiersWorld is one run.
type tiersWorld struct {
	t       *testing.T
	rnd     *rand.Rand
	streams []*stream
	store   *elastic.Client
	writer  *write.Writer
	makers  []*downsample.Maker
	flaky   []*flakyStore
	logs    []*tiersLog
	gone    []rollup.PartitionProgress // of topics that were made anew
	newest  int                        // of the streams
	time    int64
	tells   int64 // how often a partition told of its progress
	stale   *rollup.Catalog
	truth   map[tiersPlace]tiersCell
}

// tiersLog is a partition of a topic.
type tiersLog struct {
	id      rollup.Partition
	engine  *aggregate.Engine
	stream  int
	offset  int64
	commits int64
	lineage int64
	behind  int64 // how much older than the others' its events are
	told    *rollup.PartitionProgress
	waiting []*aggregate.Window // closed, and not written
}

type tiersPlace struct {
	hash, grouping, key string
	start               int64
}

// tiersCell is what one window and key hold. All numbers are whole, so that sums do not depend on an order.
type tiersCell struct {
	Count, Bytes, Big, Measured, Sum, Min, Max int64
}

func (c tiersCell) plus(o tiersCell) tiersCell {
	if c.Measured == 0 {
		c.Min, c.Max = o.Min, o.Max
	} else if o.Measured > 0 {
		c.Min, c.Max = min(c.Min, o.Min), max(c.Max, o.Max)
	}
	return tiersCell{c.Count + o.Count, c.Bytes + o.Bytes, c.Big + o.Big, c.Measured + o.Measured, c.Sum + o.Sum, c.Min, c.Max}
}

// flakyStore fails at random, before or after it did what was asked.
type flakyStore struct {
	*elastic.Client
	mu   sync.Mutex
	rnd  *rand.Rand
	calm bool
}

var errFlaky = errors.New("connection reset")

func (s *flakyStore) fails() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.calm && s.rnd.IntN(12) == 0
}

func (s *flakyStore) Search(ctx context.Context, req elastic.SearchRequest) (*elastic.SearchResponse, error) {
	if s.fails() {
		return nil, errFlaky
	}
	return s.Client.Search(ctx, req)
}

func (s *flakyStore) Bulk(ctx context.Context, body []byte) (*elastic.BulkResponse, error) {
	if s.fails() {
		return nil, errFlaky
	}
	response, err := s.Client.Bulk(ctx, body)
	if s.fails() {
		return nil, errFlaky
	}
	return response, err
}

func (s *flakyStore) DeleteIndex(ctx context.Context, name string) error {
	if s.fails() {
		return errFlaky
	}
	return s.Client.DeleteIndex(ctx, name)
}

func newTiersWorld(t *testing.T, seed uint64) *tiersWorld {
	t.Helper()
	w := &tiersWorld{
		t: t, rnd: rand.New(rand.NewPCG(seed, 7)), time: time.Date(2026, 1, 30, 6, 0, 0, 0, time.UTC).UnixMilli(), truth: map[tiersPlace]tiersCell{},
	}
	var err error
	if w.store, err = elastic.New(elastic.Config{Addresses: []string{servers.EmbeddedStore(t, "")}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range tiersConfigs() {
		s, err := newStream(c)
		if err != nil {
			t.Fatal(err)
		}
		w.streams = append(w.streams, s)
	}
	w.writer = write.New(w.store, write.Options{})
	running, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.writer.Run(running)
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
		w.store.Close()
	})
	for i := range 2 {
		flaky := &flakyStore{Client: w.store, rnd: rand.New(rand.NewPCG(seed, 100+uint64(i)))}
		w.flaky = append(w.flaky, flaky)
		w.makers = append(w.makers, downsample.New(flaky, downsample.Options{Prefix: "m", Begin: func() downsample.Batch { return newTierBatch(w.writer) }, MergeAfter: 48 * time.Hour, Now: w.now}))
	}
	for i := range w.streams {
		if err := newCatalog(w.store, "m", w.streams[i:i+1], nil, slog.New(slog.DiscardHandler)).install(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 1 + w.rnd.IntN(2) {
		w.add(0)
	}
	return w
}

// add begins a partition, whose first events are so much older than those of the others.
func (w *tiersWorld) add(behind int64) {
	id := rollup.Partition{Topic: "events", Number: int32(len(w.logs)), TopicID: [16]byte{1}}
	l := &tiersLog{id: id, behind: behind, stream: w.newest}
	w.begin(l)
	w.logs = append(w.logs, l)
}

func (w *tiersWorld) plan(number int) *aggregate.Plan {
	plan, err := w.streams[number].plan()
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

func (w *tiersWorld) begin(l *tiersLog) {
	plan := w.plan(l.stream)
	l.engine, l.offset = aggregate.NewEngine(plan, plan.Begin(0, 0, l.id.TopicID)), 0
}

// run lets things happen, and looks now and then.
func (w *tiersWorld) run() {
	for round := range 60 {
		w.time += w.rnd.Int64N(4 * time.Hour.Milliseconds())
		for _, l := range w.logs {
			w.feed(l)
			if w.rnd.IntN(5) > 0 {
				w.write(l)
				w.tell(l)
			}
		}
		w.happen()
		w.makeConcurrently()
		if round%20 == 19 {
			w.rest(round)
		}
	}
}

// feed gives a partition some events, a few of them late by up to days.
func (w *tiersWorld) feed(l *tiersLog) {
	l.behind = max(0, l.behind-8*time.Hour.Milliseconds())
	for range w.rnd.IntN(25) {
		at := w.time - l.behind + w.rnd.Int64N(180_000)
		switch w.rnd.IntN(12) {
		case 0:
			at -= w.rnd.Int64N(90_000)
		case 1:
			at -= w.rnd.Int64N(20 * time.Hour.Milliseconds())
		case 2:
			at -= w.rnd.Int64N(4 * 24 * time.Hour.Milliseconds())
		}
		w.event(l, at)
	}
}

func (w *tiersWorld) event(l *tiersLog, at int64) {
	host, path, n := fmt.Sprintf("h%d", w.rnd.IntN(3)), fmt.Sprintf("/p%d", w.rnd.IntN(3)), w.rnd.Int64N(100)
	value := fmt.Sprintf(`{"t":%d,"host":%q,"path":%q,"n":%d,"user":"u%d"}`, at, host, path, n, w.rnd.IntN(20))
	measured := w.rnd.IntN(5) > 0
	if !measured {
		value = fmt.Sprintf(`{"t":%d,"host":%q,"path":%q}`, at, host, path)
	}
	l.engine.Add(aggregate.Record{Offset: l.offset, Timestamp: w.time, Value: []byte(value)})
	l.offset++
	s := w.streams[l.stream]
	d := &s.definitions[0]
	c := tiersCell{Count: 1, Bytes: int64(len(value))}
	if measured {
		c.Measured, c.Sum, c.Min, c.Max = 1, n, n, n
		if n > 50 {
			c.Big = 1
		}
	}
	for _, g := range d.Groupings {
		place := tiersPlace{hash: s.hashes[0], grouping: g.String(), key: (&modelEvent{host: host, path: path}).dimensions(g), start: d.Window.Start(at)}
		w.truth[place] = w.truth[place].plus(c)
	}
	l.waiting = append(l.waiting, l.engine.Close()...)
}

// write writes the documents of the closed windows, and acknowledges them.
func (w *tiersWorld) write(l *tiersLog) {
	s := w.streams[l.stream]
	for _, window := range l.waiting {
		done := make(chan write.Result, 1)
		batch := w.writer.Begin(func(r write.Result) { done <- r })
		target := write.Target{Prefix: "m", Definition: &s.definitions[0], Hash: s.hashes[0], Lineage: l.lineage}
		err := window.Documents(l.id, func(doc *rollup.Document) error { return batch.Add(w.t.Context(), target, doc) })
		if err = errors.Join(err, batch.Close()); err != nil {
			w.t.Fatal(err)
		}
		<-done
		l.engine.Acknowledge(window, 0, 0)
	}
	l.waiting = nil
}

// tell is the progress of a partition as of now.
func (w *tiersWorld) tell(l *tiersLog) {
	s := w.streams[l.stream]
	state := l.engine.State()
	l.commits++
	w.tells++
	l.told = &rollup.PartitionProgress{
		Kind: rollup.KindPartition, Rollup: "r", Stream: "s", Partition: l.id.String(), TopicID: encodeTopicID(l.id.TopicID), Definition: s.hashes[0],
		SealedThrough: known(state.SealedThrough), UpdatedAt: w.time + w.tells, Commit: l.commits, Lineage: l.lineage,
	}
}

// barrier seals everything that is open in a partition.
func (w *tiersWorld) barrier(l *tiersLog) {
	windows, watermark := l.engine.Seal(aggregate.Never)
	l.waiting = append(l.waiting, windows...)
	w.write(l)
	l.engine.Raise(watermark)
	w.tell(l)
}

// happen changes something, now and then.
func (w *tiersWorld) happen() {
	l := w.logs[w.rnd.IntN(len(w.logs))]
	switch w.rnd.IntN(14) {
	case 0:
		if len(w.logs) < 4 {
			w.add(w.rnd.Int64N(60 * time.Hour.Milliseconds()))
		}
	case 1: // its topic is made anew
		w.barrier(l)
		w.gone = append(w.gone, *l.told)
		l.id.TopicID[0]++
		l.behind = w.rnd.Int64N(60 * time.Hour.Milliseconds())
		l.stream = w.newest
		w.logs[l.id.Number] = &tiersLog{id: l.id, stream: w.newest, behind: l.behind}
		w.begin(w.logs[l.id.Number])
	case 2: // the definitions change
		if w.newest++; w.newest == len(w.streams) {
			w.newest--
			return
		}
		for _, l := range w.logs {
			w.barrier(l)
			state := l.engine.State()
			l.stream = w.newest
			state.Rollups = []aggregate.RollupState{{Definition: w.streams[w.newest].hashes[0]}}
			l.engine = aggregate.NewEngine(w.plan(w.newest), state)
			w.tell(l)
		}
	case 3, 4:
		w.rewrite(l)
	case 5:
		w.barrier(l)
	}
}

// entry is what the progress index would tell.
func (w *tiersWorld) catalog() *rollup.Catalog {
	entry := rollup.CatalogEntry{}
	for i := range w.newest + 1 {
		s := w.streams[i]
		entry.Definitions = append(entry.Definitions, rollup.DefinitionProgress{Rollup: "r", Stream: "s", Definition: s.hashes[0], Since: int64(i), Spec: s.definitions[0]})
	}
	entry.DefinitionProgress = entry.Definitions[w.newest]
	entry.Progress = slices.Clone(w.gone)
	for _, l := range w.logs {
		if l.told == nil {
			continue
		}
		entry.Progress = append(entry.Progress, *l.told)
	}
	for _, l := range w.logs {
		if slices.ContainsFunc(entry.Progress, func(p rollup.PartitionProgress) bool { return p.Partition == l.id.String() && p.SealedThrough != nil }) {
			entry.Partitions = append(entry.Partitions, l.id.String())
		}
	}
	if w.stale != nil && len(w.stale.Rollups) == 1 { // a partition comes in when it has caught up
		before := &w.stale.Rollups[0]
		before.Progress = entry.Progress
		entry.Partitions, _ = before.Admit(entry.Partitions)
	}
	return &rollup.Catalog{Rollups: []rollup.CatalogEntry{entry}}
}

// makeConcurrently lets both makers work at once, one of them perhaps by what was told a while ago, and perhaps ends them in the middle.
func (w *tiersWorld) makeConcurrently() {
	fresh := w.catalog()
	var working sync.WaitGroup
	for i, maker := range w.makers {
		seen := fresh
		if i == 1 && w.stale != nil && w.rnd.IntN(3) == 0 {
			seen = w.stale
		}
		entry := seen.Rollups[0]
		ctx, cancel := context.WithCancel(w.t.Context())
		if w.rnd.IntN(4) == 0 {
			time.AfterFunc(time.Duration(w.rnd.IntN(40))*time.Millisecond, cancel)
		}
		if w.rnd.IntN(3) > 0 {
			working.Go(func() {
				defer cancel()
				err := maker.Round(ctx, &entry)
				if err != nil && !errors.Is(err, errFlaky) && !errors.Is(err, downsample.ErrOvertaken) && ctx.Err() == nil {
					w.t.Errorf("a round: %v", err)
				}
			})
		} else {
			cancel()
		}
	}
	working.Wait()
	w.stale = fresh
}

// rewrite does what a replay does: documents of a partition take in their corrections, in another lineage, and the coarser tiers are told.
func (w *tiersWorld) rewrite(l *tiersLog) {
	if l.told == nil || l.told.SealedThrough == nil {
		return
	}
	s := w.streams[l.stream]
	d := &s.definitions[0]
	keep, _ := d.Kept(d.Window)
	from := d.Window.Start(*l.told.SealedThrough-w.rnd.Int64N(keep)) + d.Window.Milliseconds()
	w.write(l)
	l.lineage++
	merged, late := map[string]*rollup.Document{}, map[string]string{}
	for _, hit := range w.hits(rollup.IndexPattern("m", "r", d.Window)) {
		doc, err := rollup.ParseDocument(hit.Source, d)
		source, _ := readSource(hit.Source)
		if source.text(rollup.FieldDefinition) != s.hashes[0] {
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if source.text(rollup.FieldPartition) != l.id.String() || source.text(rollup.FieldTopicID) != encodeTopicID(l.id.TopicID) || doc.Start < from {
			continue
		}
		if doc.Correction != nil {
			late[hit.ID] = hit.Index
		}
		doc.Correction = nil
		key := fmt.Sprint(doc.Start, doc.Grouping, doc.Dimensions, doc.Overflow)
		if merged[key] == nil {
			doc.Partition = &l.id
			merged[key] = &doc
		} else {
			merged[key].Merge(&doc)
		}
	}
	done := make(chan write.Result, 1)
	batch := w.writer.Begin(func(r write.Result) { done <- r })
	target := write.Target{Prefix: "m", Definition: d, Hash: s.hashes[0], Lineage: l.lineage}
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		if err := batch.Add(w.t.Context(), target, merged[key]); err != nil {
			w.t.Fatal(err)
		}
	}
	for id, index := range late {
		if err := batch.AddDelete(w.t.Context(), index, id, l.lineage<<versionBits); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := batch.Close(); err != nil {
		w.t.Fatal(err)
	}
	<-done
	entry := w.catalog().Rollups[0]
	calm := downsample.New(w.store, downsample.Options{Prefix: "m", Now: w.now})
	if err := calm.Redo(w.t.Context(), &entry, rollup.Span{From: from, To: *l.told.SealedThrough}); err != nil {
		w.t.Fatal(err)
	}
}

// now is the makers' clock.
func (w *tiersWorld) now() time.Time { return time.UnixMilli(w.time) }
