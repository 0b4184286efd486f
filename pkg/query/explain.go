package query

import (
	"fmt"
	"strings"
)

// maxExecutedBytes bounds the text of the searches that a frame carries for Grafana's inspector.
const maxExecutedBytes = 16 << 10

// executed is the plan in words and the searches, for Grafana's query inspector.
func (r *run) executed() string {
	var b strings.Builder
	r.plan.explain(&b)
	for _, request := range r.asked {
		fmt.Fprintf(&b, "\nGET %s/_search\n%s\n", strings.Join(request.Indices, ","), request.Body)
		if b.Len() > maxExecutedBytes {
			return cut(b.String(), maxExecutedBytes)
		}
	}
	return b.String()
}

// explain tells the plan in words.
func (p *plan) explain(b *strings.Builder) {
	fmt.Fprintf(b, "%s of rollup %s, grouping %s, read %s, %s\n", p.fieldName(), p.Rollup, p.grouping, p.Read, p.explainTidemark())
	if p.drawn() == 0 {
		return
	}
	if p.Format == FormatTable {
		fmt.Fprintf(b, "one value from %s to %s", instant(p.start()), instant(p.end()))
	} else {
		fmt.Fprintf(b, "%d buckets of %s from %s to %s", p.drawn(), p.explainBucket(), instant(p.start()), instant(p.end()))
	}
	if p.lead > 0 {
		fmt.Fprintf(b, ", and %d before them", p.lead)
	}
	if p.why != "" {
		fmt.Fprintf(b, ", since %s", p.why)
	}
	b.WriteString("\n")
	for _, s := range joined(p.segments) {
		shares := p.shares(s.tier)
		where := make([]string, len(shares))
		for i, share := range shares {
			where[i] = strings.Join(indices(p.prefix, p.Rollup, share.tier, s.from, s.to), ",")
		}
		fmt.Fprintf(b, "%s to %s from tier %s (%s): %s\n", instant(s.from), instant(s.to), s.tier, strings.Join(where, ","), p.explainTier(s))
	}
	for _, g := range p.gaps {
		fmt.Fprintf(b, "%s to %s from no tier: none has it that these buckets can be made of\n", instant(g.From), instant(g.To))
	}
}

func (p *plan) explainTidemark() string {
	if !p.sealed {
		return "no tidemark"
	}
	return "tidemark " + instant(p.tidemark)
}

func (p *plan) explainBucket() string {
	if p.steps.days == 0 {
		return show(p.steps.length)
	}
	name := p.zone.location.String()
	if p.steps.days == 1 {
		return "a day in " + name
	}
	return fmt.Sprintf("%d days in %s", p.steps.days, name)
}

func (p *plan) explainTier(s segment) string {
	if s.tier == p.forced {
		return "the query asks for it"
	}
	if p.Format == FormatTable {
		return "the coarsest that has whole windows of it"
	}
	if s.tier == p.entry.Spec.Window {
		for _, t := range p.entry.Tiers {
			if t.Tier > s.tier && p.steps.length%t.Tier.Milliseconds() == 0 && t.Through < s.to && t.Through >= 0 {
				return fmt.Sprintf("tier %s is made up to %s", t.Tier, instant(t.Through))
			}
		}
		if len(p.entry.Tiers) > 1 {
			return "no coarser one divides the buckets"
		}
		return "there is no coarser one"
	}
	return "the coarsest that divides the buckets and has this time"
}

// cut shortens text at the border of a character.
func cut(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	return strings.ToValidUTF8(s[:bytes], "") + "…"
}
