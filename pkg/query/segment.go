package query

import (
	"fmt"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// The times before and after everything that a query can ask for.
const (
	beginning = -maxTime
	future    = 3 * maxTime
)

// behind is how far a coarser tier can stay behind the tidemark, besides two of its windows, before a notice says so: ms.
const behind = 10 * 60 * 1000

// layer is the spans of time that can be read from a tier.
type layer struct {
	tier  rollup.Tier
	spans []rollup.Span
}

// segment is a span of documents that is read from one tier.
type segment struct {
	tier     rollup.Tier
	from, to int64
	piece    int
}

// layers are what there is of each tier, the one to be preferred first: the coarser before the finer, and windows that are to be made anew only where there
// is nothing else.
func (p *plan) layers(avoidAgain bool) []layer {
	finest := layer{p.entry.Spec.Window, []rollup.Span{{From: p.keptFrom(), To: future}}}
	if p.forced == p.entry.Spec.Window {
		return []layer{finest}
	}
	var all, outdated []layer
	tail := int64(beginning) // from where finer tiers than a forced one are read
	tiers := slices.Clone(p.entry.Tiers)
	slices.SortFunc(tiers, func(a, b rollup.TierProgress) int { return int(b.Tier/1e9 - a.Tier/1e9) })
	for _, t := range tiers {
		if t.Tier <= p.entry.Spec.Window || p.forced > 0 && t.Tier > p.forced {
			continue
		}
		length := t.Tier.Milliseconds()
		made := rollup.Span{From: max(alignUp(t.From, length), tail), To: alignDown(t.Through, length)}
		if t.From <= 0 {
			made.From = tail
		}
		if t.Tier == p.forced {
			tail = max(made.To, tail)
		}
		if made.From >= made.To {
			continue
		}
		spans := []rollup.Span{made}
		if avoidAgain && len(t.Again) > 0 {
			spans = without(made, t.Again, length)
			outdated = append(outdated, layer{t.Tier, []rollup.Span{made}})
		}
		all = append(all, layer{t.Tier, spans})
	}
	finest.spans[0].From = max(finest.spans[0].From, tail)
	return append(append(all, finest), outdated...)
}

// without is what is left of a span; what is cut out are whole windows.
func without(span rollup.Span, cut []rollup.Span, length int64) []rollup.Span {
	var left []rollup.Span
	from := span.From
	for _, c := range cut {
		start, end := alignDown(c.From, length), alignUp(c.To, length)
		if start > from {
			left = append(left, rollup.Span{From: from, To: min(start, span.To)})
		}
		if from = max(from, end); from >= span.To {
			return left
		}
	}
	return append(left, rollup.Span{From: from, To: span.To})
}

// segmentsOf finds the tier of every document of the pieces, and the spans that no tier has.
func (p *plan) segmentsOf(avoidAgain bool) (all []segment, gaps []rollup.Span) {
	layers, fitting := p.layers(avoidAgain), dividing
	if p.Format == FormatTable {
		fitting = inside
	}
	for i, piece := range p.pieces {
		some, missing := cover(piece.from, piece.to, fitting(layers, piece))
		for _, s := range some {
			s.piece = i
			all = append(all, s)
		}
		gaps = append(gaps, missing...)
	}
	return all, gaps
}

// dividing are the layers whose windows do not lie across a border of a piece or of its buckets.
func dividing(layers []layer, p piece) []layer {
	var some []layer
	for _, l := range layers {
		length := l.tier.Milliseconds()
		if p.interval%length == 0 && p.offset%length == 0 && p.from%length == 0 && p.to%length == 0 {
			some = append(some, l)
		}
	}
	return some
}

// cover cuts [from, to) so that each part is read from the first layer that has it.
func cover(from, to int64, layers []layer) (all []segment, gaps []rollup.Span) {
	for at := from; at < to; {
		better, end, tier := to, to, rollup.Tier(0)
		for _, l := range layers {
			inside, next := within(l.spans, at)
			length := l.tier.Milliseconds()
			if inside && at%length == 0 {
				end, tier = min(next, alignUp(better, length)), l.tier // a better layer is gone over to with whole windows
				break
			}
			if inside {
				next = alignUp(at, length)
			}
			better = min(better, next)
		}
		if end = min(end, to); tier == 0 {
			end = better
		}
		switch n := len(all); {
		case tier == 0:
			gaps = append(gaps, rollup.Span{From: at, To: end})
		case n > 0 && all[n-1].tier == tier && all[n-1].to == at:
			all[n-1].to = end
		default:
			all = append(all, segment{tier: tier, from: at, to: end})
		}
		at = end
	}
	return all, gaps
}

// within reports whether a time is in one of the spans, and where that changes next.
func within(spans []rollup.Span, at int64) (bool, int64) {
	for _, s := range spans {
		if at < s.From {
			return false, s.From
		}
		if at < s.To {
			return true, s.To
		}
	}
	return false, future
}

// noteTiers tells what the tiers lack for this query.
func (p *plan) noteTiers() {
	if len(p.gaps) > 0 {
		p.note(data.NoticeSeverityWarning, p.explainGaps())
	}
	for _, t := range p.entry.Tiers {
		length := t.Tier.Milliseconds()
		if t.Tier <= p.entry.Spec.Window || p.steps.length%length != 0 || p.forced > 0 && t.Tier != p.forced || !p.sealed {
			continue
		}
		if through := min(p.tidemark, p.dataEnd()); t.Through < through-2*length-behind {
			p.note(data.NoticeSeverityInfo, fmt.Sprintf("tier %s is catching up: it is made up to %s, and finer windows are read from there on", t.Tier, instant(t.Through)))
		}
	}
	for _, l := range p.lacking {
		p.note(data.NoticeSeverityInfo, fmt.Sprintf("the definition of %s had no dimension %s: its documents are left out", instant(l.since), l.dimension))
	}
}

// explainGaps tells what no tier has.
func (p *plan) explainGaps() string {
	first, last := p.gaps[0], p.gaps[len(p.gaps)-1]
	switch {
	case p.forced > p.entry.Spec.Window:
		return fmt.Sprintf("tier %s does not have %s to %s: choose another tier, or auto", p.forced, instant(first.From), instant(last.To))
	case first.From > p.buckets[0].from:
		return fmt.Sprintf("from %s to %s nothing is kept that these points could be made of", instant(first.From), instant(last.To))
	case last.To < p.dataEnd():
		return fmt.Sprintf("before %s nothing is kept", instant(last.To))
	}
	return fmt.Sprintf("nothing of this range is kept: windows of %s begin at %s", p.entry.Spec.Window, instant(p.keptFrom()))
}
