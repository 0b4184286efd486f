package live

import "github.com/tidemark/tidemark/pkg/rollup"

// Version is that of the schema and of the notes. A reader takes no other.
const Version = 1

// Shape says what the rows of a stream hold.
type Shape struct {
	Rollup string
	// Interval is the length of the buckets in milliseconds.
	Interval int64
	// The names of what each row has, in the order of its values.
	Dimensions, Measures, Conditions []string
}

// Row is the events of one bucket and key.
type Row struct {
	Start        int64 // of the bucket, ms since the epoch
	Dimensions   []string
	Count, Bytes int64
	Measures     []rollup.Measure
	Conditions   []int64
}

// Kind is what a batch is.
type Kind string

const (
	// Snapshot begins a stream, or begins it anew: its rows replace everything told before.
	Snapshot Kind = "snapshot"
	// Update has the rows of buckets that ended or changed.
	Update Kind = "update"
	// Heartbeat has no rows, and tells that there is nothing else to tell.
	Heartbeat Kind = "heartbeat"
	// End is the last batch, with the reason.
	End Kind = "end"
)

// Note is what a batch tells besides its rows. Times are milliseconds since the epoch.
type Note struct {
	Kind Kind `json:"kind"`
	// Sent is when the batch was made.
	Sent int64 `json:"sent"`
	// From is the start of the first bucket that has all its events, Through the end of the last one that was told. A bucket between them without rows has no events.
	From    int64 `json:"from"`
	Through int64 `json:"through"`
	// Dropped is how many batches were left out since the one before, because they were not read in time. A snapshot follows.
	Dropped int64 `json:"dropped,omitempty"`
	// Cut is how many events of the buckets told belong to no row, since there were more keys than are kept.
	Cut int64 `json:"cut,omitempty"`
	// Missing names partitions that are not heard of, whose events are missing.
	Missing []string `json:"missing,omitempty"`
	// Reason is why the stream ends.
	Reason string `json:"reason,omitempty"`
}

// Batch is one message of a stream.
type Batch struct {
	Note
	Rows []Row
}
