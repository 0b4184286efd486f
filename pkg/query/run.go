package query

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Run answers a query with one frame a series, in the order of their labels, and the one of everything else last; without any series there is one frame
// without fields. What the answer lacks is told in notices of the first frame. What is wrong with the query is an *InvalidError; errors of search come back
// as they are, or wrapped.
func Run(ctx context.Context, in Input, search Search) (data.Frames, error) {
	frames, _, err := RunStream(ctx, in, search)
	return frames, err
}

// RunStream is Run, and tells what a stream goes on with.
func RunStream(ctx context.Context, in Input, search Search) (data.Frames, *Stream, error) {
	r, all, err := seriesOf(ctx, in, search)
	if err != nil {
		return nil, nil, err
	}
	return r.frames(all), r.stream(all), nil
}

// seriesOf finds the series of a query, and what is to be told of them.
func seriesOf(ctx context.Context, in Input, search Search) (*run, []series, error) {
	if in.Rollup == nil {
		return nil, nil, Invalid("there is no rollup %s", quote(in.Query.Rollup))
	}
	p, err := newPlan(in)
	if err != nil {
		return nil, nil, err
	}
	r := &run{plan: p, search: search, notices: p.notes}
	if p.drawn() == 0 {
		r.notify(data.NoticeSeverityInfo, "%s", p.whyNothing())
		return r, nil, nil
	}
	all, err := r.series(ctx)
	if err != nil {
		return nil, nil, err
	}
	r.notifyAbout(all)
	return r, all, nil
}

// run is one query on its way through its searches.
type run struct {
	plan    *plan
	search  Search
	asked   []Request
	notices []data.Notice

	late     float64 // events of late corrections in the answer
	overflow float64 // events that belong to no key
	events   float64 // of all series; counted only with another series
	// otherEvents are those in the other series, left is how many keys are in it or left out.
	otherEvents float64
	left        int

	timedOut     bool
	failedShards int
	shardFailure string
}

// series finds the series: without a group-by there is exactly one.
func (r *run) series(ctx context.Context) ([]series, error) {
	t, err := r.table(ctx)
	if err != nil {
		return nil, err
	}
	all := t.series
	if n := len(all); r.plan.hasOther() && r.plan.keys == nil && !anyFound(all[n-1].cells) && r.left == 0 {
		all = all[:n-1]
	}
	return all, nil
}

func (r *run) table(ctx context.Context) (*table, error) {
	p := r.plan
	if s, ok := p.statistic.(sketched); ok {
		return r.fromDocuments(ctx, s)
	}
	if len(p.GroupBy) == 0 {
		return r.history(ctx, nil)
	}
	if p.keys != nil {
		return r.history(ctx, p.keys)
	}
	totals, err := r.totals(ctx, p.statistic.aggregations())
	if err != nil {
		return nil, err
	}
	keys, err := r.chosen(totals)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && !p.Other {
		return &table{}, nil
	}
	return r.history(ctx, keys)
}

func anyFound(cells []metrics) bool {
	for i := range cells {
		if cells[i].found {
			return true
		}
	}
	return false
}

// chosen takes as many keys as the query wants and an answer can hold, and tells what is left.
func (r *run) chosen(totals map[key]*metrics) ([]key, error) {
	p := r.plan
	if p.keys != nil {
		return p.keys, nil
	}
	keep := int(max(min(int64(p.limits.Series), p.limits.Points/int64(p.drawn())), 1))
	if p.Other {
		keep = min(keep, p.mostNamed())
	}
	limited := p.Top == 0 || p.Top > keep
	if !limited {
		keep = p.Top
	}
	ranked := p.choose(totals, keep)
	r.left = ranked.total - len(ranked.keys)
	switch {
	case r.left == 0:
	case limited && p.limits.AllSeries:
		return nil, p.tooManySeries(ranked.total, keep)
	case limited && p.Other:
		r.notify(data.NoticeSeverityWarning, "%s more series are in other: an answer has at most %d, and these are the largest by %s", thousands(int64(r.left)), keep, p.Stat)
	case limited && p.silentFirst():
		r.notify(data.NoticeSeverityWarning, "%s more series left out: an answer has at most %d, and these are those without events in the range and then the largest by %s",
			thousands(int64(r.left)), keep, p.Stat)
	case limited:
		r.notify(data.NoticeSeverityWarning, "%s more series left out: an answer has at most %d, and these are the largest by %s", thousands(int64(r.left)), keep, p.Stat)
	default:
		r.notify(data.NoticeSeverityInfo, "top %d of %s series by %s over the whole range", keep, thousands(int64(ranked.total)), p.Stat)
	}
	return ranked.keys, nil
}

func (p *plan) tooManySeries(n, most int) error {
	return Invalid("there are %s series, and an alert rule, which needs all of them, has at most %s: filter, so that several rules share them, group by fewer dimensions, or choose a top",
		thousands(int64(n)), thousands(int64(most)))
}

// ask searches, remembers what was asked, and gathers what the answers lack.
func (r *run) ask(ctx context.Context, requests []Request) ([]Response, error) {
	r.asked = append(r.asked, requests...)
	if len(requests) == 0 { // of a span that no tier has
		return nil, nil
	}
	responses, err := ask(ctx, r.search, requests)
	if err != nil {
		return nil, err
	}
	for _, response := range responses {
		r.timedOut = r.timedOut || response.TimedOut
		r.failedShards += response.FailedShards
		if r.shardFailure == "" {
			r.shardFailure = response.ShardFailure
		}
	}
	if r.plan.Read == ReadSealed && (r.timedOut || r.failedShards > 0) {
		return nil, fmt.Errorf("the answer is not complete (%s), which a sealed read does not accept", r.lacking())
	}
	return responses, nil
}
