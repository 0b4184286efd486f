package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCoarserWindowsHoldTheFinerOnesOfAllPartitions(t *testing.T) {
	at := func(hour, minute, second int) int64 {
		return time.Date(2026, 3, 1, hour, minute, second, 0, time.UTC).UnixMilli()
	}
	from := map[key]*sums{
		{partition: 0, window: at(12, 0, 0), host: "a"}:   {count: 1, late: 1},
		{partition: 1, window: at(12, 0, 55), host: "a"}:  {count: 2, n: measure{count: 2, sum: 3, size: 3, smallest: 1, largest: 2}},
		{partition: 1, window: at(12, 0, 55), host: "b"}:  {count: 4},
		{partition: 0, window: at(12, 1, 0), host: "a"}:   {count: 8, n: measure{count: 1, sum: -1, size: 1, smallest: -1, largest: -1}},
		{partition: 0, window: at(12, 59, 55), host: "a"}: {count: 16},
		{partition: 0, window: at(13, 0, 0), host: "a"}:   {count: 32},
	}
	minute := sums{count: 3, late: 1, n: measure{count: 2, sum: 3, size: 3, smallest: 1, largest: 2}}
	for _, test := range []struct {
		tier    tier
		through int64
		want    map[key]sums
	}{
		{coarser[0], at(12, 1, 0), map[key]sums{
			{partition: allPartitions, window: at(12, 0, 0), host: "a"}: minute, {partition: allPartitions, window: at(12, 0, 0), host: "b"}: {count: 4},
		}},
		{coarser[1], at(13, 0, 0), map[key]sums{
			{partition: allPartitions, window: at(12, 0, 0), host: "a"}: {count: 27, late: 1, n: measure{count: 3, sum: 2, size: 4, smallest: -1, largest: 2}},
			{partition: allPartitions, window: at(12, 0, 0), host: "b"}: {count: 4},
		}},
	} {
		k := &kept{tier: test.tier, through: test.through}
		got := map[key]sums{}
		for at, s := range k.raise(from) {
			got[at] = *s
		}
		if !maps.Equal(got, test.want) {
			t.Errorf("%s through %s: %v, want %v", test.tier.name, clock(test.through), got, test.want)
		}
	}
}

func TestTiersAreComparedAsFarAsTheyAreMade(t *testing.T) {
	truth := testTruth(0)
	documents, told := faithful(truth)
	early := documents[slices.IndexFunc(documents, func(d document) bool { return strings.Contains(d.Index, "-1m-") })]
	early.Time = testNow.Truncate(time.Minute).Add(2 * time.Minute).UnixMilli()
	if differences := compareWith(t, truth, append(documents, early), told, testTiers()); len(differences) > 0 {
		t.Errorf("a document of a window that is not told to be made differs: %q", differences)
	}
	for name, spoil := range map[string]func(p *tierProgress){
		"further than there are documents": func(p *tierProgress) { p.Through += 60_000 },
		"not at all":                       func(p *tierProgress) { p.Through = 0 },
		"without the beginning":            func(p *tierProgress) { p.From = 60_000 },
		"another tier":                     func(p *tierProgress) { p.Tier = "5m" },
	} {
		made := testTiers()
		spoil(&made[1].Spec.Tiers[1])
		if differences := compareWith(t, truth, documents, told, made); len(differences) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestLateEventsAreCountedInCoarserTiers(t *testing.T) {
	truth := testTruth(0)
	documents, told := faithful(truth)
	keys := map[string]bool{}
	for i, d := range documents {
		if d.Partition == told[0].Partition && d.Time == truth.spec.finest().start(testNow.UnixMilli()) {
			documents[i].Late = true
			keys[d.Grouping+d.Host] = true
			if d.Grouping == "host" {
				told[0].Ledger["on_time"] -= d.Count
				told[0].Ledger["late"] += d.Count
			}
		}
	}
	if differences := compareWith(t, truth, documents, told, testTiers()); len(differences) != len(coarser)*len(keys) {
		t.Errorf("%d keys have late events, and minutes and hours that lack them differ: %q", len(keys), differences)
	}
	if differences := compareWith(t, truth, withCoarser(&truth.spec, documents), told, testTiers()); len(differences) > 0 {
		t.Errorf("tiers that count late events differ: %q", differences)
	}
}

func TestSettledMeansThatTiersAreMade(t *testing.T) {
	at := func(ms int64) *int64 { return &ms }
	hour := testNow.Truncate(time.Hour).Add(time.Hour)
	for _, test := range []struct {
		name  string
		spoil func(told []progress, made []tierProgress) []tierProgress
		want  string // what it waits for
	}{
		{"made", func(_ []progress, m []tierProgress) []tierProgress { return m }, ""},
		{"further than the tidemark was", func(_ []progress, m []tierProgress) []tierProgress { m[1].Through += 60_000; return m }, ""},
		{"a partition that has sealed nothing", func(p []progress, m []tierProgress) []tierProgress { p[3].SealedThrough = nil; return m }, "events/3: nothing is sealed"},
		{"a partition that is behind", func(p []progress, m []tierProgress) []tierProgress {
			p[3].SealedThrough = at(hour.UnixMilli() - 1)
			m[1].Through, m[2].Through = hour.Add(-time.Minute).UnixMilli(), hour.Add(-time.Hour).UnixMilli()
			return m
		}, ""},
		{"no tier", func([]progress, []tierProgress) []tierProgress { return nil }, "nothing is told of tier 1m"},
		{"no hours", func(_ []progress, m []tierProgress) []tierProgress { return m[:2] }, "nothing is told of tier 1h"},
		{"a minute too few", func(_ []progress, m []tierProgress) []tierProgress { m[1].Through -= 60_000; return m }, "tier 1m is made through"},
		{"an hour too few", func(_ []progress, m []tierProgress) []tierProgress { m[2].Through -= 3_600_000; return m }, "tier 1h is made through"},
		{"a minute to be made anew", func(_ []progress, m []tierProgress) []tierProgress {
			m[1].Again = append(m[1].Again, span{To: 60_000})
			return m
		}, "tier 1m is to be made anew"},
	} {
		var told []progress
		for n := range partitions {
			told = append(told, progress{Rollup: "r", Partition: fmt.Sprintf("%s/%d", topic, n), SealedThrough: at(hour.Add(65 * time.Second).UnixMilli())})
		}
		made := tiersProgress{Rollup: "r"}
		made.Spec.Tiers = test.spoil(told, []tierProgress{{Tier: "5s"}, {Tier: "1m", Through: hour.Add(time.Minute).UnixMilli()}, {Tier: "1h", Through: hour.UnixMilli()}})
		got := unmade([]rollupSpec{{name: "r"}}, told, []tiersProgress{made})
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: waits for %q, want %q", test.name, got, test.want)
		}
	}
}

// withCoarser adds the coarser tiers that are to be made of the documents of the finest one, and takes away those that there are.
func withCoarser(spec *rollupSpec, documents []document) []document {
	documents = slices.DeleteFunc(slices.Clone(documents), func(d document) bool { return d.Partition == "" })
	finest := newKept(spec, spec.finest())
	for i := range documents {
		d := &documents[i]
		g := slices.IndexFunc(spec.all(), func(grouping []string) bool { return groupingName(grouping) == d.Grouping })
		finest.add(g, finest.partitions[d.Partition], d)
	}
	for _, k := range newCoarser(spec, testTiers()) {
		for g, grouping := range spec.all() {
			for overflow, of := range map[bool]map[key]*sums{false: finest.groupings[g], true: finest.overflow[g]} {
				for at, s := range k.raise(of) {
					d := testDocument(spec, k.tier, grouping, at, s)
					d.Overflow, d.LateCount = overflow, s.late
					documents = append(documents, d)
				}
			}
		}
	}
	return documents
}

// testTiers says that the coarser tiers of the rollup of testTruth are made: the hours up to its end, and of the minutes all but the last.
func testTiers() []tiersProgress {
	p := tiersProgress{Rollup: "r"}
	p.Spec.Tiers = []tierProgress{
		{Tier: "5s"}, {Tier: "1m", Through: testNow.Truncate(time.Minute).Add(2 * time.Minute).UnixMilli()},
		{Tier: "1h", Through: testNow.Truncate(time.Hour).Add(time.Hour).UnixMilli()},
	}
	return []tiersProgress{{Rollup: "other"}, p}
}

func TestTheLastEventsEndTheHour(t *testing.T) {
	for _, test := range []struct{ now, want string }{
		{"12:00:00", "13:01:00"}, {"12:30:00", "13:01:00"}, {"12:59:55", "13:01:00"},
		{"12:59:58", "14:01:00"}, // events can be of the next hour
		{"23:10:00", "00:01:00"},
	} {
		now, err := time.Parse(time.TimeOnly, test.now)
		if err != nil {
			t.Fatal(err)
		}
		past := pastHour(now)
		if got := past.Format(time.TimeOnly); got != test.want {
			t.Errorf("at %s they are of %s, want %s", test.now, got, test.want)
		}
		if ahead := past.Sub(now); ahead > maxTimestampAhead {
			t.Errorf("at %s they are %s ahead, and Kafka takes %s", test.now, ahead, maxTimestampAhead)
		}
		r := record(0, 0, string(lastEvent(past)))
		r.Timestamp = past
		for _, spec := range rollupsOf(len(changes)) {
			truth := newTally(spec, [partitions]int64{})
			if truth.add(read(r)); truth.ledgers[0].documented != 1 {
				t.Errorf("rollup %s does not count %s", spec.name, r.Value)
			}
		}
	}
}
