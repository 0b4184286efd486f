package aggregate

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Never is the watermark before the first event, and the end of the sealed windows before the first one.
const Never = math.MinInt64

// MaxStateBytes bounds an encoded State: Kafka's default limit for a commit's metadata is 4,096 bytes.
const MaxStateBytes = 3600

// State is what a replay from Offset needs to evolve exactly as before. It is committed to Kafka with the offset, as the commit's metadata.
type State struct {
	// Offset is the smallest first offset of anything still open; it is the committed offset itself.
	Offset int64
	// Watermark is the watermark just before Offset.
	Watermark int64
	// SealedThrough is the latest end such that every document of every window closing by then is acknowledged.
	SealedThrough int64
	// End is how far the log had been read.
	End int64
	// Behind is how far, in milliseconds, the watermark was behind the timestamp of the newest record read; negative where no record told.
	Behind int64
	// Lineage orders the times that the rollups of the partition were begun anew; Commit counts the commits.
	Lineage int64
	Commit  int64
	// From is the lineage's boundary: windows that start before it belong to earlier lineages, and their events are filtered. Never without one.
	From int64
	// Since and SinceOffset are the watermark and the offset at which the definitions took over from earlier ones, by a barrier: what closed by then was
	// made under those. Since is Never, and SinceOffset where the lineage began, while there were no others.
	Since, SinceOffset int64
	// Lost counts the records that Kafka deleted before they were read.
	Lost int64
	// TopicID is the identity of the topic that the offsets belong to, and Partitions how many partitions it had when this one was begun.
	TopicID    [16]byte
	Partitions int64
	// Released says that the owner had held the partition for long enough that no earlier owner could still be sending, and then gave it up in order.
	Released bool
	// Rollups has one entry for each rollup of the stream, in the order of their names.
	Rollups []RollupState
}

// RollupState is the part of a State that belongs to one rollup.
type RollupState struct {
	// Definition is the hash under which the partition is aggregated.
	Definition string
	// Counted is the ledger as the log alone decides it, just before Offset.
	Counted rollup.Ledger
	// Rejected counts, by the outcome they were counted as first, the events of documents that Elasticsearch can never accept.
	Rejected Rejected
	// Before is how many events were documented when the definitions took over from earlier ones; Unknown where the rollup was not kept by those.
	Before int64
}

// Unknown is a count that nobody kept.
const Unknown = -1

// Rejected counts events that moved from one of the ledger's outcomes to rejected.
type Rejected struct {
	OnTime, Late, Overflowed int64
}

func (r *Rejected) add(o Rejected) {
	r.OnTime += o.OnTime
	r.Late += o.Late
	r.Overflowed += o.Overflowed
}

// Ledger is the partition's ledger for the rollup.
func (r RollupState) Ledger() rollup.Ledger {
	l := r.Counted
	l.OnTime -= r.Rejected.OnTime
	l.Late -= r.Rejected.Late
	l.Overflowed -= r.Rejected.Overflowed
	l.Rejected += r.Rejected.OnTime + r.Rejected.Late + r.Rejected.Overflowed
	return l
}

const (
	stateMagic   = "tm"
	stateVersion = 3
	hashBytes    = 8 // of a definition
	// From this version on the encoding holds the offset as well.
	offsetVersion = 3
	// The first version of the encoding holds so many of the numbers and counters.
	firstNumbers, firstCounters = 7, 9
)

// ErrForeignState is the error for metadata that Tidemark did not write, and for none at all.
var ErrForeignState = errors.New("the committed offset carries no state of tidemark")

// ErrNewerState is the error for metadata that a newer release wrote.
var ErrNewerState = errors.New("the committed state was written by a newer release of tidemark")

// counters are the numbers that a state keeps of a rollup; what was consumed is the sum of the ledger's.
func (r *RollupState) counters() []*int64 {
	l := &r.Counted
	return []*int64{
		&l.OnTime, &l.Late, &l.Overflowed, &l.Filtered, &l.Undecodable, &l.Quarantined,
		&r.Rejected.OnTime, &r.Rejected.Late, &r.Rejected.Overflowed, &r.Before,
	}
}

// numbers are what a state keeps of the partition, but for its offset and its flags.
func (s *State) numbers() []*int64 {
	return []*int64{
		&s.Watermark, &s.SealedThrough, &s.End, &s.Behind, &s.Lineage, &s.Commit, &s.Partitions, &s.From, &s.Since, &s.SinceOffset, &s.Lost,
	}
}

// Encode gives the state as a commit's metadata. It fails where the result would be larger than MaxStateBytes.
func (s *State) Encode() (string, error) {
	b := append([]byte(stateMagic), stateVersion)
	var flags byte
	if s.Released {
		flags |= 1
	}
	b = append(b, flags)
	b = append(b, s.TopicID[:]...)
	b = binary.AppendVarint(b, s.Offset)
	for _, n := range s.numbers() {
		b = binary.AppendVarint(b, *n)
	}
	b = binary.AppendVarint(b, int64(len(s.Rollups)))
	for _, r := range s.Rollups {
		hash, err := hex.DecodeString(r.Definition)
		if err != nil || len(hash) != hashBytes {
			return "", fmt.Errorf("encode a state: %q is no definition's hash", r.Definition)
		}
		b = append(b, hash...)
		for _, n := range r.counters() {
			b = binary.AppendVarint(b, *n)
		}
	}
	text := base64.RawStdEncoding.EncodeToString(b)
	if len(text) > MaxStateBytes {
		return "", fmt.Errorf("the state of %d rollups takes %d bytes, at most %d fit into a Kafka commit", len(s.Rollups), len(text), MaxStateBytes)
	}
	return text, nil
}

// DecodeState reads the metadata of a commit at the given offset. The error is ErrNewerState or an ErrForeignState where the text is not this release's, or
// was committed at another offset.
func DecodeState(offset int64, metadata string) (State, error) {
	b, err := base64.RawStdEncoding.DecodeString(metadata)
	if err != nil || len(b) < len(stateMagic)+1 || string(b[:len(stateMagic)]) != stateMagic {
		return State{}, ErrForeignState
	}
	b = b[len(stateMagic):]
	if b[0] > stateVersion {
		return State{}, ErrNewerState
	}
	version := b[0]
	r := stateReader{b: b[1:]}
	s := State{Offset: offset}
	s.Released = r.bytes(1)[0]&1 != 0
	copy(s.TopicID[:], r.bytes(len(s.TopicID)))
	if version >= offsetVersion {
		if of := r.varint(); of != offset && !r.failed {
			return State{}, fmt.Errorf("%w for it: it was moved from %d, by another program", ErrForeignState, of)
		}
	}
	s.From, s.Since, s.SinceOffset = Never, Never, offset
	numbers := s.numbers()
	if version == 1 {
		numbers = numbers[:firstNumbers]
	}
	for _, n := range numbers {
		*n = r.varint()
	}
	count := r.varint()
	if count < 0 || count > MaxStateBytes {
		return State{}, ErrForeignState
	}
	for range count {
		var rs RollupState
		rs.Definition = hex.EncodeToString(r.bytes(hashBytes))
		counters := rs.counters()
		if version == 1 {
			counters, rs.Before = counters[:firstCounters], Unknown
		}
		for _, n := range counters {
			*n = r.varint()
		}
		l := &rs.Counted
		l.Consumed = l.Documented() + l.Filtered + l.Undecodable + l.Quarantined
		if r.failed {
			return State{}, ErrForeignState
		}
		s.Rollups = append(s.Rollups, rs)
	}
	if r.failed || len(r.b) != 0 {
		return State{}, ErrForeignState
	}
	return s, nil
}

// stateReader gives zeros once the bytes have run out.
type stateReader struct {
	b      []byte
	failed bool
}

func (r *stateReader) varint() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *stateReader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed = true
		return make([]byte, min(max(n, 1), 16))
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

// Begin is the state of a partition that nothing was read of, from the given offset on.
func (p *Plan) Begin(offset, lineage int64, topicID [16]byte) State {
	s := State{
		Offset: offset, End: offset, Watermark: Never, SealedThrough: Never, Behind: -1, Lineage: lineage, TopicID: topicID,
		From: Never, Since: Never, SinceOffset: offset,
	}
	for _, r := range p.Rollups {
		s.Rollups = append(s.Rollups, RollupState{Definition: r.Hash})
	}
	return s
}
