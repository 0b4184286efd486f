package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
)

func newVerifyCommand(logging *logOptions) *cobra.Command {
	var path string
	var rollups, partitions []string
	c := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Compare the ledger with the documents in Elasticsearch",
		Long: `Compares, for each rollup and partition, how many events the ledger says are documented with the sum of count over the documents that are sealed, of every
grouping. It can be run while sidecars work. The exit status is 1 where anything differs; tidemark replay --dry-run then shows which windows.`,
		Example: "  tidemark verify --config tidemark.yaml\n  tidemark verify --config tidemark.yaml --rollup log_writes",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, logger, err := logging.configured(c, path, needStreams)
			if err != nil {
				return err
			}
			return runVerify(c.Context(), cfg, logger, rollups, partitions, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	c.Flags().StringSliceVar(&rollups, "rollup", nil, "the rollups to compare, by name (default: all)")
	c.Flags().StringSliceVar(&partitions, "partition", nil, "the partitions to compare, as topic/3 (default: all)")
	return c
}

func runVerify(ctx context.Context, cfg *config.Config, logger *slog.Logger, rollups, names []string, out, notes io.Writer) error {
	m, err := newMaintenance(cfg, logger, out, notes)
	if err != nil {
		return err
	}
	defer m.Close()
	chosen, err := m.choose(rollups)
	if err != nil {
		return err
	}
	if err := m.checkPartitions(names); err != nil {
		return err
	}
	partitions, err := m.chosenPartitions(ctx, names)
	if err != nil {
		return err
	}
	definitions, err := m.catalog.definitions(ctx)
	if err != nil {
		return err
	}
	v := &verification{maintenance: m, definitions: definitions, chosen: chosen, table: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	_, _ = fmt.Fprintln(v.table, "ROLLUP\tPARTITION\tGROUPING\tLEDGER\tDOCUMENTS\tDIFFERENCE\t")
	for i := range partitions {
		if err := v.partition(ctx, &partitions[i]); err != nil {
			return errors.Join(v.table.Flush(), err)
		}
	}
	if err := v.table.Flush(); err != nil {
		return err
	}
	if v.differing > 0 {
		return fmt.Errorf("%d of %s %s: tidemark replay --dry-run shows which windows",
			v.differing, english.Plural(v.compared, "comparison", ""), english.PluralWord(v.differing, "differs", "differ"))
	}
	_, err = fmt.Fprintf(out, "%s, none differs\n", english.Plural(v.compared, "comparison", ""))
	return err
}

// verification compares ledgers and documents.
type verification struct {
	*maintenance
	definitions         map[string][]rollup.Definition
	chosen              map[string]bool
	table               *tabwriter.Writer
	compared, differing int
}

// partition compares all rollups of one partition.
func (v *verification) partition(ctx context.Context, p *logPartition) error {
	s, err := p.state()
	if err != nil {
		v.cannot(p, err.Error())
		return nil
	}
	if !p.stream.matches(&s) {
		v.cannot(p, "the sidecars have not gone over to the configured definitions yet")
		return nil
	}
	tail, err := v.tail(ctx, p, s)
	if err != nil {
		return err
	}
	if err := v.store.Refresh(ctx, v.prefix()+"-*"); err != nil { // what was just written is to be found
		return err
	}
	replays, err := v.catalog.replays(ctx, p.Partition)
	if err != nil {
		return err
	}
	for i, d := range p.stream.definitions {
		if !v.chosen[d.Name] {
			continue
		}
		r := s.Rollups[i]
		before := max(0, r.Before)
		present, err := v.documents(ctx, p, d, s, s.Since, s.SealedThrough)
		if err != nil {
			return err
		}
		allowed := allowance{rejected: r.Ledger().Rejected, repeated: repeated(replays, d.Name, s.Lineage)}
		for j := range replays {
			allowed.rewritten = allowed.rewritten || replays[j].Rollup == d.Name && replays[j].Lineage > s.Lineage
		}
		v.row(d.Name, p, r.Ledger().Documented()-before+tail[i], present, allowed, "")
		if s.Since == aggregate.Never || r.Before == aggregate.Unknown {
			continue
		}
		earlier, err := v.documents(ctx, p, d, s, aggregate.Never, s.Since)
		if err != nil {
			return err
		}
		note := "before the definitions changed at " + formatTime(s.Since)
		for _, replay := range replays {
			if replay.Rollup == d.Name {
				note = "rebuilt, not compared: " + note
				earlier = sums{}
			}
		}
		v.row(d.Name, p, before, earlier, allowance{rejected: allowed.rejected}, note)
	}
	return nil
}

// tail counts, for each rollup, the events from the committed offset on that are in sealed documents: the ledger is as of that offset.
func (v *verification) tail(ctx context.Context, p *logPartition, s aggregate.State) ([]int64, error) {
	plan, err := p.stream.plan()
	if err != nil {
		return nil, err
	}
	count := aggregate.NewRecount(plan, s, nil, math.MinInt64, math.MaxInt64, 0)
	if !count.Done(s.Offset) {
		if p.logStart > s.Offset {
			return nil, fmt.Errorf("%s: kafka has deleted records from the committed offset %d on: the ledger cannot be brought up to date", p.String(), s.Offset)
		}
		err := v.read(ctx, p, s.Offset, p.logEnd, func(r *kgo.Record) bool {
			if !r.Attrs.IsControl() {
				count.Add(record(r))
			}
			return !count.Done(r.Offset + 1)
		})
		if err != nil {
			return nil, err
		}
	}
	tail := make([]int64, len(p.stream.definitions))
	for i := range tail {
		tail[i] = count.Documented(i)
	}
	return tail, nil
}

// sums are the events that documents hold, by definition and grouping.
type sums map[string]map[string]int64

// documents sums what the rollup's documents hold that closed after one watermark and by another.
func (v *verification) documents(ctx context.Context, p *logPartition, present rollup.Definition, s aggregate.State, after, through int64) (sums, error) {
	result := sums{}
	all := map[string]rollup.Definition{present.Hash(): present}
	for _, d := range v.definitions[present.Name] {
		all[d.Hash()] = d
	}
	var hashes []string
	var requests []elastic.SearchRequest
	for hash, d := range all {
		body, err := json.Marshal(map[string]any{
			"size": 0, "track_total_hits": false,
			"query": map[string]any{"bool": map[string]any{
				"filter": []any{
					map[string]any{"term": map[string]any{rollup.FieldPartition: p.String()}},
					map[string]any{"term": map[string]any{rollup.FieldTopicID: encodeTopicID(p.TopicID)}},
					map[string]any{"term": map[string]any{rollup.FieldDefinition: hash}},
					span(rollup.FieldTime, s.From, endOfTime),
					closed(d.Window.Milliseconds(), after, through),
				},
			}},
			"aggs": map[string]any{"groupings": map[string]any{
				"terms": map[string]any{"field": rollup.FieldGrouping, "size": 10_000},
				"aggs":  map[string]any{"events": map[string]any{"sum": map[string]any{"field": rollup.FieldCount}}},
			}},
		})
		if err != nil {
			return nil, fmt.Errorf("ask for the documents' sums: %w", err)
		}
		var patterns []string // a partition's corrections that came late enough are in a coarser tier
		for _, tier := range d.Chain() {
			patterns = append(patterns, rollup.IndexPattern(v.prefix(), d.Name, tier))
		}
		hashes = append(hashes, hash)
		requests = append(requests, elastic.SearchRequest{Indices: patterns, Body: body, Complete: true})
	}
	removed, err := v.catalog.removed(ctx, present.Name)
	if err != nil {
		return nil, err
	}
	for i, request := range requests {
		response, err := v.store.Search(ctx, request)
		if err != nil {
			return nil, err
		}
		d := all[hashes[i]]
		groupings := map[string]int64{}
		for _, g := range d.Groupings {
			groupings[g.String()] = 0
		}
		var answer struct {
			Groupings struct {
				Buckets []struct {
					Key    string                  `json:"key"`
					Events struct{ Value float64 } `json:"events"`
				} `json:"buckets"`
			} `json:"groupings"`
		}
		if len(response.Aggregations) > 0 { // no index: no aggregations
			if err := json.Unmarshal(response.Aggregations, &answer); err != nil {
				return nil, fmt.Errorf("read the documents' sums: %w", err)
			}
		}
		for _, b := range answer.Groupings.Buckets {
			groupings[b.Key] = int64(b.Events.Value)
		}
		if (hashes[i] == present.Hash()) == (after == s.Since) { // what was removed had closed under its definition
			addRemoved(groupings, removed, p, hashes[i], s.From)
		}
		result[hashes[i]] = groupings
	}
	return result, nil
}

// addRemoved adds what documents of a partition and definition held that were removed when their retention had passed.
func addRemoved(groupings map[string]int64, removed []rollup.RemovedIndex, p *logPartition, hash string, from int64) {
	for i := range removed {
		if removed[i].Spec.Span.To <= from {
			continue // of an earlier lineage
		}
		for _, sum := range removed[i].Spec.Sums {
			if sum.Partition == p.String() && sum.TopicID == encodeTopicID(p.TopicID) && sum.Definition == hash {
				groupings[sum.Grouping] += sum.Count
			}
		}
	}
}

// removed are the sums of a rollup's indices that were removed when their retention had passed.
func (c *catalog) removed(ctx context.Context, name string) ([]rollup.RemovedIndex, error) {
	query, err := json.Marshal(map[string]any{"size": 10_000, "query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"kind": rollup.KindRemoved}},
		map[string]any{"term": map[string]any{"rollup": name}},
	}}}})
	if err != nil {
		return nil, fmt.Errorf("ask for what was removed: %w", err)
	}
	sources, err := c.search(ctx, string(query))
	if err != nil {
		return nil, err
	}
	removed := make([]rollup.RemovedIndex, len(sources))
	for i := range sources {
		if err := json.Unmarshal(sources[i], &removed[i]); err != nil {
			return nil, fmt.Errorf("read what was removed: %w", err)
		}
	}
	return removed, nil
}

// closed is a filter for windows of a length that closed after one watermark and by another.
func closed(length, after, through int64) map[string]any {
	from, to := int64(aggregate.Never), int64(startOfTime) // nothing has closed yet
	if after != aggregate.Never {
		from = after - length + 1
	}
	if through != aggregate.Never {
		to = through - length + 1
	}
	late := map[string]any{"term": map[string]any{rollup.FieldLate: true}}
	return map[string]any{"bool": map[string]any{"should": []any{
		map[string]any{"bool": map[string]any{"filter": []any{span(rollup.FieldTime, from, to)}, "must_not": []any{late}}},
		map[string]any{"bool": map[string]any{"filter": []any{span(rollup.FieldArrived, from, to), late}}},
	}, "minimum_should_match": 1}}
}

// allowance is by how many events documents can differ from the ledger, since they differ for a reason that is known.
type allowance struct {
	// rejected are events in documents that Elasticsearch could not accept. The smaller groupings can hold them, and where a replay has written since, the
	// full one can too.
	rejected  int64
	rewritten bool
	// repeated are events that came again, which a replay wrote once.
	repeated int64
}

// explains says why there are as many events as there are where others were wanted; empty where nothing does.
func (a allowance) explains(want, got int64) string {
	switch {
	case got < want && want-got <= a.repeated:
		return "events that came again late are counted once since a replay"
	case a.rewritten && got > want && got-want <= a.rejected:
		return "events that were rejected are written since a replay"
	}
	return ""
}

// row prints one comparison: of the full groupings with the ledger, and a line more for each smaller grouping that differs from its full one.
func (v *verification) row(name string, p *logPartition, ledger int64, documents sums, allowed allowance, note string) {
	var total int64
	full := map[string]string{}
	for _, d := range append(v.definitions[name], p.stream.definitions...) {
		if d.Name == name {
			full[d.Hash()] = d.Groupings[0].String()
		}
	}
	shown := ""
	for hash, groupings := range documents {
		total += groupings[full[hash]]
		shown = full[hash]
	}
	if len(documents) == 0 {
		_, _ = fmt.Fprintf(v.table, "%s\t%s\t\t%d\t\t\t%s\n", name, p.String(), ledger, note)
		return
	}
	if len(documents) > 1 {
		shown = "(full)"
	}
	v.line(name, p, shown, ledger, total, note, allowed.explains(ledger, total))
	for _, hash := range slices.Sorted(maps.Keys(documents)) {
		groupings := documents[hash]
		for _, grouping := range slices.Sorted(maps.Keys(groupings)) {
			if n, of := groupings[grouping], groupings[full[hash]]; n != of {
				why := ""
				if n > of && n-of <= allowed.rejected {
					why = "events that were rejected in the full grouping"
				}
				v.line(name, p, grouping, of, n, "compared with grouping "+full[hash]+", definition "+hash, why)
			}
		}
	}
}

// line prints two numbers, which are to be the same unless it is known why they are not.
func (v *verification) line(name string, p *logPartition, grouping string, want, got int64, note, why string) {
	v.compared++
	if want != got && why == "" {
		v.differing++
	}
	_, _ = fmt.Fprintf(v.table, "%s\t%s\t%s\t%d\t%d\t%d\t%s\n", name, p.String(), grouping, want, got, got-want, joinReasons(why, note))
}

// cannot tells of a partition that has no ledger to compare.
func (v *verification) cannot(p *logPartition, why string) {
	v.compared++
	v.differing++
	_, _ = fmt.Fprintf(v.table, "\t%s\t\t\t\t\t%s\n", p.String(), why)
}
