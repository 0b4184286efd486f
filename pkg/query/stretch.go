package query

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// stretchWindows is how many windows of a coarser tier a time range holds at least where that tier is read for an overview, such as the values of a
// dimension: what its windows hold beyond the ends of the range is a small part of it then.
const stretchWindows = 24

// stretch is a time, from (inclusive) to (exclusive) in milliseconds, that is read from one tier; 0 to maxTime is all time.
type stretch struct {
	tier     rollup.Tier
	from, to int64
}

// stretches parts a time range among the tiers for an overview: each time is in the coarsest tier that is made there, but for tiers too coarse for the range.
// The finest tier has the rest. Stretches of a coarser tier reach to the borders of its windows.
func stretches(entry *rollup.CatalogEntry, from, to int64) []stretch {
	var coarser []rollup.TierProgress // from coarse to fine
	for _, t := range slices.Backward(entry.Tiers) {
		if t.Tier > entry.Spec.Window && t.Through > t.From && t.Tier.Milliseconds() <= (to-from)/stretchWindows {
			coarser = append(coarser, t)
		}
	}
	return stretchOver(coarser, entry.Spec.Window, from, to)
}

func stretchOver(coarser []rollup.TierProgress, finest rollup.Tier, from, to int64) []stretch {
	if from >= to {
		return nil
	}
	if len(coarser) == 0 {
		length := max(finest.Milliseconds(), 1)
		return []stretch{{finest, alignDown(from, length), min(alignUp(to, length), maxTime)}}
	}
	t := coarser[0]
	length := t.Tier.Milliseconds()
	first, last := max(alignDown(from, length), t.From), min(alignUp(to, length), t.Through)
	if first >= last {
		return stretchOver(coarser[1:], finest, from, to)
	}
	all := stretchOver(coarser[1:], finest, from, first)
	all = append(all, stretch{t.Tier, first, last})
	return append(all, stretchOver(coarser[1:], finest, last, to)...)
}

// read is where the documents of a stretch are, and what they meet besides conditions of the asker's. The finest tier has indices of each window that the
// rollup's definitions had.
func (s *stretch) read(entry *rollup.CatalogEntry, prefix string, grouped object) (where []string, must []object) {
	must = []object{grouped}
	if s.from > 0 || s.to < maxTime {
		must = append(must, during(s.from, s.to))
	}
	tiers := []rollup.Tier{s.tier}
	if s.tier == entry.Spec.Window {
		for _, d := range definitions(entry) {
			if !slices.Contains(tiers, d.Spec.Window) && d.Spec.Window > 0 {
				tiers = append(tiers, d.Spec.Window)
			}
		}
	}
	for _, t := range tiers {
		if len(must) == 1 {
			where = append(where, rollup.IndexPattern(prefix, entry.Rollup, t))
		} else {
			where = append(where, indices(prefix, entry.Rollup, t, s.from, s.to)...)
		}
	}
	return where, must
}

// definitions are all that the rollup ever had, the newest last.
func definitions(entry *rollup.CatalogEntry) []rollup.DefinitionProgress {
	if len(entry.Definitions) == 0 {
		return []rollup.DefinitionProgress{entry.DefinitionProgress}
	}
	return entry.Definitions
}

// groupedBy is the documents of the smallest grouping of each definition that holds the dimensions. Definitions that lack one have no part in it; the second
// result is false where all do.
func groupedBy(entry *rollup.CatalogEntry, dimensions []string) (object, bool) {
	var all []contributor
	for _, d := range definitions(entry) {
		if grouping, found := d.Spec.SmallestGrouping(dimensions); found {
			all = append(all, contributor{hash: d.Definition, grouping: grouping.String()})
		}
	}
	if len(all) == 0 {
		return nil, false
	}
	return clausesOf(all, true)[0], true // no other definition has documents of the grouping, where there is one
}
