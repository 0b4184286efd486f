package live

import (
	"math"
	"sync"
	"time"
)

// Source is a partition of a source topic. A topic that was made anew is another source.
type Source struct {
	TopicID [16]byte
	Topic   string
	Number  int32
}

// Part is what a batch has of one rollup.
type Part struct {
	Rollup, Definition string
	// Cut is how many events are in no row, since there were too many.
	Cut int64
	// Rows is a whole Arrow stream of package pkg/live with one batch, in buckets of a second. It can have several rows for a bucket and key, which add up.
	Rows []byte
}

// Batch is what one member counted of the offsets [From, To) of a source. One without offsets or parts only says that the member is there.
type Batch struct {
	Source Source
	Stream string
	// Epoch grows with each member that takes the source over.
	Epoch, From, To int64
	// NewestBefore is the newest event time (ms) before From, or a later one, and Newest that of [From, To), or a later one; math.MinInt64 for none.
	NewestBefore, Newest int64
	Parts                []Part
}

// size is about what a batch takes in memory, in bytes.
func (b *Batch) size() int64 {
	const fixed, part = 300, 100
	size := int64(fixed + len(b.Source.Topic))
	for i := range b.Parts {
		size += int64(part + len(b.Parts[i].Rows))
	}
	return size
}

// LogOptions are what a Log is made of.
type LogOptions struct {
	// History is how long batches are held; MaxBytes bounds their size.
	History  time.Duration
	MaxBytes int64
	// Now tells the time. Default: time.Now.
	Now func() time.Time
}

// Log is the batches of the last minutes of all members, each event once: members that are given batches in the same order hold the same ones. It is
// safe for concurrent use.
type Log struct {
	opts LogOptions

	mu        sync.Mutex
	held      []*held // by arrival, the oldest first
	chains    map[Source]*chain
	followers map[*follower]struct{}
	swept     time.Time // when chains were looked through last
	stats     LogStats
}

// held is a batch of the log.
type held struct {
	*Batch
	at      time.Time
	removed bool
}

type follower struct{ follow func(Change) }

// Change is a batch that was added; or, with Rewritten, that batches told before do not hold any more: read anew.
type Change struct {
	Added     *Batch
	Rewritten bool
}

// LogStats tells what a Log holds, and what became of the batches it was given.
type LogStats struct {
	Bytes            int64
	Batches, Sources int
	// Added were taken, Dropped told again what was known; Gaps came after batches that are missing, and Rewritten replaced those of an earlier owner.
	Added, Dropped, Gaps, Rewritten int64
}

// maxSources bounds the chains, whatever the topic holds.
const maxSources = 1 << 16

// NewLog makes an empty log.
func NewLog(o LogOptions) *Log {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Log{opts: o, chains: map[Source]*chain{}, followers: map[*follower]struct{}{}}
}

// Append takes the next record of the live topic. The batch must not change any more.
func (l *Log) Append(b *Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.opts.Now()
	l.expire(now)
	c := l.chains[b.Source]
	if c == nil {
		if len(l.chains) >= maxSources {
			l.stats.Dropped++
			return
		}
		c = newChain(b)
		l.chains[b.Source] = c
	}
	verdict, removed := c.take(b)
	if verdict == repeated {
		l.stats.Dropped++
		return
	}
	c.heard = now
	for _, h := range removed {
		h.removed = true
		l.stats.Bytes -= h.size()
		l.stats.Batches--
	}
	l.stats.Added++
	if verdict == afterGap {
		l.stats.Gaps++
	}
	if len(removed) > 0 {
		l.stats.Rewritten++
	}
	if b.To > b.From {
		h := &held{Batch: b, at: now}
		c.held = append(c.held, h)
		l.held = append(l.held, h)
		l.stats.Bytes += b.size()
		l.stats.Batches++
		l.expire(now)
	}
	change := Change{Added: b}
	if len(removed) > 0 {
		change = Change{Rewritten: true}
	}
	for f := range l.followers {
		f.follow(change)
	}
}

// expire removes what is too old, or too much, and the chains that nothing was heard of for as long.
func (l *Log) expire(now time.Time) {
	oldest := now.Add(-l.opts.History)
	for len(l.held) > 0 {
		h := l.held[0]
		if !h.removed {
			if l.stats.Bytes <= l.opts.MaxBytes && !h.at.Before(oldest) {
				break
			}
			l.chains[h.Source].expire(h)
			l.stats.Bytes -= h.size()
			l.stats.Batches--
		}
		l.held[0] = nil
		l.held = l.held[1:]
	}
	if now.Sub(l.swept) < l.opts.History/16 {
		return
	}
	l.swept = now
	for source, c := range l.chains {
		if len(c.held) == 0 && c.heard.Before(oldest) {
			delete(l.chains, source)
		}
	}
}

// Next is the offset that the next batch of a source is to begin at; known is false where none was told for as long as batches are held.
func (l *Log) Next(s Source) (offset int64, known bool) {
	p, known := l.place(s)
	return p.Next, known
}

// place is where a source's next owner goes on.
func (l *Log) place(s Source) (p Place, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.chains[s]
	if c == nil {
		return Place{}, false
	}
	return Place{Next: c.next, Newest: c.newest, Epoch: c.epoch}, true
}

// Read calls each with every batch that is held, oldest first, and from then on follow with each change, in order. Neither may call the Log or take
// long. stop ends it: when it returns, nothing is called any more.
func (l *Log) Read(each func(*Batch), follow func(Change)) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if !h.removed {
			each(h.Batch)
		}
	}
	f := &follower{follow}
	l.followers[f] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.followers, f)
	}
}

// CompleteFrom is the time (ms) from when on the batches held have all events of every partition of the stream that was heard of; math.MinInt64 where
// nothing is missing, or nothing was heard.
func (l *Log) CompleteFrom(stream string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := int64(math.MinInt64)
	for _, c := range l.chains {
		if c.stream == stream {
			from = max(from, c.completeFrom)
		}
	}
	return from
}

// Heard tells when a batch of each source of the stream was taken last.
func (l *Log) Heard(stream string) map[Source]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := map[Source]time.Time{}
	for source, c := range l.chains {
		if c.stream == stream {
			heard[source] = c.heard
		}
	}
	return heard
}

// Stats tells what the log holds.
func (l *Log) Stats() LogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Sources = len(l.chains)
	return s
}
