package write

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// ErrCancelled is what adding to a cancelled batch gives.
var ErrCancelled = errors.New("the batch was cancelled")

// Result is what became of a batch once each of its documents is written or can never be.
type Result struct {
	// Rejected counts the events in documents of the full grouping that Elasticsearch can never accept; RejectedOverflow those in its overflow document.
	Rejected, RejectedOverflow int64
}

// Batch is a set of documents that are acknowledged together. They are sent as they are added, a piece at a time. One goroutine adds, and ends with Close
// or with the first error of an Add; Cancel and Documents may be called by any.
//
// The piece that is being filled has its room among the bytes in flight, so a goroutine should not keep several batches open.
type Batch struct {
	writer    *Writer
	done      func(Result)
	cancelled atomic.Bool
	documents atomic.Int64
	// pending counts the documents that are neither written nor rejected, and one for as long as the batch is open.
	pending            atomic.Int64
	rejected, overflow atomic.Int64

	open *piece // what is being filled; nil for none

	// The index of the documents that were added last.
	definition *rollup.Definition
	start      int64
	tier       rollup.Tier
	index      string
}

// piece is a part of a batch: encoded documents that come and go together.
type piece struct {
	batch *Batch
	body  []byte
	items []item
	// weight is what the piece holds of the bytes in flight, until none of its items is left.
	weight int64
	left   atomic.Int64
}

// item is one document in the body of its piece: an action line, and a source line unless it is deleted.
type item struct {
	piece    *piece
	from, to int
	events   int64
	full     bool
	overflow bool
	// failed: sending it has failed, and it waits to be sent again.
	failed bool
	// alone: it is too large for a request, even by itself.
	alone    bool
	attempts uint8
}

const itemBytes = int(unsafe.Sizeof(item{}))

// size is the memory that the piece takes.
func (p *piece) size() int64 { return int64(len(p.body) + len(p.items)*itemBytes) }

func (it *item) bytes() []byte { return it.piece.body[it.from:it.to] }

// Begin opens a batch. done is called once, when the batch is closed and every document is written or rejected, from a goroutine of the writer or from
// Close; it is not called for a cancelled batch.
func (w *Writer) Begin(done func(Result)) *Batch {
	b := &Batch{writer: w, done: done}
	b.pending.Store(1)
	return b
}

// Add encodes a document of a partition, for the tier that it belongs to. It waits while too much is in flight. After an error, which is the context's or
// ErrCancelled, the batch is cancelled.
func (b *Batch) Add(ctx context.Context, t Target, doc *rollup.Document) error {
	tier := t.Definition.Window
	if doc.Correction != nil {
		tier = t.Definition.TierOf(doc.Start, doc.Correction.Arrived)
	}
	if t.Definition != b.definition || doc.Start != b.start || tier != b.tier {
		b.definition, b.start, b.tier = t.Definition, doc.Start, tier
		b.index = rollup.IndexName(t.Prefix, t.Definition.Name, tier, doc.Start)
	}
	it := item{events: doc.Count, full: len(doc.Grouping) == len(t.Definition.Dimensions), overflow: doc.Overflow}
	return b.add(ctx, it, func(dst []byte) []byte {
		var id [32]byte
		dst = appendAction(dst, "index", b.index, doc.AppendID(id[:0], t.Hash), rollup.Version(t.Lineage, doc.LastOffset))
		dst = doc.AppendJSON(dst, t.Definition, t.Hash)
		return append(dst, '\n')
	})
}

// AddRaw adds a document of any kind, a JSON object on one line, under the version given. It waits and fails as Add does.
func (b *Batch) AddRaw(ctx context.Context, index, id string, version int64, source []byte) error {
	return b.add(ctx, item{}, func(dst []byte) []byte { return appendIndex(dst, index, id, version, source) })
}

// AddDelete adds the deletion of a document, unless it has a larger version than the one given. One that is not there is deleted too: an older version of
// it that comes later is refused, for as long as Elasticsearch remembers (index.gc_deletes, 60 s). It waits and fails as Add does.
func (b *Batch) AddDelete(ctx context.Context, index, id string, version int64) error {
	return b.add(ctx, item{}, func(dst []byte) []byte { return appendAction(dst, "delete", index, id, version) })
}

func (b *Batch) add(ctx context.Context, it item, encode func([]byte) []byte) error {
	if b.cancelled.Load() {
		b.abandon()
		return ErrCancelled
	}
	if b.open == nil {
		if err := b.reserve(ctx, &piece{batch: b}, b.writer.pieceBytes); err != nil {
			return err
		}
	}
	p := b.open
	it.piece, it.from = p, len(p.body)
	p.body = encode(p.body)
	it.to = len(p.body)
	p.items = append(p.items, it)
	b.documents.Add(1)
	b.pending.Add(1)
	switch {
	case p.size() <= p.weight:
		return nil
	case len(p.items) > 1:
		return b.carry(ctx)
	}
	// A document that is larger than a piece: wait for its room without holding any, so that nobody waits for another who waits.
	b.writer.release(p.weight)
	if err := b.reserve(ctx, p, p.size()); err != nil {
		return err
	}
	b.handOver()
	return nil
}

// carry hands over what is being filled without the last document, which did not fit, and begins the next piece with that.
func (b *Batch) carry(ctx context.Context) error {
	p := b.open
	last := p.items[len(p.items)-1]
	document := p.body[last.from:]
	next := &piece{batch: b} // it will be about as full, and overflow by a document too
	next.body = append(make([]byte, 0, last.from+2*len(document)), document...)
	p.body, p.items = p.body[:last.from], p.items[:len(p.items)-1]
	last.piece, last.to, last.from = next, len(next.body), 0
	next.items = append(make([]item, 0, len(p.items)+len(p.items)/8+2), last)
	b.handOver()
	if err := b.reserve(ctx, next, max(b.writer.pieceBytes, next.size())); err != nil {
		return err
	}
	if next.size() >= b.writer.pieceBytes {
		b.handOver()
	}
	return nil
}

// reserve waits for room for a piece, and makes it the one that is being filled.
func (b *Batch) reserve(ctx context.Context, p *piece, bytes int64) error {
	b.open = nil
	weight, err := b.writer.acquire(ctx, bytes)
	if err != nil {
		b.Cancel()
		return fmt.Errorf("wait for earlier documents to be written: %w", err)
	}
	p.weight, b.open = weight, p
	return nil
}

// handOver gives the writer what is being filled.
func (b *Batch) handOver() {
	p := b.open
	b.open = nil
	if p == nil {
		return
	}
	if rest := p.weight - p.size(); rest > 0 {
		b.writer.release(rest)
		p.weight -= rest
	}
	p.left.Store(int64(len(p.items)))
	b.writer.enqueue(p)
}

// abandon gives back the room of what is being filled.
func (b *Batch) abandon() {
	if b.open != nil {
		b.writer.release(b.open.weight)
		b.open = nil
	}
}

// Close ends the adding. It returns ErrCancelled where the batch was cancelled, and does not wait for the documents to be written.
func (b *Batch) Close() error {
	if b.cancelled.Load() {
		b.abandon()
		return ErrCancelled
	}
	b.handOver()
	b.settle()
	return nil
}

// Documents is how many documents were added so far.
func (b *Batch) Documents() int { return int(b.documents.Load()) }

// Cancel drops what is not sent yet. It is for a partition that was given away: the next owner writes the same documents.
func (b *Batch) Cancel() {
	if !b.cancelled.Swap(true) {
		b.writer.drop(b)
	}
}

// settle counts down what the acknowledgement waits for.
func (b *Batch) settle() {
	if b.pending.Add(-1) == 0 && b.done != nil && !b.cancelled.Load() {
		b.done(Result{Rejected: b.rejected.Load(), RejectedOverflow: b.overflow.Load()})
	}
}

func (it *item) reject() {
	b := it.piece.batch
	switch {
	case !it.full:
	case it.overflow:
		b.overflow.Add(it.events)
	default:
		b.rejected.Add(it.events)
	}
}
