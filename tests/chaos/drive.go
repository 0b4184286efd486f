package chaos

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// calm is the share of requests that go wrong while there is no storm.
const calm = 0.15

// step is one end of an incident.
type step struct {
	at  time.Duration
	do  func(context.Context) error
	who Subject
}

// steps are the ends of all incidents, in the order of time.
func (r *run) steps(incidents []Incident) []step {
	var all []step
	for _, i := range incidents {
		begin, end := r.ends(i)
		all = append(all, step{at: i.From, do: begin, who: i.Subject})
		if end != nil {
			all = append(all, step{at: i.To, do: end, who: i.Subject})
		}
	}
	slices.SortStableFunc(all, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return all
}

// ends gives what begins and what ends an incident.
func (r *run) ends(i Incident) (begin, end func(context.Context) error) {
	switch i.Subject {
	case Elasticsearch:
		return r.server("Elasticsearch", r.Elasticsearch, i.Kind)
	case Kafka:
		return r.server("Kafka", r.Kafka, i.Kind)
	case Requests:
		return func(context.Context) error {
				r.journal.say("storm: %.0f%% of the requests go wrong", 100*i.Rate)
				r.proxy.SetRate(i.Rate)
				return nil
			}, func(context.Context) error {
				r.journal.say("the storm is over")
				r.proxy.SetRate(calm)
				return nil
			}
	case Fleet:
		return r.change, nil
	}
	n := int(i.Subject)
	without := func(do func(int) error) func(context.Context) error {
		return func(context.Context) error { return do(n) }
	}
	switch i.Kind {
	case Crash:
		return without(r.fleet.kill), without(r.fleet.start)
	case Leave:
		return without(r.fleet.leave), without(r.fleet.start)
	case Freeze:
		return without(r.fleet.freeze), without(r.fleet.thaw)
	}
	return without(r.fleet.start), without(r.fleet.leave)
}

// server is what a server of the tests can be made to suffer.
type server interface {
	Kill() error
	Stop() error
	Restart(ctx context.Context) error
	Pause() error
	Resume() error
}

func (r *run) server(name string, s server, k Kind) (begin, end func(context.Context) error) {
	word, act := "killed", s.Kill
	switch k {
	case Leave:
		word, act = "stopped in order", s.Stop
	case Freeze:
		return func(context.Context) error { r.journal.say("%s frozen", name); return s.Pause() },
			func(context.Context) error { r.journal.say("%s goes on", name); return s.Resume() }
	}
	return func(context.Context) error {
			err := act()
			r.journal.say("%s %s", name, word)
			return err
		}, func(ctx context.Context) error {
			r.journal.say("%s starts again", name)
			err := s.Restart(ctx)
			r.journal.say("%s answers again", name)
			return err
		}
}

// change gives all sidecars the next version of the configuration.
func (r *run) change(ctx context.Context) error {
	version := r.fleet.configured() + 1
	if version > len(changes) {
		return nil
	}
	c := changes[version-1]
	r.journal.say("configuration %d: %s", version, c.what)
	rnd := rand.New(rand.NewPCG(r.Seed, 100+uint64(version)))
	end := func(n int) error {
		if rnd.IntN(3) == 0 {
			return r.fleet.kill(n)
		}
		return r.fleet.leave(n)
	}
	floor, err := logEnds(ctx, r.producer.client)
	if err != nil {
		return err
	}
	r.floors[version] = floor
	if err := r.fleet.configure(version); err != nil {
		return err
	}
	for n := range residents {
		if err := end(n); err != nil {
			return err
		}
		if c.rolling {
			if err := r.fleet.start(n); err != nil {
				return err
			}
		}
	}
	for n := range residents {
		if err := r.fleet.start(n); err != nil {
			return err
		}
	}
	return nil
}

// drive lets the incidents happen. Those of one subject happen one after the other, however long they take.
func (r *run) drive(ctx context.Context, incidents []Incident) {
	begin := time.Now()
	lanes := map[Subject]chan step{}
	var running sync.WaitGroup
	for _, s := range r.steps(incidents) {
		lane := lanes[s.who]
		if lane == nil {
			lane = make(chan step, 2*len(incidents))
			lanes[s.who] = lane
			running.Go(func() {
				for s := range lane {
					if err := s.do(ctx); err != nil && ctx.Err() == nil {
						r.journal.fail("%s: %v", s.who, err)
					}
				}
			})
		}
		if !wait(ctx, s.at-time.Since(begin)) {
			break
		}
		lane <- s
	}
	wait(ctx, r.Duration-time.Since(begin))
	for _, lane := range lanes {
		close(lane)
	}
	running.Wait()
}
