package main

import (
	"context"
	"time"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

// modelCommit is one partition's part of a commit request.
type modelCommit struct {
	number   int
	owner    *partition
	state    *aggregate.State
	metadata string
}

func (m *member) commitLoop(ctx context.Context) {
	ticker := time.NewTicker(commitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.commitWake:
		}
		if !m.commitOnce(ctx) {
			return
		}
	}
}

// commitOnce commits what the partitions offer, as pipeline.commitOnce and consume.Group.Commit do. It is false where the process ended meanwhile.
func (m *member) commitOnce(ctx context.Context) bool {
	var commits []modelCommit
	m.mu.Lock()
	open := make(map[int]*partition, len(m.open))
	for number, p := range m.open {
		open[number] = p
	}
	m.mu.Unlock()
	for number, p := range open {
		s, metadata := p.committable()
		if s == nil {
			continue
		}
		commits = append(commits, modelCommit{number, p, s, metadata})
	}
	if len(commits) == 0 {
		return true
	}
	if m.one(8) && !sleep(ctx, m.below(time.Second)) { // for the dead letters
		return false
	}
	accepted, alive := m.send(ctx, commits)
	for _, c := range accepted {
		c.owner.committed(c.state)
		m.tell(c)
	}
	return alive
}

// send sends a commit request and returns what the member learns to be committed.
func (m *member) send(ctx context.Context, commits []modelCommit) (accepted []modelCommit, alive bool) {
	select {
	case m.commitSlot <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	defer func() { <-m.commitSlot }()
	var sent []modelCommit
	m.mu.Lock()
	for _, c := range commits {
		if m.owned[c.number] == c.owner {
			sent = append(sent, c)
		}
	}
	m.mu.Unlock()
	m.world.group.mu.Lock()
	generation := m.generation
	m.world.group.mu.Unlock()
	lostOnTheWay, answerLost := m.one(8), m.one(8)
	delay := 200 * time.Millisecond
	if m.one(6) {
		delay = 3 * time.Second
	}
	answers := make(chan []modelCommit, 1)
	time.AfterFunc(m.below(delay), func() { // also where the process dies meanwhile
		var taken []modelCommit
		for _, c := range sent {
			if !lostOnTheWay && !m.isDeaf() && m.world.group.commit(m, generation, c.number, c.state.Offset, c.metadata) == nil {
				taken = append(taken, c)
			}
		}
		answers <- taken
	})
	select {
	case accepted = <-answers:
	case <-ctx.Done():
		return nil, false
	}
	if answerLost || m.isDeaf() {
		return nil, true
	}
	return accepted, sleep(ctx, m.below(50*time.Millisecond))
}

// isDeaf reports whether the way between the member and the group is cut.
func (m *member) isDeaf() bool {
	m.world.group.mu.Lock()
	defer m.world.group.mu.Unlock()
	return m.deaf
}

// tell writes to the progress index, sooner or later.
func (m *member) tell(c modelCommit) {
	delay := m.below(300 * time.Millisecond)
	if m.one(10) {
		delay = m.below(4 * time.Second)
	}
	time.AfterFunc(delay, func() {
		switch {
		case m.client.cut.Load():
		case m.world.tell(c.number, c.state):
			c.owner.wasTold(c.state)
		default:
			m.tell(c)
		}
	})
}
