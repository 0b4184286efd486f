package query

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// overlap is how long after a definition was succeeded documents of it are looked for: its last events can have times a little ahead.
const overlap = dayLength

// contributor is a definition that the rollup had, documents of which belong to the answer.
type contributor struct {
	hash     string
	window   rollup.Tier
	grouping string
	since    int64
}

// contributors finds the definitions whose documents can be in a range that begins at from and can have what the query asks for.
func (p *plan) contributors(from int64) error {
	history := definitions(p.entry)
	for i := range history {
		d := &history[i]
		newest := d.Definition == p.entry.Definition && d.Since == p.entry.Since
		if !newest && i+1 < len(history) && from >= history[i+1].Since+overlap {
			continue
		}
		if d.Spec.Window <= 0 {
			continue
		}
		if !p.traits.has(&d.Spec) {
			p.selective = true
			continue
		}
		if lacking := lackingDimension(&d.Spec, p.dimensions()); lacking != "" {
			p.lacking = append(p.lacking, lack{dimension: lacking, since: d.Since})
			continue
		}
		grouping, found := d.Spec.SmallestGrouping(p.dimensions())
		if !found {
			continue
		}
		p.definitions = append(p.definitions, contributor{hash: d.Definition, window: d.Spec.Window, grouping: grouping.String(), since: d.Since})
	}
	if len(p.definitions) == 0 {
		return Invalid("rollup %q is kept by no grouping that holds %s", p.Rollup, list(p.dimensions()))
	}
	return nil
}

// lack is what documents of an earlier definition do not have.
type lack struct {
	dimension string
	since     int64
}

func lackingDimension(d *rollup.Definition, dimensions []string) string {
	for _, name := range dimensions {
		if d.Dimension(name) < 0 {
			return name
		}
	}
	return ""
}

// unit is the length that every bucket is a multiple of: all windows of the definitions.
func (p *plan) unit() int64 {
	unit := p.entry.Spec.Window.Milliseconds()
	for _, d := range p.definitions {
		unit = commonMultiple(unit, d.window.Milliseconds())
	}
	return unit
}

// share is the documents that definitions have in the indices of one tier.
type share struct {
	tier    rollup.Tier
	clauses []object
}

// shares tells where the documents of each definition are, for a span of time that is read from a tier: there, or in the definition's own window where the
// tier cannot be made of it.
func (p *plan) shares(t rollup.Tier) []share {
	var tiers []rollup.Tier
	of := map[rollup.Tier][]contributor{}
	for _, d := range p.definitions {
		at := d.window
		if t%d.window == 0 {
			at = t
		}
		if _, known := of[at]; !known {
			tiers = append(tiers, at)
		}
		of[at] = append(of[at], d)
	}
	slices.Sort(tiers)
	all := make([]share, len(tiers))
	for i, at := range tiers {
		all[i] = share{tier: at, clauses: clausesOf(of[at], len(tiers) == 1 && !p.selective)}
	}
	return all
}

// clausesOf selects the documents of some definitions, each by its own grouping. Where these are all there are and have one grouping, its name is enough.
func clausesOf(definitions []contributor, all bool) []object {
	var groupings []string
	hashes := map[string][]string{}
	for _, d := range definitions {
		if _, known := hashes[d.grouping]; !known {
			groupings = append(groupings, d.grouping)
		}
		hashes[d.grouping] = append(hashes[d.grouping], d.hash)
	}
	slices.Sort(groupings)
	if len(groupings) == 1 && all {
		return []object{term(rollup.FieldGrouping, groupings[0])}
	}
	should := make([]object, len(groupings))
	for i, grouping := range groupings {
		slices.Sort(hashes[grouping])
		both := []object{term(rollup.FieldGrouping, grouping), {"terms": object{rollup.FieldDefinition: slices.Compact(hashes[grouping])}}}
		if len(groupings) == 1 {
			return both
		}
		should[i] = object{"bool": object{"filter": both}}
	}
	return []object{anyOf(should)}
}
