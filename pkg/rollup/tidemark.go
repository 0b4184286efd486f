package rollup

import "slices"

// admissionSlack is how much further than the furthest partition, in milliseconds of event time, readers can take the tidemark to be while a partition is
// admitted.
const admissionSlack = 60_000

// Tidemark is the time up to which every partition's windows are sealed. The second result is false while a partition has sealed none.
//
// What is published never goes back, but where a partition begins a new lineage: a partition whose topic was made anew counts as sealed as far as the one
// before was, until it is further, and one that was added counts only when Admit has let it in.
func (e *CatalogEntry) Tidemark() (int64, bool) {
	sealed := e.sealed()
	var tidemark int64
	for i, name := range e.Partitions {
		t, known := sealed[name]
		if i < len(e.Floors) && e.Floors[i] != nil {
			t, known = max(t, *e.Floors[i]), true
		}
		if !known {
			return 0, false
		}
		if i == 0 || t < tidemark {
			tidemark = t
		}
	}
	return tidemark, len(e.Partitions) > 0
}

// Sealed is the time up to which every partition that the tidemark waits for has sealed its windows, without the floors that keep what is published from
// going back. The second result is false while a partition has sealed none.
func (e *CatalogEntry) Sealed() (int64, bool) {
	bare := *e
	bare.Floors = nil
	return bare.Tidemark()
}

// sealed is how far each partition is sealed, of whichever topic of its name that was the furthest.
func (e *CatalogEntry) sealed() map[string]int64 {
	sealed := map[string]int64{}
	for _, p := range e.Progress {
		if p.SealedThrough == nil {
			continue
		}
		if before, known := sealed[p.Partition]; !known || *p.SealedThrough > before {
			sealed[p.Partition] = *p.SealedThrough
		}
	}
	return sealed
}

// Admit chooses the partitions that the tidemark waits for out of those that there are now. Those that it waits for already stay, as long as they are there;
// one that appeared comes in when it is sealed up to the tidemark. Until that is known to all readers these can see the tidemark move on, so the partition
// counts for at least the floor that is given with it. The first time it waits for all.
func (e *CatalogEntry) Admit(partitions []string) (names []string, floors []*int64) {
	if len(e.Partitions) == 0 {
		return partitions, nil
	}
	tidemark, published := e.Tidemark()
	sealed := e.sealed()
	floor := tidemark
	for _, name := range e.Partitions {
		floor = max(floor, sealed[name])
	}
	floor += admissionSlack
	for _, name := range partitions {
		i := slices.Index(e.Partitions, name)
		switch t, known := sealed[name]; {
		case i >= 0 && i < len(e.Floors):
			names, floors = append(names, name), append(floors, e.Floors[i])
		case i >= 0:
			names, floors = append(names, name), append(floors, nil)
		case known && (!published || t >= tidemark):
			names, floors = append(names, name), append(floors, &floor)
		}
	}
	if len(names) == 0 { // until there is a topic again, or another has caught up
		return e.Partitions, e.Floors
	}
	if !slices.ContainsFunc(floors, func(f *int64) bool { return f != nil }) {
		floors = nil
	}
	return names, floors
}
