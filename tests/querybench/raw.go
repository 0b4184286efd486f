package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// rawIndex is the index of the raw documents.
const rawIndex = benchPrefix + "-raw"

// rawMapping indexes what dashboards ask for. Messages and all else cannot be searched, which makes the index smaller and faster than Filebeat's own.
const rawMapping = `{
  "settings": {"index": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "codec": "best_compression", "translog": {"durability": "async"}}},
  "mappings": {"dynamic": false, "properties": {
    "@timestamp": {"type": "date"},
    "host": {"properties": {"name": {"type": "keyword"}}},
    "log": {"properties": {"offset": {"type": "long"}, "level": {"type": "keyword"}, "file": {"properties": {"path": {"type": "keyword"}}}}}
  }}
}`

const (
	// eventsAtOnce is how many events are made, counted and written together.
	eventsAtOnce = 4000
	// makersAtOnce is how many goroutines do that.
	makersAtOnce = 3
)

// loadEvents makes all events, counts them for the rollups, and writes the raw documents where they are wanted.
func (b *bench) loadEvents(ctx context.Context, write bool) error {
	what := "events made and counted"
	if write {
		what = "raw documents written"
		if err := b.client.CreateIndex(ctx, rawIndex, []byte(rawMapping)); err != nil {
			return err
		}
	}
	done := b.progress.count(what, b.events.count)
	group, groupContext := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range makersAtOnce {
		group.Go(func() error {
			for first := next.Add(eventsAtOnce) - eventsAtOnce; first < b.events.count; first = next.Add(eventsAtOnce) - eventsAtOnce {
				if err := b.loadSome(groupContext, first, min(first+eventsAtOnce, b.events.count), write, done); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("load the events: %w", err)
	}
	done.done()
	if !write {
		return nil
	}
	return b.server.settle(ctx, rawIndex)
}

func (b *bench) loadSome(ctx context.Context, first, end int64, write bool, done *counter) error {
	body := make([]byte, 0, (end-first)*int64(b.events.Bytes()+64))
	all := make([]counted, 0, end-first)
	for i := first; i < end; i++ {
		body = append(body, `{"index":{"_index":"`+rawIndex+`"}}`+"\n"...)
		begin := len(body)
		body = b.events.AppendAt(body, i, b.events.at(i))
		c, err := b.events.read(i, body[begin:])
		if err != nil {
			return err
		}
		all = append(all, c)
		body = append(body, '\n')
	}
	b.events.add(all)
	if !write {
		done.add(end - first)
		return ctx.Err()
	}
	return sendBulk(ctx, b.server, body, end-first, done)
}
