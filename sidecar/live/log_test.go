package live

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// aLog is a log with a clock of its own.
func aLog(maxBytes int64) (log *Log, pass func(time.Duration)) {
	now := time.Unix(1_800_000_000, 0)
	log = NewLog(LogOptions{History: 15 * time.Minute, MaxBytes: maxBytes, Now: func() time.Time { return now }})
	return log, func(d time.Duration) { now = now.Add(d) }
}

var aSource = Source{Topic: "events", Number: 3}

func aBatch(epoch, from, to int64) *Batch {
	b := &Batch{Source: aSource, Stream: "s", Epoch: epoch, From: from, To: to, NewestBefore: from*1000 - 1, Newest: to*1000 - 1}
	if from == 0 {
		b.NewestBefore = math.MinInt64
	}
	return b
}

// ranges are the offsets that the log holds, in order.
func ranges(l *Log) string {
	text := ""
	l.Read(func(b *Batch) { text += fmt.Sprintf("%d-%d ", b.From, b.To) }, func(Change) {})()
	return text
}

func TestLogHoldsEachOffsetOnce(t *testing.T) {
	for _, test := range []struct {
		name    string
		batches [][3]int64 // epoch, from, to
		want    string
		// completeFrom in seconds; 0 for from the beginning
		completeFrom int64
		dropped      int64
		rewritten    bool
	}{
		{"one after the other", [][3]int64{{1, 0, 5}, {1, 5, 9}}, "0-5 5-9 ", 0, 0, false},
		{"in the middle", [][3]int64{{1, 5, 9}}, "5-9 ", 5, 0, false},
		{"sent again", [][3]int64{{1, 0, 5}, {1, 5, 9}, {1, 0, 5}, {1, 5, 9}, {1, 9, 10}}, "0-5 5-9 9-10 ", 0, 2, false},
		{"one is lost", [][3]int64{{1, 0, 5}, {1, 7, 9}}, "0-5 7-9 ", 7, 0, false},
		{"taken over", [][3]int64{{1, 0, 5}, {2, 5, 9}}, "0-5 5-9 ", 0, 0, false},
		{"the earlier owner goes on", [][3]int64{{1, 0, 5}, {2, 5, 9}, {1, 5, 8}, {1, 9, 12}, {2, 9, 10}}, "0-5 5-9 9-10 ", 0, 2, false},
		{"the earlier owner was quicker", [][3]int64{{1, 0, 5}, {1, 5, 8}, {2, 5, 9}}, "0-5 5-9 ", 0, 0, true},
		{"the earlier owner was much quicker", [][3]int64{{1, 0, 5}, {1, 5, 8}, {1, 8, 11}, {2, 5, 9}}, "0-5 5-9 ", 0, 0, true},
		{"the new owner begins in the middle of a batch", [][3]int64{{1, 0, 5}, {1, 5, 8}, {2, 6, 9}}, "0-5 6-9 ", 6, 0, true},
		{"the new owner only says that it is there", [][3]int64{{1, 0, 5}, {2, 5, 5}, {1, 5, 8}, {2, 5, 7}}, "0-5 5-7 ", 0, 1, false},
		{"the new owner begins far behind", [][3]int64{{1, 5, 8}, {1, 8, 11}, {2, 3, 9}}, "3-9 ", 5, 0, true},
		{"two of one epoch", [][3]int64{{1, 0, 5}, {1, 3, 8}, {1, 8, 9}}, "0-5 8-9 ", 8, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			log, _ := aLog(1 << 20)
			rewritten := false
			stop := log.Read(func(*Batch) {}, func(c Change) { rewritten = rewritten || c.Rewritten })
			defer stop()
			for _, b := range test.batches {
				log.Append(aBatch(b[0], b[1], b[2]))
			}
			complete := log.CompleteFrom("s")
			if complete == math.MinInt64 {
				complete = 0
			}
			if got := ranges(log); got != test.want || complete != test.completeFrom*1000 || log.Stats().Dropped != test.dropped || rewritten != test.rewritten {
				t.Errorf("it holds %sfrom %d ms on, rewritten %t: %+v", got, complete, rewritten, log.Stats())
			}
		})
	}
}

func TestLogForgets(t *testing.T) {
	log, pass := aLog(3000)
	for i := range int64(20) {
		log.Append(aBatch(1, i, i+1))
	}
	if s := log.Stats(); s.Bytes > 3000 || s.Batches == 0 || log.CompleteFrom("s") != int64(20-s.Batches)*1000 {
		t.Errorf("%+v, complete from %d", s, log.CompleteFrom("s"))
	}
	pass(10 * time.Minute)
	log.Append(aBatch(1, 20, 21))
	pass(6 * time.Minute)
	other := aBatch(1, 0, 0)
	other.Source.Number, other.Stream = 4, "other"
	log.Append(other)
	if got := ranges(log); got != "20-21 " || log.CompleteFrom("s") != 20_000 {
		t.Errorf("it holds %s, complete from %d", got, log.CompleteFrom("s"))
	}
	if next, known := log.Next(aSource); next != 21 || !known {
		t.Errorf("the next offset is %d, %t", next, known)
	}
	pass(time.Hour)
	log.Append(other)
	if s := log.Stats(); s.Sources != 1 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	if _, known := log.Next(aSource); known || len(log.Heard("s")) != 0 || len(log.Heard("other")) != 1 {
		t.Errorf("what nothing was heard of is known: %v", log.Heard("s"))
	}
}

func TestAfterIsTheNextWholeSecond(t *testing.T) {
	for newest, want := range map[int64]int64{math.MinInt64: math.MinInt64, 0: 1000, 999: 1000, 1000: 2000, -1: 0, -1000: 0, -1001: -1000, math.MaxInt64: math.MaxInt64} {
		if got := after(newest); got != want {
			t.Errorf("after %d comes %d, not %d", newest, got, want)
		}
	}
}

// modelOwner is a member that counts a partition, in a model without messages: an event's second is what counts.
type modelOwner struct {
	epoch, next int64 // next offset to tell
	ahead       []*Batch
	newest      int64
}

// TestLogIsRightAboutWhatIsComplete has owners of one partition take over from one another at random, without the earlier ones knowing. Batches are lost, written
// twice and late. Whatever second the log says is complete must hold each of its events once, and two logs that read the same must hold the same.
func TestLogIsRightAboutWhatIsComplete(t *testing.T) {
	complete := 0
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		events := modelEvents(rnd)
		log, pass := aLog(1 << 20)
		other, otherPass := aLog(1 << 20)
		view := newModelView(log)
		owners := []*modelOwner{{epoch: 1, newest: math.MinInt64}}
		for range 300 {
			pass(time.Second)
			otherPass(time.Second)
			switch rnd.IntN(12) {
			case 0: // a new owner, which has read all that was written, or not
				place, known := log.place(aSource)
				o := &modelOwner{epoch: owners[len(owners)-1].epoch + 1, next: rnd.Int64N(10), newest: math.MinInt64}
				if known {
					o.epoch, o.next = max(o.epoch, place.Epoch+1), max(0, place.Next-rnd.Int64N(4)*rnd.Int64N(4))
				}
				o.newest = newestBefore(events, o.next)
				owners = append(owners, o)
			case 1: // written late, by whoever
				if o := owners[rnd.IntN(len(owners))]; len(o.ahead) > 0 {
					i := 0
					if rnd.IntN(10) == 0 {
						i = rnd.IntN(len(o.ahead))
					}
					log.Append(o.ahead[i])
					other.Append(o.ahead[i])
					if rnd.IntN(4) != 0 { // otherwise it is written twice
						o.ahead = slices.Delete(o.ahead, i, i+1)
					}
				}
			default: // counted, by the present owner or an earlier one
				o := owners[len(owners)-1]
				if rnd.IntN(5) == 0 {
					o = owners[rnd.IntN(len(owners))]
				}
				to := min(int64(len(events)), o.next+rnd.Int64N(6))
				b := aBatch(o.epoch, o.next, to)
				b.NewestBefore, b.Newest = newestBefore(events, o.next), newestBefore(events, to)
				o.next = to
				switch rnd.IntN(8) {
				case 0: // lost
				case 1:
					o.ahead = append(o.ahead, b)
				default:
					for _, late := range o.ahead {
						if rnd.IntN(2) == 0 {
							log.Append(late)
							other.Append(late)
						}
					}
					log.Append(b)
					other.Append(b)
				}
			}
			complete += view.check(t, seed, log, events)
		}
		if ranges(log) != ranges(other) || log.CompleteFrom("s") != other.CompleteFrom("s") {
			t.Fatalf("seed %d: two logs differ: %s and %s", seed, ranges(log), ranges(other))
		}
	}
	if complete < 100_000 {
		t.Errorf("only %d seconds were complete", complete)
	}
}

// modelEvents are event times in ms, disordered.
func modelEvents(rnd *rand.Rand) []int64 {
	events := make([]int64, 400)
	clock := int64(0)
	for i := range events {
		clock += rnd.Int64N(400)
		events[i] = max(0, clock-rnd.Int64N(3)*rnd.Int64N(1500))
	}
	return events
}

func newestBefore(events []int64, offset int64) int64 {
	if offset == 0 {
		return math.MinInt64
	}
	return slices.Max(events[:offset])
}

// modelView follows a log as the hub does: it knows which offsets were told, and reads anew when it is said to.
type modelView struct {
	log  *Log
	told map[int64]int
	anew bool
	stop func()
}

func newModelView(l *Log) *modelView {
	v := &modelView{log: l}
	v.read()
	return v
}

func (v *modelView) read() {
	v.told, v.anew = map[int64]int{}, false
	v.stop = v.log.Read(v.add, func(c Change) {
		if c.Rewritten {
			v.anew = true
		} else if !v.anew {
			v.add(c.Added)
		}
	})
}

func (v *modelView) add(b *Batch) {
	for offset := b.From; offset < b.To; offset++ {
		v.told[offset]++
	}
}

// check compares the complete seconds that are over with the events, and counts them.
func (v *modelView) check(t *testing.T, seed uint64, l *Log, events []int64) int {
	t.Helper()
	if v.anew {
		v.stop()
		v.read()
	}
	next, known := l.Next(aSource)
	if !known {
		return 0
	}
	from, seconds := l.CompleteFrom("s"), map[int64]bool{}
	for offset, at := range events[:next] {
		if at < from {
			continue
		}
		seconds[at/1000] = true
		if n := v.told[int64(offset)]; n != 1 {
			t.Fatalf("seed %d: the event at offset %d of %d ms was told %d times, complete from %d ms", seed, offset, at, n, from)
		}
	}
	for offset := range v.told {
		if offset >= next {
			t.Fatalf("seed %d: offset %d is told, the next one is %d", seed, offset, next)
		}
	}
	return len(seconds)
}
