package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// modelEvent is what a record of a modelLog says, for the recount that the documents are compared with.
type modelEvent struct {
	offset, time, bytes, n      int64
	host, path, user, level     string
	measured                    bool // n is in the record
	undecodable, ahead, ignored bool
}

// modelLog is the log of one partition. It grows while the model runs.
type modelLog struct {
	id rollup.Partition

	mu      sync.Mutex
	rnd     *rand.Rand
	records []*kgo.Record
	events  []modelEvent
	next    int64
	quiet   time.Time // nothing is appended before
}

func newModelLog(seed uint64, number int) *modelLog {
	return &modelLog{
		id:  rollup.Partition{Topic: modelTopic, TopicID: [16]byte{7}, Number: int32(number)},
		rnd: rand.New(rand.NewPCG(seed, 100+uint64(number))),
	}
}

// grow appends events until the time is over: bursts, trickles, and silences that are longer than an idle timeout.
func (l *modelLog) grow(rnd *rand.Rand, until time.Time) {
	for time.Now().Before(until) {
		pause := []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, time.Second}[rnd.IntN(3)]
		for range 1 + rnd.IntN(6) {
			l.append(rnd.IntN(3) + 1)
			pass(pause)
		}
		if rnd.IntN(3) > 0 {
			pass(time.Duration(rnd.IntN(6_000)) * time.Millisecond)
		}
	}
}

// hush keeps the log as it is for some time; then comes a burst.
func (l *modelLog) hush(d time.Duration) {
	l.mu.Lock()
	l.quiet = time.Now().Add(d)
	l.mu.Unlock()
	pass(d)
	l.burst()
}

// burst appends events that close the windows of now, and some that come late for them.
func (l *modelLog) burst() {
	for range 8 {
		pass(300 * time.Millisecond)
		l.append(1)
	}
}

func (l *modelLog) append(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Before(l.quiet) {
		return
	}
	for range n {
		if l.rnd.IntN(20) == 0 {
			l.next += 1 + l.rnd.Int64N(3) // offsets of transactions that were given up
		}
		l.add(now, l.draw(now.UnixMilli()))
	}
}

// draw makes up an event.
func (l *modelLog) draw(now int64) modelEvent {
	e := modelEvent{
		time: now - []int64{0, 0, 0, 0, 200, 500, 900, 1_500, 3_000, 9_000}[l.rnd.IntN(10)],
		host: fmt.Sprintf("h%d", l.rnd.IntN(4)), path: fmt.Sprintf("/p%d", l.rnd.IntN(3)), user: fmt.Sprintf("u%d", l.rnd.IntN(9)), level: fmt.Sprintf("l%d", l.rnd.IntN(2)),
		n: l.rnd.Int64N(100), measured: l.rnd.IntN(8) > 0,
	}
	if l.rnd.IntN(3) == 0 {
		e.time -= e.time % 1_000 // several events of one time
	}
	switch l.rnd.IntN(40) {
	case 0:
		e.undecodable = true
	case 1:
		e.ahead = true
		e.time = now + modelMaxAhead.Milliseconds() + 1 + l.rnd.Int64N(1_000_000)
	case 2:
		e.ignored = true
		e.host = "noise"
	case 3:
		e.host, e.path = "h0", modelPoison
	}
	return e
}

func (l *modelLog) add(now time.Time, e modelEvent) {
	value := fmt.Appendf(nil, `{"t":%d,"host":%q,"path":%q,"user":%q,"level":%q`, e.time, e.host, e.path, e.user, e.level)
	if e.measured {
		value = fmt.Appendf(value, `,"n":%d`, e.n)
	}
	if !e.undecodable {
		value = append(value, '}')
	}
	e.offset, e.bytes = l.next, int64(len(value))
	l.next++
	l.events = append(l.events, e)
	l.records = append(l.records, &kgo.Record{Topic: l.id.Topic, Partition: l.id.Number, Offset: e.offset, Timestamp: now, Value: value})
}

// flush appends an event that closes everything before it.
func (l *modelLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := time.Now().Add(time.Hour)
	l.add(at, modelEvent{time: at.UnixMilli(), host: "h1", path: "/p1"})
}

// from gives up to n records from an offset on.
func (l *modelLog) from(offset int64, n int) []*kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := sort.Search(len(l.records), func(i int) bool { return l.records[i].Offset >= offset })
	return slices.Clone(l.records[i:min(len(l.records), i+n)])
}

// since is the first offset from which on a record can hold an event of a time, in milliseconds, or of a later one.
func (l *modelLog) since(t int64) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t == aggregate.Never {
		return 0
	}
	for _, r := range l.records {
		if r.Timestamp.UnixMilli() >= t-modelMaxAhead.Milliseconds() {
			return r.Offset
		}
	}
	return l.next
}

// end is the offset after the last record.
func (l *modelLog) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}
