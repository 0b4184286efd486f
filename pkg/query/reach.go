package query

import (
	"slices"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// lossSlack is how much further the beginning of a live stream moves than its end at least where events are lost, and it is not only that old ones are
	// removed: ms.
	lossSlack = 5000
	// lossMargin is how much before a gap is asked for too, ms: events with earlier times can have come in it.
	lossMargin = 60 * 1000
	// maxGaps bounds the gaps that are waited for, gapBuckets the buckets of one that are asked for at a time.
	maxGaps    = 20
	gapBuckets = 100
)

// Reach is how far a stream has come, and what live streams did not tell of it. It is not safe for concurrent use.
type Reach struct {
	// Through is up to when values are known, in milliseconds; 0 for no time.
	Through int64
	last    live.Note // of a live stream
	gaps    []rollup.Span
}

// Take takes note of what a live stream with buckets of a length told last. It reports whether something is missing that was not before.
func (r *Reach) Take(note live.Note, length int64) bool {
	if note.Through <= 0 {
		return false
	}
	late := r.Through > 0 && note.From > r.Through
	moved := r.last.Through > 0 && note.From > r.last.From
	if moved && note.From-r.last.From <= note.Through-r.last.Through+lossSlack+length { // unless what was lost before is not all yet
		n := len(r.gaps)
		moved = n > 0 && r.gaps[n-1].To >= r.last.From
	}
	if late || moved {
		from := max(alignDown(min(r.Through, note.From)-lossMargin, length), 0)
		if n := len(r.gaps); n > 0 && r.gaps[n-1].To >= from {
			r.gaps[n-1].To = max(r.gaps[n-1].To, note.From)
			r.gaps[n-1].From = min(r.gaps[n-1].From, from)
		} else {
			r.gaps = append(r.gaps, rollup.Span{From: from, To: note.From})
		}
		r.gaps = r.gaps[max(len(r.gaps)-maxGaps, 0):]
	}
	r.last, r.Through = note, max(r.Through, note.Through)
	return late || moved
}

// Gaps are the spans of time that are to be asked of documents, the oldest first.
func (r *Reach) Gaps() []rollup.Span { return r.gaps }

// Next is the part of the oldest gap that is to be asked for: one whose windows are sealed. The second result is false where there is none yet.
func (r *Reach) Next(sealed, length int64) (rollup.Span, bool) {
	if len(r.gaps) == 0 {
		return rollup.Span{}, false
	}
	g := r.gaps[0]
	g.To = min(g.To, alignDown(sealed, length), g.From+gapBuckets*length)
	return g, g.From < g.To
}

// Filled takes what was asked for off the gaps; with giveUp, the whole gap that it is of.
func (r *Reach) Filled(s rollup.Span, giveUp bool) {
	if i := slices.IndexFunc(r.gaps, func(g rollup.Span) bool { return g.From <= s.From && s.To <= g.To }); i >= 0 {
		if r.gaps[i].From = s.To; giveUp || s.To >= r.gaps[i].To {
			r.gaps = slices.Delete(r.gaps, i, i+1)
		}
	}
}
