package aggregate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// worker is an engine that can be made anew from what it did.
type worker struct {
	from kept
	did  string // a letter for each step: read, close, seal, raise, and acknowledge with the window's number
	// windows has a letter for each window that the engine closed: waiting, half or wholly sent, acknowledged.
	windows string
}

// kept is a state as a commit keeps it.
type kept struct {
	offset   int64
	metadata string
}

// The letters of worker.
const (
	didRead, didClose, didSeal, didRaise, didAcknowledge = 'r', 'c', 's', 'u', 'a'

	waiting, halfSent, sent, acknowledged = 'w', 'h', 's', 'a'
)

// moment is all that decides how a partition goes on: its owner, an earlier owner that does not know that it was replaced, what is committed, and the store.
type moment struct {
	owner  worker
	zombie *worker
	// raised is set between the commit of a barrier and the raising of the watermark.
	raised    bool
	committed kept
	store     string // the numbers of its documents, a byte each, in order
	reached   int64  // how far anyone has read the log: a barrier is for its end
	limits
}

// limits keep the search finite: how often each of these may still happen.
type limits struct{ crashes, commits, halves, zombies int }

// search visits every moment that can be reached.
type search struct {
	t         *testing.T
	plan      *aggregate.Plan
	log       []aggregate.Record
	want      map[string]int64
	documents []storedDocument
	numbers   map[storedDocument]byte
	seen      map[momentKey]bool
	ended     map[end]bool
	states    map[kept]aggregate.State
	offers    map[worker]kept // what they would commit
	path      []string
	steps     int
}

type storedDocument struct {
	id, source string
	version    int64
}

// exhaustiveDefinitions are two rollups whose windows differ; one of them has room for one key only.
func exhaustiveDefinitions() []rollup.Definition {
	host := []rollup.Field{{Name: "host", Path: "h"}}
	a := rollup.Definition{Name: "a", Stream: "s", Window: second(10), MaxKeys: 10, Dimensions: host, Groupings: []rollup.Grouping{{}}}
	b := rollup.Definition{Name: "b", Stream: "s", Window: second(15), MaxKeys: 1, Dimensions: host, Groupings: []rollup.Grouping{{}}, Where: `h != "h0"`}
	a.Normalize()
	b.Normalize()
	return []rollup.Definition{a, b}
}

// TestEveryOrderOfStepsCountsEveryEventOnce goes through every order in which reading, closing, sending whole windows or halves, acknowledging, committing,
// crashing and barriers can follow each other, with an earlier owner that goes on for a while, over short logs that were chosen to be nasty.
func TestEveryOrderOfStepsCountsEveryEventOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		log    string // seconds and host
		limits limits
	}{
		{"late", "1h1 16h1 2h2", limits{crashes: 2, commits: 2}},
		{"late, with halves", "1h1 16h1 2h2", limits{crashes: 1, commits: 1, halves: 1}},
		{"late, with an earlier owner", "1h1 16h1 2h2", limits{crashes: 1, commits: 1, zombies: 1}},
		{"two keys where one has room", "1h1 2h2 3h1 21h1", limits{crashes: 2, commits: 2}},
		{"two keys where one has room, with an earlier owner", "1h1 2h2 3h1 21h1", limits{crashes: 1, commits: 1, halves: 1, zombies: 1}},
		{"late twice", "1h1 21h1 2h1 3h2", limits{crashes: 1, commits: 1}},
		{"disordered", "12h1 1h2 27h1 13h0", limits{crashes: 1, commits: 1}},
		{"across windows", "9h1 16h1 14h2 31h1", limits{crashes: 1, commits: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSearch(t, c.log)
			begin := s.keep(s.plan.Begin(0, 0, partition.TopicID))
			s.visit(moment{owner: worker{from: begin}, committed: begin, limits: c.limits})
			t.Logf("%d moments, %d steps, %d ends", len(s.seen), s.steps, len(s.ended))
		})
	}
}

func newSearch(t *testing.T, text string) *search {
	t.Helper()
	s := &search{
		t: t, plan: newPlan(t, exhaustiveDefinitions()...), want: map[string]int64{}, numbers: map[storedDocument]byte{}, seen: map[momentKey]bool{}, ended: map[end]bool{}, states: map[kept]aggregate.State{}, offers: map[worker]kept{},
	}
	for i, e := range strings.Fields(text) {
		var at int64
		var host string
		if _, err := fmt.Sscanf(e, "%dh%s", &at, &host); err != nil {
			t.Fatal(err)
		}
		host = "h" + host
		ms := origin + at*1000
		s.log = append(s.log, aggregate.Record{Offset: int64(i), Timestamp: ms, Value: fmt.Appendf(nil, `{"t":%d,"h":%q}`, ms, host)})
		for _, d := range exhaustiveDefinitions() {
			if d.Where == "" || host != "h0" {
				s.want[fmt.Sprint(d.Hash(), " ", d.Window.Start(ms))]++
			}
		}
	}
	return s
}

// make rebuilds a worker's engine. Besides it gives the windows it closed, and the watermark of the last barrier.
func (s *search) make(w worker) (e *aggregate.Engine, windows []*aggregate.Window, watermark int64) {
	e = aggregate.NewEngine(s.plan, s.state(w.from))
	for i := 0; i < len(w.did); i++ {
		switch w.did[i] {
		case didRead:
			e.Add(s.log[e.Position()])
		case didClose:
			windows = append(windows, e.Close()...)
		case didSeal:
			var sealed []*aggregate.Window
			sealed, watermark = e.Seal(aggregate.Never)
			windows = append(windows, sealed...)
		case didRaise:
			e.Raise(watermark)
		case didAcknowledge:
			i++
			e.Acknowledge(windows[w.did[i]-'0'], 0, 0)
		}
	}
	return e, windows, watermark
}

func (s *search) keep(state aggregate.State) kept {
	text, err := state.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return kept{state.Offset, text}
}

func (s *search) state(k kept) aggregate.State {
	if state, known := s.states[k]; known {
		return state
	}
	state, err := aggregate.DecodeState(k.offset, k.metadata)
	if err != nil {
		s.t.Fatal(err)
	}
	s.states[k] = state
	return state
}

// after adds a step, which closed some windows.
func (w worker) after(step byte, closed int) worker {
	w.did += string(rune(step))
	w.windows += strings.Repeat(string(rune(waiting)), closed)
	return w
}

// inBarrier reports whether the worker has sealed and not raised yet.
func (w *worker) inBarrier() bool {
	return strings.LastIndexByte(w.did, didSeal) > strings.LastIndexByte(w.did, didRaise)
}

// momentKey tells moments apart.
type momentKey struct {
	owner, zombie    worker
	state, committed kept
	store            string
	raised           bool
	limits           limits
	reached          int64
}

func (m *moment) key(state kept) momentKey {
	k := momentKey{
		owner: m.owner, state: state, committed: m.committed, store: m.store, raised: m.raised,
		limits: m.limits, reached: m.reached,
	}
	k.owner.did = stepsOf(k.owner.did)
	if m.zombie != nil {
		k.zombie = *m.zombie
	}
	return k
}

// stepsOf leaves out the acknowledgements: which there were is said by the windows.
func stepsOf(did string) string {
	var b strings.Builder
	for i := 0; i < len(did); i++ {
		if did[i] == didAcknowledge {
			i++
			continue
		}
		b.WriteByte(did[i])
	}
	return b.String()
}

// visit takes every step that is possible at a moment.
func (s *search) visit(m moment) {
	state, known := s.offers[m.owner]
	if !known {
		e, _, _ := s.make(m.owner)
		state = s.keep(e.State())
		s.offers[m.owner] = state
	}
	key := m.key(state)
	if s.seen[key] {
		return
	}
	s.seen[key] = true
	s.end(m)
	e, windows, watermark := s.make(m.owner)
	barrier, position := m.owner.inBarrier(), e.Position()
	open, _ := e.OpenWindows()
	switch {
	case m.raised:
		s.step("raise", m, func(n *moment) { n.owner, n.raised = n.owner.after(didRaise, 0), false })
	case barrier:
		s.send("", m, windows, func(n *moment) *worker { return &n.owner })
		if strings.Count(m.owner.windows, string(rune(acknowledged))) == len(m.owner.windows) {
			s.step("commit raised", m, func(n *moment) { n.committed, n.raised = s.keep(e.Raised(watermark)), true })
		}
	default:
		s.send("", m, windows, func(n *moment) *worker { return &n.owner })
		if position < int64(len(s.log)) {
			s.step("read", m, func(n *moment) { n.owner, n.reached = n.owner.after(didRead, 0), max(n.reached, position+1) })
		}
		if m.commits > 0 {
			s.step("commit", m, func(n *moment) { n.committed, n.commits = key.state, n.commits-1 })
		}
		if closed := len(e.Close()); closed > 0 {
			s.step("close", m, func(n *moment) { n.owner = n.owner.after(didClose, closed) })
		}
		if open > 0 && m.commits > 0 && m.zombie == nil && position == m.reached {
			e, _, _ := s.make(m.owner)
			sealed, _ := e.Seal(aggregate.Never)
			s.step("seal", m, func(n *moment) { n.owner, n.commits = n.owner.after(didSeal, len(sealed)), n.commits-1 })
		}
	}
	if m.crashes > 0 {
		crash := func(n *moment) { n.owner, n.raised, n.crashes = worker{from: m.committed}, false, n.crashes-1 }
		s.step("crash", m, crash)
		if m.zombie == nil && m.zombies > 0 {
			s.step("replace", m, func(n *moment) {
				crash(n)
				n.zombie, n.zombies = &m.owner, n.zombies-1
			})
		}
	}
	if m.zombie != nil {
		s.zombie(m)
	}
}

// zombie takes the steps of an owner that was replaced: it goes on as before, but commits nothing and ends with its lease.
func (s *search) zombie(m moment) {
	e, windows, _ := s.make(*m.zombie)
	if position := e.Position(); !m.zombie.inBarrier() && position < int64(len(s.log)) {
		e.Add(s.log[position])
		w := m.zombie.after(didRead, 0).after(didClose, len(e.Close()))
		s.step("zombie reads", m, func(n *moment) { n.zombie, n.reached = &w, max(n.reached, position+1) })
	}
	s.send("zombie ", m, windows, func(n *moment) *worker {
		w := *n.zombie
		n.zombie = &w
		return &w
	})
	s.step("zombie ends", m, func(n *moment) { n.zombie = nil })
}

// send sends and acknowledges windows of a worker.
func (s *search) send(name string, m moment, windows []*aggregate.Window, of func(*moment) *worker) {
	letters := of(&moment{owner: m.owner, zombie: m.zombie}).windows
	set := func(w *worker, i int, letter byte) {
		w.windows = w.windows[:i] + string(letter) + w.windows[i+1:]
	}
	for i := range windows {
		switch letters[i] {
		case waiting, halfSent:
			s.step(fmt.Sprint(name, "send ", i), m, func(n *moment) {
				n.store = s.write(n.store, windows[i], 1000)
				set(of(n), i, sent)
			})
			if letters[i] == waiting && m.halves > 0 {
				s.step(fmt.Sprint(name, "send half of ", i), m, func(n *moment) {
					n.store, n.halves = s.write(n.store, windows[i], 1), n.halves-1
					set(of(n), i, halfSent)
				})
			}
		case sent:
			if name == "" { // an owner that was replaced has no use for it
				s.step(fmt.Sprint("acknowledge ", i), m, func(n *moment) {
					w := of(n)
					w.did += string([]byte{didAcknowledge, byte('0' + i)})
					set(w, i, acknowledged)
				})
			}
		}
	}
}

func (s *search) step(name string, m moment, change func(*moment)) {
	s.steps++
	change(&m)
	s.path = append(s.path, name)
	s.visit(m)
	s.path = s.path[:len(s.path)-1]
}

// write puts the first documents of a window into a store.
func (s *search) write(store string, w *aggregate.Window, documents int) string {
	r := w.Rollup()
	kept := []byte(store)
	err := w.Documents(partition, func(doc *rollup.Document) error {
		if documents--; documents < 0 {
			return nil
		}
		d := storedDocument{id: doc.ID(r.Hash), version: rollup.Version(0, doc.LastOffset), source: string(doc.AppendJSON(nil, &r.Definition, r.Hash))}
		number, known := s.numbers[d]
		if !known {
			number = byte(len(s.documents))
			s.numbers[d] = number
			s.documents = append(s.documents, d)
		}
		at := slices.IndexFunc(kept, func(n byte) bool { return s.documents[n].id == d.id })
		switch {
		case at < 0:
			kept = append(kept, number)
		case s.documents[kept[at]].version <= d.version:
			kept[at] = number
		}
		return nil
	})
	if err != nil || len(s.documents) > 255 {
		s.t.Fatalf("%d documents: %v", len(s.documents), err)
	}
	slices.Sort(kept)
	return string(kept)
}
