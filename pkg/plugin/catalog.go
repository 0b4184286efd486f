package plugin

import (
	"context"
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
type catalogCache struct {
	now  func() time.Time
	load func(context.Context) (*rollup.Catalog, error)

	flight singleflight.Group
	mu     sync.Mutex
	last   *rollup.Catalog
	loaded time.Time
}

func newCatalogCache(now func() time.Time, load func(context.Context) (*rollup.Catalog, error)) *catalogCache {
	return &catalogCache{now: now, load: load}
}

func (c *catalogCache) get(ctx context.Context) (*rollup.Catalog, error) {
	c.mu.Lock()
	last, age := c.last, c.now().Sub(c.loaded)
	c.mu.Unlock()
	if last != nil && age >= 0 && age < catalogAge {
		return last, nil
	}
	return c.fresh(ctx)
}

// fresh loads the catalog, or waits for a load that is under way.
func (c *catalogCache) fresh(ctx context.Context) (*rollup.Catalog, error) {
	result := c.flight.DoChan("", func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), catalogTimeout)
		defer cancel()
		begun := c.now()
		catalog, err := c.load(detached)
		if err != nil {
			return nil, err
		}
		c.mu.Lock()
		c.last, c.loaded = catalog, begun
		c.mu.Unlock()
		return catalog, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-result:
		if r.Err != nil {
			return nil, r.Err
		}
		catalog, _ := r.Val.(*rollup.Catalog)
		return catalog, nil
	}
}
