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

// howToBeginAnew says what to do about a partition that cannot go on from where it was.
func howToBeginAnew(id rollup.Partition) string {
	return "to begin anew from a time on, stop the sidecars and run tidemark replay --restart --from TIME --partition " + id.String()
}

// howToGoOn says what to do about a partition whose place is lost.
func howToGoOn(id rollup.Partition) string {
	return fmt.Sprintf("to go on where the group was, stop the sidecars and run tidemark replay --resume; to begin anew from a time on, tidemark replay --restart --from TIME; "+
		"both do so with every partition that does not start, or with --partition %s alone", id.String())
}

// succeed begins a partition that nobody has read where its log does, if there was an earlier topic of the same name: the group went on with the name, not
// with the place where it would begin. It fails where the partition was read.
func (p *partition) succeed(ctx context.Context, initial *aggregate.State) error {
	anew, err := p.services.checkNew(ctx, p.id)
	if err != nil || !p.undecided {
		return err
	}
	if anew {
		p.logger.Info("the topic was deleted and made anew: it is read from its beginning")
		initial.Offset, initial.End, initial.SinceOffset = p.logStart, p.logStart, p.logStart
	}
	p.readsFrom = initial.Offset
	p.services.readFrom(p, initial.Offset)
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
		state := plan.Begin(offset, 0, a.TopicID)
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
// Otherwise it reports whether there was an earlier topic of the same name. It waits for Elasticsearch.
func (c *catalog) checkNew(ctx context.Context, id rollup.Partition) (anew bool, err error) {
	var own, others []json.RawMessage
	kinds, topicID := fmt.Sprintf(`{"terms":{"kind":[%q,%q]}}`, rollup.KindPartition, rollup.KindState), encodeTopicID(id.TopicID)
	err = c.insist(ctx, func() (err error) {
		own, err = c.search(ctx, fmt.Sprintf(`{"size":1,"query":{"bool":{"filter":[%s,{"term":{"partition":%q}},{"term":{"topic_id":%q}}]}}}`, kinds, id.String(), topicID))
		if err != nil {
			return err
		}
		others, err = c.search(ctx, fmt.Sprintf(`{"size":1,"query":{"bool":{"filter":[%s,{"prefix":{"partition":%q}}],"must_not":[{"term":{"topic_id":%q}}]}}}`, kinds, id.Topic+"/", topicID))
		return err
	})
	if err == nil && len(own) > 0 {
		err = fmt.Errorf("the group has no offset for the partition, but %s holds rollups of it: it was read by another group, or the group's offsets were deleted; %s",
			rollup.ProgressIndex(c.prefix), howToGoOn(id))
	}
	return len(others) > 0, err
}
