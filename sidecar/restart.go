package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/write"
)

// removedAtOnce is how many documents one request removes.
const removedAtOnce = 2_000

// stopped fails where the group has members: Kafka takes offsets from outside only while it has none. It returns when no sidecar that lost its membership
// without knowing can be writing any more, and none joined meanwhile.
func (m *maintenance) stopped(ctx context.Context, o replayOptions) error {
	if err := m.nobodyJoined(ctx); err != nil || o.dryRun {
		return err
	}
	wait := holdOff(m.cfg)
	_, _ = fmt.Fprintf(m.notes, "waiting for %s, until no sidecar can be writing that was killed or cut off\n", wait)
	if !sleep(ctx, wait) {
		return ctx.Err()
	}
	return m.nobodyJoined(ctx)
}

// nobodyJoined fails where the group has members, or where Kafka does not tell.
func (m *maintenance) nobodyJoined(ctx context.Context) error {
	name := m.cfg.Kafka.Group
	groups, err := m.admin.DescribeGroups(ctx, name)
	if err != nil {
		return fmt.Errorf("describe group %q: %w", name, err)
	}
	group, told := groups[name]
	switch {
	case !told:
		return fmt.Errorf("describe group %q: no broker told", name)
	case errors.Is(group.Err, kerr.GroupIDNotFound): // nor has it offsets
		return nil
	case group.Err != nil:
		return fmt.Errorf("describe group %q: %w", name, group.Err)
	case len(group.Members) > 0:
		return fmt.Errorf("group %q has %s: stop all its sidecars first, and wait for the session timeout where one was killed", name, english.Plural(len(group.Members), "member", ""))
	}
	return nil
}

// idlePartitions leaves the partitions that a sidecar would not start, as far as their committed states tell, unless some were named.
func (m *maintenance) idlePartitions(ctx context.Context, partitions []logPartition, o replayOptions) ([]logPartition, error) {
	if len(o.partitions) > 0 {
		return partitions, nil
	}
	var idle []logPartition
	for _, p := range partitions {
		s, refusal := p.state()
		if refusal == nil && o.restart && !p.stream.matches(&s) { // to be put back would not help
			sources, err := m.catalog.search(ctx, streamQuery(hashesOf(&s)))
			if err != nil {
				return nil, err
			}
			_, refusal = m.catalog.rebuilt(hashesOf(&s), sources)
		}
		if refusal != nil {
			idle = append(idle, p)
		}
	}
	return idle, nil
}

// resume commits again what the progress index keeps, so that partitions go on where they were.
func (m *maintenance) resume(ctx context.Context, partitions []logPartition, o replayOptions) error {
	idle, err := m.idlePartitions(ctx, partitions, o)
	if err != nil {
		return err
	}
	var commits []commitment
	for _, p := range idle {
		kept, err := m.catalog.keptState(ctx, p.Partition)
		if errors.Is(err, errNothingKept) {
			_, _ = fmt.Fprintf(m.out, "%s: the progress index keeps nothing of it: a sidecar begins it at kafka.start, or use --restart where it does not start\n", p.String())
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.String(), err)
		}
		if err := truncated(&kept, p.logEnd); err != nil {
			return fmt.Errorf("%s: %w: use --restart", p.String(), err)
		}
		commits = append(commits, commitment{p, resumable(kept)})
	}
	return m.commit(ctx, commits, o.dryRun)
}

// commitsAhead is more than a sidecar can commit after it lost its membership.
const commitsAhead = 1 << 20

// resumable is a state that was kept, for whoever comes next: what a sidecar commits that lost its membership must not be kept instead.
func resumable(s aggregate.State) aggregate.State {
	s.Commit += commitsAhead
	return s
}

// restart begins a new lineage of partitions: what older ones wrote from the boundary on is removed, and sidecars count it again.
func (m *maintenance) restart(ctx context.Context, partitions []logPartition, o replayOptions) error {
	if !o.dryRun {
		if err := m.catalog.install(ctx); err != nil { // the progress index may be gone
			return err
		}
	}
	definitions, err := m.catalog.definitions(ctx)
	if err != nil {
		return err
	}
	idle, err := m.idlePartitions(ctx, partitions, o)
	if err != nil {
		return err
	}
	var commits []commitment
	var refusal *deletedError
	for _, p := range idle {
		together := grid(p.stream.definitions, definitions)
		s, err := m.newLineage(ctx, &p, together, o)
		if err != nil {
			if refusal, err = refusal.or(err, together); err != nil {
				return err
			}
		}
		commits = append(commits, commitment{p, s})
	}
	if refusal != nil {
		return refusal
	}
	for i := range commits {
		p, s := &commits[i].partition, &commits[i].state
		if p.logStart > 0 && !o.allowLoss {
			if err := m.checkLoss(ctx, p, definitions, *s); err != nil {
				return err
			}
		}
		for doc, err := range m.documentsFrom(ctx, p, definitions, s.From) { // they may be of lineages that the progress index does not know
			if err != nil {
				return err
			}
			s.Lineage = max(s.Lineage, doc.lineage()+1)
		}
	}
	if err := m.nobodyJoined(ctx); err != nil { // all this took its time
		return err
	}
	removed := false
	if !o.dryRun && len(commits) > 0 {
		if err := m.lowerTiers(ctx, commits); err != nil {
			return err
		}
	}
	for _, c := range commits { // all are known to be possible
		n, err := m.removeFrom(ctx, c.partition, definitions, c.state, o.dryRun)
		removed = removed || n > 0 && !o.dryRun
		if err != nil {
			return unfinished(err, commits, removed)
		}
		_, _ = fmt.Fprintf(m.out, "%s: %s of earlier lineages, from %s on\n", c.partition.String(), english.Plural(int(n), "document", ""), boundary(c.state.From))
	}
	if !o.dryRun {
		// So that nobody is put back to the lineage before, should the offsets be lost again.
		if err := m.keep(ctx, commits); err != nil {
			return unfinished(err, commits, removed)
		}
	}
	return unfinished(m.commit(ctx, commits, o.dryRun), commits, removed)
}

// lowerTiers has the coarser tiers made anew from the boundaries on, as far as the sidecars count again.
func (m *maintenance) lowerTiers(ctx context.Context, commits []commitment) error {
	from, rollups := int64(endOfTime), map[string]bool{}
	for _, c := range commits {
		from = min(from, max(c.state.From, 0))
		for i := range c.partition.stream.definitions {
			rollups[c.partition.stream.definitions[i].Name] = true
		}
	}
	return m.redo(ctx, rollups, rollup.Span{From: from, To: endOfTime})
}

// keep writes states to the progress index.
func (m *maintenance) keep(ctx context.Context, commits []commitment) error {
	var states []rollup.PartitionState
	for _, c := range commits {
		kept, err := keptOf(c.partition.Partition, c.partition.stream.Name, &c.state, "tidemark replay", time.Now().UnixMilli())
		if err != nil {
			return fmt.Errorf("%s: %w", c.partition.String(), err)
		}
		states = append(states, kept)
	}
	return m.catalog.tell(ctx, nil, states)
}

// unfinished says of a restart that failed which documents it has removed without the sidecars counting them again.
func unfinished(err error, commits []commitment, removed bool) error {
	if err == nil || !removed {
		return err
	}
	from := commits[0].state.From
	for _, c := range commits {
		from = min(from, c.state.From)
	}
	return fmt.Errorf("%w; documents of windows from %s on are removed and nothing counts them again yet: keep the sidecars stopped and run the command again", err, boundary(from))
}

func boundary(from int64) string {
	if from == aggregate.Never {
		return "the beginning"
	}
	return time.UnixMilli(from).UTC().Format(time.RFC3339Nano)
}

// checkLoss fails where documents that a new lineage would remove hold events that Kafka does not have any more.
func (m *maintenance) checkLoss(ctx context.Context, p *logPartition, definitions map[string][]rollup.Definition, s aggregate.State) error {
	plan, err := p.stream.plan()
	if err != nil {
		return err
	}
	// Whatever definitions the documents are of, and whether or not they are sealed.
	s.Offset, s.SinceOffset, s.End = p.logEnd, p.logEnd, p.logEnd
	s.Since, s.SealedThrough = endOfTime, endOfTime
	report := &replayReport{out: io.Discard, notes: m.notes}
	b := &rebuild{maintenance: m, partition: p, state: s, plan: plan, definitions: definitions, report: report}
	for range p.stream.definitions {
		b.chosen = append(b.chosen, true)
	}
	if err := b.run(ctx, s.From, endOfTime); err != nil {
		return err
	}
	if report.Left > 0 {
		return fmt.Errorf("%s: the documents of %d windows, the last of which begins at %s, hold events that kafka, which has deleted the records before offset %d, does not have any more: "+
			"give a later --from to keep them, or --allow-loss to lose them", p.String(), report.Left, time.UnixMilli(report.lastLeft).UTC().Format(time.RFC3339Nano), p.logStart)
	}
	return nil
}

// newLineage is the state in which a lineage of the partition begins. Its boundary is a multiple of the grid, so that no window lies across it.
func (m *maintenance) newLineage(ctx context.Context, p *logPartition, grid rollup.Tier, o replayOptions) (aggregate.State, error) {
	plan, err := p.stream.plan()
	if err != nil {
		return aggregate.State{}, err
	}
	var last aggregate.State // zero where nobody knows of one
	if kept, err := m.catalog.keptState(ctx, p.Partition); err == nil {
		last = kept
	} else if !errors.Is(err, errNothingKept) {
		return aggregate.State{}, fmt.Errorf("%s: %w", p.String(), err)
	}
	if committed, err := p.state(); err == nil && committed.Commit > last.Commit {
		last = committed
	}
	records, err := m.catalog.replays(ctx, p.Partition)
	if err != nil {
		return aggregate.State{}, err
	}
	last.Lineage = lastLineage(records, last.Lineage)
	from, offset := int64(aggregate.Never), p.logStart
	switch {
	case o.fromGiven:
		from = grid.Start(o.fromTime)
		if offset, err = m.offsetAt(ctx, p, from); err != nil {
			return aggregate.State{}, err
		}
	case p.logStart > 0:
		first, err := m.firstTime(ctx, p)
		if err != nil {
			return aggregate.State{}, err
		}
		if first < 0 {
			first = time.Now().UnixMilli()
		}
		from = grid.StartFrom(first + milliseconds(p.stream.MaxAhead) + 1)
	}
	return lineageAfter(&last, plan, p.TopicID, from, offset, p.partitions), nil
}

// lineageAfter is the state of a lineage that comes after the one of a last state, with its boundary and the offset that it is read from.
func lineageAfter(last *aggregate.State, plan *aggregate.Plan, topicID [16]byte, from, offset int64, partitions int) aggregate.State {
	s := plan.Begin(offset, last.Lineage+1, topicID)
	s.From, s.Commit, s.Partitions = from, last.Commit+commitsAhead, int64(partitions)
	return s
}

// removeFrom removes the documents of the partition's log from the lineage's boundary on. It returns how many there are.
func (m *maintenance) removeFrom(ctx context.Context, p logPartition, definitions map[string][]rollup.Definition, s aggregate.State, dryRun bool) (int64, error) {
	var n int64
	request := &write.Request{}
	flush := func() error {
		if dryRun || request.Documents() == 0 {
			return nil
		}
		err := m.catalog.bulk(ctx, request)
		request = &write.Request{}
		return err
	}
	for doc, err := range m.documentsFrom(ctx, &p, definitions, s.From) {
		if err != nil {
			return n, err
		}
		n++
		request.Delete(doc.index, doc.id, s.Lineage<<versionBits)
		if request.Documents() >= removedAtOnce {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, flush()
}

// documentsFrom gives the documents of the partition's log in windows from a time on, of the stream's rollups under all their definitions.
func (m *maintenance) documentsFrom(ctx context.Context, p *logPartition, definitions map[string][]rollup.Definition, from int64) iter.Seq2[stored, error] {
	return func(yield func(stored, error) bool) {
		for i := range p.stream.definitions {
			d := &p.stream.definitions[i]
			tiers := map[rollup.Tier]bool{}
			for _, other := range append(slices.Clone(definitions[d.Name]), *d) {
				for _, tier := range other.Chain() { // corrections can be in coarser ones
					tiers[tier] = true
				}
			}
			for tier := range tiers {
				begin := from
				if begin != aggregate.Never {
					begin = tier.Start(from)
				}
				for doc, err := range m.documentsOf(ctx, p.Partition, rollup.IndexPattern(m.prefix(), d.Name, tier), begin, endOfTime) {
					if !yield(doc, err) || err != nil {
						return
					}
				}
			}
		}
	}
}

// commitment is a state to be committed from outside of the group.
type commitment struct {
	partition logPartition
	state     aggregate.State
}

// commit commits states, and prints them as a table.
func (m *maintenance) commit(ctx context.Context, commits []commitment, dryRun bool) error {
	if len(commits) == 0 {
		_, _ = fmt.Fprintln(m.out, "every partition starts, as far as its committed state tells: there is nothing to do; name those with --partition that a sidecar stopped all the same")
		return nil
	}
	offsets := kadm.Offsets{}
	w := tabwriter.NewWriter(m.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "PARTITION\tNEXT OFFSET\tLINEAGE\tSEALED THROUGH\tRECORDS BEHIND")
	for _, c := range commits {
		metadata, err := c.state.Encode()
		if err != nil {
			return fmt.Errorf("%s: %w", c.partition.String(), err)
		}
		offsets.Add(kadm.Offset{Topic: c.partition.Topic, Partition: c.partition.Number, At: c.state.Offset, LeaderEpoch: -1, Metadata: metadata})
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%d\n", c.partition.String(), c.state.Offset, c.state.Lineage, formatTime(c.state.SealedThrough), c.partition.logEnd-c.state.Offset)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if dryRun {
		_, err := fmt.Fprintln(m.out, "nothing was committed: run it without --dry-run")
		return err
	}
	if err := m.admin.CommitAllOffsets(ctx, m.cfg.Kafka.Group, offsets); err != nil {
		return fmt.Errorf("commit the offsets of group %q: %w", m.cfg.Kafka.Group, err)
	}
	_, err := fmt.Fprintln(m.out, "committed: start the sidecars")
	return err
}

// errNothingKept is that the progress index knows nothing of a partition's log.
var errNothingKept = errors.New("the progress index keeps no state of the partition")

// keptState is the state of the partition that was committed last, as the progress index keeps it.
func (c *catalog) keptState(ctx context.Context, id rollup.Partition) (aggregate.State, error) {
	query, err := json.Marshal(map[string]any{"query": map[string]any{"bool": map[string]any{"filter": []any{
		map[string]any{"term": map[string]any{"kind": rollup.KindState}},
		map[string]any{"term": map[string]any{"partition": id.String()}},
		map[string]any{"term": map[string]any{"topic_id": encodeTopicID(id.TopicID)}},
	}}}})
	if err != nil {
		return aggregate.State{}, fmt.Errorf("ask for the partition's state: %w", err)
	}
	sources, err := c.search(ctx, string(query))
	if err != nil {
		return aggregate.State{}, err
	}
	var kept rollup.PartitionState
	for _, source := range sources { // one, and perhaps that of an earlier release
		var s rollup.PartitionState
		if err := json.Unmarshal(source, &s); err != nil {
			return aggregate.State{}, fmt.Errorf("read the partition's state: %w", err)
		}
		if rollup.Version(s.Lineage, s.Commit) >= rollup.Version(kept.Lineage, kept.Commit) {
			kept = s
		}
	}
	if len(sources) == 0 {
		return aggregate.State{}, errNothingKept
	}
	return aggregate.DecodeState(kept.NextOffset, kept.Spec.State)
}
