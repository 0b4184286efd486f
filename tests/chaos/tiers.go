package chaos

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// newCoarser makes room for the documents of a rollup's coarser tiers, which are compared as far as made says that they are made.
func newCoarser(spec *rollupSpec, made []tiersProgress) (all []*kept) {
	for _, t := range coarser {
		k := newKept(spec, t)
		k.through, k.partitions = 0, map[string]int32{"": allPartitions}
		if p := tierOf(made, spec.name, t); p != nil {
			k.through = p.Through
			if p.From != 0 {
				k.comparisons[0].differs("the tier begins at %s, and nothing of it was removed", clock(p.From))
			}
		}
		all = append(all, k)
	}
	return all
}

// tierOf finds the progress of a rollup's tier, or nil.
func tierOf(made []tiersProgress, rollup string, t tier) *tierProgress {
	for i := range made {
		for j := range made[i].Spec.Tiers {
			if p := &made[i].Spec.Tiers[j]; made[i].Rollup == rollup && p.Tier == t.name {
				return p
			}
		}
	}
	return nil
}

// compareCoarser compares a coarser tier's documents with the truth, and with the documents of the finest tier: these decide what overflowed, what came late,
// and which events have the measure n.
func (k *kept) compareCoarser(t *tally, finest *kept) {
	var truth []map[key]*sums
	for _, of := range t.groupings {
		truth = append(truth, k.raise(of))
	}
	k.compare(&t.spec, truth)
	for g := range k.groupings {
		c := &k.comparisons[g]
		c.compareFiner("", k.raise(finest.groupings[g]), k.groupings[g])
		c.compareFiner("overflow of ", k.raise(finest.overflow[g]), k.overflow[g])
		if c.windows == 0 {
			c.differs("no window is made")
		}
	}
}

// raise adds up what belongs to one window of the tier, of those that are compared.
func (k *kept) raise(from map[key]*sums) map[key]*sums {
	into := map[key]*sums{}
	for at, s := range from {
		at.partition, at.window = allPartitions, k.tier.start(at.window)
		if at.window >= k.through {
			continue
		}
		if into[at] == nil {
			into[at] = &sums{}
		}
		into[at].merge(s)
	}
	return into
}

// compareFiner compares with what the documents of the finest tier add up to.
func (c *comparison) compareFiner(what string, want, got map[key]*sums) {
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, at := range sorted(all) {
		w, h := want[at], got[at]
		if w == nil || h == nil || !w.equal(h) || w.n.count != h.n.count || w.late != h.late {
			c.differs("%s%s: the documents of the finest tier hold %s, those of the coarser %s", what, at, w, h)
		}
	}
}

// unmade says which tier lacks windows that could be made, or "".
func unmade(rollups []rollupSpec, told []progress, made []tiersProgress) string {
	for _, rollup := range rollups {
		tidemark := int64(math.MaxInt64)
		for n := range partitions {
			name := fmt.Sprintf("%s/%d", topic, n)
			i := slices.IndexFunc(told, func(p progress) bool { return p.Rollup == rollup.name && p.Partition == name })
			if i < 0 || told[i].SealedThrough == nil {
				return fmt.Sprintf("rollup %s, %s: nothing is sealed", rollup.name, name)
			}
			tidemark = min(tidemark, *told[i].SealedThrough)
		}
		for _, t := range coarser {
			switch p := tierOf(made, rollup.name, t); {
			case p == nil:
				return fmt.Sprintf("rollup %s: nothing is told of tier %s", rollup.name, t.name)
			case p.Through < t.start(tidemark):
				return fmt.Sprintf("rollup %s: tier %s is made through %s, and the tidemark is at %s", rollup.name, t.name, clock(p.Through), clock(tidemark))
			case len(p.Again) > 0:
				return fmt.Sprintf("rollup %s: tier %s is to be made anew from %s to %s", rollup.name, t.name, clock(p.Again[0].From), clock(p.Again[0].To))
			}
		}
	}
	return ""
}
