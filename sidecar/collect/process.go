package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/shirou/gopsutil/v3/process"
)

// processReader looks at the processes that exist at one time.
type processReader interface {
	// pids of all processes, in any order.
	pids() []int32
	// open gives a handle that is used for as long as the process exists.
	open(ctx context.Context, pid int32) (processHandle, error)
}

// processHandle reads one process. Every method fails where the process is gone or may not be read.
type processHandle interface {
	// cpuSeconds is the processor time used since the process began.
	cpuSeconds(ctx context.Context) (float64, error)
	// same is false where another process has taken over the id.
	same(ctx context.Context) (bool, error)
	name(ctx context.Context) (string, error)
	rss(ctx context.Context) (uint64, error)
}

// processTable remembers the processor time of every process, to tell the busiest.
type processTable struct {
	known map[int32]*processEntry
	// primed is true from the second sample on: a process that was not there at the one before has used all its time since.
	primed bool
}

type processEntry struct {
	handle  processHandle // nil while the process cannot be read
	seconds float64
	delta   float64
	// compared is false while there is no earlier reading of this process to compare with.
	compared bool
}

// busiest is one of the processes that used the most processor time since the sample before.
type busiest struct {
	process Process
	seconds float64 // used since the sample before
	rss     *uint64
}

// update reads the processor times of all processes and gives the n busiest, the busiest first. Ties go to the one that used more in its life.
func (t *processTable) update(ctx context.Context, r processReader, n int) ([]busiest, error) {
	pids := r.pids()
	present := make(map[int32]bool, len(pids))
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		present[pid] = true
		t.read(ctx, r, pid)
	}
	for pid := range t.known {
		if !present[pid] {
			delete(t.known, pid)
		}
	}
	t.primed = true
	return t.top(ctx, n), nil
}

func (t *processTable) read(ctx context.Context, r processReader, pid int32) {
	e, known := t.known[pid]
	if !known {
		e = &processEntry{compared: t.primed}
		t.known[pid] = e
	}
	if !e.advance(ctx, r, pid) {
		e.handle, e.compared = nil, false
	}
}

// advance takes the process's next reading; false where it cannot be read.
func (e *processEntry) advance(ctx context.Context, r processReader, pid int32) bool {
	began := e.handle == nil
	if began {
		h, err := r.open(ctx, pid)
		if err != nil {
			return false
		}
		e.handle = h
	}
	seconds, err := e.handle.cpuSeconds(ctx)
	if err != nil {
		return false
	}
	if seconds < e.seconds { // another process has taken over the id since
		h, err := r.open(ctx, pid)
		if err != nil {
			return false
		}
		e.handle, e.seconds = h, 0
	}
	e.compared = e.compared || !began
	e.delta, e.seconds = seconds-e.seconds, seconds
	return true
}

func (t *processTable) top(ctx context.Context, n int) []busiest {
	if n <= 0 {
		return nil
	}
	order := make([]int32, 0, len(t.known))
	for pid, e := range t.known {
		if e.handle != nil && e.compared {
			order = append(order, pid)
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		ea, eb := t.known[a], t.known[b]
		return cmp.Or(cmp.Compare(eb.delta, ea.delta), cmp.Compare(eb.seconds, ea.seconds), cmp.Compare(a, b))
	})
	var top []busiest
	for _, pid := range order {
		if len(top) == n || ctx.Err() != nil {
			break
		}
		if b, ok := t.describe(ctx, pid); ok {
			top = append(top, b)
		}
	}
	return top
}

// describe reads what only the busiest processes are asked for. It gives false where the process is gone.
func (t *processTable) describe(ctx context.Context, pid int32) (busiest, bool) {
	e := t.known[pid]
	same, err := e.handle.same(ctx)
	if err != nil || !same {
		delete(t.known, pid)
		return busiest{}, false
	}
	name, err := e.handle.name(ctx)
	if err != nil {
		return busiest{}, false
	}
	b := busiest{process: Process{Name: name, PID: pid}, seconds: e.delta}
	if rss, err := e.handle.rss(ctx); err == nil {
		b.rss = &rss
	}
	return b, true
}

// cacheBootTime spares two more files per process and sample, and keeps start times from wavering with the clock.
var cacheBootTime = sync.OnceFunc(func() { process.EnableBootTimeCache(true) })

func readProcesses(ctx context.Context) (processReader, error) {
	cacheBootTime()
	all, err := process.PidsWithContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	return systemProcesses(all), nil
}

type systemProcesses []int32

func (p systemProcesses) pids() []int32 { return p }

func (p systemProcesses) open(ctx context.Context, pid int32) (processHandle, error) {
	h, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return nil, err
	}
	return &systemProcess{h}, nil
}

type systemProcess struct{ *process.Process }

func (p *systemProcess) cpuSeconds(ctx context.Context) (float64, error) {
	t, err := p.TimesWithContext(ctx)
	if err != nil {
		return 0, err
	}
	return t.User + t.System, nil
}

func (p *systemProcess) same(ctx context.Context) (bool, error)   { return p.IsRunningWithContext(ctx) }
func (p *systemProcess) name(ctx context.Context) (string, error) { return p.NameWithContext(ctx) }

func (p *systemProcess) rss(ctx context.Context) (uint64, error) {
	m, err := p.MemoryInfoWithContext(ctx)
	if err != nil {
		return 0, err
	}
	return m.RSS, nil
}
