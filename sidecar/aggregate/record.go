package aggregate

import (
	"errors"

	"github.com/tidemark/tidemark/sidecar/event"
)

// Record is one record of the partition's log. Value is only read during Add.
type Record struct {
	Offset int64
	// Timestamp is the record's own Kafka timestamp in milliseconds; negative where it has none.
	Timestamp int64
	Value     []byte
}

// Outcome is what became of an event that is in no document. The zero Outcome is an event that was counted or filtered.
type Outcome struct {
	// Reason is why the event is undecodable or quarantined: a short text of few variants.
	Reason string
	// Quarantined tells the two apart.
	Quarantined bool
}

// Bad reports whether the event was undecodable or quarantined.
func (o Outcome) Bad() bool { return o.Reason != "" }

// reading is what a stream's settings make of a record, before any rollup looks at the event.
type reading struct {
	// time is the event's in milliseconds; timed is whether it is known and not too far ahead, so that it moves the watermark.
	time  int64
	timed bool
	// kept is what the cleaning steps say.
	kept    bool
	outcome Outcome
}

// read decodes a record into the plan's event.
func (p *Plan) read(r Record) reading {
	if err := p.Decoder.Decode(r.Value, p.Event); err != nil {
		return reading{outcome: Outcome{Reason: reason(err)}}
	}
	kept := p.Cleaner.Clean(p.Event)
	t, err := p.Timestamp.Milliseconds(p.Event, r.Timestamp)
	ahead := err == nil && r.Timestamp >= 0 && t > r.Timestamp+p.MaxAhead
	read := reading{time: t, timed: err == nil && !ahead, kept: kept}
	switch {
	case !kept:
	case err != nil:
		read.outcome = Outcome{Reason: reason(err)}
	case ahead:
		read.outcome = Outcome{Reason: "timestamp ahead of the record's own", Quarantined: true}
	}
	return read
}

func reason(err error) string {
	if decode := (*event.DecodeError)(nil); errors.As(err, &decode) {
		return decode.Reason
	}
	if timestamp := (*event.TimestampError)(nil); errors.As(err, &timestamp) {
		return "timestamp " + timestamp.Reason
	}
	return "malformed"
}
