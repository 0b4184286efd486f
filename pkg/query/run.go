package query

import (
	"context"
	"fmt"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Run answers a query with one frame a series, in the order of their labels; without any series there is one frame without fields. What the answer lacks
// is told in notices of the first frame. What is wrong with the query is an *InvalidError; errors of search come back as they are, or wrapped.
func Run(ctx context.Context, in Input, search Search) (data.Frames, error) {
	if in.Rollup == nil {
		return nil, Invalid("there is no rollup %s", quote(in.Query.Rollup))
	}
	p, err := newPlan(in)
	if err != nil {
		return nil, err
	}
	r := &run{plan: p, search: search}
	if p.buckets() == 0 {
		r.notify(data.NoticeSeverityInfo, "%s", p.whyNothing())
		return r.frames(nil), nil
	}
	all, err := r.series(ctx)
	if err != nil {
		return nil, err
	}
	r.notifyAbout(all)
	return r.frames(all), nil
}

// run is one query on its way through its searches.
type run struct {
	plan     *plan
	search   Search
	asked    []Request
	notices  []data.Notice
	late     float64 // events of late corrections in the answer
	overflow float64 // events that belong to no series

	timedOut     bool
	failedShards int
	shardFailure string
}

// series finds the series: without a group-by there is exactly one.
func (r *run) series(ctx context.Context) ([]series, error) {
	p := r.plan
	if len(p.GroupBy) == 0 {
		return r.history(ctx, nil)
	}
	keep := int(max(min(int64(p.limits.Series), p.limits.Points/p.buckets()), 1))
	limited := p.Top == 0 || p.Top > keep
	if !limited {
		keep = p.Top
	}
	ranked, err := r.rank(ctx, keep)
	if err != nil {
		return nil, err
	}
	if left := ranked.total - len(ranked.keys); left > 0 {
		if limited {
			r.notify(data.NoticeSeverityWarning, "%s more series left out: an answer has at most %d, and these are the largest by %s", thousands(int64(left)), keep, p.Stat)
		} else {
			r.notify(data.NoticeSeverityInfo, "top %d of %s series by %s over the whole range", keep, thousands(int64(ranked.total)), p.Stat)
		}
	}
	if len(ranked.keys) == 0 {
		return nil, nil
	}
	return r.history(ctx, ranked.keys)
}

// ask searches, remembers what was asked, and gathers what the answers lack.
func (r *run) ask(ctx context.Context, requests []Request) ([]Response, error) {
	r.asked = append(r.asked, requests...)
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

func (r *run) lacking() string {
	text := "a search timed out"
	if r.failedShards > 0 {
		text = "failed shards: " + strconv.Itoa(r.failedShards)
		if r.shardFailure != "" {
			text += ", the first with: " + cut(r.shardFailure, 300)
		}
	}
	return text
}

func (r *run) notify(severity data.NoticeSeverity, format string, args ...any) {
	r.notices = append(r.notices, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
}

func (r *run) notifyAbout(all []series) {
	p := r.plan
	if r.timedOut || r.failedShards > 0 {
		r.notify(data.NoticeSeverityWarning, "values may be wrong, since the answer is not complete: %s", r.lacking())
	}
	if r.overflow > 0 {
		r.notify(data.NoticeSeverityWarning, "%s over the rollup's max_keys, in none of the series", events(int64(r.overflow)))
	}
	if r.late > 0 {
		r.notify(data.NoticeSeverityInfo, "%s included that came after their window was sealed", events(int64(r.late)))
	}
	if len(all) == 0 {
		return
	}
	switch {
	case p.Read == ReadSealed: // nothing after the tidemark is shown
	case !p.sealed:
		r.notify(data.NoticeSeverityInfo, "nothing of the rollup is sealed yet: values may still grow")
	case p.tidemark < p.to:
		r.notify(data.NoticeSeverityInfo, "the last %s are not sealed yet: values after %s may still grow", seconds(p.to-max(p.tidemark, p.start)), instant(p.tidemark))
	}
}

func events(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return thousands(n) + " events"
}

// whyNothing tells why a sealed read has no bucket to show.
func (p *plan) whyNothing() string {
	if !p.sealed {
		return "nothing of the rollup is sealed yet: no tidemark is known before every partition has sealed a window"
	}
	return fmt.Sprintf("nothing of the time range is sealed yet: the tidemark is at %s, and the first bucket ends at %s", instant(p.tidemark), instant(p.start+p.bucket))
}

func seconds(ms int64) string {
	return strconv.FormatFloat(float64(ms)/1000, 'f', -1, 64) + " s"
}

// thousands writes a number with separators: 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
