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
	// visibleAfter is how long after its documents a search finds what Elasticsearch acknowledged: it refreshes an index every second, each at its own time, so
	// that the tidemark can be found before the windows that it seals.
	visibleAfter = 2 * time.Second
	// visibleAge is how old a catalog may be that alert rules are planned by.
	visibleAge = 10 * time.Second
	// catalogTimeout bounds a load, which goes on for the others when the caller who began it goes away.
	catalogTimeout = 30 * time.Second
)

// catalogCache keeps the last catalog for a moment. Concurrent callers share one load; failures are not kept.
type catalogCache struct {
	now          func() time.Time
	load         func(context.Context) (*rollup.Catalog, error)
	visibleAfter time.Duration

	flight       singleflight.Group
	mu           sync.Mutex
	last, before snapshot // the two that were read last
	loaded       time.Time
}

// snapshot is a catalog, with a number that is larger than those of the catalogs that were read before.
type snapshot struct {
	*rollup.Catalog
	number int64
	read   time.Time // when it was there
}

func newCatalogCache(now func() time.Time, load func(context.Context) (*rollup.Catalog, error)) *catalogCache {
	return &catalogCache{now: now, load: load, visibleAfter: visibleAfter}
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

// visible gives a catalog of which everything that it tells to be sealed is found by a search that begins now: the newest that was read long enough ago, or
// the present one after waiting for that.
func (c *catalogCache) visible(ctx context.Context) (snapshot, error) {
	present, err := c.get(ctx)
	if err != nil {
		return snapshot{}, err
	}
	c.mu.Lock()
	last, before, now := c.last, c.before, c.now()
	c.mu.Unlock()
	for _, s := range []snapshot{last, before} {
		if age := now.Sub(s.read); s.Catalog != nil && age >= c.visibleAfter && age < visibleAge {
			return s, nil
		}
	}
	timer := time.NewTimer(c.visibleAfter - max(now.Sub(present.read), 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return present, nil
	case <-ctx.Done():
		return snapshot{}, gaveUp(ctx)
	}
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
		c.before = c.last
		c.last, c.loaded = snapshot{catalog, c.last.number + 1, c.now()}, begun
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
