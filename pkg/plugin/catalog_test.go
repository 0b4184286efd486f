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

func TestAnAlertIsPlannedByACatalogThatIsVisibleAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newCatalogCache(time.Now, func(context.Context) (*rollup.Catalog, error) { return &rollup.Catalog{}, nil })
		begin := time.Now()
		last := int64(0)
		for _, step := range []struct {
			name         string
			after, waits time.Duration
		}{
			{"the first waits", 0, visibleAfter},
			{"the next has the one before", 100 * time.Millisecond, 0},
			{"until the newer one is old enough", catalogAge, 0},
			{"after a pause it waits again", time.Minute, visibleAfter},
		} {
			time.Sleep(step.after) //nolint:forbidigo // the time is a bubble's
			asked := time.Now()
			s, err := cache.visible(t.Context())
			if waited := time.Since(asked); err != nil || waited != step.waits {
				t.Errorf("%s: %v after %s, %s from the beginning", step.name, err, waited, time.Since(begin))
			}
			if age := time.Since(s.read); age < visibleAfter || s.number < last {
				t.Errorf("%s: catalog %d of %s ago", step.name, s.number, age)
			}
			last = s.number
		}
		time.Sleep(time.Minute) //nolint:forbidigo // the time is a bubble's
		ctx, cancel := context.WithTimeout(t.Context(), visibleAfter/2)
		defer cancel()
		if _, err := cache.visible(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who cannot wait gets %v", err)
		}
	})
}
