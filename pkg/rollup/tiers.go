package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// TiersProgress tells how far the tiers of one rollup are made and kept. Whoever changes it has read it before, and writes it under the next version, which
// only one of two can.
type TiersProgress struct {
	Kind      string    `json:"kind"`
	Rollup    string    `json:"rollup"`
	UpdatedAt int64     `json:"updated_at"`
	Spec      TiersSpec `json:"spec"`
}

// ID is the identity of the progress document.
func (p *TiersProgress) ID() string { return TiersID(p.Rollup) }

// TiersID is the identity of a rollup's TiersProgress.
func TiersID(name string) string { return strings.Join([]string{KindTiers, name}, ":") }

// TiersSpec is the part of TiersProgress that is not searched by.
type TiersSpec struct {
	// Generation grows whenever documents of the finest tier were changed otherwise than by corrections: what is made of them later replaces what was made before.
	Generation int64 `json:"generation"`
	// Tiers are the rollup's tiers from fine to coarse, beginning with its own window.
	Tiers []TierProgress `json:"tiers"`
	// Covered are the partitions, each as PartitionProgress.ID names it, whose documents the coarser tiers hold.
	Covered []string `json:"covered,omitempty"`
}

// TierProgress tells which windows of one tier there are. All times are in milliseconds.
type TierProgress struct {
	Tier Tier `json:"tier"`
	// From is where the tier begins for readers: of windows that start before, something can be in coarser tiers only. It is a multiple of the tier; 0 is the
	// beginning.
	From int64 `json:"from"`
	// Removed is the time up to which the tier's indices were removed, or its windows could not be made any more.
	Removed int64 `json:"removed,omitempty"`
	// Through is the time up to which the windows of a coarser tier are made. The finest tier, which reaches up to the present, has none.
	Through int64 `json:"through,omitempty"`
	// Made is the largest Through there ever was: documents of windows up to there can exist, and be out of date.
	Made int64 `json:"made,omitempty"`
	// Arrived is the time up to which corrections are in the windows of a coarser tier, or in Again: those that closed by then.
	Arrived int64 `json:"arrived,omitempty"`
	// Merged is the time up to which the segments of the tier's indices were merged.
	Merged int64 `json:"merged,omitempty"`
	// Redone counts how often windows were found that have to be made anew.
	Redone int64 `json:"redone,omitempty"`
	// Again are the spans of windows to be made anew, sorted and apart. They are within Removed and Through.
	Again []Span `json:"again,omitempty"`
}

// Span is the time from From up to, and without, To, in milliseconds.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// maxSpans bounds the spans that a tier remembers; the nearest are joined beyond.
const maxSpans = 500

// millisecondsPerMinute makes generations of the time.
const millisecondsPerMinute = 60_000

// Tier finds the progress of one tier, or nil.
func (s *TiersSpec) Tier(t Tier) *TierProgress {
	for i := range s.Tiers {
		if s.Tiers[i].Tier == t {
			return &s.Tiers[i]
		}
	}
	return nil
}

// Advance begins a generation at the time now. It is larger than all before, even where these were forgotten, as long as fewer than one a minute begin.
func (s *TiersSpec) Advance(now int64) { s.Generation = max(s.Generation+1, now/millisecondsPerMinute) }

// Redo has the coarser tiers make anew what they hold of the documents in [from, to), which were changed otherwise than by corrections. Where that goes on to
// the end, corrections that arrive from then on are looked for again, too.
func (s *TiersSpec) Redo(from, to, now int64) {
	s.Advance(now)
	for i := range s.Tiers {
		if i > 0 {
			s.Tiers[i].Redo(from, to)
		}
	}
}

// Redo has the windows of a coarser tier made anew that have a part in [from, to).
func (p *TierProgress) Redo(from, to int64) {
	p.Redone++
	start := max(p.Tier.Start(from), p.Removed)
	if to >= p.Through {
		p.Arrived = min(p.Arrived, from)
		p.Through = min(p.Through, start)
		p.Again = clip(p.Again, p.Through)
		return
	}
	if end := p.Tier.StartFrom(to); start < end {
		p.Again = join(append(p.Again, Span{start, min(end, p.Through)}))
	}
}

// Done takes a span out of what is to be made anew.
func (p *TierProgress) Done(done Span) {
	var left []Span
	for _, s := range p.Again {
		if s.From < done.From {
			left = append(left, Span{s.From, min(s.To, done.From)})
		}
		if s.To > done.To {
			left = append(left, Span{max(s.From, done.To), s.To})
		}
	}
	p.Again = left
}

func clip(spans []Span, to int64) []Span {
	var left []Span
	for _, s := range spans {
		if s.From < to {
			left = append(left, Span{s.From, min(s.To, to)})
		}
	}
	return left
}

// join sorts spans and joins those that meet, and the nearest while there are too many.
func join(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	for gap := int64(0); ; gap = max(1000, 2*gap) {
		var joined []Span
		for _, s := range spans {
			if n := len(joined); n > 0 && s.From <= joined[n-1].To+gap {
				joined[n-1].To = max(joined[n-1].To, s.To)
			} else {
				joined = append(joined, s)
			}
		}
		if len(joined) <= maxSpans {
			return joined
		}
		spans = joined
	}
}
