package queries

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// midnight is in the middle of all events, so that they are in two days' indices.
const midnight = int64(1_763_769_600_000)

// An event of the property test; the naive answer is computed from events, the engine's from the documents made of them.
type event struct {
	at        int64
	dims      map[string]string
	measured  bool
	offset    float64
	bytes     int64
	partition int32
	late      bool
}

func drawDefinition(rng *rand.Rand) *rollup.Definition {
	d := &rollup.Definition{
		Name: "log_writes", Stream: "app", Window: rollup.Tier(10e9),
		Dimensions: []rollup.Field{{Name: "host"}, {Name: "path"}, {Name: "level"}},
		Measures:   []rollup.Field{{Name: "offset"}},
	}
	for _, g := range []rollup.Grouping{{}, {"host"}, {"path"}, {"path", "level"}} {
		if rng.IntN(2) == 0 {
			d.Groupings = append(d.Groupings, g)
		}
	}
	d.Normalize()
	return d
}

func drawEvents(rng *rand.Rand) []event {
	events := make([]event, rng.IntN(300))
	for i := range events {
		events[i] = event{
			at: midnight - 300_000 + rng.Int64N(600_000),
			dims: map[string]string{
				"host": fmt.Sprintf("h%d", rng.IntN(6)), "path": []string{"", "/a", "/b", `/c"d`}[rng.IntN(4)], "level": []string{"info", "error"}[rng.IntN(2)],
			},
			measured: rng.IntN(3) > 0, offset: float64(rng.IntN(2000) - 1000), bytes: rng.Int64N(100), partition: rng.Int32N(3), late: rng.IntN(10) == 0,
		}
	}
	return events
}

// documentsOf does what the sidecar does: one document a grouping, partition, window and key, and another for late corrections.
func documentsOf(d *rollup.Definition, events []event) []*rollup.Document {
	var all []*rollup.Document
	for _, g := range d.Groupings {
		documents := map[string]*rollup.Document{}
		for _, e := range events {
			values := make([]string, len(g))
			for i, name := range g {
				values[i] = e.dims[name]
			}
			start := d.Window.Start(e.at)
			id := fmt.Sprint(start, e.partition, e.late, strings.Join(values, "|"))
			doc := documents[id]
			if doc == nil {
				doc = &rollup.Document{
					Start: start, Partition: &rollup.Partition{Topic: "t", Number: e.partition}, Grouping: g, Dimensions: values, Measures: make([]rollup.Measure, 1),
				}
				if e.late {
					doc.Correction = &rollup.Correction{Arrived: start}
				}
				documents[id] = doc
				all = append(all, doc)
			}
			doc.Count++
			doc.Bytes += e.bytes
			if e.measured {
				doc.Measures[0].Add(e.offset)
			}
		}
	}
	return all
}

// drawnStats are those that the naive reading knows; the others are in tiers_test.go.
var drawnStats = []query.Stat{query.StatCount, query.StatRate, query.StatBytes, query.StatSum, query.StatAvg, query.StatMin, query.StatMax}

func drawInput(rng *rand.Rand, d *rollup.Definition) query.Input {
	q := query.Query{Rollup: d.Name, Stat: drawnStats[rng.IntN(len(drawnStats))], Measure: "offset", Top: rng.IntN(4), Read: []query.Read{query.ReadLive, query.ReadSealed}[rng.IntN(2)]}
	for _, name := range []string{"level", "host", "path"} {
		if rng.IntN(2) == 0 {
			q.GroupBy = append(q.GroupBy, name)
		}
	}
	for _, f := range []query.Filter{
		{Dimension: "host", Op: query.OpOneOf, Values: []string{"h1", "h2", "h9"}},
		{Dimension: "path", Op: query.OpNoneOf, Values: []string{"", "/a"}},
		{Dimension: "path", Op: query.OpMatches, Values: []string{`/[a-b]`, `.*"d$`}},
		{Dimension: "level", Op: query.OpMatchesNo, Values: []string{"(?i)ERR.*"}},
		{Dimension: "host", Op: query.OpOneOf},
	} {
		if rng.IntN(4) == 0 {
			q.Filters = append(q.Filters, f)
		}
	}
	from := midnight - 400_000 + rng.Int64N(500_000)
	entry := &rollup.CatalogEntry{DefinitionProgress: rollup.DefinitionProgress{
		Rollup: d.Name, Spec: *d, Since: midnight - 400_000 + rng.Int64N(300_000), Partitions: []string{"t/0"},
	}}
	if rng.IntN(5) > 0 {
		sealed := d.Window.Start(midnight - 200_000 + rng.Int64N(400_000))
		entry.Progress = []rollup.PartitionProgress{{Partition: "t/0", SealedThrough: &sealed}}
	}
	limits := query.DefaultLimits()
	limits.PageKeys, limits.RequestBuckets = 1+rng.IntN(5), 150
	return query.Input{
		Query: q, From: from, To: from + 1 + rng.Int64N(500_000), Interval: rng.Int64N(60_000), MaxDataPoints: rng.Int64N(50),
		Rollup: entry, Prefix: "tidemark", Limits: limits,
	}
}
