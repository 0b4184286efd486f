package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// catalogAge is how old a catalog may be that a query is planned by. A dashboard's panels ask within it, so they share one.
	catalogAge = 2 * time.Second
	// catalogTimeout bounds a load, which goes on for the others when the caller who began it goes away.
	catalogTimeout = 30 * time.Second
)

// catalogCache keeps the last catalog for a moment. Concurrent callers share one load; failures are not kept.
//
// A search that begins after a catalog was read finds everything that the catalog tells to be sealed, however it is kept: progress is told when searches find
// what it stands for.
type catalogCache struct {
	now  func() time.Time
	load func(context.Context) (*rollup.Catalog, error)

	flight singleflight.Group
	mu     sync.Mutex
	last   snapshot
	loaded time.Time
}

// snapshot is a catalog, with a number that is larger than those of the catalogs that were read before.
type snapshot struct {
	*rollup.Catalog
	number int64
}

func newCatalogCache(now func() time.Time, load func(context.Context) (*rollup.Catalog, error)) *catalogCache {
	return &catalogCache{now: now, load: load}
}

func (c *catalogCache) get(ctx context.Context) (snapshot, error) {
	c.mu.Lock()
	last, age := c.last, c.now().Sub(c.loaded)
	c.mu.Unlock()
	if last.Catalog != nil && age >= 0 && age < catalogAge {
		return last, nil
	}
	return c.fresh(ctx)
}

// fresh loads the catalog, or waits for a load that is under way.
func (c *catalogCache) fresh(ctx context.Context) (snapshot, error) {
	result := c.flight.DoChan("", func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), catalogTimeout)
		defer cancel()
		begun := c.now()
		catalog, err := c.load(detached)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last, c.loaded = snapshot{catalog, c.last.number + 1}, begun
		return c.last, nil
	})
	select {
	case <-ctx.Done():
		return snapshot{}, fmt.Errorf("reading the catalog of rollups was given up: %w", ctx.Err())
	case r := <-result:
		if r.Err != nil {
			return snapshot{}, r.Err
		}
		read, _ := r.Val.(snapshot)
		return read, nil
	}
}
