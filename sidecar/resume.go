package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/write"
)

// howToBeginAnew says what to do about a partition that cannot go on from where it was.
func howToBeginAnew(id rollup.Partition) string {
	return "to begin anew from a time on, stop the sidecars and run tidemark replay --restart --from TIME --partition " + id.String()
}

// howToGoOn says what to do about a partition whose place is lost.
func howToGoOn(id rollup.Partition) string {
	return fmt.Sprintf("to go on where the group was, stop the sidecars and run tidemark replay --resume; to begin anew from a time on, tidemark replay --restart --from TIME; "+
		"both do so with every partition that does not start, or with --partition %s alone", id.String())
}

// earlierTopics is what the progress index tells of topics of a partition's topic's name that were there before it.
type earlierTopics struct {
	any bool
	// lineage and commit are the last ones of the partition's predecessor; zero where it had none.
	lineage, commit int64
}

// succeed orders the progress of a partition that nobody has read behind that of an earlier topic of the same name, and begins it where its log does where
// there was one: the group went on with the name, not with the place where it would begin. It fails where the partition was read.
func (p *partition) succeed(ctx context.Context, initial *aggregate.State) error {
	before, err := p.services.checkNew(ctx, p.id)
	if err != nil {
		return err
	}
	if before.any && p.undecided {
		p.logger.Info("the topic was deleted and made anew: it is read from its beginning")
		initial.Offset, initial.End, initial.SinceOffset = p.logStart, p.logStart, p.logStart
	}
	if rollup.Version(before.lineage, before.commit) > rollup.Version(p.lineage, p.commits) {
		p.lineage, p.commits, initial.Lineage = before.lineage, before.commit, before.lineage
	}
	if p.undecided {
		p.readsFrom = initial.Offset
		p.services.readFrom(p, initial.Offset)
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
		p.undecided, p.logStart = a.Start != a.LogStart, a.LogStart
		return fresh(a.Start)
	}
	state, err := aggregate.DecodeState(a.Committed, a.Metadata)
	if err != nil {
		how := howToGoOn(a.Partition)
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
	if err := truncated(&state, a.LogEnd); err != nil {
		return aggregate.State{}, fmt.Errorf("%w; %s", err, howToBeginAnew(a.Partition))
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

// truncated fails where a log ends before what was read of it. It finds that out only until the log has grown beyond.
func truncated(s *aggregate.State, logEnd int64) error {
	if read := max(s.End, s.Offset); read > logEnd {
		return fmt.Errorf("the log was read up to offset %d, and ends at %d: it has lost records, or was restored from an older copy", read, logEnd)
	}
	return nil
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
// It tells of earlier topics of the same name, since progress is ordered by lineage and commit. It waits for Elasticsearch.
func (c *catalog) checkNew(ctx context.Context, id rollup.Partition) (before earlierTopics, err error) {
	var refusal error
	err = c.insist(ctx, func() error {
		sources, err := c.search(ctx, fmt.Sprintf(`{"size":1000,"query":{"bool":{"filter":[{"terms":{"kind":[%q,%q]}},{"term":{"partition":%q}}]}}}`,
			rollup.KindPartition, rollup.KindState, id.String()))
		if err != nil {
			return err
		}
		if before, refusal = c.lastCommit(id, sources); refusal != nil {
			return nil
		}
		if !before.any {
			if before.any, err = c.replaced(ctx, id); err != nil {
				return err
			}
		}
		if before.any {
			return c.recordTopic(ctx, id)
		}
		return nil
	})
	return before, errors.Join(err, refusal)
}

// replaced reports whether there was an earlier topic of the name of a partition that it did not have. What is kept of its other partitions is replaced as
// these are begun anew, but not before it is recorded that there was one.
func (c *catalog) replaced(ctx context.Context, id rollup.Partition) (bool, error) {
	topicID := encodeTopicID(id.TopicID)
	sources, err := c.search(ctx, fmt.Sprintf(`{"size":1,"query":{"bool":{"minimum_should_match":1,"should":[
		{"bool":{"filter":[{"term":{"kind":%q}},{"term":{"topic_id":%q}}]}},
		{"bool":{"filter":[{"term":{"kind":%q}},{"prefix":{"partition":%q}}],"must_not":[{"term":{"topic_id":%q}}]}}]}}}`,
		kindTopic, topicID, rollup.KindState, id.Topic+"/", topicID))
	return len(sources) > 0, err
}

// recordTopic keeps that the partition's topic took the place of an earlier one.
func (c *catalog) recordTopic(ctx context.Context, id rollup.Partition) error {
	b := &write.Request{}
	now := time.Now().UnixMilli()
	doc := map[string]any{"kind": kindTopic, "topic_id": encodeTopicID(id.TopicID), "updated_at": now}
	if err := add(b, c.prefix, kindTopic+":"+id.Topic, now, doc); err != nil {
		return err
	}
	return c.bulk(ctx, b)
}

// lastCommit finds the last lineage and commit in a partition's progress documents. It fails where one is of this very partition.
func (c *catalog) lastCommit(id rollup.Partition, sources []json.RawMessage) (earlierTopics, error) {
	before := earlierTopics{any: len(sources) > 0}
	for _, source := range sources {
		var doc struct {
			TopicID string `json:"topic_id"`
			Lineage int64  `json:"lineage"`
			Commit  int64  `json:"commit"`
		}
		if err := json.Unmarshal(source, &doc); err != nil {
			return earlierTopics{}, fmt.Errorf("read the partition's progress: %w", err)
		}
		if doc.TopicID == encodeTopicID(id.TopicID) {
			return earlierTopics{}, fmt.Errorf("the group has no offset for the partition, but %s holds rollups of it: it was read by another group, or the group's offsets were deleted; %s",
				rollup.ProgressIndex(c.prefix), howToGoOn(id))
		}
		if rollup.Version(doc.Lineage, doc.Commit) > rollup.Version(before.lineage, before.commit) {
			before.lineage, before.commit = doc.Lineage, doc.Commit
		}
	}
	return before, nil
}
