package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxNamed bounds the partitions that a notice names.
const maxNamed = 5

// poll asks Elasticsearch for what no sidecar tells: everything that is newer, or what is missing between.
func (r *run) poll(ctx context.Context) error {
	r.mu.Lock()
	polling, missing := r.why != "", len(r.reach.Gaps()) > 0
	r.mu.Unlock()
	if !polling && !missing {
		return nil
	}
	if polling && r.upstream != nil {
		r.lose() // for what was tried since
	}
	d := r.datasource
	entry, err := d.rollup(ctx, r.stream.Query.Rollup)
	var frame *data.Frame
	switch {
	case err != nil:
	case polling:
		frame, err = r.newest(ctx, entry)
	default:
		frame, err = r.fill(ctx, entry)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	r.problem = ""
	if err != nil {
		r.problem = err.Error()
	}
	source := query.SourceSidecar
	var notices []data.Notice
	if polling {
		source, notices = query.SourcePolling, r.pollNotices()
	} else {
		r.upstream.see(func(b *query.Board, _ bool, _ error) { notices = r.notices(b.Note(), r.streaming.Left()) })
	}
	if frame == nil && textOf(notices) != r.said {
		frame = r.streaming.Empty()
	}
	r.said = textOf(notices)
	r.mu.Unlock()
	if frame == nil {
		return nil
	}
	query.Tell(frame, source, 0, 0, append(notices, frame.Meta.Notices...))
	if polling && frame.Rows() > 0 {
		r.mu.Lock()
		r.last = frame
		r.mu.Unlock()
	}
	return r.sendAll(data.Frames{frame}, source)
}

// newest asks for what no sidecar has told: buckets with values, and those that are sealed without.
func (r *run) newest(ctx context.Context, entry *rollup.CatalogEntry) (*data.Frame, error) {
	d := r.datasource
	now := d.now().UnixMilli()
	sealed, is := entry.Tidemark()
	if !is {
		sealed = 0 // any bucket can still grow: the newest ones are asked for again and again
	}
	sealed = min(sealed, now)
	r.mu.Lock()
	from, length := r.polled, r.streaming.Interval()
	if from == 0 {
		if from = r.reach.Through; from == 0 {
			from = sealed - sealed%length
		}
	}
	r.mu.Unlock()
	frame, err := r.streaming.Poll(ctx, entry, from, now, d.cache.all, func(_, end int64, some bool) bool { return some || is && end <= sealed })
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.polled = max(from, sealed-sealed%length)
	r.mu.Unlock()
	return frame, nil
}

// fill asks for the part of the oldest gap that is sealed and was not asked for yet.
func (r *run) fill(ctx context.Context, entry *rollup.CatalogEntry) (*data.Frame, error) {
	d := r.datasource
	sealed, is := entry.Tidemark()
	r.mu.Lock()
	length := r.streaming.Interval()
	span, some := r.reach.Next(sealed, length)
	r.mu.Unlock()
	if !is || !some {
		return nil, nil
	}
	frame, err := r.streaming.Poll(ctx, entry, span.From, span.To, d.cache.all, func(int64, int64, bool) bool { return true })
	var invalid *query.InvalidError
	if err != nil && !errors.As(err, &invalid) {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reach.Filled(span, err != nil)
	return frame, err
}

// notices tell what is to know about what a sidecar tells.
func (r *run) notices(note live.Note, left bool) []data.Notice {
	var all []data.Notice
	add := func(severity data.NoticeSeverity, format string, args ...any) {
		all = append(all, data.Notice{Severity: severity, Text: fmt.Sprintf(format, args...)})
	}
	if n := len(note.Missing); n > 0 {
		named := make([]string, 0, maxNamed)
		for _, name := range note.Missing[:min(n, maxNamed)] {
			named = append(named, fmt.Sprintf("%.100s", name))
		}
		if n > maxNamed {
			named = append(named, "…")
		}
		add(data.NoticeSeverityWarning, "the newest values lack events: nothing is heard of %s", strings.Join(named, ", "))
	}
	if note.Cut > 0 {
		add(data.NoticeSeverityWarning, "some of the newest events are in none of the series, since there are more keys than sidecars keep")
	}
	if left {
		add(data.NoticeSeverityWarning, "there are more series than a stream has: filter, or choose a top")
	}
	if gaps := r.reach.Gaps(); len(gaps) > 0 {
		add(data.NoticeSeverityInfo, "the stream was interrupted between %s and %s, which is filled when it is sealed", utc(gaps[0].From), utc(gaps[len(gaps)-1].To))
	}
	if r.problem != "" {
		add(data.NoticeSeverityWarning, "Elasticsearch could not be asked for what sidecars did not tell: %.500s", r.problem)
	}
	return all
}

func (r *run) pollNotices() []data.Notice {
	all := []data.Notice{{Severity: data.NoticeSeverityInfo, Text: fmt.Sprintf("the newest values are asked of Elasticsearch again and again: %.500s", r.why)}}
	if r.problem != "" {
		all = append(all, data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf("Elasticsearch could not be asked: %.500s", r.problem)})
	}
	return all
}

func textOf(notices []data.Notice) string {
	var b strings.Builder
	for _, n := range notices {
		b.WriteString(n.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
