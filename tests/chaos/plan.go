package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is a kind of incident.
type Kind int

// The kinds of incidents. Each begins and ends, and afterwards everything runs as before.
const (
	Crash  Kind = iota // killed, and started again
	Leave              // stopped in order, and started again
	Freeze             // SIGSTOP, and SIGCONT
	Visit              // a sidecar more: started, and stopped in order
	Storm              // many requests to Elasticsearch go wrong
	Change             // all sidecars get another configuration
)

// String is the kind in a word.
func (k Kind) String() string {
	return [...]string{"crash", "leave", "freeze", "visit", "storm", "change"}[k]
}

// Subject is what an incident happens to: a sidecar, by its number from 0, or one of the constants.
type Subject int

// The subjects that are no sidecars.
const (
	Elasticsearch Subject = -1 - iota
	Kafka
	Requests
	Fleet
)

// String names the subject.
func (s Subject) String() string {
	if s >= 0 {
		return fmt.Sprintf("sidecar %d", int(s))
	}
	return [...]string{"Elasticsearch", "Kafka", "requests", "fleet"}[-1-s]
}

const (
	// residents are the sidecars that run unless something happens to them; guests only visit.
	residents = 3
	guests    = 2
	// Round is about how long it takes until everything has gone wrong at least once. A run has one round or more.
	Round = time.Minute
	// SessionTimeout is how long the group waits for a silent sidecar.
	SessionTimeout = 6 * time.Second
	// RequestTimeout is how long a sidecar waits for an answer of Elasticsearch.
	RequestTimeout = 3 * time.Second
)

// The servers' starts, for which nothing else happens to them.
const (
	elasticsearchStart = 25 * time.Second
	kafkaStart         = 8 * time.Second
)

// Incident happens to a subject from From to To, counted from the beginning of the run.
type Incident struct {
	Subject  Subject
	Kind     Kind
	From, To time.Duration
	// Rate is a storm's share of requests that go wrong.
	Rate float64
}

// occupied is until when nothing else may happen to the subject.
func (i Incident) occupied() time.Duration {
	switch {
	case i.Subject == Elasticsearch && i.Kind != Freeze:
		return i.To + elasticsearchStart
	case i.Subject == Kafka:
		return i.To + kafkaStart
	case i.Subject >= 0:
		return i.To + 2*time.Second
	}
	return i.To
}

// planner places incidents so that no two happen to one subject at the same time.
type planner struct {
	rnd       *rand.Rand
	incidents []Incident
}

// Plan says what happens in a run. It depends on its arguments alone. In every full round of the run at least two sidecars are killed, one is frozen for
// longer than its session, one leaves and one visits, and there are two storms; Elasticsearch and Kafka crash in the first round, and in about half of the
// others. Runs of three rounds or more change the configuration too.
func Plan(seed uint64, duration time.Duration) []Incident {
	p := &planner{rnd: rand.New(rand.NewPCG(seed, 0))}
	rounds := max(1, int(duration/Round))
	length := duration / time.Duration(rounds)
	for r := range rounds {
		from := time.Duration(r) * length
		change := rounds >= 3 && (r == 1 || r > 1 && p.rnd.IntN(2) == 0)
		p.round(from, from+length, r == 0, change)
	}
	slices.SortStableFunc(p.incidents, func(a, b Incident) int { return cmp.Compare(a.From, b.From) })
	return p.incidents
}

func (p *planner) round(from, to time.Duration, first, change bool) {
	quiet := to // until when something may happen to a sidecar or to Kafka
	if change {
		quiet = to - 25*time.Second
		p.incidents = append(p.incidents, Incident{Subject: Fleet, Kind: Change, From: quiet, To: to})
	}
	if first || p.rnd.IntN(2) == 0 {
		p.place(Elasticsearch, pick(p.rnd, Crash, Crash, Leave), from+time.Second, to, time.Second, 3*time.Second)
	}
	if first || p.rnd.IntN(2) == 0 {
		p.place(Kafka, pick(p.rnd, Crash, Leave), from, quiet, 500*time.Millisecond, 4*time.Second)
	}
	resident := func() Subject { return Subject(p.rnd.IntN(residents)) }
	guest := func() Subject { return Subject(residents + p.rnd.IntN(guests)) }
	storm := func() { p.place(Requests, Storm, from, to, 5*time.Second, 10*time.Second) }
	crash := func() { p.place(resident(), Crash, from, quiet, 500*time.Millisecond, 5*time.Second) }
	leave := func() { p.place(resident(), Leave, from, quiet, time.Second, 8*time.Second) }
	visit := func() { p.place(guest(), Visit, from, quiet, 6*time.Second, 15*time.Second) }
	freeze := func() {
		p.place(resident(), Freeze, from, quiet, SessionTimeout+500*time.Millisecond, 3*SessionTimeout)
	}
	stutter := func() { p.place(resident(), Freeze, from, quiet, time.Second, SessionTimeout-time.Second) }
	hiccup := func() { p.place(Elasticsearch, Freeze, from, to, 500*time.Millisecond, RequestTimeout) }
	for _, one := range []func(){freeze, crash, crash, leave, visit, storm, storm} {
		one()
	}
	for range int((to - from) / (12 * time.Second)) {
		pick(p.rnd, crash, leave, visit, freeze, stutter, hiccup)()
	}
}

// place finds a time within the round at which nothing else happens to the subject, and no storm while Elasticsearch is away.
func (p *planner) place(s Subject, k Kind, from, to, shortest, longest time.Duration) {
	for range 500 {
		i := Incident{Subject: s, Kind: k, From: from + p.time(to-from)}
		i.To = i.From + shortest + p.time(longest-shortest)
		if s == Requests {
			i.Rate = 0.4 + 0.4*p.rnd.Float64()
		}
		if i.occupied() <= to && !slices.ContainsFunc(p.incidents, i.disturbs) {
			p.incidents = append(p.incidents, i)
			return
		}
		if s >= 0 && s < residents {
			s = Subject(p.rnd.IntN(residents)) // any will do
		}
	}
}

// disturbs reports whether the incidents cannot be at the same time.
func (i Incident) disturbs(o Incident) bool {
	apart := i.occupied() <= o.From || o.occupied() <= i.From
	storm := func(a, b Incident) bool { return a.Kind == Storm && b.Subject == Elasticsearch && b.Kind != Freeze }
	return !apart && (i.Subject == o.Subject || storm(i, o) || storm(o, i))
}

func (p *planner) time(limit time.Duration) time.Duration {
	return time.Duration(p.rnd.Int64N(int64(limit))).Round(10 * time.Millisecond)
}

func pick[T any](rnd *rand.Rand, choices ...T) T { return choices[rnd.IntN(len(choices))] }
