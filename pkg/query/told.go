package query

import (
	"slices"
	"unique"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// LiveRequestOf is the live stream that a query whose points are Input.Length apart can be made of. What is wrong with the query, or why it cannot, is an
// *InvalidError.
func LiveRequestOf(in Input) (LiveRequest, error) {
	p, err := planFor(in, &rollup.Span{})
	if err != nil {
		return LiveRequest{}, err
	}
	if why := p.notLive(); why != "" {
		return LiveRequest{}, Invalid("%s", why)
	}
	return p.liveRequest(), nil
}

// RunBoard answers a query by a board, as RunStream does by documents. Points are Input.Length apart, which is the length of the board's buckets.
func RunBoard(in Input, b *Board) (data.Frames, *Stream, error) {
	p, err := planFor(in, &rollup.Span{From: b.from, To: b.through})
	if err != nil {
		return nil, nil, err
	}
	p.why = "they are of the live stream"
	r := &run{plan: p, notices: p.notes}
	statistic, is := p.statistic.(streamed)
	if !is {
		return nil, nil, Invalid("%s", p.notLive())
	}
	read, err := statistic.ofRows(&b.shape)
	if err != nil {
		return nil, nil, err
	}
	keys := []key{{}}
	if len(p.GroupBy) > 0 {
		totals := map[key]*metrics{}
		for _, s := range p.within(b) {
			for k, row := range s.rows {
				total := totals[k.Value()]
				if total == nil {
					total = &metrics{}
					totals[k.Value()] = total
				}
				m := read(&row)
				statistic.merge(total, &m)
			}
		}
		if keys, err = r.chosen(totals); err != nil {
			return nil, nil, err
		}
	}
	t := p.newTable(keys)
	places := map[unique.Handle[key]]int{}
	for k, i := range t.byKey {
		places[unique.Make(k)] = i
	}
	for i, s := range p.within(b) {
		for k, row := range s.rows {
			at, chosen := places[k]
			if !chosen {
				if at = len(t.series) - 1; !p.hasOther() {
					continue
				}
				r.otherEvents += float64(row.Count)
			}
			r.events += float64(row.Count)
			m := read(&row)
			statistic.merge(&t.series[at].cells[i], &m)
		}
	}
	all := t.series
	if n := len(all); p.hasOther() && !anyFound(all[n-1].cells) && r.left == 0 {
		all = slices.Clip(all[:n-1])
	}
	r.notifyAbout(all)
	return r.frames(all), r.stream(all), nil
}

// within are the board's buckets that are drawn, by their places in the plan.
func (p *plan) within(b *Board) map[int]*slot {
	some := map[int]*slot{}
	for i := range p.buckets {
		if s := b.slots[p.buckets[i].from]; s != nil {
			some[i] = s
		}
	}
	return some
}
