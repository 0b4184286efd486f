package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/consume"
)

// What to do about a partition that cannot go on by itself.
const (
	howToBeginAnew = "to begin anew from a time on, stop the sidecars and run tidemark replay --restart --from TIME"
	howToGoOn      = "to go on where the group was, stop the sidecars and run tidemark replay --resume; to begin anew from a time on, tidemark replay --restart --from TIME"
)

// succeed orders the progress of a partition that nobody has read behind that of an earlier topic of the same name. It fails where the partition was read.
func (p *partition) succeed(ctx context.Context, initial *aggregate.State) error {
	lineage, commit, err := p.services.checkNew(ctx, p.id)
	if err != nil {
		return err
	}
	if rollup.Version(lineage, commit) > rollup.Version(p.lineage, p.commits) {
		p.lineage, p.commits, initial.Lineage = lineage, commit, lineage
	}
	return nil
}

// resume finds the state from which a partition goes on.
func (p *partition) resume(a consume.Assignment) (aggregate.State, error) {
	fresh := func(offset int64) (aggregate.State, error) {
		p.safe = true // nobody has read the partition before: a start is committed before the first read
		plan, err := p.stream.plan()
		if err != nil {
			return aggregate.State{}, err
		}
		state := plan.Begin(offset, p.lineage, a.TopicID)
		state.Partitions = int64(a.Partitions)
		return state, nil
	}
	if a.Committed < 0 {
		return fresh(a.Start)
	}
	state, err := aggregate.DecodeState(a.Committed, a.Metadata)
	if err != nil {
		how := howToGoOn
		if errors.Is(err, aggregate.ErrNewerState) {
			how = "run that release again"
		}
		return aggregate.State{}, fmt.Errorf("offset %d of group %q: %w: %s", a.Committed, p.services.groupName(), err, how)
	}
	if state.TopicID != a.TopicID {
		p.logger.Warn("the topic was deleted and made anew: it is read from its beginning")
		p.commits, p.lineage, p.lost = state.Commit, state.Lineage, state.Lost // progress is ordered by the first two
		return fresh(a.LogStart)
	}
	if state.Offset > a.LogEnd {
		return aggregate.State{}, fmt.Errorf("the committed offset %d is beyond the end of the log, %d: the log has lost records, or was restored from an older copy; %s", state.Offset, a.LogEnd, howToGoOn)
	}
	if state.Offset < a.LogStart {
		p.logger.Warn("kafka deleted records before they were read", "records", a.LogStart-state.Offset, "from", state.Offset, "to", a.LogStart)
		state.Lost += a.LogStart - state.Offset
		state.Offset = a.LogStart
		state.End = max(state.End, state.Offset)
	}
	p.safe = state.Released
	p.done, p.commits, p.lineage, p.lost = &state, state.Commit, state.Lineage, state.Lost
	return state, nil
}

// counted is how many partitions the topic had when the partition of a commit was begun; 0 for a commit of others.
func counted(offset int64, metadata string) int {
	state, err := aggregate.DecodeState(offset, metadata)
	if err != nil {
		return 0
	}
	return int(state.Partitions)
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
	sources, err := c.insist(ctx, string(query))
	if err != nil {
		return 0, 0, err
	}
	return c.lastCommit(id, sources)
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
