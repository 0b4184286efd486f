package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrGivenAway is the error for a commit to a partition that is not this member's any more.
var ErrGivenAway = errors.New("the partition was given to another member")

// Rebalancing reports whether a commit failed only because the group is dividing its partitions anew.
func Rebalancing(err error) bool {
	return errors.Is(err, ErrGivenAway) || errors.Is(err, kerr.RebalanceInProgress) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID)
}

// Commit is an offset to commit, with what a replay from it needs.
type Commit struct {
	Key      Key
	Owner    Processor
	Offset   int64
	Metadata string
}

// Commit commits offsets and returns the ones that failed or are not this process's any more. It returns an error where the whole request failed.
func (g *Group) Commit(ctx context.Context, commits []Commit) (failed map[Key]error, err error) {
	g.commit.Lock()
	defer g.commit.Unlock()
	failed = map[Key]error{}
	offsets := map[string]map[int32]kgo.EpochOffset{}
	metadata := map[Key]string{}
	g.mu.Lock()
	for _, c := range commits {
		if h := g.owned[c.Key]; h == nil || h.Processor != c.Owner {
			failed[c.Key] = ErrGivenAway
			continue
		}
		if offsets[c.Key.Topic] == nil {
			offsets[c.Key.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[c.Key.Topic][c.Key.Partition] = kgo.EpochOffset{Epoch: -1, Offset: c.Offset}
		metadata[c.Key] = c.Metadata
	}
	g.mu.Unlock()
	if len(offsets) == 0 {
		return failed, nil
	}
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				text := metadata[Key{r.Topics[i].Topic, p.Partition}]
				p.Metadata = &text
			}
		}
		return nil
	})
	g.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse, e error) {
		err = e
		if r == nil {
			return
		}
		for key, e := range refused(r) {
			failed[key] = e
		}
	})
	if err != nil {
		err = fmt.Errorf("commit offsets: %w", err)
	}
	g.note(committing, err)
	return failed, err
}

// refused are the partitions whose commit the broker did not take.
func refused(r *kmsg.OffsetCommitResponse) map[Key]error {
	failed := map[Key]error{}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				failed[Key{t.Topic, p.Partition}] = err
			}
		}
	}
	return failed
}

// quiet passes the Kafka client's warnings and errors on as debug messages: what matters of them reaches the log in the words of this package.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
