package consume

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// adjust is called when partitions were assigned, before they are read.
func (g *Group) adjust(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-g.joined
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	assignments, err := g.describe(ctx, offsets)
	g.note(assigning, err)
	if err != nil {
		return nil, err
	}
	for _, a := range assignments {
		key := Key{a.Topic, a.Number}
		g.give(key) // a topic that was made anew is assigned once more
		processor, from, err := g.opts.Open(a)
		switch {
		case err != nil:
			g.opts.Logger.Error("partition does not start", "partition", a.String(), "error", err)
			g.client.PauseFetchPartitions(map[string][]int32{a.Topic: {a.Number}})
			g.opts.Refuse(a.Partition, err)
			from = a.LogEnd
		case from == Undecided:
			from = a.LogStart
			g.take(key, &holding{Processor: processor, id: a.TopicID, next: from, undecided: true})
		default:
			g.take(key, &holding{Processor: processor, id: a.TopicID, next: from})
		}
		offsets[a.Topic][a.Number] = kgo.NewOffset().At(from).WithEpoch(-1)
	}
	return offsets, nil
}

// take notes that a partition is this member's.
func (g *Group) take(key Key, h *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.owned[key] = h
	if g.seeks[key].of != h.Processor { // which may have decided already
		delete(g.seeks, key)
	}
	g.throttle(key, h)
}

// give ends the work on a partition.
func (g *Group) give(key Key) {
	g.mu.Lock()
	h := g.owned[key]
	delete(g.owned, key)
	delete(g.seeks, key)
	g.mu.Unlock()
	if h != nil {
		h.Stop()
	} else {
		g.opts.Forget(key)
	}
}

// describe gathers what is known of the partitions.
func (g *Group) describe(ctx context.Context, offsets map[string]map[int32]kgo.Offset) ([]Assignment, error) {
	var names []string
	for name := range offsets {
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, nil
	}
	known, err := g.knownOffsets(ctx, names)
	if err != nil {
		return nil, err
	}
	// After the offsets: they may not be those of a topic that was deleted meanwhile.
	metadata, err := g.metadata(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("describe the topics: %w", err)
	}
	committed, err := g.admin.FetchOffsets(ctx, g.opts.Kafka.Group)
	if err != nil {
		return nil, fmt.Errorf("read the offsets committed by group %q: %w", g.opts.Kafka.Group, err)
	}
	_, generation := g.client.GroupMetadata()
	var assignments []Assignment
	for name, partitions := range offsets {
		topic := metadata[name]
		if topic.err != nil {
			return nil, fmt.Errorf("describe topic %q: %w", name, topic.err)
		}
		fromStart := g.fromStart(name, topic.id)
		for number := range partitions {
			a := Assignment{Partition: rollup.Partition{Topic: name, TopicID: topic.id, Number: number}, Committed: -1, Partitions: topic.partitions, Generation: generation}
			if err := known.find(&a); err != nil {
				return nil, err
			}
			if fromStart || g.appeared(committed[name], number) {
				a.Start = a.LogStart
			}
			if c, ok := committed.Lookup(name, number); ok && c.Err == nil && c.At >= 0 {
				a.Committed, a.Metadata = c.At, c.Metadata
			}
			assignments = append(assignments, a)
		}
	}
	return assignments, nil
}

// knownOffsets are where logs begin and end, and where they are to be read from.
type knownOffsets struct{ starts, ends, configured kadm.ListedOffsets }

func (g *Group) knownOffsets(ctx context.Context, topics []string) (k knownOffsets, err error) {
	if k.starts, err = g.admin.ListStartOffsets(ctx, topics...); err != nil {
		return k, fmt.Errorf("find where the logs begin: %w", err)
	}
	if k.ends, err = g.admin.ListCommittedOffsets(ctx, topics...); err != nil {
		return k, fmt.Errorf("find where the logs end: %w", err)
	}
	switch g.opts.Kafka.Start {
	case "", "earliest":
		k.configured = k.starts
	case "latest":
		k.configured = k.ends
	default:
		t, err := time.Parse(time.RFC3339, g.opts.Kafka.Start)
		if err != nil {
			return k, fmt.Errorf("kafka.start: %w", err)
		}
		if k.configured, err = g.admin.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...); err != nil {
			return k, fmt.Errorf("find the offsets of %s: %w", g.opts.Kafka.Start, err)
		}
	}
	return k, nil
}

// find fills in the offsets of an assignment.
func (k *knownOffsets) find(a *Assignment) error {
	for _, lookup := range []struct {
		in  kadm.ListedOffsets
		out *int64
	}{{k.starts, &a.LogStart}, {k.ends, &a.LogEnd}, {k.configured, &a.Start}} {
		found, ok := lookup.in.Lookup(a.Topic, a.Number)
		if !ok {
			return fmt.Errorf("find the offsets of %s: no broker told", a.String())
		}
		if found.Err != nil {
			return fmt.Errorf("find the offsets of %s: %w", a.String(), found.Err)
		}
		*lookup.out = found.Offset
	}
	return nil
}

// appeared reports whether a partition came into being after the group had begun to read its topic, so that all of it is to be read.
func (g *Group) appeared(committed map[int32]kadm.OffsetResponse, number int32) bool {
	for _, c := range committed {
		if n := g.opts.Counted(c.At, c.Metadata); c.Err == nil && c.At >= 0 && n > 0 && int(number) >= n {
			return true
		}
	}
	return false
}

// revoked gives partitions up; commits under way are waited for, and later ones left out.
func (g *Group) revoked(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
	var stopping sync.WaitGroup
	for topic, numbers := range partitions {
		for _, number := range numbers {
			stopping.Go(func() { g.give(Key{topic, number}) })
		}
	}
	stopping.Wait()
	g.awaitCommit()
}

// awaitCommit returns when the commit that is under way has ended.
func (g *Group) awaitCommit() {
	g.commit.Lock()
	g.commit.Unlock() //nolint:staticcheck,gocritic // holding the lock for a moment is the purpose
}

func (g *Group) lost(ctx context.Context, client *kgo.Client, partitions map[string][]int32) {
	g.lease.end()
	g.opts.Logger.Warn("the membership in the group was lost: another member goes on with the partitions", "group", g.opts.Kafka.Group)
	g.revoked(ctx, client, partitions)
}

// sessionHook is told what ends a session of the group.
type sessionHook struct{ *Group }

// OnGroupManageError ends the membership for good where another member has taken its name: both would expel one another for ever.
func (g sessionHook) OnGroupManageError(err error) {
	if !errors.Is(err, kerr.FencedInstanceID) {
		return
	}
	<-g.joined
	g.mu.Lock()
	first := g.expelled == nil
	g.expelled = fmt.Errorf("another member of group %q has taken kafka.instance_id %q: give each sidecar a name of its own", g.opts.Kafka.Group, g.opts.Kafka.InstanceID)
	g.mu.Unlock()
	if first {
		go g.client.CloseAllowingRebalance() // the session that calls this has to end first
	}
}
