package status

import (
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Source tells the state of the sidecar. It is called for every scrape and every reader of /status, by several goroutines at once, so it must be quick
// and must not wait for Kafka or Elasticsearch. What it returns belongs to the caller.
type Source interface {
	Snapshot() Snapshot
}

// Snapshot is the state of the sidecar at one time, as /status shows it. Times without a unit in their type are milliseconds since the Unix epoch.
type Snapshot struct {
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// Ready is true while the sidecar does its work; Reasons say why it does not.
	Ready         bool      `json:"ready"`
	Reasons       []string  `json:"reasons"`
	Kafka         Component `json:"kafka"`
	Elasticsearch Component `json:"elasticsearch"`
	// Live is nil where live values are switched off. Nothing else depends on it.
	Live    *LiveStatus    `json:"live,omitempty"`
	Streams []StreamStatus `json:"streams"`
}

// Component is a server that the sidecar depends on.
type Component struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Since is when OK became what it is.
	Since time.Time `json:"since"`
}

// LiveStatus is the state of the live values, those that are not sealed yet.
type LiveStatus struct {
	Component
	// Topic is how the sidecars tell one another what they count.
	Topic string `json:"topic"`
	// Batches and Bytes are what is held of the last minutes, of all sidecars.
	Batches int   `json:"batches"`
	Bytes   int64 `json:"bytes"`
	// Readers are those of GET /api/v1/live, Views how many different queries they read.
	Readers int `json:"readers"`
	Views   int `json:"views"`
}

// StreamStatus is the state of a stream.
type StreamStatus struct {
	Name    string         `json:"name"`
	Topics  []string       `json:"topics"`
	Rollups []RollupStatus `json:"rollups"`
}

// RollupStatus is the state of a rollup.
type RollupStatus struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
	Window     string `json:"window"`
	// Tidemark is the time up to which every partition's windows are sealed; nil before the first.
	Tidemark *int64 `json:"tidemark"`
	// HeldBy is the partition that holds the tidemark back behind the others, and HeldReason why; empty where none does.
	HeldBy     string `json:"held_by,omitempty"`
	HeldReason string `json:"held_reason,omitempty"`
	// TiersFailing is why this sidecar, where it is the one that makes them, cannot make the coarser tiers; empty while it can.
	TiersFailing string `json:"tiers_failing,omitempty"`
	// Ledger is the sum over the partitions that this sidecar owns.
	Ledger     rollup.Ledger     `json:"ledger"`
	Partitions []PartitionStatus `json:"partitions"`
}

// PartitionState is what a partition's owner is doing with it.
type PartitionState string

// The states of a partition.
const (
	Assigned PartitionState = "assigned" // owned, not read yet
	Reading  PartitionState = "reading"  // being read
	Idle     PartitionState = "idle"     // read to its end, and silent for the idle timeout
	Paused   PartitionState = "paused"   // not read, because Elasticsearch takes no more
	Blocked  PartitionState = "blocked"  // not read until someone acts: the reason says how
	Stopped  PartitionState = "stopped"  // given up
)

// PartitionStates are all states, in the order in which a partition passes through them.
var PartitionStates = []PartitionState{Assigned, Reading, Idle, Paused, Blocked, Stopped}

// PartitionStatus is the state of one partition for one rollup.
type PartitionStatus struct {
	// Partition is "topic/3".
	Partition string         `json:"partition"`
	State     PartitionState `json:"state"`
	Reason    string         `json:"reason,omitempty"`
	// NextOffset is the next one to read, EndOffset the end of the log, Lag what is between them.
	NextOffset int64 `json:"next_offset"`
	EndOffset  int64 `json:"end_offset"`
	Lag        int64 `json:"lag"`
	// Lost counts the records that Kafka deleted before they were read.
	Lost int64 `json:"lost"`
	// Watermark and SealedThrough are nil before the first event and the first sealed window.
	Watermark     *int64        `json:"watermark"`
	SealedThrough *int64        `json:"sealed_through"`
	Ledger        rollup.Ledger `json:"ledger"`
	OpenWindows   int           `json:"open_windows"`
	OpenKeys      int           `json:"open_keys"`
	// UnacknowledgedDocuments were handed to Elasticsearch, which has not said yet that it keeps them.
	UnacknowledgedDocuments int `json:"unacknowledged_documents"`
	// LastEventAt is the newest event's time; nil before the first.
	LastEventAt *int64 `json:"last_event_at"`
}
