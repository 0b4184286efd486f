package consume

import (
	"context"
	"errors"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrGivenAway is the error for a commit to a partition that is not this member's any more.
var ErrGivenAway = errors.New("the partition was given to another member")

// Rebalancing reports whether a commit failed only because the group is dividing its partitions anew.
func Rebalancing(err error) bool {
	return errors.Is(err, ErrGivenAway) || errors.Is(err, kerr.RebalanceInProgress) || errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID)
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
