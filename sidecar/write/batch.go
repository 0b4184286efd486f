package write

import (
	"strconv"
	"sync/atomic"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Result is what became of a batch once each of its documents is written or can never be.
type Result struct {
	// Rejected counts the events in documents of the full grouping that Elasticsearch can never accept; RejectedOverflow those in its overflow document.
	Rejected, RejectedOverflow int64
}

// Batch is a set of documents that are acknowledged together, in the form in which they are sent.
type Batch struct {
	body      []byte
	items     []item
	done      func(Result)
	cancelled atomic.Bool
	pending   atomic.Int64
	rejected  atomic.Int64
	overflow  atomic.Int64
}

// item is one document in the body of its batch: an action line and a source line.
type item struct {
	batch    *Batch
	from, to int
	events   int64
	full     bool
	overflow bool
}

// Target says under which index prefix, definition and lineage documents are written.
type Target struct {
	Prefix     string
	Definition *rollup.Definition
	Hash       string
	Lineage    int64
}

// NewBatch gives an empty batch. done is called once, from a goroutine of the writer, when every document is written or rejected; it is not called for
// a cancelled batch.
func NewBatch(done func(Result)) *Batch { return &Batch{done: done} }

// Add encodes a document of the finest tier.
func (b *Batch) Add(t Target, doc *rollup.Document) {
	from := len(b.body)
	b.body = append(b.body, `{"index":{"_index":"`...)
	b.body = append(b.body, rollup.IndexName(t.Prefix, t.Definition.Name, t.Definition.Window, doc.Start)...)
	b.body = append(b.body, `","_id":"`...)
	b.body = append(b.body, doc.ID(t.Hash)...)
	b.body = append(b.body, `","version":`...)
	b.body = strconv.AppendInt(b.body, rollup.Version(t.Lineage, doc.LastOffset), 10)
	b.body = append(b.body, `,"version_type":"external_gte"}}`+"\n"...)
	b.body = doc.AppendJSON(b.body, t.Definition, t.Hash)
	b.body = append(b.body, '\n')
	b.items = append(b.items, item{
		batch: b, from: from, to: len(b.body), events: doc.Count,
		full: len(doc.Grouping) == len(t.Definition.Dimensions), overflow: doc.Overflow,
	})
}

// AddRaw adds a document that is no rollup's, under the version given.
func (b *Batch) AddRaw(index, id string, version int64, source []byte) {
	from := len(b.body)
	b.body = append(b.body, `{"index":{"_index":`...)
	b.body = strconv.AppendQuote(b.body, index)
	b.body = append(b.body, `,"_id":`...)
	b.body = strconv.AppendQuote(b.body, id)
	b.body = append(b.body, `,"version":`...)
	b.body = strconv.AppendInt(b.body, version, 10)
	b.body = append(b.body, `,"version_type":"external_gte"}}`+"\n"...)
	b.body = append(b.body, source...)
	b.body = append(b.body, '\n')
	b.items = append(b.items, item{batch: b, from: from, to: len(b.body)})
}

// Documents is how many documents the batch holds; Bytes the length of their encoding.
func (b *Batch) Documents() int { return len(b.items) }

// Bytes is the length of the batch's encoding.
func (b *Batch) Bytes() int { return len(b.body) }

// Cancel drops what is not sent yet. It is for a partition that was given away: the next owner writes the same documents.
func (b *Batch) Cancel() { b.cancelled.Store(true) }

// settle counts down the documents that are written or rejected.
func (b *Batch) settle(documents int64) {
	if b.pending.Add(-documents) == 0 && b.done != nil && !b.cancelled.Load() {
		b.done(Result{Rejected: b.rejected.Load(), RejectedOverflow: b.overflow.Load()})
	}
}

func (it item) bytes() []byte { return it.batch.body[it.from:it.to] }

func (it item) reject() {
	switch {
	case !it.full:
	case it.overflow:
		it.batch.overflow.Add(it.events)
	default:
		it.batch.rejected.Add(it.events)
	}
}

// Body is the batch as a bulk request.
func (b *Batch) Body() []byte { return b.body }
