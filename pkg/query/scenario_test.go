package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// scenario is what a rollup went through: events, the definitions that counted them, and what of it is kept in which tier.
type scenario struct {
	store   *store
	entry   *rollup.CatalogEntry
	events  []drawnEvent
	expired bool // finest windows were removed
}

// drawnEvent is an event of the property test. The naive answer is made of events, the other one of documents.
type drawnEvent struct {
	at                 int64
	definition         int
	host, path, user   string
	offset             float64
	measured           bool
	errors, slow       bool
	bytes              int64
	partition          int32
	late               bool
	overflow, noRoomAt bool // in the full grouping; in smaller ones besides
}

func (e *drawnEvent) dimension(name string) string {
	if name == "host" {
		return e.host
	}
	return e.path
}

const (
	minute = 60 * second
	hour   = 60 * minute
)

// days around which clocks change somewhere, and an ordinary one.
var drawnDays = []string{"2026-03-29", "2026-10-25", "2026-04-05", "2026-03-08", "2026-01-15"}

func drawScenario(rng *rand.Rand) *scenario {
	middle, err := time.Parse(time.DateOnly, drawnDays[rng.IntN(len(drawnDays))])
	if err != nil {
		panic(err)
	}
	from := middle.UnixMilli() - 3*dayLength
	to := middle.UnixMilli() + 2*dayLength
	s := &scenario{store: &store{}, entry: &rollup.CatalogEntry{}}
	s.drawDefinitions(rng, from, to)
	s.drawEvents(rng, from, to)
	finest := s.finest()
	tidemark := alignDown(from+rng.Int64N(to-from+dayLength), hour)
	s.drawTiers(rng, from, tidemark)
	s.write(rng, finest)
	s.entry.Partitions = []string{"t/0"}
	if rng.IntN(8) > 0 {
		s.entry.Progress = []rollup.PartitionProgress{{Partition: "t/0", SealedThrough: &tidemark}}
	}
	return s
}

// drawDefinitions has up to three, each with something that the one before lacks.
func (s *scenario) drawDefinitions(rng *rand.Rand, from, to int64) {
	n := 1 + rng.IntN(3)
	since := from - rng.Int64N(dayLength)
	for i := range n {
		d := rollup.Definition{
			Name: "log_writes", Stream: "app", Window: rollup.Tier([]int{10, 30, 60}[rng.IntN(3)] * 1e9), MaxKeys: i + 1,
			Dimensions: []rollup.Field{{Name: "host"}}, Conditions: []rollup.Condition{{Name: "errors"}},
			Measures: []rollup.Field{{Name: "offset"}}, Percentiles: []string{"offset"},
			Tiers: []rollup.Tier{rollup.Tier(time.Minute), rollup.Tier(time.Hour), rollup.Tier(24 * time.Hour)},
		}
		if i == n-1 || rng.IntN(2) == 0 {
			d.Dimensions = append(d.Dimensions, rollup.Field{Name: "path"})
			if rng.IntN(2) == 0 {
				d.Groupings = append(d.Groupings, rollup.Grouping{"path"})
			}
		}
		if i == n-1 || rng.IntN(2) == 0 {
			d.Conditions = append(d.Conditions, rollup.Condition{Name: "slow"})
			d.Distinct = []rollup.Field{{Name: "users"}}
		}
		if i == n-1 {
			d.Window = rollup.Tier(10 * time.Second)
		}
		for _, g := range []rollup.Grouping{{}, {"host"}} {
			if rng.IntN(2) == 0 {
				d.Groupings = append(d.Groupings, g)
			}
		}
		d.Normalize()
		s.entry.Definitions = append(s.entry.Definitions, rollup.DefinitionProgress{Rollup: d.Name, Definition: d.Hash(), Spec: d, Since: since})
		since = alignDown(max(since+1, from+rng.Int64N(to-from)), 10*second)
	}
	s.entry.DefinitionProgress = s.entry.Definitions[n-1]
}

func (s *scenario) drawEvents(rng *rand.Rand, from, to int64) {
	around := from + rng.Int64N(to-from) // where they are dense
	least := []int{0, 1000}[rng.IntN(2)]
	for range rng.IntN(250) {
		e := drawnEvent{
			host: fmt.Sprintf("h%d", rng.IntN(5)), path: []string{"", "/a", "/b"}[rng.IntN(3)], user: fmt.Sprint(rng.IntN(30)), measured: rng.IntN(4) > 0,
			offset: float64(rng.IntN(2000) - least), errors: rng.IntN(3) == 0, slow: rng.IntN(4) == 0, bytes: rng.Int64N(100), partition: rng.Int32N(3),
			late: rng.IntN(8) == 0, overflow: rng.IntN(12) == 0,
		}
		e.noRoomAt = e.overflow && rng.IntN(3) == 0
		if e.at = from + rng.Int64N(to-from); rng.IntN(2) == 0 {
			e.at = max(from, around-hour) + rng.Int64N(2*hour)
		}
		for i := range s.entry.Definitions {
			if i == 0 || e.at >= s.entry.Definitions[i].Since+rng.Int64N(minute) {
				e.definition = i
			}
		}
		s.events = append(s.events, e)
	}
}

// finest are the documents as the sidecar writes them: one a definition, grouping, partition, window and key, and others for late corrections.
func (s *scenario) finest() []finestDocument {
	var all []finestDocument
	places := map[string]int{}
	for i := range s.events {
		e := &s.events[i]
		d := &s.entry.Definitions[e.definition].Spec
		for _, g := range d.Groupings {
			doc := emptyDocument(d, g)
			doc.Start, doc.Partition = d.Window.Start(e.at), &rollup.Partition{Topic: "t", Number: e.partition}
			if doc.Overflow = len(g) > 0 && (e.noRoomAt || e.overflow && len(g) == len(d.Dimensions)); !doc.Overflow {
				for _, name := range g {
					doc.Dimensions = append(doc.Dimensions, e.dimension(name))
				}
			}
			if e.late {
				doc.Correction = &rollup.Correction{Arrived: doc.Start + hour}
			}
			id := doc.ID(d.Hash())
			at, known := places[id]
			if !known {
				at = len(all)
				places[id] = at
				all = append(all, finestDocument{definition: e.definition, doc: doc})
			}
			count1(all[at].doc, d, e)
		}
	}
	return all
}

type finestDocument struct {
	definition int
	doc        *rollup.Document
}

func emptyDocument(d *rollup.Definition, g rollup.Grouping) *rollup.Document {
	return &rollup.Document{
		Grouping: g, Measures: make([]rollup.Measure, len(d.Measures)), Sketches: make([]*rollup.Sketch, len(d.Percentiles)),
		Conditions: make([]int64, len(d.Conditions)), Distinct: make([]*rollup.Distinct, len(d.Distinct)),
	}
}

// count1 counts an event in a document.
func count1(doc *rollup.Document, d *rollup.Definition, e *drawnEvent) {
	doc.Count++
	doc.Bytes += e.bytes
	if e.measured {
		doc.Measures[0].Add(e.offset)
		if doc.Sketches[0] == nil {
			doc.Sketches[0] = rollup.NewSketch()
		}
		doc.Sketches[0].Add(e.offset)
	}
	for i, c := range d.Conditions {
		if c.Name == "errors" && e.errors || c.Name == "slow" && e.slow {
			doc.Conditions[i]++
		}
	}
	for i := range d.Distinct {
		if doc.Distinct[i] == nil {
			doc.Distinct[i] = rollup.NewDistinct()
		}
		doc.Distinct[i].Add([]byte(e.user))
	}
}

// drawTiers decides how far the tiers are made and kept.
func (s *scenario) drawTiers(rng *rand.Rand, from, tidemark int64) {
	spec := &s.entry.Spec
	if rng.IntN(6) == 0 {
		return
	}
	s.entry.Tiers = []rollup.TierProgress{{Tier: spec.Window}}
	through := tidemark
	for _, t := range spec.Tiers {
		length := t.Milliseconds()
		p := rollup.TierProgress{Tier: t, Through: alignDown(through-rng.Int64N(3)*length, length)}
		p.Made = p.Through + length*rng.Int64N(2)
		if rng.IntN(3) == 0 {
			p.From = alignUp(from+rng.Int64N(dayLength), length)
		}
		if rng.IntN(4) == 0 && p.Through > from+4*length {
			at := alignDown(from+rng.Int64N(p.Through-from-length), length)
			p.Again = []rollup.Span{{From: max(at, p.From), To: max(at, p.From) + length}}
		}
		s.entry.Tiers = append(s.entry.Tiers, p)
		through = max(p.Through, from)
	}
	if rng.IntN(3) == 0 { // what is in the coarser tiers is removed from the finest
		s.expired = true
		hours := &s.entry.Tiers[2]
		hours.From, hours.Again = 0, nil
		s.entry.Tiers[0].From = alignDown(max(from, hours.Through-rng.Int64N(dayLength)), hour)
		s.entry.Tiers[1].Again = nil
	}
}

// write puts the documents of every tier where they belong.
func (s *scenario) write(rng *rand.Rand, finest []finestDocument) {
	kept := int64(0)
	if len(s.entry.Tiers) > 0 {
		kept = s.entry.Tiers[0].From
	}
	for _, f := range finest {
		d := &s.entry.Definitions[f.definition].Spec
		from := kept // the windows of an earlier definition are removed with the finest, or with the tier of their length
		if d.Window == rollup.Tier(time.Minute) && s.expired {
			from = min(kept, s.entry.Tiers[1].From)
		}
		if f.doc.Start >= from || d.Window == rollup.Tier(time.Minute) && !s.expired {
			s.put(d, d.Window, f.doc)
		}
	}
	for i := 1; i < len(s.entry.Tiers); i++ {
		s.coarser(rng, &s.entry.Tiers[i], finest, kept)
	}
}

func (s *scenario) put(d *rollup.Definition, t rollup.Tier, doc *rollup.Document) {
	s.store.add(rollup.IndexName("tidemark", d.Name, t, doc.Start), doc.AppendJSON(nil, d, d.Hash()))
}

// coarser merges what is made of a tier. Windows to be made anew lack the corrections, and what is beyond Through was made of less than there is.
func (s *scenario) coarser(rng *rand.Rand, t *rollup.TierProgress, finest []finestDocument, kept int64) {
	merged := map[string]*rollup.Document{}
	var order []string
	definitions := map[string]*rollup.Definition{}
	for _, f := range finest {
		d := &s.entry.Definitions[f.definition].Spec
		start := t.Tier.Start(f.doc.Start)
		again := slices.ContainsFunc(t.Again, func(a rollup.Span) bool { return start >= a.From && start < a.To })
		switch {
		case t.Tier <= d.Window || t.Tier%d.Window != 0 || start < t.From || start >= max(t.Through, t.Made):
			continue
		case again && f.doc.Correction != nil, start >= t.Through && rng.IntN(2) == 0:
			continue
		}
		if f.doc.Correction != nil && f.doc.Start < kept && rng.IntN(2) == 0 { // it came when the finest window was gone
			alone := *f.doc
			alone.Start = start
			s.put(d, t.Tier, &alone)
			continue
		}
		doc := emptyDocument(d, f.doc.Grouping)
		doc.Start, doc.Dimensions, doc.Overflow = start, f.doc.Dimensions, f.doc.Overflow
		id := doc.ID(d.Hash())
		if merged[id] == nil {
			merged[id], definitions[id] = doc, d
			order = append(order, id)
		}
		merged[id].Merge(f.doc)
	}
	for _, id := range order {
		s.put(definitions[id], t.Tier, merged[id])
	}
}
