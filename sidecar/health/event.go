package health

import (
	"encoding/json"
	"fmt"

	"github.com/tidemark/tidemark/sidecar/event"
)

// The kinds of event.
const (
	KindPartition = "partition"
	KindSidecar   = "sidecar"
)

// Event is one event; the package's documentation says which kind has which fields. The order of the fields is the order of the JSON's keys.
type Event struct {
	Timestamp event.Seconds `json:"timestamp"`
	Kind      string        `json:"kind"`
	Sidecar   string        `json:"sidecar"`

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
