package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// modelOptions say which kind of run the model makes.
type modelOptions struct {
	// barriers lets idle partitions seal what is open, and the definitions change.
	barriers bool
	// length is how long the logs grow and the faults last, on the bubble's clock.
	length time.Duration
}

// world is one run of the model: logs that grow, a group and its members, and a store.
type world struct {
	seed    uint64
	options modelOptions
	rnd     *rand.Rand // of the script
	logs    []*modelLog
	store   *modelStore
	group   *modelGroup
	// idle is the streams' idle timeout, lateKeys how many keys late events hold before that is a reason for a barrier.
	idle     time.Duration
	lateKeys int
	began    time.Time

	// Of the script.
	members []*member // that run
	created int
	newest  int // of the configurations
	ending  bool
	calm    time.Time     // nothing is disturbed before
	next    func(*member) // what happens to the next member that is given a partition

	mu         sync.Mutex
	keptOf     map[int]aggregate.State // what the progress index keeps of each partition
	losing     time.Time               // when the group loses its offsets, and until when the progress index is away before; zero for not
	trace      []string
	growing    sync.WaitGroup
	background sync.WaitGroup // that end by themselves
}

func newWorld(seed uint64, options modelOptions) *world {
	w := &world{
		seed: seed, options: options, rnd: rand.New(rand.NewPCG(seed, 1)), began: time.Now(), keptOf: map[int]aggregate.State{},
		store: &modelStore{documents: map[string]modelDocument{}},
	}
	partitions := 1 + w.rnd.IntN(3)
	w.group = newModelGroup(partitions, w.note)
	for i := range partitions {
		w.logs = append(w.logs, newModelLog(seed, i))
	}
	w.idle = []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second}[w.rnd.IntN(3)]
	w.lateKeys = []int{1, 1, 3, 1000}[w.rnd.IntN(4)]
	if !options.barriers {
		w.idle, w.lateKeys = 24*time.Hour, 1_000_000
	}
	return w
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trace = append(w.trace, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// tell keeps a state, as the progress index does: the one with the largest commit counter. It is false while the index is away.
func (w *world) tell(number int, s *aggregate.State) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.losing.IsZero() {
		return false
	}
	if kept, known := w.keptOf[number]; !known || kept.Commit < s.Commit {
		w.keptOf[number] = *s
	}
	return true
}

func (w *world) kept(number int) (aggregate.State, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.keptOf[number]
	return s, known
}

// run plays the script, lets everything end, and returns what is wrong.
func (w *world) run() []string {
	until := w.began.Add(w.options.length)
	for i, l := range w.logs {
		w.growing.Go(func() { l.grow(rand.New(rand.NewPCG(w.seed, 200+uint64(i))), until) })
	}
	for time.Now().Before(until) {
		w.step()
		if time.Now().Before(w.calm) {
			continue
		}
		if !w.losing.IsZero() && time.Now().After(w.losing) {
			w.loseOffsets()
		}
		if w.rnd.IntN(12) == 0 {
			w.disturb()
		}
		w.watch()
	}
	wrong := w.finish()
	for _, m := range w.members {
		m.crash()
	}
	w.background.Wait()
	pass(modelSession) // what was sent arrives
	synctest.Wait()
	switch {
	case len(wrong) > 0:
	case w.options.barriers:
		wrong = w.compareWithRecount()
	default:
		wrong = w.compareWithSteadyRun()
	}
	return append(w.group.violations, wrong...)
}

// step lets a moment pass and gives away what nobody owns.
func (w *world) step() {
	pass(50*time.Millisecond + time.Duration(w.rnd.IntN(800))*time.Millisecond)
	for _, m := range w.members {
		if w.group.expired(m) {
			w.note("%s is expelled", m.name)
			w.group.expel(m)
		}
	}
	w.members = slices.DeleteFunc(w.members, w.over)
	healthy := w.healthy()
	if len(healthy) == 0 || len(healthy) < 3 && w.rnd.IntN(20) == 0 {
		healthy = append(healthy, w.join())
	}
	for number := range w.logs {
		w.group.mu.Lock()
		free, released := w.group.partitions[number].owner == nil, w.group.partitions[number].state.Released
		w.group.mu.Unlock()
		if free {
			m := healthy[w.rnd.IntN(len(healthy))]
			w.note("partition %d goes to %s", number, m.name)
			m.assign(number)
			if !w.ending && w.welcome(m, released) {
				return
			}
		}
	}
}

// over reports whether neither the group nor a process knows of the member.
func (w *world) over(m *member) bool {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	return m.fenced && m.client.cut.Load()
}

// healthy are the members that the group counts as such.
func (w *world) healthy() []*member {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	var healthy []*member
	for _, m := range w.members {
		if !m.fenced && !m.deaf && !m.leaving.Load() && !m.client.cut.Load() {
			healthy = append(healthy, m)
		}
	}
	return healthy
}

// join starts a process, with the newest configuration or the one before.
func (w *world) join() *member {
	number := w.newest
	if number > 0 && w.rnd.IntN(4) == 0 {
		number--
	}
	w.created++
	configured, _ := modelStreams()
	m := newMember(w, w.created, modelStream(number%len(configured), w.idle, w.lateKeys))
	w.members = append(w.members, m)
	w.note("%s joins with configuration %d", m.name, number%len(configured))
	return m
}

// finish lets everything be read, written and sealed without further faults, and returns what is not.
func (w *world) finish() []string {
	w.growing.Wait()
	w.note("the faults end")
	w.ending = true
	w.lose(time.Time{})
	w.store.away.Store(false)
	if !w.options.barriers {
		for _, l := range w.logs {
			l.flush()
		}
	}
	calmAt := time.Now().Add(4 * modelSession) // until then zombies live on
	for limit := time.Now().Add(15 * time.Minute); ; {
		w.step()
		if time.Now().After(calmAt) {
			w.store.calm.Store(true)
			if w.done() {
				break
			}
		}
		if time.Now().After(limit) {
			return []string{"not everything is sealed: " + w.places()}
		}
	}
	return nil
}

// done reports whether everything in the logs is sealed, but for the events that flush the rest.
func (w *world) done() bool {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	for number, p := range w.group.partitions {
		end := w.logs[number].end()
		if !w.options.barriers {
			end--
		}
		if p.committed != end || p.state.SealedThrough == aggregate.Never && end > 0 {
			return false
		}
	}
	return true
}

func (w *world) places() string {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	var places []string
	for number, p := range w.group.partitions {
		places = append(places, fmt.Sprintf("partition %d is committed to %d of %d", number, p.committed, w.logs[number].end()))
		if p.owner != nil {
			for _, q := range p.owner.snapshot() {
				q.mu.Lock()
				if int(q.id.Number) == number {
					places = append(places, fmt.Sprintf("owned by %s, %s at %d, %d windows open, failure %v", p.owner.name, q.view.state, q.view.position, q.view.windows, q.failure))
				}
				q.mu.Unlock()
			}
		}
	}
	return strings.Join(places, "; ")
}
