package collect

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errGone = errors.New("gone")

// fakeMachine holds what its counters show at the moment.
type fakeMachine struct {
	cores      []cpu.TimesStat
	memory     mem.VirtualMemoryStat
	memoryErr  error
	mounts     []disk.PartitionStat
	io         map[string]disk.IOCountersStat
	interfaces []net.IOCountersStat
	processes  fakeProcesses
}

func (f *fakeMachine) machine() machine {
	return machine{
		cores: func(context.Context) ([]cpu.TimesStat, error) { return f.cores, nil },
		load: func(context.Context) (*load.AvgStat, error) {
			return &load.AvgStat{Load1: 0.5, Load5: 0.25, Load15: 0.125}, nil
		},
		memory: func(context.Context) (*mem.VirtualMemoryStat, error) { m := f.memory; return &m, f.memoryErr },
		swap: func(context.Context) (*mem.SwapMemoryStat, error) {
			return &mem.SwapMemoryStat{Total: 200, Used: 50, Free: 150}, nil
		},
		mounts: func(context.Context) ([]disk.PartitionStat, error) { return f.mounts, nil },
		usage: func(_ context.Context, mount string) (*disk.UsageStat, error) {
			return &disk.UsageStat{Path: mount, Total: 110, Used: 25, Free: 75}, nil
		},
		io:         func(context.Context) (map[string]disk.IOCountersStat, error) { return f.io, nil },
		interfaces: func(context.Context) ([]net.IOCountersStat, error) { return f.interfaces, nil },
		uptime:     func(context.Context) (uint64, error) { return 3600, nil },
		processes:  func(context.Context) (processReader, error) { return f.processes, nil },
		root:       "/",
		loopback:   func() map[string]bool { return map[string]bool{"lo": true} },
	}
}

// fakeProcesses are the processes by their id.
type fakeProcesses map[int32]*fakeProcess

type fakeProcess struct {
	title   string
	seconds float64
	memory  uint64
	gone    bool // between the listing and the reading
	reused  bool
	opened  int
}

func (p fakeProcesses) pids() []int32 {
	var all []int32
	for pid := range p {
		all = append(all, pid)
	}
	return all
}

func (p fakeProcesses) open(_ context.Context, pid int32) (processHandle, error) {
	if p[pid].gone {
		return nil, errGone
	}
	p[pid].opened++
	return p[pid], nil
}

func (p *fakeProcess) cpuSeconds(context.Context) (float64, error) {
	if p.gone {
		return 0, errGone
	}
	return p.seconds, nil
}
func (p *fakeProcess) same(context.Context) (bool, error)   { return !p.reused, nil }
func (p *fakeProcess) name(context.Context) (string, error) { return p.title, nil }
func (p *fakeProcess) rss(context.Context) (uint64, error)  { return p.memory, nil }

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

var start = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// take samples at start plus the given seconds.
func take(t *testing.T, s *Sampler, seconds float64) []Event {
	t.Helper()
	events, err := s.Sample(t.Context(), start.Add(time.Duration(seconds*float64(time.Second))))
	if err != nil {
		t.Fatalf("Sample: %v", err)
	}
	return events
}

// only gives the events of one kind.
func only(events []Event, kind string) []Event {
	var some []Event
	for _, e := range events {
		if e.Kind == kind {
			some = append(some, e)
		}
	}
	return some
}
