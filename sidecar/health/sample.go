package health

import (
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Sample is what a sidecar has counted by some time.
type Sample struct {
	Partitions []Partition
	// Retries counts the documents that were sent again since the process started.
	Retries int64
	// CPU is the time that the process has used; nil where the system does not tell.
	CPU *time.Duration
	// Memory is what the process has, in bytes; nil where the system does not tell.
	Memory *uint64
}

// Partition is what was counted of one partition for one rollup.
type Partition struct {
	Stream, Rollup string
	// Partition is "topic/3".
	Partition string
	// Held is since when the sidecar has it: what was counted before a later Held is of another owner.
	Held time.Time
	// End is where the log ends.
	End int64
	// Read is the ledger of all that was read, Settled as it was committed.
	Read, Settled rollup.Ledger
	// Lag is in events.
	Lag int64
	// SealedThrough is in milliseconds since the Unix epoch; nil before the first sealed window.
	SealedThrough *int64
}
