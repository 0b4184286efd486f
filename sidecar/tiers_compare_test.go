package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

func (w *tiersWorld) hits(pattern string) []elastic.Hit {
	if err := w.store.Refresh(w.t.Context(), pattern); err != nil {
		w.t.Fatal(err)
	}
	body := map[string]any{"size": storedPage, "version": true, "sort": []any{map[string]any{rollup.FieldTime: "asc"}, map[string]any{"_seq_no": "asc"}}}
	var all []elastic.Hit
	for hit, err := range elastic.Pages(w.t.Context(), w.store.Search, elastic.SearchRequest{Indices: []string{pattern}}, body) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, hit)
	}
	return all
}

// rest lets everything be sealed and made, and compares.
func (w *tiersWorld) rest(round int) {
	w.time += time.Hour.Milliseconds() // beyond what any partition has sealed
	for _, l := range w.logs {
		l.behind = 0
		w.event(l, w.time)
		w.barrier(l)
	}
	for _, f := range w.flaky {
		f.mu.Lock()
		f.calm = true
		f.mu.Unlock()
	}
	for range 4 { // partitions come in, one after the other
		catalog := w.catalog()
		if err := w.makers[0].Round(w.t.Context(), &catalog.Rollups[0]); err != nil {
			w.t.Fatal(err)
		}
		w.stale = catalog
	}
	w.compare(round)
	for _, f := range w.flaky {
		f.mu.Lock()
		f.calm = false
		f.mu.Unlock()
	}
}

func (w *tiersWorld) progress() rollup.TiersSpec {
	response, err := w.store.Search(w.t.Context(), elastic.SearchRequest{
		Indices: []string{rollup.ProgressIndex("m")}, Body: json.RawMessage(`{"query":{"term":{"kind":"` + rollup.KindTiers + `"}}}`),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(response.Hits.Hits) != 1 {
		w.t.Fatalf("there are %d documents with the progress of tiers", len(response.Hits.Hits))
	}
	var p rollup.TiersProgress
	if err := json.Unmarshal(response.Hits.Hits[0].Source, &p); err != nil {
		w.t.Fatal(err)
	}
	return p.Spec
}

// compare compares every tier with the events.
func (w *tiersWorld) compare(round int) {
	spec := w.progress()
	sealed, _ := w.catalog().Rollups[0].Sealed()
	for i := range spec.Tiers {
		p := &spec.Tiers[i]
		through := sealed
		if i > 1 {
			through = spec.Tiers[i-1].Through
		}
		if i > 0 && (p.Through != p.Tier.Start(through) || len(p.Again) > 0) {
			w.t.Errorf("round %d: tier %s is made to %d with %v to be made again, and %d is sealed", round, p.Tier, p.Through, p.Again, sealed)
		}
		w.difference(round, p.Tier, w.events(i, p), w.documents(i, p))
	}
}

// within reports whether a tier is to hold the windows that start at a time. A partition that is ahead of what is sealed can have written corrections to a coarser
// tier already that begin a little after From.
func within(i int, p *rollup.TierProgress, start int64) bool {
	from := p.From
	if from > 0 {
		from += time.Minute.Milliseconds()
	}
	return start >= from && (i == 0 || start < p.Through)
}

// definition is the one with the hash.
func (w *tiersWorld) definition(hash string) *rollup.Definition {
	for _, s := range w.streams {
		if s.hashes[0] == hash {
			return &s.definitions[0]
		}
	}
	w.t.Fatalf("there is no definition %s", hash)
	return nil
}

// events are what the i-th tier is to hold.
func (w *tiersWorld) events(i int, p *rollup.TierProgress) map[tiersPlace]tiersCell {
	cells := map[tiersPlace]tiersCell{}
	for place, c := range w.truth {
		if i > 0 {
			place.start = p.Tier.Start(place.start)
		}
		if within(i, p, place.start) {
			cells[place] = cells[place].plus(c)
		}
	}
	return cells
}

// documents are what the i-th tier holds. The finest is at the windows of all definitions.
func (w *tiersWorld) documents(i int, p *rollup.TierProgress) map[tiersPlace]tiersCell {
	tiers := map[rollup.Tier]bool{p.Tier: true}
	for _, s := range w.streams {
		if i == 0 {
			tiers[s.definitions[0].Window] = true
		}
	}
	cells := map[tiersPlace]tiersCell{}
	for tier := range tiers {
		for _, hit := range w.hits(rollup.IndexPattern("m", "r", tier)) {
			source, err := readSource(hit.Source)
			if err != nil {
				w.t.Fatal(err)
			}
			hash := source.text(rollup.FieldDefinition)
			doc, err := rollup.ParseDocument(hit.Source, w.definition(hash))
			if err != nil {
				w.t.Fatal(err)
			}
			if !within(i, p, doc.Start) {
				continue
			}
			m := doc.Measures[0]
			place := tiersPlace{hash: hash, grouping: doc.Grouping.String(), key: strings.Join(doc.Dimensions, " "), start: doc.Start}
			if doc.Overflow {
				place.key = "overflow"
			}
			cells[place] = cells[place].plus(tiersCell{doc.Count, doc.Bytes, doc.Conditions[0], m.Count, int64(m.Sum), int64(m.Min), int64(m.Max)})
			if s := doc.Sketches[0]; s != nil && s.Count() != m.Count || s == nil && m.Count > 0 {
				w.t.Errorf("tier %s: the sketch of %+v does not hold %d values", tier, place, m.Count)
			}
			if doc.LateCount > doc.Count {
				w.t.Errorf("tier %s: %+v holds %d events, and %d that came late", tier, place, doc.Count, doc.LateCount)
			}
		}
	}
	return cells
}

// difference compares cells. A grouping with an overflow in a window is compared by its sums there, since the log decides which keys had room.
func (w *tiersWorld) difference(round int, tier rollup.Tier, want, got map[tiersPlace]tiersCell) {
	overflowed := map[tiersPlace]bool{}
	whole := func(p tiersPlace) tiersPlace { p.key = ""; return p }
	for place := range got {
		if place.key == "overflow" {
			overflowed[whole(place)] = true
		}
	}
	fold := func(cells map[tiersPlace]tiersCell) map[tiersPlace]tiersCell {
		folded := map[tiersPlace]tiersCell{}
		for place, c := range cells {
			if overflowed[whole(place)] {
				place = whole(place)
			}
			folded[place] = folded[place].plus(c)
		}
		return folded
	}
	want, got = fold(want), fold(got)
	var wrong []string
	for place := range maps.All(want) {
		if got[place] != want[place] {
			wrong = append(wrong, fmt.Sprintf("%+v: the documents hold %+v, the events say %+v", place, got[place], want[place]))
		}
	}
	for place := range got {
		if _, known := want[place]; !known {
			wrong = append(wrong, fmt.Sprintf("%+v: the documents hold %+v, the events say nothing", place, got[place]))
		}
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		w.t.Errorf("round %d, tier %s: %d %s:\n%s", round, tier, len(wrong), foundOut, strings.Join(wrong[:min(len(wrong), 5)], "\n"))
	}
}
