package aggregate

import (
	"bytes"
	"hash/maphash"
	"math"
	"unsafe"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// second is the length of the buckets that events are told in, in milliseconds.
const second = 1000

// Live collects what an engine counts, before any window closes: by the second of event time and the full grouping's key, until it is taken. An event that
// a rollup counts is in it, on time, late or overflowed; the last under its own key. What needs a sketch, percentiles and distinct values, is not.
//
// It belongs to one engine, and is not safe for concurrent use.
type Live struct {
	from   int64 // records before it were told by an earlier owner
	begun  bool  // from was reached
	limit  int   // of entries until it is refilled
	room   int   // how many of these are left
	cut    bool  // events are in no entry
	latest int64 // the latest second that has an entry
	turned bool  // and it has not been that since the batch began
	oldest int64 // events before it are not told
	// furthest is the time that is told of last. Events with times beyond it, of a clock that is wrong, do not count as the newest either.
	furthest int64
	newest   int64 // event time that the engine has read, up to furthest
	bytes    int
	rollups  []liveRollup
	// known leads to the entry of a second and key, by a part of their hash, where a row of a window does not.
	known []uint32

	begins int64 // offset of the batch
	// The newest event times before the batch, and before the records that the engine has read; Never for none.
	newestBefore, newestEarlier int64
	newestKnown                 bool
}

// liveRollup is what is told of one rollup. What an entry has several of is kept column by column.
type liveRollup struct {
	*Rollup
	entries    []liveEntry
	names      []byte // of the keys, one after the other
	measures   []rollup.Measure
	conditions []int64
	cut        int64
	// told and values are the memory of the rows that were taken last.
	told   []live.Row
	values []string
}

// liveEntry is a second and key. Those of one second and key add up.
type liveEntry struct {
	start        int64
	count, bytes int64
	window       uint64 // the serial of the window and the row that its events went to; 0 for none
	row          uint32
	length       uint32 // of the key
	name         int    // where in names it is
}

const (
	// knownSlots is a power of two.
	knownSlots = 1 << 12
	entryBytes = int(unsafe.Sizeof(liveEntry{}))
)

// NewLive begins with the record at an offset; those before it are not told. There are limit entries at most until it is refilled: events beyond are only counted.
func NewLive(from int64, limit int) *Live {
	return &Live{from: from, limit: limit, room: limit, oldest: Never, furthest: math.MaxInt64, newest: Never, latest: Never, known: make([]uint32, knownSlots)}
}

// SetSpan leaves out the events before and after times in milliseconds from now on: nobody asks for them any more, or yet. It is called before SetLive too.
func (l *Live) SetSpan(oldest, furthest int64) { l.oldest, l.furthest = oldest, furthest }

// KnowNewest says which event time was the newest before the record that the Live begins with, where that is better known than the engine does. It is
// called before SetLive.
func (l *Live) KnowNewest(t int64) { l.newestEarlier, l.newestKnown = t, true }

// From is the offset of the first record that is told.
func (l *Live) From() int64 { return l.from }

// Refill makes room for as many entries as at the beginning.
func (l *Live) Refill() { l.room = l.limit }

// Turned reports whether the batch holds events of a later second than any before it, and others: those are all there, unless events are disordered.
func (l *Live) Turned() bool { return l.turned }

// Empty reports whether nothing was counted since the last batch.
func (l *Live) Empty() bool { return l.bytes == 0 && !l.cut }

// Bytes is about how much the entries take.
func (l *Live) Bytes() int { return l.bytes }

// SetLive makes the engine tell what it counts; nil ends that.
func (e *Engine) SetLive(l *Live) {
	e.live = l
	if l == nil {
		return
	}
	if !l.newestKnown {
		l.newestEarlier = Never
		if e.watermark != Never {
			l.newestEarlier = min(e.watermark+e.plan.Lateness, l.furthest) // with a later event it would be further
		}
	}
	l.from = max(l.from, e.position)
	l.rollups = make([]liveRollup, len(e.plan.Rollups))
	for i, r := range e.plan.Rollups {
		l.rollups[i].Rollup = r
	}
}

// NewestEvent is the newest event time before the engine's position, or a later one, as far as it is known; Never for none.
func (e *Engine) NewestEvent() int64 {
	if e.live == nil {
		return e.newest
	}
	return max(e.live.newestEarlier, e.live.newest)
}

// Live is what the engine tells to; nil for nothing.
func (e *Engine) Live() *Live { return e.live }

// reach notes that everything before an offset is counted.
func (l *Live) reach(offset int64) {
	if !l.begun && offset >= l.from {
		l.begun, l.begins, l.newestBefore = true, l.from, max(l.newestEarlier, l.newest)
	}
}

// see notes the time of an event that the engine has read.
func (l *Live) see(t int64) {
	if t <= l.furthest {
		l.newest = max(l.newest, t)
	}
}

// wants reports whether an event is told.
func (l *Live) wants(offset, t int64) bool {
	return offset >= l.from && t >= l.oldest && t <= l.furthest
}

// add tells an event that a window has counted in a row. The row knows where its events went last, so that nothing is looked for.
func (l *Live) add(w *Window, row int, s *sample, t int64) {
	if w.full.isRest(row) {
		l.addByKey(w.key.rollup, s, t)
		return
	}
	r := &l.rollups[w.key.rollup]
	told := &w.full.rows[row].told
	i := int(*told)
	if i >= len(r.entries) || !r.entries[i].holds(w.serial, uint32(row), t) {
		if i = l.find(w.key.rollup, s.key, t); i < 0 {
			return
		}
		r.entries[i].window, r.entries[i].row = w.serial, uint32(row)
		*told = uint32(i)
	}
	r.add(i, s)
}

func (e *liveEntry) holds(window uint64, row uint32, t int64) bool {
	return e.window == window && e.row == row && t >= e.start && t < e.start+second
}

// addByKey tells an event whose key has no row in a window.
func (l *Live) addByKey(rollup int, s *sample, t int64) {
	if i := l.find(rollup, s.key, t); i >= 0 {
		l.rollups[rollup].add(i, s)
	}
}

// find gives the entry of a second and key, as far as it is remembered, or appends one. It is negative where there is no room.
func (l *Live) find(rollup int, key []byte, t int64) int {
	r := &l.rollups[rollup]
	known := &l.known[(maphash.Bytes(tableSeed, key)+uint64(t/second)+uint64(rollup)<<6)&(knownSlots-1)]
	i := int(*known)
	if i < len(r.entries) && t >= r.entries[i].start && t < r.entries[i].start+second && bytes.Equal(r.name(i), key) {
		return i
	}
	if i = l.open(r, key, t); i >= 0 {
		*known = uint32(i)
	}
	return i
}

func (r *liveRollup) name(i int) []byte {
	e := &r.entries[i]
	return r.names[e.name : e.name+int(e.length)]
}

// open appends an entry. It is negative where there is no room: then the event is only counted.
func (l *Live) open(r *liveRollup, key []byte, t int64) int {
	if l.room == 0 {
		r.cut++
		l.cut = true
		return -1
	}
	l.room--
	start := t - t%second
	if start > t {
		start -= second
	}
	if start > l.latest {
		l.turned = l.bytes > 0
		l.latest = start
	}
	r.entries = append(r.entries, liveEntry{start: start, name: len(r.names), length: uint32(len(key))})
	r.names = append(r.names, key...)
	r.measures = append(r.measures, make([]rollup.Measure, len(r.Definition.Measures))...)
	r.conditions = append(r.conditions, make([]int64, len(r.Definition.Conditions))...)
	l.bytes += entryBytes + len(key) + int(unsafe.Sizeof(rollup.Measure{}))*len(r.Definition.Measures) + 8*len(r.Definition.Conditions)
	return len(r.entries) - 1
}

func (r *liveRollup) add(i int, s *sample) {
	e := &r.entries[i]
	e.count++
	e.bytes += s.bytes
	for m, base := 0, i*len(s.measures); m < len(s.measures); m++ {
		if s.present[m] {
			r.measures[base+m].Add(s.measures[m])
		}
	}
	for c, base := 0, i*len(s.conditions); c < len(s.conditions); c++ {
		if s.conditions[c] {
			r.conditions[base+c]++
		}
	}
}
