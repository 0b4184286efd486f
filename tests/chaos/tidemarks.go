package chaos

import (
	"context"
	"time"
)

// tidemarks follows how far the rollups are sealed.
type tidemarks struct {
	store   *store
	journal *journal
	sealed  map[[2]string]int64 // of each rollup and partition
	of      map[string]int64    // of each rollup: the least of all partitions
	read    int                 // how often they could be read
}

// run looks every second, until the context ends.
func (t *tidemarks) run(ctx context.Context) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if all, err := t.store.progress(ctx); err == nil && len(all) > 0 {
			t.read++
			t.look(all)
		}
	}
}

// look compares with what was seen before. Nothing may go back, and nothing that was known may be unknown.
func (t *tidemarks) look(all []progress) {
	known, least := map[string]int{}, map[string]int64{}
	for _, p := range all {
		at := [2]string{p.Rollup, p.Partition}
		before, was := t.sealed[at]
		switch {
		case p.SealedThrough == nil && was:
			t.journal.fail("%s of rollup %s was sealed through %s, and is not any more", p.Partition, p.Rollup, clock(before))
		case p.SealedThrough == nil:
		case was && *p.SealedThrough < before:
			t.journal.fail("%s of rollup %s was sealed through %s, and then through %s only (by %s)", p.Partition, p.Rollup, clock(before), clock(*p.SealedThrough), p.Owner)
		default:
			t.sealed[at] = *p.SealedThrough
		}
		if p.SealedThrough != nil {
			if known[p.Rollup] == 0 || *p.SealedThrough < least[p.Rollup] {
				least[p.Rollup] = *p.SealedThrough
			}
			known[p.Rollup]++
		}
	}
	for rollup, n := range known {
		before, was := t.of[rollup]
		if was && (n < partitions || least[rollup] < before) {
			t.journal.fail("the tidemark of rollup %s went back from %s to %s, with %d partitions", rollup, clock(before), clock(least[rollup]), n)
		} else if n == partitions {
			t.of[rollup] = least[rollup]
		}
	}
}

func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05.000") }
