package rollup

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The kinds of document in the progress index.
const (
	KindDefinition = "definition"
	KindPartition  = "partition"
	KindState      = "state"
	KindReplay     = "replay"
	KindTiers      = "tiers"
	KindRemoved    = "removed"
)

// Ledger counts every consumed event exactly once, in one of the counters after Consumed. It is cumulative since the partition's lineage began.
type Ledger struct {
	Consumed    int64 `json:"consumed"`
	OnTime      int64 `json:"on_time"`
	Late        int64 `json:"late"`
	Overflowed  int64 `json:"overflowed"`
	Filtered    int64 `json:"filtered"`
	Undecodable int64 `json:"undecodable"`
	Quarantined int64 `json:"quarantined"`
	Rejected    int64 `json:"rejected"`
}

// LedgerCounters are the names of the ledger's counters, as documents, metrics and /status spell them.
var LedgerCounters = []string{"consumed", "on_time", "late", "overflowed", "filtered", "undecodable", "quarantined", "rejected"}

// Balanced reports whether every consumed event is in exactly one counter.
func (l Ledger) Balanced() bool {
	return l.Consumed == l.Documented()+l.Filtered+l.Undecodable+l.Quarantined+l.Rejected
}

// Documented is how many events the documents of one grouping hold.
func (l Ledger) Documented() int64 { return l.OnTime + l.Late + l.Overflowed }

// Add sums two ledgers, counter by counter.
func (l Ledger) Add(o Ledger) Ledger {
	return Ledger{
		Consumed: l.Consumed + o.Consumed, OnTime: l.OnTime + o.OnTime, Late: l.Late + o.Late, Overflowed: l.Overflowed + o.Overflowed,
		Filtered: l.Filtered + o.Filtered, Undecodable: l.Undecodable + o.Undecodable, Quarantined: l.Quarantined + o.Quarantined, Rejected: l.Rejected + o.Rejected,
	}
}

// Counters gives the ledger's values in the order of LedgerCounters.
func (l Ledger) Counters() []int64 {
	return []int64{l.Consumed, l.OnTime, l.Late, l.Overflowed, l.Filtered, l.Undecodable, l.Quarantined, l.Rejected}
}

// PartitionProgress tells how far one rollup is complete for one partition, as of a successful commit.
type PartitionProgress struct {
	Kind       string `json:"kind"`
	Rollup     string `json:"rollup"`
	Stream     string `json:"stream"`
	Partition  string `json:"partition"`
	TopicID    string `json:"topic_id"`
	Definition string `json:"definition"`
	// SealedThrough is the time up to which every window is sealed and acknowledged; nil before the first.
	SealedThrough *int64 `json:"sealed_through,omitempty"`
	Watermark     *int64 `json:"watermark,omitempty"`
	NextOffset    int64  `json:"next_offset"`
	EndOffset     int64  `json:"end_offset"`
	Lag           int64  `json:"lag"`
	Ledger        Ledger `json:"ledger"`
	Lineage       int64  `json:"lineage"`
	Commit        int64  `json:"commit"`
	Owner         string `json:"owner"`
	UpdatedAt     int64  `json:"updated_at"`
}

// ID is the identity of the progress document. What is told of a topic stays when another takes over its name.
func (p *PartitionProgress) ID() string {
	return strings.Join([]string{KindPartition, p.Rollup, p.Partition, p.TopicID}, ":")
}

// Names is the partition that the progress is of.
func (p *PartitionProgress) Names() (*Partition, error) {
	at := strings.LastIndexByte(p.Partition, '/')
	number, err := strconv.ParseInt(p.Partition[at+1:], 10, 32)
	id, idErr := hex.DecodeString(p.TopicID)
	if at < 0 || err != nil || idErr != nil || len(id) != len(Partition{}.TopicID) {
		return nil, fmt.Errorf("the progress of rollup %q names no partition: %q of the topic with the id %q", p.Rollup, p.Partition, p.TopicID)
	}
	return &Partition{Topic: p.Partition[:at], TopicID: [16]byte(id), Number: int32(number)}, nil
}

// PartitionState keeps what a partition's owner committed to Kafka last, so that the group can be put back there when its offsets were lost. Reading goes
// on after a barrier only when it is written.
type PartitionState struct {
	Kind       string `json:"kind"`
	Stream     string `json:"stream"`
	Partition  string `json:"partition"`
	TopicID    string `json:"topic_id"`
	NextOffset int64  `json:"next_offset"`
	Lineage    int64  `json:"lineage"`
	Commit     int64  `json:"commit"`
	Owner      string `json:"owner"`
	UpdatedAt  int64  `json:"updated_at"`
	Spec       struct {
		// State is the commit's metadata.
		State string `json:"state"`
	} `json:"spec"`
}

// ID is the identity of the document.
func (p *PartitionState) ID() string {
	return strings.Join([]string{KindState, p.Partition, p.TopicID}, ":")
}

// DefinitionProgress keeps a definition, the time from which it holds, and the partitions that must be sealed before the rollup is.
type DefinitionProgress struct {
	Kind       string   `json:"kind"`
	Rollup     string   `json:"rollup"`
	Stream     string   `json:"stream"`
	Definition string   `json:"definition"`
	Since      int64    `json:"since"`
	Partitions []string `json:"partitions"`
	// Floors are, of each of the partitions, the time up to which it counts as sealed at least; nil for most.
	Floors    []*int64   `json:"sealed_through,omitempty"`
	Spec      Definition `json:"spec"`
	UpdatedAt int64      `json:"updated_at"`
}

// ID is the identity of the document.
func (p *DefinitionProgress) ID() string {
	return strings.Join([]string{KindDefinition, p.Rollup, p.Definition}, ":")
}

// RemovedIndex keeps what the documents of partitions said in an index that was removed when its retention had passed, so that ledgers can still be compared.
type RemovedIndex struct {
	Kind      string `json:"kind"`
	Rollup    string `json:"rollup"`
	UpdatedAt int64  `json:"updated_at"`
	Spec      struct {
		Index string       `json:"index"`
		Span  Span         `json:"span"`
		Sums  []RemovedSum `json:"sums"`
	} `json:"spec"`
}

// RemovedSum is how many events the documents held of one partition, definition and grouping.
type RemovedSum struct {
	Partition  string `json:"partition"`
	TopicID    string `json:"topic_id"`
	Definition string `json:"definition"`
	Grouping   string `json:"grouping"`
	Count      int64  `json:"count"`
}

// ID is the identity of the document.
func (r *RemovedIndex) ID() string { return strings.Join([]string{KindRemoved, r.Spec.Index}, ":") }

// Catalog is what the progress index holds: the newest definition of every rollup, and the progress of its partitions.
type Catalog struct {
	Rollups []CatalogEntry
}

// CatalogEntry is one rollup, under its newest definition, with the progress of its partitions and tiers.
type CatalogEntry struct {
	DefinitionProgress
	// Definitions are all that the rollup ever had, the newest last: documents of each can be in any range of time.
	Definitions []DefinitionProgress
	Progress    []PartitionProgress
	// Tiers are how far the tiers are made and kept, from fine to coarse; empty where none but the finest is.
	Tiers []TierProgress
	// Generation is TiersSpec.Generation.
	Generation int64
}

// ParseCatalog reads the sources of all documents of the progress index. Documents of other kinds are passed over. Rollups are in the order in which
// their first definition appears.
func ParseCatalog(sources []json.RawMessage) (*Catalog, error) {
	byName := map[string]int{}
	catalog := &Catalog{}
	var partitions []PartitionProgress
	var tiers []TiersProgress
	for _, source := range sources {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal(source, &head); err != nil {
			return nil, fmt.Errorf("read a progress document: %w", err)
		}
		switch head.Kind {
		case KindDefinition:
			var d DefinitionProgress
			if err := json.Unmarshal(source, &d); err != nil {
				return nil, fmt.Errorf("read a definition in the progress index: %w", err)
			}
			i, known := byName[d.Rollup]
			if !known {
				i = len(catalog.Rollups)
				byName[d.Rollup] = i
				catalog.Rollups = append(catalog.Rollups, CatalogEntry{})
			}
			catalog.Rollups[i].Definitions = append(catalog.Rollups[i].Definitions, d)
		case KindPartition:
			var p PartitionProgress
			if err := json.Unmarshal(source, &p); err != nil {
				return nil, fmt.Errorf("read a partition's progress: %w", err)
			}
			partitions = append(partitions, p)
		case KindTiers:
			var t TiersProgress
			if err := json.Unmarshal(source, &t); err != nil {
				return nil, fmt.Errorf("read the progress of tiers: %w", err)
			}
			tiers = append(tiers, t)
		}
	}
	for i := range catalog.Rollups {
		e := &catalog.Rollups[i]
		slices.SortStableFunc(e.Definitions, func(a, b DefinitionProgress) int { return cmp.Compare(a.Since, b.Since) })
		newest := len(e.Definitions) - 1
		for newest > 0 && e.Definitions[newest-1].Since == e.Definitions[newest].Since {
			newest-- // of two at once the first one holds
		}
		e.DefinitionProgress = e.Definitions[newest]
	}
	for _, t := range tiers {
		if i, known := byName[t.Rollup]; known {
			catalog.Rollups[i].Tiers, catalog.Rollups[i].Generation = t.Spec.Tiers, t.Spec.Generation
		}
	}
	for _, p := range partitions {
		if i, known := byName[p.Rollup]; known {
			catalog.Rollups[i].Progress = append(catalog.Rollups[i].Progress, p)
		}
	}
	return catalog, nil
}

// Rollup finds a rollup by its name.
func (c *Catalog) Rollup(name string) (*CatalogEntry, bool) {
	for i := range c.Rollups {
		if c.Rollups[i].Rollup == name {
			return &c.Rollups[i], true
		}
	}
	return nil, false
}

// LastUpdate is the newest time at which a partition of the rollup told its progress; 0 for never.
func (e *CatalogEntry) LastUpdate() int64 {
	var newest int64
	for _, p := range e.Progress {
		newest = max(newest, p.UpdatedAt)
	}
	return newest
}
