package chaos

import (
	"reflect"
	"testing"
	"time"
)

func TestPlanFollowsFromItsSeed(t *testing.T) {
	a, b, c := Plan(1, 10*Round), Plan(1, 10*Round), Plan(2, 10*Round)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed gives two plans")
	}
	if reflect.DeepEqual(a, c) {
		t.Error("two seeds give one plan")
	}
}

func TestEverythingGoesWrongInTheFirstMinute(t *testing.T) {
	for seed := range uint64(2_000) {
		type what struct {
			subject string
			kind    Kind
		}
		seen := map[what]int{}
		frozen := 0
		for _, i := range Plan(seed, Round) {
			name := i.Subject.String()
			if i.Subject >= 0 {
				name = "sidecar"
			}
			kind := i.Kind
			if i.Subject < 0 && kind == Leave {
				kind = Crash // a server that comes back, either way
			}
			seen[what{name, kind}]++
			if i.Subject >= 0 && i.Kind == Freeze && i.To-i.From > SessionTimeout {
				frozen++
			}
		}
		for need, n := range map[what]int{
			{"sidecar", Crash}: 2, {"sidecar", Leave}: 1, {"sidecar", Visit}: 1, {"Elasticsearch", Crash}: 1, {"Kafka", Crash}: 1, {"requests", Storm}: 2,
		} {
			if seen[need] < n {
				t.Errorf("seed %d: %s of %s happens %d times", seed, need.kind, need.subject, seen[need])
			}
		}
		if frozen == 0 {
			t.Errorf("seed %d: no sidecar is frozen for longer than its session", seed)
		}
	}
}

func TestIncidentsOfASubjectDoNotOverlap(t *testing.T) {
	for seed := range uint64(200) {
		duration := Round + time.Duration(seed%9)*40*time.Second
		incidents := Plan(seed, duration)
		changes := 0
		for a, i := range incidents {
			if i.From < 0 || i.To <= i.From || i.occupied() > duration {
				t.Errorf("seed %d: %+v does not lie within %s", seed, i, duration)
			}
			if i.Kind == Change {
				changes++
			}
			for _, o := range incidents[a+1:] {
				overlap := i.From < o.To && o.From < i.To
				shared := i.Subject == o.Subject || i.Kind == Change && (o.Subject >= 0 || o.Subject == Kafka)
				if overlap && shared {
					t.Errorf("seed %d: %+v and %+v at once", seed, i, o)
				}
			}
		}
		if duration >= 3*Round && changes == 0 {
			t.Errorf("seed %d: the configuration does not change in %s", seed, duration)
		}
	}
}
