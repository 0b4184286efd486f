package plugin

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestCatalogIsKeptForAMomentAndFailuresAreNot(t *testing.T) {
	now := epoch
	loads := 0
	var failure error
	cache := newCatalogCache(func() time.Time { return now }, func(context.Context) (*rollup.Catalog, error) {
		loads++
		return &rollup.Catalog{}, failure
	})
	for _, step := range []struct {
		name    string
		advance time.Duration
		failure error
		want    int
	}{
		{"the first", 0, nil, 1},
		{"soon after", catalogAge - 1, nil, 1},
		{"too old", 1, errors.New("away"), 2},
		{"the failure is not kept", 0, nil, 3},
		{"a clock that was set back", -time.Hour, nil, 4},
	} {
		now, failure = now.Add(step.advance), step.failure
		if _, err := cache.get(t.Context()); !errors.Is(err, step.failure) || loads != step.want {
			t.Fatalf("%s: %d loads, %v; want %d", step.name, loads, err, step.want)
		}
	}
}

func TestALoadGoesOnForTheOthersWhenItsFirstCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		loads := 0
		cache := newCatalogCache(time.Now, func(ctx context.Context) (*rollup.Catalog, error) {
			loads++
			select {
			case <-release:
				return &rollup.Catalog{}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		first, leave := context.WithCancel(t.Context())
		results := make(chan error, 2)
		go func() { _, err := cache.get(first); results <- err }()
		synctest.Wait()
		go func() { _, err := cache.get(t.Context()); results <- err }()
		synctest.Wait()
		leave()
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who goes away gets %v", err)
		}
		close(release)
		if err := <-results; err != nil || loads != 1 {
			t.Errorf("the other gets %v after %d loads", err, loads)
		}
	})
}
