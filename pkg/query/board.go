package query

import (
	"fmt"
	"maps"
	"slices"
	"unique"

	"github.com/tidemark/tidemark/pkg/live"
)

const (
	// maxBoardBuckets bounds the buckets of a board: the quarter of an hour that a live stream reaches back, in seconds, and some more.
	maxBoardBuckets = 1000
	// maxBoardRows bounds its rows, unless Limit does. A row takes about 200 bytes.
	maxBoardRows = 250_000
	// maxBoardMissing bounds the partitions that it names.
	maxBoardMissing = 20
)

// Board holds what a live stream told of the last minutes. It is not safe for concurrent use.
type Board struct {
	request LiveRequest
	shape   live.Shape
	// places are where the dimensions of the request are among those of the shape.
	places  []int
	slots   map[int64]*slot // by their start
	rows    int
	most    int // rows
	version uint64
	note    live.Note
	// cut counts the events that were left out since the last snapshot, cutAt is up to when they can be.
	cut, cutAt int64
	// from and through bound the time of which everything is known.
	from, through int64
}

// slot is a bucket.
type slot struct {
	version uint64 // of the board when it changed
	rows    map[unique.Handle[key]]live.Row
}

// NewBoard is an empty board of a live stream that is asked for.
func NewBoard(r LiveRequest) *Board {
	return &Board{request: r, slots: map[int64]*slot{}, most: maxBoardRows}
}

// Limit has the board hold at most so many rows, and no more than 250,000, from the next batch on. The oldest buckets make room.
func (b *Board) Limit(rows int) { b.most = min(rows, maxBoardRows) }

// Begin takes the shape of a stream, of which a snapshot follows. It is an error where it is not the stream that is asked for.
func (b *Board) Begin(shape live.Shape) error {
	if shape.Rollup != b.request.Rollup || shape.Interval != b.request.Interval {
		return fmt.Errorf("the live stream is of rollup %s with buckets of %d ms, asked for are %s and %d ms", quote(shape.Rollup), shape.Interval, b.request.Rollup, b.request.Interval)
	}
	if len(shape.Dimensions) != len(b.request.GroupBy) {
		return fmt.Errorf("the live stream has %d dimensions, asked for are %d", len(shape.Dimensions), len(b.request.GroupBy))
	}
	places := make([]int, len(b.request.GroupBy))
	for i, name := range b.request.GroupBy {
		if places[i] = slices.Index(shape.Dimensions, name); places[i] < 0 {
			return fmt.Errorf("the live stream lacks the dimension %s", name)
		}
	}
	if !slices.Equal(shape.Measures, b.shape.Measures) || !slices.Equal(shape.Conditions, b.shape.Conditions) {
		clear(b.slots)
		b.rows = 0
	}
	b.shape, b.places = shape, places
	return nil
}

// Apply takes a batch. An error says that the batch makes no sense: the stream is to be begun anew.
func (b *Board) Apply(batch *live.Batch) error {
	length := b.request.Interval
	if batch.From < 0 || batch.Through < 0 || batch.From > maxTime || batch.Through > maxTime || batch.From%length != 0 || batch.Through%length != 0 {
		return fmt.Errorf("the live stream tells of %d to %d (ms), which are no borders of buckets of %d ms", batch.From, batch.Through, length)
	}
	b.version++
	before := b.slots
	known := b.through // up to where there are buckets
	if batch.Kind == live.Snapshot {
		b.slots, b.rows, b.from, b.through, known = make(map[int64]*slot, len(before)), 0, 0, 0, 0
		b.cut, b.cutAt = 0, 0
	}
	b.note = batch.Note
	if len(b.note.Missing) > maxBoardMissing {
		b.note.Missing = b.note.Missing[:maxBoardMissing]
	}
	b.through = max(b.through, batch.Through)
	if batch.Cut > 0 {
		b.cut, b.cutAt = b.cut+batch.Cut, b.through
	}
	b.from = min(max(b.from, batch.From, b.through-maxBoardBuckets*length), b.through)
	b.dropBefore(b.from)
	for start := max(b.from, known); start < b.through; start += length {
		b.slots[start] = &slot{version: b.version}
	}
	for i := range batch.Rows {
		if err := b.put(&batch.Rows[i]); err != nil {
			return err
		}
	}
	if batch.Kind == live.Snapshot {
		b.keepVersions(before)
	}
	b.shrink()
	return nil
}

// put takes a row. Those of buckets that are not wholly known are passed over.
func (b *Board) put(r *live.Row) error {
	if r.Start%b.request.Interval != 0 {
		return fmt.Errorf("the live stream has a row at %d ms, where no bucket of %d ms begins", r.Start, b.request.Interval)
	}
	s := b.slots[r.Start]
	if s == nil {
		return nil
	}
	var k key
	for i, place := range b.places {
		k[i] = r.Dimensions[place]
	}
	if s.rows == nil {
		s.rows = map[unique.Handle[key]]live.Row{}
	}
	n := len(s.rows)
	row := *r
	row.Dimensions = nil
	s.rows[unique.Make(k)] = row
	s.version = b.version
	b.rows += len(s.rows) - n
	return nil
}

// keepVersions has buckets that are as before a snapshot count as not changed.
func (b *Board) keepVersions(before map[int64]*slot) {
	for start, s := range b.slots {
		old := before[start]
		if old != nil && maps.EqualFunc(s.rows, old.rows, equalRows) {
			s.version = old.version
		}
	}
}

func equalRows(a, b live.Row) bool {
	return a.Count == b.Count && a.Bytes == b.Bytes && slices.Equal(a.Measures, b.Measures) && slices.Equal(a.Conditions, b.Conditions)
}

func (b *Board) dropBefore(from int64) {
	for start, s := range b.slots {
		if start < from {
			b.rows -= len(s.rows)
			delete(b.slots, start)
		}
	}
}

// shrink lets go of the oldest buckets where there are too many rows.
func (b *Board) shrink() {
	for start := b.from; b.rows > b.most && start < b.through; start += b.request.Interval {
		b.from = start + b.request.Interval
		if s := b.slots[start]; s != nil {
			b.rows -= len(s.rows)
			delete(b.slots, start)
		}
	}
}

// Span gives the time of which everything is known, in milliseconds; both are 0 before the first snapshot.
func (b *Board) Span() (from, through int64) { return b.from, b.through }

// Version grows with everything that is told.
func (b *Board) Version() uint64 { return b.version }

// Note is what was told last besides rows. Of the events that were left out it counts all that can be in the board's time, those of a bucket that was told twice
// too.
func (b *Board) Note() live.Note {
	note := b.note
	if note.Cut = 0; b.cutAt > b.from {
		note.Cut = b.cut
	}
	return note
}

// changed gives the starts of the buckets that changed after a version, in order.
func (b *Board) changed(after uint64) []int64 {
	var all []int64
	for start, s := range b.slots {
		if s.version > after {
			all = append(all, start)
		}
	}
	slices.Sort(all)
	return all
}
