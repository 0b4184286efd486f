package query

import (
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// divideFor finds the definitions and the buckets, which depend on each other: earlier definitions can want longer buckets, and with what is read before the
// range these reach back to yet earlier ones.
func (p *plan) divideFor(interval, points int64) error {
	zone := p.zone
	for from := zone.shifted(p.from, p.shift); ; {
		p.zone, p.why = zone, ""
		p.definitions, p.lacking, p.selective, p.notes = nil, nil, false, nil
		if err := p.contributors(from); err != nil {
			return err
		}
		if err := p.divide(interval, points); err != nil {
			return err
		}
		first := min(p.buckets[0].from, p.dataStart()-p.lookback.length())
		if first >= from || len(p.definitions) == len(p.entry.Definitions) {
			return nil
		}
		from = first - p.steps.length
	}
}

// divide chooses how long the buckets are and lays them over the range.
func (p *plan) divide(interval, points int64) error {
	p.chooseLength(interval, points)
	if p.length > 0 {
		if err := p.checkLength(); err != nil {
			return err
		}
	}
	if p.shift.ms%p.least != 0 {
		return Invalid("shift %s is no multiple of %s, the length of the windows that have to be read", p.Shift, show(p.least))
	}
	if p.steps.length >= dayLength {
		if err := p.divideIntoDays(points); err != nil {
			return err
		}
	}
	first, last := p.steps.number(p.from), p.steps.number(p.to-1)+1
	lead := int64(max(p.MovingAverage-1, 0))
	if p.traits.differences {
		lead++
	}
	p.buckets = p.steps.lay(first-lead, first, p.shift, p.zone, p.least)
	p.lead = len(p.buckets)
	p.buckets = append(p.buckets, p.steps.lay(first, last, p.shift, p.zone, p.least)...)
	if p.drawn() == 0 {
		return Invalid("the time range has no time of %s in it", quote(p.Timezone))
	}
	p.firstEnd = p.buckets[p.lead].to
	return nil
}

// checkLength checks a length that was not chosen.
func (p *plan) checkLength() error {
	if p.told == nil && p.length%p.least != 0 {
		return Invalid("points cannot be %s apart, which is no multiple of %s, the length of the windows that have to be read", show(p.length), show(p.least))
	}
	if (p.to-p.from)/p.length >= p.limits.Buckets {
		return Invalid("the time range has more than %d points that are %s apart", p.limits.Buckets, show(p.length))
	}
	return nil
}

// chooseLength takes the smallest length that fits the panel and that the tiers which hold the range divide. A length that is up to a quarter longer is
// preferred where a coarser tier divides it, since that has many fewer documents.
func (p *plan) chooseLength(interval, points int64) {
	unit := p.unit()
	p.least = unit
	fit := func(multipleOf int64) int64 { return bucketLength(multipleOf, p.from, p.to, interval, points) }
	from := p.zone.shifted(p.from, p.shift)
	switch {
	case p.forced > 0:
		p.least = commonMultiple(unit, p.forced.Milliseconds())
		p.why = "the query asks for tier " + p.forced.String()
	default:
		if t, kept := p.reaching(from, unit); t > 0 {
			p.least = commonMultiple(unit, t.Milliseconds())
			if length := fit(p.least); length > fit(unit) {
				p.why = fmt.Sprintf("windows of %s are kept from %s on", p.entry.Spec.Window, instant(kept))
				p.note(data.NoticeSeverityInfo, fmt.Sprintf("points are %s apart, since finer windows are kept from %s on only", show(length), instant(kept)))
			}
		}
	}
	if p.length > 0 {
		p.steps = steps{length: p.length, zone: p.zone}
		return
	}
	length := fit(p.least)
	if window := p.entry.Spec.Window.Milliseconds(); p.least == unit && unit > window && fit(unit) > fit(window) {
		p.note(data.NoticeSeverityInfo, fmt.Sprintf("points are %s apart, since an earlier definition of the rollup had other windows", show(length)))
	}
	if p.forced == 0 {
		to := p.zone.shifted(p.to, p.shift)
		for i := len(p.entry.Tiers) - 1; i >= 0; i-- {
			t := &p.entry.Tiers[i]
			if t.Tier <= p.entry.Spec.Window || t.From >= to || t.Through <= from {
				continue
			}
			if longer := fit(commonMultiple(p.least, t.Tier.Milliseconds())); longer <= length+length/4 {
				length = longer
				break
			}
		}
	}
	p.steps = steps{length: length, zone: p.zone}
}

// reaching finds the tier that a range needs which begins before the finest windows that are kept: the finest that reaches back so far, or else the one that
// reaches furthest. It is 0 where the finest reaches back, or furthest. The second result is the time from which the finest windows are kept.
func (p *plan) reaching(from, unit int64) (rollup.Tier, int64) {
	kept := p.keptFrom()
	if kept <= alignDown(from, unit) {
		return 0, 0
	}
	var best *rollup.TierProgress
	for i := range p.entry.Tiers {
		t := &p.entry.Tiers[i]
		if t.Tier <= p.entry.Spec.Window || t.Through <= max(from, t.From) || t.From >= kept {
			continue
		}
		if t.From <= t.Tier.Start(from) {
			return t.Tier, kept
		}
		if best == nil || t.From < best.From {
			best = t
		}
	}
	if best == nil {
		return 0, 0
	}
	return best.Tier, kept
}

// keptFrom is where the finest tier begins.
func (p *plan) keptFrom() int64 {
	for i := range p.entry.Tiers {
		if t := &p.entry.Tiers[i]; t.Tier == p.entry.Spec.Window && t.From > 0 {
			return alignUp(t.From, t.Tier.Milliseconds())
		}
	}
	return beginning
}

// divideIntoDays takes calendar days for a length of a day or more. Where the zone's midnights are no borders of the windows, they are days in UTC.
func (p *plan) divideIntoDays(points int64) error {
	for {
		p.steps.days = (p.steps.length + dayLength - 1) / dayLength
		all := p.steps.zone.day(p.to-1) - p.steps.zone.day(p.from) + 1
		if p.steps.number(p.to-1)-p.steps.number(p.from) >= points {
			parts := max(points-1, 1)
			p.steps.days = max(p.steps.days, (all+parts-1)/parts)
		}
		p.steps.length = p.steps.days * dayLength
		if p.steps.zone.utc() {
			return nil
		}
		aligned, err := p.daysAligned()
		if err != nil || aligned {
			return err
		}
		p.note(data.NoticeSeverityWarning, fmt.Sprintf("days are those of UTC: windows of %s cannot be cut at midnight in %s", show(p.least), p.Timezone))
		p.zone, p.steps.zone = inUTC(), inUTC()
	}
}

func (p *plan) daysAligned() (bool, error) {
	first, last := p.steps.number(p.from), p.steps.number(p.to-1)+1
	pieces, err := p.steps.pieces(p.steps.lay(first, last, p.shift, p.zone, p.least), p.shift)
	if err != nil {
		return false, err
	}
	for _, piece := range pieces {
		if piece.offset%p.least != 0 || piece.from%p.least != 0 {
			return false, nil
		}
	}
	return true, nil
}

// bucketLength is the smallest multiple of the tier that is no shorter than the interval and gives at most points buckets. Buckets are aligned to the
// epoch, so a range has up to one more of them than fit into it; with a single point wanted it can have two.
func bucketLength(tier, from, to, interval, points int64) int64 {
	bucket := alignUp(max(min(interval, maxTime), tier), tier)
	if (alignUp(to, bucket)-alignDown(from, bucket))/bucket <= points {
		return bucket
	}
	parts := max(points-1, 1)
	return max(bucket, alignUp((to-from+parts-1)/parts, tier))
}

// show writes a length of time in its largest whole unit.
func show(ms int64) string {
	for _, unit := range []struct {
		length int64
		name   string
	}{{dayLength, "d"}, {3_600_000, "h"}, {60_000, "m"}} {
		if ms >= unit.length && ms%unit.length == 0 {
			return fmt.Sprintf("%d%s", ms/unit.length, unit.name)
		}
	}
	return seconds(ms)
}
