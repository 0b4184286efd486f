package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const daySeconds = 24 * 60 * 60

// tierSums sums what a tier holds of a grouping by window, host and path, from a time on.
func (b *bench) tierSums(tier rollup.Tier, grouping string, from int64) map[string]int64 {
	b.t.Helper()
	sums := map[string]int64{}
	pattern := rollup.IndexPattern(b.prefix, "writes", tier)
	body := fmt.Sprintf(`{"size":10000,"query":{"term":{"grouping":%q}}}`, grouping)
	var response *elastic.SearchResponse
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for limit := time.Now().Add(deadline); ; <-ticker.C { // an index that was just made has no shards at first
		err := b.elastic.Refresh(b.t.Context(), pattern)
		if err == nil {
			response, err = b.elastic.Search(b.t.Context(), elastic.SearchRequest{Indices: []string{pattern}, Body: json.RawMessage(body), Complete: true})
		}
		if err == nil {
			break
		}
		if !elastic.Retryable(err) || time.Now().After(limit) {
			b.t.Fatal(err)
		}
	}
	for _, hit := range response.Hits.Hits {
		s, err := readSource(hit.Source)
		if err != nil {
			b.t.Fatal(err)
		}
		if at := s.integer(rollup.FieldTime); at >= from {
			sums[fmt.Sprintf("%d %s %s", at, s.text("dim.host"), s.text("dim.path"))] += s.integer(rollup.FieldCount)
		}
	}
	return sums
}

// tierTruth is what a tier has to hold from one time on and up to another.
func (b *bench) tierTruth(tier rollup.Tier, from, through int64) map[string]int64 {
	sums := map[string]int64{}
	for key, n := range b.truth {
		var at int64
		_, rest, _ := strings.Cut(key, " ")
		_, _ = fmt.Sscan(key, &at)
		if at = tier.Start(at); at >= from && at < through {
			sums[fmt.Sprintf("%d %s", at, rest)] += n
		}
	}
	return sums
}

// awaitTiers waits until the coarser tiers hold exactly the events produced, each from where it begins up to the tidemark.
func (b *bench) awaitTiers(run *running) {
	b.t.Helper()
	wrong := "nothing is told"
	run.eventually(func() bool {
		if len(run.partitions()) < testPartitions { // nothing is told before
			return false
		}
		entry := b.entry()
		sealed, known := entry.Sealed()
		if !known || len(entry.Tiers) != 3 || entry.Tiers[2].Through != entry.Tiers[2].Tier.Start(sealed) {
			return false
		}
		for _, p := range entry.Tiers[1:] {
			if len(p.Again) > 0 || p.Arrived != sealed && sealed-p.Arrived >= time.Minute.Milliseconds() {
				wrong = fmt.Sprintf("tier %s is at %+v, and %d is sealed", p.Tier, p, sealed)
				return false
			}
			if got, want := b.tierSums(p.Tier, "host,path", p.From), b.tierTruth(p.Tier, p.From, p.Through); !maps.Equal(got, want) {
				wrong = fmt.Sprintf("tier %s holds %d events, and %d were produced", p.Tier, total(got), total(want))
				return false
			}
		}
		return true
	}, func() string { return wrong })
}

func (b *bench) configureTiers() string {
	return b.configure("groupings: [[host], []]", "groupings: [[host], []]\n        tiers: [1m, 1h]\n        retention: {10s: 1h, 1m: 36h}")
}

// TestCoarserTiersAreMadeKeptAndRemoved reads three days, with events that come long after their windows are removed, and makes what is damaged anew.
func TestCoarserTiersAreMadeKeptAndRemoved(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configureTiers()
		for _, from := range []int64{0, 3600, daySeconds, 2*daySeconds + 7200, 2*daySeconds + 14_400} {
			b.produce(from, 300)
		}
		run := b.start(configuration)
		b.awaitTiers(run)
		first := rollup.IndexName(b.prefix, "writes", rollup.Tier(10*time.Second), testOrigin)
		run.eventually(func() bool {
			indices, err := b.elastic.ListIndices(t.Context(), first)
			return err == nil && len(indices) == 0
		}, func() string { return "the index of the first day is not removed: " + first })
		run.eventually(func() bool {
			tiers := b.entry().Tiers
			return tiers[0].Removed == testOrigin+2*daySeconds*1000 && tiers[1].Removed == testOrigin && tiers[2].Removed == 0
		}, func() string { return fmt.Sprintf("the tiers are told as %+v", b.entry().Tiers) })

		b.produce(30, 200)              // of the first day: the coarsest tier is left
		b.produce(2*daySeconds-600, 90) // of the second: the tier of a minute is left
		b.produce(2*daySeconds+14_410, 90)
		b.produce(2*daySeconds+18_100, 90)
		b.awaitTiers(run)
		if out := b.must("verify", "--config", configuration); !strings.Contains(out, "none differs") {
			t.Errorf("verify:\n%s", out)
		}

		minute := rollup.IndexName(b.prefix, "writes", rollup.Tier(time.Minute), testOrigin+2*daySeconds*1000)
		if err := b.elastic.DeleteIndex(t.Context(), minute); err != nil {
			t.Fatal(err)
		}
		out := b.must("downsample", "--config", configuration, "--from", "2026-01-03T00:00:00Z", "--to", "2026-01-03T06:00:00Z")
		if !strings.Contains(out, "documents written") {
			t.Errorf("downsample:\n%s", out)
		}
		b.awaitTiers(run)
		run.end()
	})
}

// startTiered starts a sidecar whose rollup has more settings and coarser tiers, and waits until these hold events of two hours.
func (b *bench) startTiered(more string) (configuration string, run *running) {
	b.t.Helper()
	configuration = b.configure("groupings: [[host], []]", "groupings: [[host], []]"+more+"\n        tiers: [1m, 1h]")
	b.produce(0, 300)
	b.produce(7200, 100)
	run = b.start(configuration)
	b.await(run)
	b.awaitTiers(run)
	return configuration, run
}

// TestReplayMakesCoarserTiersAnew damages documents of the finest tier in a way that reaches the coarser ones.
func TestReplayMakesCoarserTiersAnew(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration, run := b.startTiered("")
		b.damage()
		b.must("downsample", "--config", configuration, "--from", "2025-12-31T00:00:00Z", "--to", "2026-01-01T01:00:00Z")
		if maps.Equal(b.tierSums(rollup.Tier(time.Hour), "host,path", 0), b.tierTruth(rollup.Tier(time.Hour), 0, testOrigin+7_200_000)) {
			t.Error("the damage does not reach the coarser tiers: the test shows nothing")
		}
		for range 2 {
			out := b.must("replay", "--config", configuration, "--from", "2025-12-31T00:00:00Z")
			if !regexp.MustCompile(`(?m)^coarser tiers: [\d,]+ windows? made, [1-9][\d,]* documents? written$`).MatchString(out) {
				t.Errorf("the replay says:\n%s", out)
			}
		}
		b.await(run)
		b.awaitTiers(run)
		run.end()
	})
}

func TestDownsampleRefusesWhatMakesNoSense(t *testing.T) {
	b := &bench{t: t}
	for _, test := range []struct{ arguments, says string }{
		{"--to 2026-01-01T00:00:00Z", "--to without --from"}, {"--from yesterday", "an RFC 3339 time"}, {"--from 1h --to 2h", "--to 2h is not after --from 1h"},
		{"--from 3000-01-01T00:00:00Z", "--from 3000-01-01T00:00:00Z is not in the past"}, {"--from 1h --rollup other", `"other"`},
	} {
		path := (&bench{t: t, kafka: "127.0.0.1:1", store: "http://127.0.0.1:1", topic: "t", prefix: "p"}).configure()
		if code, out := b.command(append([]string{"downsample", "--config", path}, strings.Fields(test.arguments)...)...); code != exitConfiguration || !strings.Contains(out, test.says) {
			t.Errorf("tidemark downsample %s: exit status %d: %s", test.arguments, code, out)
		}
	}
}
