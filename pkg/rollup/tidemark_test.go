package rollup_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestTidemarkIsThatOfTheSlowestPartition(t *testing.T) {
	at := func(ms int64) *int64 { return &ms }
	definition := func(since int64, partitions ...string) rollup.DefinitionProgress {
		return rollup.DefinitionProgress{Kind: rollup.KindDefinition, Rollup: "r", Since: since, Partitions: partitions, Spec: rollup.Definition{Window: rollup.Tier(time.Second)}}
	}
	partition := func(name string, sealed *int64) rollup.PartitionProgress {
		return rollup.PartitionProgress{Kind: rollup.KindPartition, Rollup: "r", Partition: name, SealedThrough: sealed, UpdatedAt: 7}
	}
	of := func(topic string, p rollup.PartitionProgress) rollup.PartitionProgress {
		p.TopicID = topic
		return p
	}
	floors := func(d rollup.DefinitionProgress, floors ...*int64) rollup.DefinitionProgress {
		d.Floors = floors
		return d
	}
	for _, test := range []struct {
		name    string
		sources []any
		want    int64
		known   bool
	}{
		{"the least of all", []any{definition(1, "t/0", "t/1"), partition("t/0", at(30)), partition("t/1", at(20))}, 20, true},
		{"one has sealed nothing", []any{definition(1, "t/0", "t/1"), partition("t/0", at(30)), partition("t/1", nil)}, 0, false},
		{"one told nothing", []any{definition(1, "t/0", "t/1"), partition("t/0", at(30))}, 0, false},
		{"a partition that is not the topic's any more", []any{definition(1, "t/0"), partition("t/0", at(30)), partition("t/1", at(5))}, 30, true},
		{"a topic that was made anew", []any{definition(1, "t/0"), of("1", partition("t/0", at(30))), of("2", partition("t/0", nil))}, 30, true},
		{"a topic that was made anew and is further", []any{definition(1, "t/0"), of("2", partition("t/0", at(40))), of("1", partition("t/0", at(30)))}, 40, true},
		{"a partition that was let in", []any{floors(definition(1, "t/0", "t/1"), nil, at(50)), partition("t/0", at(60)), partition("t/1", at(45))}, 50, true},
		{"a partition that was let in long ago", []any{floors(definition(1, "t/0", "t/1"), nil, at(50)), partition("t/0", at(80)), partition("t/1", at(75))}, 75, true},
		{"no partitions", []any{definition(1)}, 0, false},
		{"the newest definition counts", []any{definition(2, "t/0"), definition(1, "t/0", "t/1"), partition("t/0", at(30))}, 30, true},
		{"documents of other kinds", []any{map[string]any{"kind": "other"}, definition(1, "t/0"), partition("t/0", at(30))}, 30, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sources []json.RawMessage
			for _, s := range test.sources {
				text, err := json.Marshal(s)
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, text)
			}
			catalog, err := rollup.ParseCatalog(sources)
			if err != nil {
				t.Fatal(err)
			}
			entry, ok := catalog.Rollup("r")
			if !ok {
				t.Fatal("no rollup")
			}
			if got, known := entry.Tidemark(); got != test.want || known != test.known {
				t.Errorf("tidemark %d, %t; want %d, %t", got, known, test.want, test.known)
			}
		})
	}
	if _, err := rollup.ParseCatalog([]json.RawMessage{[]byte(`[`)}); err == nil {
		t.Error("a broken document was read")
	}
}

func TestPartitionIsAdmittedWhenItIsSealedUpToTheTidemark(t *testing.T) {
	at := func(ms int64) *int64 { return &ms }
	entry := &rollup.CatalogEntry{
		DefinitionProgress: rollup.DefinitionProgress{Partitions: []string{"t/0", "t/1"}, Floors: []*int64{nil, at(20)}},
		Progress: []rollup.PartitionProgress{
			{Partition: "t/0", SealedThrough: at(30)}, {Partition: "t/1", SealedThrough: at(40)},
			{Partition: "t/2", SealedThrough: at(30)}, {Partition: "t/3", SealedThrough: at(29)}, {Partition: "t/4"},
		},
	}
	for _, test := range []struct {
		name       string
		partitions []string
		names      []string
		floors     string
	}{
		{"the same", []string{"t/0", "t/1"}, []string{"t/0", "t/1"}, "null 20"},
		{"one is gone", []string{"t/0"}, []string{"t/0"}, ""},
		{"all are gone", nil, []string{"t/0", "t/1"}, "null 20"},
		{"one has caught up", []string{"t/0", "t/1", "t/2"}, []string{"t/0", "t/1", "t/2"}, "null 20 60040"},
		{"one is behind", []string{"t/0", "t/1", "t/3"}, []string{"t/0", "t/1"}, "null 20"},
		{"one has sealed nothing", []string{"t/0", "t/4", "t/5"}, []string{"t/0"}, ""},
		{"others took over and are behind", []string{"t/3", "t/4"}, []string{"t/0", "t/1"}, "null 20"},
	} {
		t.Run(test.name, func(t *testing.T) {
			names, floors := entry.Admit(test.partitions)
			text := ""
			for i, f := range floors {
				if i > 0 {
					text += " "
				}
				if f == nil {
					text += "null"
				} else {
					text += fmt.Sprint(*f)
				}
			}
			if !slices.Equal(names, test.names) || text != test.floors {
				t.Errorf("admitted %q with floors %q, want %q with %q", names, text, test.names, test.floors)
			}
		})
	}
	if names, floors := new(rollup.CatalogEntry).Admit([]string{"t/0", "t/1"}); len(names) != 2 || floors != nil {
		t.Errorf("at first: %q, %v", names, floors)
	}
	entry.Progress[1].SealedThrough, entry.Floors = nil, nil // nothing is published
	if names, _ := entry.Admit([]string{"t/0", "t/1", "t/3", "t/4"}); !slices.Equal(names, []string{"t/0", "t/1", "t/3"}) {
		t.Errorf("where nothing is published: %q", names)
	}
}

// TestPublishedTidemarkNeverGoesBack has topics that are made anew, partitions that are added with a backlog, and definitions that are read, and written a
// while after.
func TestPublishedTidemarkNeverGoesBack(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		entry := rollup.CatalogEntry{DefinitionProgress: rollup.DefinitionProgress{Partitions: []string{"t/0", "t/1"}}}
		topics := []int{0, 0} // how often the topic of each partition was made anew
		of := func(i int) *rollup.PartitionProgress {
			name, topic := fmt.Sprintf("t/%d", i), fmt.Sprint(topics[i])
			for j := range entry.Progress {
				if p := &entry.Progress[j]; p.Partition == name && p.TopicID == topic {
					return p
				}
			}
			entry.Progress = append(entry.Progress, rollup.PartitionProgress{Partition: name, TopicID: topic})
			return &entry.Progress[len(entry.Progress)-1]
		}
		var written *rollup.DefinitionProgress
		var last int64
		seen, clock, due := false, int64(1_000_000), 0
		for step := range 400 {
			clock += rnd.Int64N(3_000)
			switch x := rnd.IntN(100); {
			case written != nil && step >= due:
				entry.DefinitionProgress, written = *written, nil
			case x < 80:
				p := of(rnd.IntN(len(topics)))
				next := clock - rnd.Int64N(20_000)
				if behind := clock - 500_000; p.SealedThrough == nil && rnd.IntN(2) == 0 {
					next = behind // a backlog
				}
				if p.SealedThrough == nil || *p.SealedThrough < next {
					p.SealedThrough = &next
				}
			case x < 83 && len(topics) < 8:
				topics = append(topics, 0)
				of(len(topics) - 1)
			case x < 86:
				i := rnd.IntN(len(topics))
				topics[i]++
				of(i)
			case written == nil:
				names := make([]string, len(topics))
				for i := range topics {
					names[i] = fmt.Sprintf("t/%d", i)
				}
				next := entry.DefinitionProgress
				next.Partitions, next.Floors = entry.Admit(names)
				written, due = &next, step+rnd.IntN(15)
			}
			tidemark, known := entry.Tidemark()
			if seen && (!known || tidemark < last) {
				t.Fatalf("seed %d, step %d: the tidemark was %d, and is %d, %t", seed, step, last, tidemark, known)
			}
			if known {
				seen, last = true, tidemark
			}
		}
		if !seen || clock-last > 600_000 {
			t.Fatalf("seed %d: the tidemark is %d at %d", seed, last, clock)
		}
	}
}
