package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/write"
)

// TestLostRecordsAreThoseBeforeTheOffset commits an offset before, and after, gaps that a replay from there would find by itself.
func TestLostRecordsAreThoseBeforeTheOffset(t *testing.T) {
	p := &partition{lost: 5, logger: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1)}
	p.Skip(100, 150)
	p.Skip(200, 230)
	for offset, want := range map[int64]int64{90: 5, 100: 5, 150: 55, 200: 55, 230: 85, 300: 85} {
		if got := p.lostBefore(offset); got != want {
			t.Errorf("%d records are lost before offset %d, want %d", got, offset, want)
		}
	}
	p.committed(&aggregate.State{Offset: 160})
	if len(p.gaps) != 1 || p.lostBefore(160) != 55 || p.lostBefore(300) != 85 {
		t.Errorf("after a commit %d are lost and %v are open", p.lost, p.gaps)
	}
}

func TestEngineGoesOverGapsInTheOrderOfTheLog(t *testing.T) {
	s, err := newStream(config.Stream{Name: "logs", Format: "json", Topics: []string{"t"}, Timestamp: config.Timestamp{Format: "rfc3339"}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	p := &partition{logger: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1), engine: aggregate.NewEngine(plan, plan.Begin(10, 0, [16]byte{}))}
	p.queue = []*kgo.Record{{Offset: 12}}
	p.Skip(20, 30)
	if p.skip() || p.engine.Position() != 10 {
		t.Errorf("the engine is at %d before the records before the gap are read", p.engine.Position())
	}
	p.queue = nil
	if !p.skip() || p.engine.Position() != 30 {
		t.Errorf("the engine is at %d after the gap", p.engine.Position())
	}
	if p.skip() {
		t.Error("the same gap is passed twice")
	}
}

// TestEarlierTopicIsKnownToAllPartitions has one that had fewer partitions.
func TestEarlierTopicIsKnownToAllPartitions(t *testing.T) {
	c := emptyCatalog(t)
	keep := func(id rollup.Partition, commit int64) {
		t.Helper()
		s := rollup.PartitionState{Kind: rollup.KindState, Partition: id.String(), TopicID: encodeTopicID(id.TopicID), Commit: commit}
		if err := c.tell(t.Context(), nil, []rollup.PartitionState{s}); err != nil {
			t.Fatal(err)
		}
	}
	check := func(id rollup.Partition, want bool) {
		t.Helper()
		if got, err := c.checkNew(t.Context(), id); err != nil || got != want {
			t.Errorf("of %s: made anew %t, %v, want %t", id, got, err, want)
		}
	}
	of := func(topic byte, number int32) rollup.Partition {
		return rollup.Partition{Topic: "t", TopicID: [16]byte{topic}, Number: number}
	}
	keep(rollup.Partition{Topic: "t2", TopicID: [16]byte{9}}, 5)
	check(of(1, 0), false)
	keep(of(1, 0), 7)
	check(of(1, 1), false)
	check(of(2, 1), true)
	check(of(2, 0), true)
	keep(of(2, 0), 1)
	check(of(2, 2), true)
	if _, err := c.checkNew(t.Context(), of(2, 0)); err == nil || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("of a partition that was read: %v", err)
	}
}

// emptyCatalog is a catalog with an empty progress index.
func emptyCatalog(t *testing.T) *catalog {
	t.Helper()
	_, store := startEmbedded(t)
	client, err := elastic.New(elastic.Config{Addresses: []string{store}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	body, err := rollup.ProgressIndexBody()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.CreateIndex(t.Context(), rollup.ProgressIndex("p"), body); err != nil {
		t.Fatal(err)
	}
	return newCatalog(client, "p", nil, nil, slog.New(slog.DiscardHandler))
}

func TestCatalogIsReadHoweverManyPartitionsThereAre(t *testing.T) {
	c := emptyCatalog(t)
	const partitions = 10_001
	var told []rollup.PartitionProgress
	for i := range partitions {
		told = append(told, rollup.PartitionProgress{Kind: rollup.KindPartition, Rollup: "r", Partition: fmt.Sprintf("t/%d", i), TopicID: "1", Commit: 1})
	}
	if err := c.tell(t.Context(), told, nil); err != nil {
		t.Fatal(err)
	}
	b := &write.Request{}
	d := rollup.DefinitionProgress{Kind: rollup.KindDefinition, Rollup: "r", Definition: "d", Spec: rollup.Definition{Window: rollup.Tier(time.Second)}}
	if err := add(b, "p", d.ID(), 1, d); err != nil {
		t.Fatal(err)
	}
	if err := c.bulk(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	all, err := c.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if entry, _ := all.Rollup("r"); len(entry.Progress) != partitions {
		t.Errorf("%d of %d partitions are read", len(entry.Progress), partitions)
	}
}
