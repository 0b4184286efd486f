package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/consume"
	"github.com/tidemark/tidemark/sidecar/status"
	"github.com/tidemark/tidemark/sidecar/write"
)

// tickEvery is how often a partition without records looks whether it is idle.
const tickEvery = 500 * time.Millisecond

// partition is the work on one Kafka partition while this process owns it: a goroutine that moves from state to state.
type partition struct {
	id       rollup.Partition
	key      consume.Key
	stream   *stream
	services services
	backlog  *backlog // nil: nobody asks
	teller   *teller  // nil: what is counted is not told before it is sealed
	firstEnd int64    // where the log ended when the partition was assigned
	logger   *slog.Logger

	// Of the goroutine alone.
	engine   *aggregate.Engine
	memory   *consume.Reading // of the records
	lineage  int64
	commits  int64
	offered  aggregate.State // the state offered for committing last
	offering time.Time       // and when
	newEvent time.Time       // when records came last, or when the work began
	held     time.Time       // since when this process has the partition
	safe     bool            // no earlier owner can be running
	active   *stream         // whose definitions the engine keeps; not those of stream while older ones have to be finished
	switchAt int64           // where the log goes over from active to stream
	newFrom  int64           // from where on no earlier owner has read
	newKnown bool            // and whether that is known
	// undecided is whether a partition that nobody has read begins at kafka.start or where its log does, at logStart, only as earlier topics of its name tell.
	undecided bool
	logStart  int64
	readsFrom int64 // what the client hands out before is left out

	cancel context.CancelFunc
	// giveUp ends the beginning: nothing is read yet that would have to be finished.
	giveUp context.CancelFunc
	ended  chan struct{}
	wake   chan struct{} // of one place: something below changed

	mu      sync.Mutex
	queue   []*kgo.Record
	queued  int       // bytes
	taken   time.Time // when it was looked into last
	paused  bool
	logEnd  int64
	endAt   time.Time // when the log ended there, or before
	acks    []acknowledgement
	batches map[*write.Batch]struct{}
	commit  *aggregate.State // to be committed, if anything
	// metadata is what it is encoded to.
	metadata string
	done     *aggregate.State // committed last
	told     int64            // the counter of the commit that the progress index keeps
	drain    bool
	failure  error
	broken   error // why the log cannot be read on
	// orphaned is whether the topic is gone.
	orphaned bool
	lost     int64 // records that Kafka deleted before they were read, before this process had the partition
	gaps     []gap // and since then
	view     view
}

// view is what the goroutine lets others see of its engine.
type view struct {
	state             status.PartitionState
	known             bool // the rest is known
	position          int64
	watermark, sealed int64
	newest            int64
	ledgers           []rollup.Ledger
	windows, keys     int
	switchAt          int64 // where earlier definitions end that the partition is still read under; 0 for none
	safe              bool  // no earlier owner can be running
}

// services is what a partition uses of the pipeline.
type services interface {
	// begin opens a batch of documents to be written.
	begin(done func(write.Result)) *write.Batch
	// commitSoon wakes the committer.
	commitSoon()
	// deadLetter keeps an event that cannot be counted.
	deadLetter(ctx context.Context, id rollup.Partition, r *kgo.Record, reason string)
	// pause stops or resumes the fetching of a partition.
	pause(key consume.Key, paused bool)
	// holdOff is how long an owner waits until no earlier one can be sending.
	holdOff() time.Duration
	// mayWrite reports whether the membership in the group is certain.
	mayWrite() bool
	// furthest is the largest watermark that a partition of the stream has in this process, or aggregate.Never.
	furthest(stream string) int64
	prefix() string
	groupName() string
	// earlier finds the stream whose definitions have the hashes.
	earlier(ctx context.Context, hashes []string) (*stream, error)
	// checkNew fails where rollups of the partition are kept already, and reports whether there was an earlier topic of the same name.
	checkNew(ctx context.Context, id rollup.Partition) (anew bool, err error)
	// readFrom tells where a partition is to be read from that was undecided.
	readFrom(p *partition, offset int64)
	gone(p *partition)
}

// state is one state of a partition; it returns the next one, or nil at the end.
type state func(context.Context) state

// start begins the work from a state.
func (p *partition) start(initial aggregate.State) {
	ctx, cancel := context.WithCancel(context.Background())
	beginning, giveUp := context.WithCancel(ctx)
	p.cancel, p.giveUp, p.ended, p.taken = cancel, giveUp, make(chan struct{}), time.Now()
	go func() {
		defer close(p.ended)
		defer giveUp()
		for s := p.beginning(beginning, initial); s != nil; {
			s = s(ctx)
		}
		p.show(status.Stopped)
		p.services.gone(p)
	}()
}

// EndOffset notes where the log ends, and when that was asked.
func (p *partition) EndOffset(offset int64, asked time.Time) {
	p.mu.Lock()
	p.logEnd, p.endAt = offset, asked
	p.mu.Unlock()
}

// Stop ends the work at once; the next owner rebuilds what was not committed.
func (p *partition) Stop() {
	p.cancel()
	p.mu.Lock()
	for b := range p.batches {
		b.Cancel()
	}
	p.mu.Unlock()
	<-p.ended
	for b := range p.batches { // what was submitted meanwhile
		b.Cancel()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		p.backlog.add(-p.queued)
	}
	p.queue, p.queued = nil, 0
}

// Drain ends the reading, waits for what is being written and offers a last state for committing. It returns when that is done or the context ends.
func (p *partition) Drain(ctx context.Context) {
	p.mu.Lock()
	p.drain = true
	p.mu.Unlock()
	p.giveUp()
	p.notify()
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
}

func (p *partition) notify() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// beginning compiles the definitions that the state was made under, and commits the state. It is over as soon as its own context ends.
func (p *partition) beginning(ctx context.Context, initial aggregate.State) state {
	return func(context.Context) state {
		p.show(status.Assigned)
		active, err := p.definitionsOf(ctx, &initial)
		var plan *aggregate.Plan
		if err == nil {
			plan, err = active.plan()
		}
		if err == nil && p.done == nil {
			err = p.succeed(ctx, &initial)
			p.newFrom, p.newKnown = initial.Offset, true // a start is committed before the first read, and there was none
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			p.fail(err)
			return p.refused
		}
		p.engine, p.active, p.switchAt = aggregate.NewEngine(plan, initial), active, initial.End
		if active != p.stream && !p.findSwitch(ctx) {
			return nil
		}
		// Before anything is read: a start must be known to whoever takes over, an orderly end must not be found by them too, and the progress index may lack
		// a barrier that the owner before had just committed.
		if !p.commitBarrier(ctx, p.engine.State()) {
			return p.over()
		}
		p.teller.begin(ctx, p.engine, &initial, p.stream.Dedupe != "" || active.Dedupe != "")
		return p.reading
	}
}

// over is what follows where the work cannot go on: nothing where it was ended.
func (p *partition) over() state {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure != nil {
		return p.refused
	}
	return nil
}

// reading aggregates what comes and closes windows as the watermark passes them.
func (p *partition) reading(ctx context.Context) state {
	p.show(status.Reading)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		p.acknowledge()
		records, drain := p.take()
		switch {
		case ctx.Err() != nil:
			return nil
		case p.isBroken():
			return p.refused
		case drain:
			return p.draining
		case len(records) > 0:
			p.newEvent = time.Now()
			if err := p.aggregate(ctx, records); err != nil {
				p.fail(err)
				return p.refused
			}
			p.teller.tell(p.engine, false)
			if !p.write(ctx, p.engine.Close()) {
				return nil
			}
			if !p.offer() {
				return p.over()
			}
			p.show(status.Reading)
			if p.atSwitch() || p.crowded() {
				return p.barrier
			}
			continue
		}
		if p.skip() {
			p.show(status.Reading)
		}
		if !p.offer() {
			return p.over()
		}
		if p.atSwitch() || p.barrierDue() {
			return p.barrier
		}
		if p.isOrphaned() {
			return p.finishing
		}
		p.rest()
		p.teller.tell(p.engine, false)
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-tick.C:
		case <-p.teller.due(p.engine):
		}
	}
}

// barrier seals everything that is open, whatever the log says, and reads on only when that is written and committed.
func (p *partition) barrier(ctx context.Context) state {
	if !p.awaitHoldOff(ctx) {
		return p.draining
	}
	p.show(status.Idle)
	p.teller.tell(p.engine, true)
	atLeast := int64(aggregate.Never)
	if p.active == p.stream {
		atLeast = p.target()
	}
	windows, watermark := p.engine.Seal(atLeast)
	if !p.write(ctx, windows) || !p.awaitAcknowledgements(ctx) {
		return nil
	}
	if !p.commitBarrier(ctx, p.engine.Raised(watermark)) {
		return p.over()
	}
	p.engine.Raise(watermark)
	if p.active != p.stream {
		return p.redefining
	}
	return p.reading
}

// draining waits for what is being written and commits it.
func (p *partition) draining(ctx context.Context) state {
	p.teller.tell(p.engine, true)
	if p.isOrphaned() {
		return p.finishing
	}
	if !p.awaitAcknowledgements(ctx) {
		return nil
	}
	final := p.engine.State()
	final.Released = p.heldSafely()
	p.commitNow(ctx, final)
	return nil
}

// refused keeps a partition that cannot go on; it holds its place, and says why.
func (p *partition) refused(ctx context.Context) state {
	p.show(status.Stopped)
	for ctx.Err() == nil && !p.isOrphaned() && !p.isDraining() {
		select {
		case <-ctx.Done():
		case <-p.wake:
		}
	}
	return nil
}

func (p *partition) isDraining() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drain
}

func (p *partition) aggregate(ctx context.Context, records []*kgo.Record) error {
	p.teller.resume(p.engine)
	for _, r := range records {
		p.memory.Next(r.Value)
		if r.Offset < p.readsFrom {
			continue
		}
		if next := p.engine.Position(); r.Offset < next {
			return fmt.Errorf("kafka handed out offset %d where %d comes next: the log has lost records that were read, or was restored from an older copy; %s", r.Offset, next, howToBeginAnew(p.id))
		}
		if r.Attrs.IsControl() {
			p.engine.Skip(r.Offset + 1)
			continue
		}
		if outcome := p.engine.Add(record(r)); outcome.Bad() {
			p.services.deadLetter(ctx, p.id, r, outcome.Reason)
		}
		if p.teller.full(p.engine) || p.teller.turned(p.engine) {
			p.teller.tell(p.engine, false)
		}
	}
	return nil
}

func (p *partition) fail(err error) {
	p.logger.Error("partition stopped", "error", err)
	p.mu.Lock()
	p.failure = err
	p.mu.Unlock()
}

// isBroken reports whether the log cannot be read on, which is a failure.
func (p *partition) isBroken() bool {
	p.mu.Lock()
	err := p.broken
	p.mu.Unlock()
	if err != nil {
		p.fail(fmt.Errorf("%w; %s", err, howToBeginAnew(p.id)))
	}
	return err != nil
}

// show publishes what others may see.
func (p *partition) show(name status.PartitionState) {
	v := view{state: name}
	if p.engine != nil {
		p.look(&v)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.view = v
}

// look reads the engine.
func (p *partition) look(v *view) {
	*v = view{state: v.state, known: true, position: p.engine.Position(), watermark: p.engine.Watermark(), sealed: p.engine.SealedThrough(), newest: p.engine.Newest()}
	v.safe = p.safe
	if p.active != p.stream {
		v.switchAt = p.switchAt
	}
	v.windows, v.keys = p.engine.OpenWindows()
	for i := range p.engine.Rollups() {
		v.ledgers = append(v.ledgers, p.engine.Ledger(i))
	}
}
