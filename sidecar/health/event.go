package health

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// The kinds of event.
const (
	KindPartition = "partition"
	KindSidecar   = "sidecar"
)

// Event is one event; the package's documentation says which kind has which fields. The order of the fields is the order of the JSON's keys.
type Event struct {
	Timestamp Timestamp `json:"timestamp"`
	Kind      string    `json:"kind"`
	Sidecar   string    `json:"sidecar"`

	Stream    string `json:"stream,omitempty"`
	Rollup    string `json:"rollup,omitempty"`
	Partition string `json:"partition,omitempty"`

	Entered     *int64 `json:"entered,omitempty"`
	Consumed    *int64 `json:"consumed,omitempty"`
	Settled     *int64 `json:"settled,omitempty"`
	Written     *int64 `json:"written,omitempty"`
	Filtered    *int64 `json:"filtered,omitempty"`
	Undecodable *int64 `json:"undecodable,omitempty"`
	Quarantined *int64 `json:"quarantined,omitempty"`
	Late        *int64 `json:"late,omitempty"`
	Rejected    *int64 `json:"rejected,omitempty"`

	Lag         *int64   `json:"lag,omitempty"`
	TidemarkAge *float64 `json:"tidemark_age_seconds,omitempty"`

	Retries *int64   `json:"retries,omitempty"`
	CPU     *float64 `json:"cpu_seconds,omitempty"`
	Memory  *uint64  `json:"memory,omitempty"`
}

// key is what Kafka divides the events by.
func (e *Event) key() []byte {
	if e.Kind == KindPartition {
		return []byte(e.Partition)
	}
	return []byte(e.Sidecar)
}

// encode gives the event as Kafka holds it.
func (e *Event) encode() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event of kind %q: %w", e.Kind, err)
	}
	return text, nil
}

// Timestamp is a time that JSON shows as seconds since the Unix epoch with three decimals.
type Timestamp time.Time

// MarshalJSON does not pass through a float, which has too few digits to keep every millisecond the same.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	ms := time.Time(t).UnixMilli()
	if ms < 0 {
		return nil, fmt.Errorf("the clock shows a time before 1970: %s", time.Time(t))
	}
	return fmt.Appendf(nil, "%d.%03d", ms/1000, ms%1000), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Timestamp) UnmarshalJSON(text []byte) error {
	seconds, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return fmt.Errorf("read a timestamp: %w", err)
	}
	*t = Timestamp(time.UnixMilli(int64(math.Round(seconds * 1000))))
	return nil
}
