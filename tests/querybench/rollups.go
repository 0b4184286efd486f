package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// topic is where the events of the rollups came from.
const topic = "logs"

var topicID = [16]byte{0x7d, 1}

// group is the sources that one document of each window counts.
type group struct {
	grouping   rollup.Grouping
	dimensions []string
	partition  *rollup.Partition // nil where it counts those of all
	sources    []int
}

// keptRollup is the rollup of the events, as if there were another number of them, under an index prefix of its own.
type keptRollup struct {
	name       string // for people
	prefix     string
	events     int64
	factor     float64
	definition *rollup.Definition
	hash       string
	fine       []group // of the documents of the finest tier, which are of a partition each
	coarse     []group
	ledger     [partitions]rollup.Ledger

	// Where the tiers begin, and up to where every window is sealed (ms).
	hourFrom, minuteFrom, fineFrom, sealed int64
	hourThrough                            int64
}

func definition(o *options) *rollup.Definition {
	d := &rollup.Definition{
		Name: "log_writes", Stream: "logs", Window: rollup.Tier(tierFine), Tiers: []rollup.Tier{rollup.Tier(tierMiddle), rollup.Tier(tierCoarse)},
		Dimensions: []rollup.Field{{Name: "host", Path: "host.name"}, {Name: "path", Path: "log.file.path"}},
		Measures:   []rollup.Field{{Name: "offset", Path: "log.offset"}},
		MaxKeys:    100_000,
		Groupings:  []rollup.Grouping{{"host"}, {"path"}, {}},
	}
	d.Retention = []rollup.Retention{{Tier: d.Window, Keep: o.fine.Milliseconds()}, {Tier: d.Tiers[0], Keep: o.span.Milliseconds()}}
	d.Normalize()
	return d
}

// newRollup plans the rollup of as many events as are behind it, whose windows of an hour begin at a time.
func newRollup(o *options, e *events, behind, hourFrom int64) *keptRollup {
	k := &keptRollup{
		name: short(behind), prefix: benchPrefix + "-" + strings.ToLower(short(behind)), events: behind, factor: float64(behind) / float64(e.count),
		definition: definition(o), sealed: e.to - e.to%tierFine.Milliseconds(),
		fineFrom: alignUp(e.fine.from, tierMiddle), minuteFrom: alignUp(e.from, tierMiddle), hourFrom: alignUp(hourFrom, tierCoarse),
	}
	k.hash, k.hourThrough = k.definition.Hash(), rollup.Tier(tierCoarse).Start(k.sealed)
	for _, g := range k.definition.Groupings {
		k.fine = append(k.fine, groups(e.sources, g, true)...)
		k.coarse = append(k.coarse, groups(e.sources, g, false)...)
	}
	return k
}

func alignUp(ms int64, tier time.Duration) int64 {
	t := rollup.Tier(tier)
	return t.Start(ms-1) + t.Milliseconds()
}

// groups divides the sources by the values of a grouping's dimensions, and by the partitions where each has documents of its own.
func groups(sources []source, g rollup.Grouping, partitioned bool) []group {
	var all []group
	places := map[string]int{}
	for i, s := range sources {
		var values []string
		for _, name := range g {
			values = append(values, map[string]string{"host": s.host, "path": s.path}[name])
		}
		key := strings.Join(values, "\x00")
		if partitioned {
			key += fmt.Sprint("\x00", s.partition)
		}
		place, known := places[key]
		if !known {
			place = len(all)
			places[key] = place
			one := group{grouping: g, dimensions: values}
			if partitioned {
				one.partition = &rollup.Partition{Topic: topic, TopicID: topicID, Number: int32(s.partition)}
			}
			all = append(all, one)
		}
		all[place].sources = append(all[place].sources, i)
	}
	slices.SortStableFunc(all, func(a, b group) int { return slices.Compare(a.dimensions, b.dimensions) })
	return all
}

// write writes the documents of one window, whose cells are given, to w.
func (k *keptRollup) write(ctx context.Context, w *bulkWriter, tier time.Duration, start int64, row []cell) error {
	documents := k.coarse
	if tier == tierFine {
		documents = k.fine
	}
	for i := range documents {
		g := &documents[i]
		var sum cell
		for _, s := range g.sources {
			scaled := row[s].times(k.factor)
			sum.add(&scaled)
		}
		if sum.count == 0 {
			continue
		}
		doc := rollup.Document{
			Start: start, Partition: g.partition, Grouping: g.grouping, Dimensions: g.dimensions, Count: sum.count, Bytes: sum.bytes, Measures: []rollup.Measure{sum.offset},
		}
		if tier == tierFine && len(g.grouping) == 0 {
			ledger := &k.ledger[g.partition.Number]
			ledger.Consumed += sum.count
			ledger.OnTime += sum.count
		}
		w.scratch = doc.AppendJSON(w.scratch[:0], k.definition, k.hash)
		index := rollup.IndexName(k.prefix, k.definition.Name, rollup.Tier(tier), start)
		if err := w.index(ctx, index, doc.ID(k.hash), rollup.Version(0, start), w.scratch); err != nil {
			return err
		}
	}
	return nil
}

// load writes the template and all documents of the events.
func (k *keptRollup) load(ctx context.Context, b *bench) error {
	template, err := rollup.Template(k.prefix, k.definition, "")
	if err != nil {
		return err
	}
	if err := b.client.PutIndexTemplate(ctx, rollup.TemplateName(k.prefix, k.definition.Name), template); err != nil {
		return err
	}
	progressIndex, err := rollup.ProgressIndexBody()
	if err != nil {
		return err
	}
	if err := b.client.CreateIndex(ctx, rollup.ProgressIndex(k.prefix), progressIndex); err != nil {
		return err
	}
	hour := b.events.minute.coarser(tierCoarse)
	w := b.newWriter(ctx, "documents of the rollup of "+k.name+" events")
	if err := errors.Join(k.hours(ctx, w, hour), k.table(ctx, w, tierMiddle, b.events.minute), k.table(ctx, w, tierFine, b.events.fine), w.close()); err != nil {
		return fmt.Errorf("write the rollup of %s events: %w", k.name, err)
	}
	return nil
}

// table writes the documents of all windows that are complete.
func (k *keptRollup) table(ctx context.Context, w *bulkWriter, tier time.Duration, t *table) error {
	from := k.minuteFrom
	if tier == tierFine {
		from = k.fineFrom
	}
	for i := range t.windows() {
		if start := t.start(i); start >= from && start+t.length <= k.sealed {
			if err := k.write(ctx, w, tier, start, t.row(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// hours writes the documents of an hour, those before the events as if every day had been like the last.
func (k *keptRollup) hours(ctx context.Context, w *bulkWriter, t *table) error {
	// The first and the last window of the table are not full.
	full := int64(max(t.windows()-2, 1))
	for start := k.hourFrom; start+t.length <= k.sealed; start += t.length {
		i, there := t.at(start)
		if !there || i == 0 {
			i = int((start/t.length)%full) + min(1, t.windows()-1)
		}
		if err := k.write(ctx, w, tierCoarse, start, t.row(i)); err != nil {
			return err
		}
	}
	return nil
}

// tell writes how far the rollup has come, as the sidecar does.
func (k *keptRollup) tell(ctx context.Context, b *bench) error {
	now := time.Now().UnixMilli()
	index := rollup.ProgressIndex(k.prefix)
	w := b.newWriter(ctx, "")
	tiers := k.tiers(now)
	sources := map[string]any{tiers.ID(): tiers}
	d := rollup.DefinitionProgress{
		Kind: rollup.KindDefinition, Rollup: k.definition.Name, Stream: k.definition.Stream, Definition: k.hash, Since: min(k.hourFrom, k.minuteFrom), Spec: *k.definition, UpdatedAt: now,
	}
	for number := range partitions {
		p := &rollup.PartitionProgress{
			Kind: rollup.KindPartition, Rollup: k.definition.Name, Stream: k.definition.Stream, Definition: k.hash, SealedThrough: &k.sealed, Watermark: &now,
			Partition: rollup.Partition{Topic: topic, Number: int32(number)}.String(), TopicID: hex.EncodeToString(topicID[:]), Commit: now / 1000, Owner: "bench", UpdatedAt: now,
			Ledger: k.ledger[number],
		}
		d.Partitions = append(d.Partitions, p.Partition)
		sources[p.ID()] = p
	}
	sources[d.ID()] = &d
	for id, source := range sources {
		text, err := json.Marshal(source)
		if err != nil {
			return err
		}
		if err := w.index(ctx, index, id, now, text); err != nil {
			return err
		}
	}
	if err := w.close(); err != nil {
		return fmt.Errorf("tell the progress: %w", err)
	}
	return b.client.Refresh(ctx, index)
}

// tiers tells that each coarser tier is made as far as the finer ones are sealed.
func (k *keptRollup) tiers(now int64) *rollup.TiersProgress {
	t := &rollup.TiersProgress{Kind: rollup.KindTiers, Rollup: k.definition.Name, UpdatedAt: now}
	t.Spec.Generation = 1
	t.Spec.Tiers = []rollup.TierProgress{{Tier: k.definition.Window, From: k.fineFrom, Removed: k.fineFrom}}
	minute := rollup.Tier(tierMiddle).Start(k.sealed)
	for _, p := range []rollup.TierProgress{
		{Tier: k.definition.Tiers[0], From: k.minuteFrom, Through: minute, Arrived: minute},
		{Tier: k.definition.Tiers[1], From: k.hourFrom, Through: k.hourThrough, Arrived: minute},
	} {
		p.Removed, p.Made = p.From, p.Through
		t.Spec.Tiers = append(t.Spec.Tiers, p)
	}
	return t
}

// patterns match the rollup's indices.
func (k *keptRollup) patterns() string { return k.prefix + "-" + k.definition.Name + "-*" }
