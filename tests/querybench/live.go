package main

import (
	"context"
	"errors"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// liveWriter writes the windows of a rollup when they end, with what the events had at another time, as a sidecar does.
type liveWriter struct {
	*bench
	rollup *keptRollup
}

// catchUp writes the windows since the events ended.
func (l *liveWriter) catchUp(ctx context.Context) error {
	w := l.newWriter(ctx, "documents of the time since")
	err := l.advance(ctx, w, time.Now().Add(-lag))
	if err := errors.Join(err, w.close()); err != nil {
		return err
	}
	return l.tell(ctx)
}

// run writes each window a little after its end, until the context ends, which is no error.
func (l *liveWriter) run(ctx context.Context) error {
	for {
		end := time.UnixMilli(l.rollup.sealed).Add(tierFine + lag)
		if !pause(ctx, time.Until(end)) {
			return nil
		}
		w := l.newWriter(ctx, "")
		err := errors.Join(l.advance(ctx, w, time.Now().Add(-lag)), w.close())
		if err == nil {
			err = l.tell(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// advance writes all windows that end up to a time, of the tier of a minute those too that become complete with it.
func (l *liveWriter) advance(ctx context.Context, w *bulkWriter, to time.Time) error {
	k, length := l.rollup, tierFine.Milliseconds()
	for k.sealed+length <= to.UnixMilli() {
		start := k.sealed
		if err := k.write(ctx, w, tierFine, start, l.any(l.events.fine, start)); err != nil {
			return err
		}
		k.sealed += length
		if minute := tierMiddle.Milliseconds(); k.sealed%minute == 0 {
			if err := k.write(ctx, w, tierMiddle, k.sealed-minute, l.any(l.events.minute, start)); err != nil {
				return err
			}
		}
	}
	return nil
}

// any is a full window of a table.
func (l *liveWriter) any(t *table, start int64) []cell {
	full := max(t.windows()-2, 1)
	return t.row(int(start/t.length%int64(full)) + min(1, t.windows()-1))
}

// tell makes what was written visible, and then tells that it is there.
func (l *liveWriter) tell(ctx context.Context) error {
	k := l.rollup
	indices := []string{}
	for _, tier := range []time.Duration{tierFine, tierMiddle} {
		indices = append(indices, rollup.IndexName(k.prefix, k.definition.Name, rollup.Tier(tier), k.sealed-1))
	}
	if err := l.client.Refresh(ctx, indices...); err != nil {
		return err
	}
	return k.tell(ctx, l.bench)
}
