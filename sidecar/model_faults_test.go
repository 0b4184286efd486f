package main

import (
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/status"
)

// disturb does one of the things that happen to a group.
func (w *world) disturb() {
	healthy := w.healthy()
	if len(healthy) == 0 {
		return
	}
	m := healthy[w.rnd.IntN(len(healthy))]
	switch x := w.rnd.IntN(100); {
	case x < 20:
		w.move(m)
	case x < 30:
		w.crash(m)
	case x < 55:
		w.blind(m)
	case x < 75:
		w.restart(m, 0)
	case x < 80:
		w.note("the store is away")
		w.store.away.Store(true)
		time.AfterFunc(w.below(modelSession), func() { w.store.away.Store(false) })
	case x < 83:
		w.note("the progress index is away")
		w.lose(time.Now().Add(w.below(3 * modelSession)))
	case x < 84 && w.options.barriers:
		w.beginAnew()
	case w.options.barriers:
		w.newest++
		w.join()
		if w.rnd.IntN(2) == 0 {
			w.restart(m, 0)
		} else {
			w.blind(m)
		}
	}
}

// watch disturbs a partition at its most delicate, in the middle of a barrier.
func (w *world) watch() {
	for _, m := range w.healthy() {
		for _, p := range m.snapshot() {
			p.mu.Lock()
			delicate := p.view.state == status.Idle && (p.view.windows > 0 || p.commit != nil)
			p.mu.Unlock()
			if !delicate {
				continue
			}
			if w.rnd.IntN(2) == 0 {
				w.growing.Go(func() { w.logs[p.id.Number].burst() })
			}
			if w.rnd.IntN(4) == 0 {
				w.note("%s is in a barrier of partition %d", m.name, p.id.Number)
				w.blindOrCrash(m)
				break
			}
		}
	}
}

// move gives one partition of a member to another one, in order.
func (w *world) move(m *member) {
	numbers := m.numbers()
	if len(numbers) == 0 {
		return
	}
	number := numbers[w.rnd.IntN(len(numbers))]
	w.note("%s gives up partition %d", m.name, number)
	m.revoke(number)
	w.group.mu.Lock()
	w.group.partitions[number].owner = nil
	w.group.mu.Unlock()
}

// crash kills a process. Its partitions are free when its session ends, or at once where a process takes its place in the group.
func (w *world) crash(m *member) {
	w.note("%s is killed", m.name)
	m.crash()
	if w.rnd.IntN(2) == 0 {
		w.group.expel(m)
	}
}

func (w *world) blindOrCrash(m *member) {
	if w.rnd.IntN(3) == 0 {
		w.crash(m)
	} else {
		w.blind(m)
	}
}

func (w *world) lose(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.losing = at
}

// loseOffsets lets the group's offsets expire after its members are gone, and commits again what the progress index keeps of them, as a replay with --resume
// does. Members that were forgotten before can be sending still.
func (w *world) loseOffsets() {
	w.note("the group loses its members and its offsets")
	w.disband()
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	for number, p := range w.group.partitions {
		s, known := w.kept(number)
		if !known {
			continue
		}
		s = resumable(s)
		metadata, err := s.Encode()
		if err != nil {
			w.group.violate("partition %d: %v", number, err)
			continue
		}
		w.note("partition %d is put back from offset %d to %d", number, p.committed, s.Offset)
		p.committed, p.metadata, p.state = s.Offset, metadata, s
	}
}

// disband takes all members out of the group, of which some do not know and can be sending still, and waits for that to end.
func (w *world) disband() {
	for _, m := range w.members {
		w.group.expel(m)
		if w.rnd.IntN(2) == 0 {
			m.crash()
			continue
		}
		after := w.below(4 * modelSession)
		w.background.Go(func() {
			pass(after)
			m.lose()
		})
	}
	w.lose(time.Time{})
	pass(modelSession + modelRequest) // as maintenance.stopped does
}

// beginAnew begins a new lineage of one partition while the group has no members, as a replay with --restart does: from the beginning or from a time on.
func (w *world) beginAnew() {
	number := w.rnd.IntN(len(w.logs))
	configured, _ := modelStreams()
	s := configured[w.newest%len(configured)]
	plan, err := s.plan()
	if err != nil {
		panic(err)
	}
	w.note("partition %d is begun anew", number)
	w.disband()
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	p := w.group.partitions[number]
	if p.committed < 0 {
		return
	}
	from := int64(aggregate.Never)
	if w.rnd.IntN(2) == 0 {
		from = modelGrid.Start(time.Now().Add(-w.below(20 * time.Second)).UnixMilli())
	}
	last := p.state
	if kept, known := w.kept(number); known && kept.Commit > last.Commit {
		last = kept
	}
	state := lineageAfter(&last, plan, w.logs[number].id.TopicID, from, w.logs[number].since(from), len(w.logs))
	w.store.remove(w.logs[number].id, from, state.Lineage<<versionBits)
	metadata, err := state.Encode()
	if err != nil {
		panic(err)
	}
	w.note("lineage %d of partition %d begins at %s, from offset %d on", state.Lineage, number, ago(from), state.Offset)
	w.tell(number, &state)
	p.committed, p.metadata, p.state = state.Offset, metadata, state
	p.changes = []definitionChange{{state.Offset, hashesOf(&state)}}
	p.begun, p.from = state.Offset, from
}

// blind cuts a member off from the group, which it does not know: it reads, writes and goes on for a while.
func (w *world) blind(m *member) {
	d := w.below(modelSession / 3)
	next := w.rnd.IntN(3)
	if next == 2 {
		d += modelSession / 4 // so that the next owner sees for long enough where the log ends
	}
	wakes := time.Now().Add(d)
	w.next = []func(*member){
		nil,
		func(m *member) { w.restart(m, w.below(2*time.Second)) },
		func(m *member) { // it knows only where the log ended before
			m.starve(time.Until(wakes), m.holdOff()+w.below(modelSession))
			if w.rnd.IntN(2) == 0 {
				w.restart(m, m.holdOff()+w.below(time.Second)) // safe, and perhaps not as far as the owner before
			}
		},
	}[next]
	if next == 0 && w.rnd.IntN(4) > 0 {
		w.note("%s hears no more of the group", m.name)
		w.group.mu.Lock()
		m.deaf = true
		w.group.mu.Unlock()
	} else { // the next owner is there at once
		w.note("%s is replaced in the group", m.name)
		w.group.expel(m)
	}
	if w.rnd.IntN(3) == 0 {
		w.note("%s gets no answers from the store", m.name)
		m.client.slow.Store(true)
		time.AfterFunc(w.below(modelSession), func() { m.client.slow.Store(false) })
	}
	if w.rnd.IntN(4) > 0 {
		w.calm = time.Now().Add(modelSession) // time enough for the next owner and the one before to disagree
	}
	for _, p := range m.snapshot() {
		if l := w.logs[p.id.Number]; w.next != nil || w.rnd.IntN(2) == 0 {
			w.growing.Go(func() { l.hush(d) })
		}
	}
	dies, after := w.rnd.IntN(2) == 0, w.below(4*modelSession)
	w.background.Go(func() {
		pass(after)
		if dies {
			w.note("%s dies", m.name)
			m.crash()
			return
		}
		w.note("%s learns that it was forgotten", m.name)
		m.lose()
	})
}

// restart ends a process in order, after some time.
func (w *world) restart(m *member, after time.Duration) {
	w.background.Go(func() {
		pass(after)
		if m.leaving.Swap(true) {
			return
		}
		w.note("%s ends", m.name)
		m.end()
		w.note("%s has ended", m.name)
	})
}

// welcome disturbs a member that has just been given a partition, which perhaps was released in order. It is true where the member is healthy no more.
func (w *world) welcome(m *member, released bool) bool {
	if w.next != nil {
		w.next(m)
		w.next = nil
		return false
	}
	switch x := w.rnd.IntN(24); {
	case x < 2 || released && x < 9:
		w.blind(m)
		return true
	case x < 7:
		after, last := w.below([]time.Duration{modelSession / 5, modelSession}[w.rnd.IntN(2)]), w.below(3*modelSession)
		w.note("%s does not reach the logs, after %s for %s", m.name, after, last)
		m.starve(after, last)
		if w.rnd.IntN(2) == 0 {
			w.restart(m, m.holdOff()+w.below(time.Second)) // safe, and perhaps not as far as the owner before
		}
	case x < 9:
		w.restart(m, w.below(2*time.Second))
	}
	return false
}

func (w *world) below(d time.Duration) time.Duration { return time.Duration(w.rnd.Int64N(int64(d))) }
