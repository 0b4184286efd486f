package live

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
)

// member writes the batches of a source as its owner, who may be a zombie.
type member struct {
	source Source
	epoch  int64
	next   int64
	newest int64
}

func (m *member) write(w *world, r *rand.Rand) {
	now := time.Now().UnixMilli()
	var events []happening
	for range r.IntN(6) {
		at := now - r.Int64N(3000)
		switch r.IntN(12) {
		case 0:
			at = now - r.Int64N(20*60_000) // late, and sometimes too late
		case 1:
			at = now + r.Int64N(30_000)
		}
		events = append(events, someEvent(r, at))
	}
	to := m.next + int64(len(events)) + r.Int64N(3) + 1
	from := m.next
	if r.IntN(40) == 0 {
		from++ // what was before is lost
	}
	b := w.batch(m.source, m.epoch, from, to, m.newest, events...)
	m.next, m.newest = to, b.Newest
}

// TestViewsTellWhatTheLogHolds compares what readers have learnt, and what a new one is told, with a count of the events of the log one by one.
func TestViewsTellWhatTheLogHolds(t *testing.T) {
	web, err := filter(`{"dimension":"host","op":"=~","values":["web-[12]"]}`)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filter(`{"dimension":"path","op":"!=","values":["/a"]}`)
	if err != nil {
		t.Fatal(err)
	}
	queries := []Query{
		{Rollup: "log_writes", Interval: 1000},
		{Rollup: "log_writes", Interval: 1000, GroupBy: []string{"path", "host"}},
		{Rollup: "log_writes", Interval: 5000, GroupBy: []string{"host"}, Conditions: []Condition{*web, *paths}},
		{Rollup: "log_writes", Interval: 60_000, GroupBy: []string{"path"}},
	}
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t, HubOptions{})
			defer w.hub.Close("the test ends")
			var members []*member
			for i := range 3 {
				members = append(members, &member{source: Source{Topic: "events", Number: int32(i)}, epoch: 1, newest: math.MinInt64})
			}
			var zombies []*member
			clients := map[int]*client{}
			for step := range 300 {
				time.Sleep(time.Duration(r.IntN(900)) * time.Millisecond) //nolint:forbidigo // the bubble's time
				m := members[r.IntN(len(members))]
				switch r.IntN(30) {
				case 0: // another takes over, where the log says
					old := *m
					zombies = append(zombies, &old)
					m.epoch++
					if next, known := w.log.Next(m.source); known && r.IntN(3) > 0 {
						m.next = next
					} else {
						m.next = max(0, m.next-r.Int64N(8)) // or behind what the earlier one told
					}
				case 1:
					if len(zombies) > 0 {
						zombies[r.IntN(len(zombies))].write(w, r)
					}
				case 2:
					time.Sleep(time.Duration(r.IntN(100)) * time.Second) //nolint:forbidigo // the bubble's time
				default:
					m.write(w, r)
				}
				i := r.IntN(len(queries))
				if c := clients[i]; c == nil {
					clients[i] = w.subscribe(queries[i], []wire.Compression{wire.Uncompressed, wire.LZ4, wire.Zstd}[r.IntN(3)])
				} else if r.IntN(10) == 0 {
					c.s.Close()
					delete(clients, i)
				} else if r.IntN(2) == 0 {
					c.drain()
				}
				if step%20 != 19 {
					continue
				}
				// Let every view tell what it has been given.
				now := time.Now()
				time.Sleep(now.Truncate(time.Second).Add(1500 * time.Millisecond).Sub(now)) //nolint:forbidigo // the bubble's time
				synctest.Wait()
				for i, c := range clients {
					c.drain()
					fresh := w.fresh(queries[i])
					if c.note.Through != fresh.note.Through && c.note.Kind != wire.Heartbeat && queries[i].Interval == 1000 {
						t.Fatalf("seed %d step %d query %d: told through %d, a new reader through %d", seed, step, i, c.note.Through, fresh.note.Through)
					}
					for key, row := range c.rows {
						if row.Start < fresh.note.From {
							delete(c.rows, key)
						}
					}
					if diff := differences(c.rows, fresh.rows); diff != "" {
						t.Fatalf("seed %d step %d query %d: a reader differs from a new one (%v):\n%s", seed, step, i, c.kinds, diff)
					}
					if complete := w.log.CompleteFrom("s"); fresh.note.From < complete {
						t.Fatalf("seed %d step %d query %d: told from %d, though events before %d are missing", seed, step, i, fresh.note.From, complete)
					}
					if diff := differences(fresh.rows, w.naive(&queries[i], fresh.note.From, fresh.note.Through)); diff != "" {
						t.Fatalf("seed %d step %d query %d: a reader differs from a count:\n%s", seed, step, i, diff)
					}
				}
			}
			for _, c := range clients {
				c.s.Close()
			}
		})
	}
}
