package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/query"
)

const (
	// toldAgain is how many of the newest buckets are told once more with the next ones: what is sent while a viewer is let in does not reach that one.
	toldAgain = 10
	// liveHistory is how far sidecars reach back.
	liveHistory = 15 * time.Minute
)

// run is a stream that runs.
type run struct {
	datasource *Datasource
	path       string
	stream     *query.Stream
	send       func(*data.Frame, data.FrameInclude) error
	upstream   *upstream // nil where the stream is only polled

	mu        sync.Mutex
	streaming *query.Streaming
	// seen is the board's version up to which everything was told, again the newest buckets of what was.
	seen  uint64
	again []int64
	// reach is how far sidecars have told; before they have, it is the tidemark, if that is not long ago.
	reach query.Reach
	// why is the reason for polling; empty while a sidecar tells, or may soon.
	why string
	// problem is what went wrong with polling.
	problem string
	polled  int64       // from when on Elasticsearch is asked next; 0 before it was
	last    *data.Frame // that was polled
	said    string      // of notices, last
}

// run works until the context ends.
func (r *run) run(ctx context.Context) error {
	d := r.datasource
	entry, err := d.rollup(ctx, r.stream.Query.Rollup)
	if err != nil {
		return err
	}
	now := d.now().UnixMilli()
	streaming, err := query.NewStreaming(r.stream, entry, d.settings.prefix, now)
	if err != nil {
		return err
	}
	why := streaming.Polled()
	if why == "" && len(d.settings.sidecars) == 0 {
		why = "the data source's settings have no sidecar"
	}
	r.mu.Lock()
	r.streaming, r.why = streaming, why
	if sealed, is := entry.Tidemark(); is && sealed > now-liveHistory.Milliseconds() {
		r.reach.Through = sealed - sealed%streaming.Interval()
	}
	r.mu.Unlock()
	var wake <-chan struct{}
	if why == "" {
		var leave func()
		if r.upstream, wake, leave, err = d.streams.follow(streaming.Request()); err != nil { //nolint:contextcheck // others follow it too
			return err
		}
		defer leave()
	} else if err := r.poll(ctx); err != nil {
		return err
	}
	return r.loop(ctx, wake)
}

func (r *run) loop(ctx context.Context, wake <-chan struct{}) error {
	pace := r.datasource.streams.pace
	interval := time.Duration(min(r.streaming.Interval(), pace.pollMax.Milliseconds())) * time.Millisecond
	polls := time.NewTicker(max(interval, pace.pollMin))
	defer polls.Stop()
	lost := time.NewTimer(pace.unreachable) // runs while no sidecar tells
	defer lost.Stop()
	telling := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wake:
			before := telling
			if telling, err = r.tell(); telling {
				lost.Stop()
			} else if before {
				lost.Reset(pace.unreachable)
			}
		case <-lost.C:
			if r.upstream != nil {
				r.lose()
				err = r.poll(ctx)
			}
		case <-polls.C:
			err = r.poll(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// tell sends what a sidecar has told since the last time. It reports whether one is telling.
func (r *run) tell() (telling bool, err error) {
	var frames data.Frames
	r.mu.Lock()
	r.upstream.see(func(b *query.Board, connected bool, _ error) {
		if !connected {
			return
		}
		var starts []int64
		var problem error
		if frames, starts, problem = r.streaming.Frames(b, r.seen, r.again); problem != nil {
			r.why = problem.Error()
			return
		}
		telling, r.seen, r.why, r.problem, r.polled, r.last = true, b.Version(), "", "", 0, nil
		if n := len(starts); n > 0 {
			r.again = starts[max(n-toldAgain, 0):]
		}
		from, through := b.Span()
		if r.reach.Take(b.Note(), r.streaming.Interval()) {
			r.datasource.streams.metrics.gaps.Inc()
		}
		notices := r.notices(b.Note(), r.streaming.Left())
		if len(frames) == 0 && textOf(notices) != r.said {
			frames = data.Frames{r.streaming.Empty()}
		}
		r.said = textOf(notices)
		for _, f := range frames {
			query.Tell(f, query.SourceSidecar, from, through, notices)
		}
	})
	r.mu.Unlock()
	return telling, r.sendAll(frames, query.SourceSidecar)
}

// lose says why no sidecar tells, which is when Elasticsearch is polled.
func (r *run) lose() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.upstream.see(func(_ *query.Board, connected bool, problem error) {
		switch {
		case connected: // and what it tells cannot be used, which is said already
		case problem != nil:
			r.why = "no sidecar tells the newest ones, the last attempt: " + problem.Error()
		default:
			r.why = "no sidecar has told the newest ones yet"
		}
	})
}

func (r *run) sendAll(frames data.Frames, source query.Source) error {
	for _, f := range frames {
		if err := r.send(f, data.IncludeAll); err != nil {
			return err
		}
		r.datasource.streams.metrics.frames.WithLabelValues(string(source)).Inc()
	}
	return nil
}

// initial is what the stream has told so far, or the newest part of it; nil where there is nothing yet.
func (r *run) initial() *data.Frame {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streaming == nil {
		return nil
	}
	if r.why != "" || r.upstream == nil {
		return r.last
	}
	var frame *data.Frame
	r.upstream.see(func(b *query.Board, _ bool, _ error) {
		frames, _, err := r.streaming.Frames(b, 0, nil)
		if err != nil || len(frames) == 0 {
			return
		}
		frame = frames[len(frames)-1]
		from, through := b.Span()
		query.Tell(frame, query.SourceSidecar, from, through, r.notices(b.Note(), r.streaming.Left()))
	})
	return frame
}
