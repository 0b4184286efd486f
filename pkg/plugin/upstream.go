package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/query"
)

// maxRows bounds the rows that all upstreams of a data source hold: about 200 MB.
const maxRows = 1_000_000

// pace is how long streams wait for what.
type pace struct {
	// open is how long a sidecar may take to begin a stream, silence how long it may tell nothing: it sends heartbeats every five seconds.
	open, silence time.Duration
	// retryMin and retryMax bound the pauses between attempts to reach one; they begin anew after a connection that lasted for settled.
	retryMin, retryMax, settled time.Duration
	// unreachable is after how long without a sidecar Elasticsearch is polled; it is as often as there are points, within pollMin and pollMax.
	unreachable, pollMin, pollMax time.Duration
}

func ordinaryPace() pace {
	return pace{
		open: 10 * time.Second, silence: 20 * time.Second, retryMin: 200 * time.Millisecond, retryMax: 10 * time.Second, settled: 10 * time.Second,
		unreachable: 10 * time.Second, pollMin: 2 * time.Second, pollMax: 30 * time.Second,
	}
}

// upstreams are the live streams that are being read, each by one connection, however many runs there are of it.
type upstreams struct {
	sidecars *sidecars
	metrics  *metrics
	pace     pace

	mu  sync.Mutex
	all map[string]*upstream
}

// upstream is one of them. It is read as long as somebody follows it.
type upstream struct {
	*upstreams
	request query.LiveRequest
	stop    context.CancelFunc
	ended   chan struct{}
	users   int // guarded by upstreams.mu

	mu        sync.Mutex
	board     *query.Board
	connected bool  // a snapshot has come, and what came after it
	problem   error // why the last connection ended, or there was none
	followers map[chan struct{}]struct{}
}

// follow gives the upstream of a request, a channel that tells of changes, and a function that ends both.
func (u *upstreams) follow(r query.LiveRequest) (*upstream, <-chan struct{}, func(), error) {
	id, err := json.Marshal(r)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("write a request for a live stream: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	up := u.all[string(id)]
	if up == nil {
		ctx, cancel := context.WithCancel(context.Background())
		up = &upstream{upstreams: u, request: r, stop: cancel, ended: make(chan struct{}), board: query.NewBoard(r), followers: map[chan struct{}]struct{}{}}
		u.all[string(id)] = up
		go up.read(ctx)
	}
	up.users++
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	up.mu.Lock()
	up.followers[wake] = struct{}{}
	up.mu.Unlock()
	return up, wake, func() { u.leave(string(id), up, wake) }, nil
}

func (u *upstreams) leave(id string, up *upstream, wake chan struct{}) {
	up.mu.Lock()
	delete(up.followers, wake)
	up.mu.Unlock()
	u.mu.Lock()
	up.users--
	last := up.users == 0
	if last {
		delete(u.all, id)
	}
	u.mu.Unlock()
	if last {
		up.stop()
		<-up.ended
	}
}

// share is how many rows each upstream may hold.
func (u *upstreams) share() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maxRows / max(len(u.all), 1)
}

// see calls a function with what is known, which may not change meanwhile.
func (u *upstream) see(look func(board *query.Board, connected bool, problem error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	look(u.board, u.connected, u.problem)
}

// change is see for what comes, and tells the followers.
func (u *upstream) change(what func() error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	err := what()
	for f := range u.followers {
		select {
		case f <- struct{}{}:
		default: // it is told already
		}
	}
	return err
}

// read keeps a connection to one of the sidecars: after each that ends, to the next one.
func (u *upstream) read(ctx context.Context) {
	defer close(u.ended)
	addresses := u.sidecars.addresses
	pause, failed := u.pace.retryMin, 0
	for at := 0; ctx.Err() == nil; at = (at + 1) % len(addresses) {
		connected, lasting := u.connection(ctx, addresses[at])
		if lasting {
			pause = u.pace.retryMin
		}
		if failed++; !connected && failed < len(addresses) {
			continue // the others first
		}
		failed = 0
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
		pause = min(2*pause, u.pace.retryMax)
	}
}

var errSilent = errors.New("it has told nothing for too long")

// connection reads a live stream until it ends. It reports whether there was one, and whether it lasted.
func (u *upstream) connection(ctx context.Context, address string) (connected, lasting bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(u.pace.open, func() { cancel(errSilent) })
	defer watchdog.Stop()
	begun := time.Now()
	err := u.batches(ctx, address, func() {
		if !connected {
			connected = true
			u.metrics.connects.WithLabelValues(connectOK).Inc()
			u.metrics.connections.Inc()
		}
		watchdog.Reset(u.pace.silence)
	})
	if connected {
		u.metrics.connections.Dec()
	} else {
		u.metrics.connects.WithLabelValues(connectFailed).Inc()
	}
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		err = fmt.Errorf("%s: %w", address, cause)
	}
	_ = u.change(func() error { u.connected, u.problem = false, err; return nil })
	return connected, connected && time.Since(begun) >= u.pace.settled
}

// batches reads a live stream, and tells of each batch.
func (u *upstream) batches(ctx context.Context, address string, came func()) error {
	stream, err := u.sidecars.open(ctx, address, u.request, false)
	if err != nil {
		return err
	}
	defer stream.close()
	if err := u.change(func() error { return u.board.Begin(stream.Shape()) }); err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	for first := true; ; first = false {
		batch, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%s: the live stream has ended", address)
		case err != nil:
			return fmt.Errorf("%s: %w", address, err)
		case batch.Kind == live.End:
			return fmt.Errorf("%s: the live stream has ended: %.200s", address, batch.Reason)
		case first && batch.Kind != live.Snapshot:
			return fmt.Errorf("%s: the live stream does not begin with a snapshot", address)
		}
		u.metrics.batches.Inc()
		came()
		share := u.share()
		err = u.change(func() error {
			u.connected, u.problem = true, nil
			u.board.Limit(share)
			return u.board.Apply(&batch)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
	}
}

// snapshot reads what a sidecar knows now, of the first that answers. The one that did so last is asked first, so that those that hang hold up no more.
func (s *sidecars) snapshot(ctx context.Context, r query.LiveRequest, within time.Duration) (*query.Board, error) {
	problem := errors.New("there is no address of a sidecar")
	begin := int(s.answered.Load())
	for i := range s.addresses {
		at := (begin + i) % len(s.addresses)
		board, err := s.snapshotOf(ctx, s.addresses[at], r, within)
		if err == nil {
			s.answered.Store(int32(at))
			return board, nil
		}
		if problem = err; ctx.Err() != nil {
			break
		}
	}
	return nil, problem
}

func (s *sidecars) snapshotOf(ctx context.Context, address string, r query.LiveRequest, within time.Duration) (*query.Board, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	stream, err := s.open(ctx, address, r, true)
	if err != nil {
		return nil, err
	}
	defer stream.close()
	board := query.NewBoard(r)
	if err := board.Begin(stream.Shape()); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	batch, err := stream.Next()
	if err == nil && batch.Kind != live.Snapshot {
		err = errors.New("the live stream does not begin with a snapshot")
	}
	if err == nil {
		err = board.Apply(&batch)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return board, nil
}
