package health

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pointer[T any](v T) *T { return &v }

var (
	held = time.UnixMilli(1_767_323_000_000)
	now  = time.UnixMilli(1_767_323_045_678)
)

// counted is a partition of which n times what the least has was counted.
func counted(n int64) Partition {
	read := rollup.Ledger{Consumed: 100 * n, OnTime: 80 * n, Late: 5 * n, Overflowed: 3 * n, Filtered: 6 * n, Undecodable: n, Quarantined: 2 * n, Rejected: 3 * n}
	settled := rollup.Ledger{Consumed: 50 * n, OnTime: 40 * n, Late: 2 * n, Overflowed: n, Filtered: 7 * n}
	return Partition{
		Stream: "app-logs", Rollup: "log_writes", Partition: "topic-app-info/3", Held: held,
		End: 1000 + 110*n, Read: read, Settled: settled, Lag: 10 * n, SealedThrough: pointer(int64(1_767_323_040_000)),
	}
}

func TestEventsTellWhatWasCountedSinceTheOnesBefore(t *testing.T) {
	const first = `{"timestamp":1767323045.678,"kind":"partition","sidecar":"web-1/7","stream":"app-logs","rollup":"log_writes","partition":"topic-app-info/3",` +
		`"lag":20,"tidemark_age_seconds":5.678}`
	for _, c := range []struct {
		name   string
		before *Partition
		change func(p *Partition)
		want   string
	}{
		{"the first", nil, func(*Partition) {}, first},
		{
			"the next", pointer(counted(1)), func(*Partition) {},
			`{"timestamp":1767323045.678,"kind":"partition","sidecar":"web-1/7","stream":"app-logs","rollup":"log_writes","partition":"topic-app-info/3",` +
				`"entered":110,"consumed":100,"settled":50,"written":43,"filtered":6,"undecodable":1,"quarantined":2,"late":5,"rejected":3,"lag":20,"tidemark_age_seconds":5.678}`,
		},
		{
			"nothing came", pointer(counted(2)), func(*Partition) {},
			`{"timestamp":1767323045.678,"kind":"partition","sidecar":"web-1/7","stream":"app-logs","rollup":"log_writes","partition":"topic-app-info/3",` +
				`"entered":0,"consumed":0,"settled":0,"written":0,"filtered":0,"undecodable":0,"quarantined":0,"late":0,"rejected":0,"lag":20,"tidemark_age_seconds":5.678}`,
		},
		{
			"nothing is sealed", pointer(counted(1)), func(p *Partition) { p.SealedThrough = nil },
			`{"timestamp":1767323045.678,"kind":"partition","sidecar":"web-1/7","stream":"app-logs","rollup":"log_writes","partition":"topic-app-info/3",` +
				`"entered":110,"consumed":100,"settled":50,"written":43,"filtered":6,"undecodable":1,"quarantined":2,"late":5,"rejected":3,"lag":20}`,
		},
		{"another owner had it meanwhile", pointer(counted(1)), func(p *Partition) { p.Held = held.Add(time.Second) }, first},
		{"it was counted anew", pointer(counted(3)), func(*Partition) {}, first},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := NewMeter("web-1/7")
			if c.before != nil {
				m.Events(now.Add(-10*time.Second), Sample{Partitions: []Partition{*c.before}})
			}
			p := counted(2)
			c.change(&p)
			text, err := json.Marshal(m.Events(now, Sample{Partitions: []Partition{p}})[0])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAPartitionThatWasAwayIsNotComparedWithBefore(t *testing.T) {
	m := NewMeter("web-1/7")
	m.Events(now, Sample{Partitions: []Partition{counted(1)}})
	m.Events(now, Sample{})
	if e := m.Events(now, Sample{Partitions: []Partition{counted(2)}})[0]; e.Consumed != nil || e.Lag == nil {
		t.Errorf("told %+v", e)
	}
}

func TestTheSidecarTellsOfItself(t *testing.T) {
	m := NewMeter("web-1/7")
	for i, want := range []string{
		`{"timestamp":1767323045.678,"kind":"sidecar","sidecar":"web-1/7","memory":4096}`,
		`{"timestamp":1767323045.678,"kind":"sidecar","sidecar":"web-1/7","retries":2,"cpu_seconds":1.5,"memory":4096}`,
		`{"timestamp":1767323045.678,"kind":"sidecar","sidecar":"web-1/7","retries":2}`,
	} {
		s := Sample{Retries: int64(2 * i)}
		if i < 2 {
			s.CPU, s.Memory = pointer(time.Duration(i)*1500*time.Millisecond), pointer(uint64(4096))
		}
		text, err := json.Marshal(m.Events(now, s)[0])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(text)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestThisProcessIsMeasured(t *testing.T) {
	cpu, memory := Self()
	if cpu == nil || memory == nil || *cpu < 0 || *memory == 0 { // a short time is none: it is told in hundredths of a second
		t.Errorf("used %v of CPU time, and has %v bytes", cpu, memory)
	}
}
