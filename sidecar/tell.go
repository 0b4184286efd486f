package main

import (
	"context"
	"log/slog"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/live"
)

const (
	// What was counted is told once a second, since it is told by the second: when the first event of the next one comes, or livePhase after its end. So a second
	// is told as a whole, and not in parts. Two are livePause apart. While nobody reads them, all partitions tell at the same times, quietEvery apart: what they
	// tell goes to Kafka together.
	liveEvery  = time.Second
	livePhase  = 200 * time.Millisecond
	livePause  = 800 * time.Millisecond
	quietEvery = 5 * time.Second
	// lookEvery is how often it is looked whether somebody reads, or whether it is time to tell.
	lookEvery = 100 * time.Millisecond
	// maxLive is how many entries that can be, and fullBytes from how much on it is told before, so that it fits into a Kafka message.
	maxLive   = 100_000
	fullBytes = 384 << 10
	// presentEvery is how often a partition says that it is read, though nothing was counted.
	presentEvery = 5 * time.Second
	// historySlack is how much further back than the history events are told.
	historySlack = time.Minute
)

// liveFeed is where what is counted is told at once.
type liveFeed interface {
	// Publish must not block.
	Publish(b *live.Batch)
	// Takeover finds what was told of a source, if anything was. It returns after a few seconds at most.
	Takeover(ctx context.Context, s live.Source) (place live.Place, known bool)
	// Listened reports whether somebody reads what is told.
	Listened() bool
}

// teller tells at once what a partition counts. Nothing depends on it: a batch that is not written is missing there alone. Its methods do nothing on nil. It
// belongs to the partition's goroutine.
type teller struct {
	feed       liveFeed
	source     live.Source
	stream     string
	history    time.Duration
	generation int32 // of the group, when the partition was assigned
	logEnd     int64 // where the log ended then
	logger     *slog.Logger

	epoch     int64
	encoders  map[string]*wire.Encoder // by the hash of the definition
	told      time.Time                // when the last batch was taken
	look      time.Time                // when to look next whether to take one
	refreshed time.Time                // and when room was made last
	listened  bool                     // whether somebody reads what is told
	published time.Time                // and the last one that was published
}

// begin has the engine, which has read nothing yet, tell what no earlier owner told.
func (t *teller) begin(ctx context.Context, e *aggregate.Engine, initial *aggregate.State, dedupe bool) {
	if t == nil {
		return
	}
	from := e.Position()
	if dedupe {
		from = max(from, initial.End) // whether an event is a repetition is not known while windows are read again that are sealed
	}
	place, known := t.feed.Takeover(ctx, t.source)
	// A static member that begins again has the generation that it had, and may not have read what it told.
	t.epoch = max(int64(t.generation)<<32+time.Now().Unix(), place.Epoch+1)
	known = known && place.Next >= from && place.Next <= t.logEnd // else the log is not the one that was told of
	if known {
		from = place.Next
	}
	l := aggregate.NewLive(from, maxLive)
	if known {
		l.KnowNewest(place.Newest)
	}
	t.refresh(l, time.Now())
	e.SetLive(l)
}

// goOn has an engine tell that takes over from another one where that stands, when everything was told.
func (t *teller) goOn(before, e *aggregate.Engine) {
	if t == nil || before.Live() == nil {
		return
	}
	l := aggregate.NewLive(before.Live().From(), maxLive)
	l.KnowNewest(before.NewestEvent())
	t.refresh(l, time.Now())
	e.SetLive(l)
}

// refresh makes room.
func (t *teller) refresh(l *aggregate.Live, now time.Time) {
	l.Refill()
	t.setSpan(l, now)
}

// setSpan leaves out what nobody can ask for any more, and what is as far ahead of the clock.
func (t *teller) setSpan(l *aggregate.Live, now time.Time) {
	l.SetSpan(now.Add(-t.history-historySlack).Truncate(time.Second).UnixMilli(), now.Add(t.history).UnixMilli())
}

// resume is called before records are counted: it can be long since the last ones were.
func (t *teller) resume(e *aggregate.Engine) {
	if t != nil && e.Live() != nil && time.Since(t.refreshed) >= liveEvery {
		t.setSpan(e.Live(), time.Now())
	}
}

// full reports whether so much was counted that it is to be told at once.
func (t *teller) full(e *aggregate.Engine) bool {
	return t != nil && e.Live() != nil && e.Live().Bytes() > fullBytes
}

// turned reports whether a second was counted to its end that somebody waits for.
func (t *teller) turned(e *aggregate.Engine) bool {
	return t != nil && t.listened && e.Live() != nil && e.Live().Turned() && time.Since(t.told) >= livePause
}

// due is when to tell next; nil for not before something was counted, or for when the partition looks again anyway, while nobody waits for it.
func (t *teller) due(e *aggregate.Engine) <-chan time.Time {
	if t == nil || e.Live() == nil || e.Live().Empty() || !t.listened {
		return nil
	}
	return time.After(time.Until(t.next()))
}

// next is when to tell next.
func (t *teller) next() time.Time {
	if !t.listened {
		return t.told.Add(-livePhase).Truncate(quietEvery).Add(quietEvery + livePhase)
	}
	return t.told.Add(livePause - livePhase - time.Nanosecond).Truncate(liveEvery).Add(liveEvery + livePhase)
}

// tell publishes what was counted, if it is time, or there is much, or at once.
func (t *teller) tell(e *aggregate.Engine, atOnce bool) {
	if t == nil || e.Live() == nil {
		return
	}
	now := time.Now()
	if !atOnce && now.Before(t.look) && !t.turned(e) && !t.full(e) {
		return
	}
	t.listened = t.feed.Listened()
	defer func() {
		if t.look = now.Add(lookEvery); t.next().Before(t.look) {
			t.look = t.next()
		}
	}()
	timed, silent := t.turned(e) || !now.Before(t.next()), now.Sub(t.published) >= presentEvery
	if now.Sub(t.refreshed) >= liveEvery {
		t.refreshed = now
		t.refresh(e.Live(), now)
	}
	if !timed && !atOnce && !t.full(e) || e.Live().Empty() && !atOnce && !silent {
		return
	}
	if timed {
		t.told = now
	}
	if t.publish(e, silent) {
		t.published = now
	}
}

// publish takes what the engine has told. It reports whether there was something to publish: offsets that were read, or with even also none.
func (t *teller) publish(e *aggregate.Engine, even bool) bool {
	taken, ok := e.TakeLive()
	if !ok || taken.From == taken.To && !even {
		return false
	}
	b := &live.Batch{
		Source: t.source, Stream: t.stream, Epoch: t.epoch,
		From: taken.From, To: taken.To, NewestBefore: taken.NewestBefore, Newest: taken.Newest,
	}
	for i := range taken.Parts {
		part, err := t.encode(&taken.Parts[i])
		if err != nil { // the batch is missing, which its readers see
			t.logger.Warn("live values cannot be encoded", "rollup", taken.Parts[i].Rollup.Definition.Name, "error", err)
			return false
		}
		b.Parts = append(b.Parts, part)
	}
	t.feed.Publish(b)
	return true
}

func (t *teller) encode(p *aggregate.LivePart) (live.Part, error) {
	e := t.encoders[p.Rollup.Hash]
	if e == nil {
		var err error
		if e, err = wire.NewEncoder(p.Rollup.LiveShape(), wire.Uncompressed); err != nil {
			return live.Part{}, err
		}
		if t.encoders == nil {
			t.encoders = map[string]*wire.Encoder{}
		}
		t.encoders[p.Rollup.Hash] = e
	}
	rows, err := e.Whole(wire.Batch{Note: wire.Note{Kind: wire.Update, Cut: p.Cut}, Rows: p.Rows})
	if err != nil {
		return live.Part{}, err
	}
	return live.Part{Rollup: p.Rollup.Definition.Name, Definition: p.Rollup.Hash, Cut: p.Cut, Rows: rows}, nil
}
