package collect

import (
	"context"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/net"

	"github.com/tidemark/tidemark/sidecar/event"
)

// maxPerKind bounds the events of one kind in a sample: no machine's list of mounts or interfaces fills Kafka.
const maxPerKind = 256

// Sampler turns the machine's counters into events. Rates and shares compare a sample with the one before. It is not for concurrent use.
type Sampler struct {
	host      string
	processes int
	machine   machine
	faults    *faults

	at         time.Time
	cores      map[string]cpu.TimesStat
	interfaces map[string]net.IOCountersStat
	io         map[string]disk.IOCountersStat
	table      processTable
}

// NewSampler makes a sampler of the machine that the program runs on. Events carry the name host; processes is how many of the busiest processes a
// sample names, 0 to 100. A source of counters that fails is logged once, until it works again.
func NewSampler(host string, processes int, logger *slog.Logger) *Sampler {
	return newSampler(host, processes, thisMachine(), logger)
}

func newSampler(host string, processes int, m machine, logger *slog.Logger) *Sampler {
	return &Sampler{
		host: host, processes: processes, machine: m, faults: &faults{logger: logger, failing: map[string]bool{}},
		table: processTable{known: map[int32]*processEntry{}},
	}
}

// sample collects the events of one time.
type sample struct {
	*Sampler
	at      time.Time
	seconds float64 // since the sample before; 0 for the first
	host    Event
	others  []Event
}

// Sample reads all counters and gives the events of the time now, the host's first. now carries a monotonic reading, as time.Now gives it. The first
// sample has no rates. Sources that fail are left out; there is no error but the context's, after which the sample is to be thrown away.
func (s *Sampler) Sample(ctx context.Context, now time.Time) ([]Event, error) {
	c := &sample{Sampler: s, at: now}
	if !s.at.IsZero() {
		c.seconds = now.Sub(s.at).Seconds()
	}
	c.host = c.event(KindHost)
	for _, source := range []struct {
		name string
		read func(context.Context) error
	}{
		{"cpu", c.readCores}, {"load", c.readLoad}, {"memory", c.readMemory}, {"swap", c.readSwap},
		{"disk", c.readDisks}, {"network", c.readNetwork}, {"uptime", c.readUptime}, {"processes", c.readProcesses},
	} {
		err := source.read(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.faults.report(source.name, err)
	}
	s.at = now
	return append([]Event{c.host}, c.others...), nil
}

func (c *sample) event(kind string) Event {
	return Event{Timestamp: event.Seconds(c.at), Kind: kind, Host: Named{c.Sampler.host}}
}

func (c *sample) add(events []Event) {
	c.others = append(c.others, events[:min(len(events), maxPerKind)]...)
}

func (c *sample) readCores(ctx context.Context) error {
	all, err := c.machine.cores(ctx)
	if err != nil {
		return err
	}
	before := c.cores
	c.cores = make(map[string]cpu.TimesStat, len(all))
	var events []Event
	var shares []float64
	var worked, total float64
	for _, after := range all {
		c.cores[after.CPU] = after
		earlier, known := before[after.CPU]
		if !known {
			continue
		}
		w, t, ok := busy(earlier, after)
		if !ok {
			continue
		}
		worked, total = worked+w, total+t
		e := c.event(KindCore)
		e.Core = &Named{after.CPU}
		e.CPUPercent = decimals(100 * w / t)
		shares = append(shares, *e.CPUPercent)
		events = append(events, e)
	}
	if total > 0 {
		c.host.CPUPercent = decimals(100 * worked / total)
		if len(shares) == len(all) { // an array with holes would name the wrong cores
			c.host.CPU = &CPU{Cores: shares}
		}
	}
	c.add(events)
	return nil
}

func (c *sample) readLoad(ctx context.Context) error {
	l, err := c.machine.load(ctx)
	if err != nil {
		return err
	}
	c.host.Load1, c.host.Load5, c.host.Load15 = decimals(l.Load1), decimals(l.Load5), decimals(l.Load15)
	return nil
}

func (c *sample) readMemory(ctx context.Context) error {
	m, err := c.machine.memory(ctx)
	if err != nil {
		return err
	}
	if m.Total > 0 {
		unavailable := m.Total - min(m.Available, m.Total)
		c.host.MemoryPercent = decimals(100 * float64(unavailable) / float64(m.Total))
	}
	c.host.MemoryUsed, c.host.MemoryAvailable, c.host.MemoryTotal = &m.Used, &m.Available, &m.Total
	return nil
}

func (c *sample) readSwap(ctx context.Context) error {
	m, err := c.machine.swap(ctx)
	if err != nil {
		return err
	}
	share := 0.0
	if m.Total > 0 {
		share = 100 * float64(m.Used) / float64(m.Total)
	}
	c.host.SwapPercent, c.host.SwapUsed, c.host.SwapTotal = decimals(share), &m.Used, &m.Total
	return nil
}

func (c *sample) readNetwork(ctx context.Context) error {
	all, err := c.machine.interfaces(ctx)
	if err != nil {
		return err
	}
	before := c.interfaces
	c.interfaces = make(map[string]net.IOCountersStat, len(all))
	loopback := c.machine.loopback()
	sum := &NetworkRates{}
	var events []Event
	for _, after := range all {
		if loopback[after.Name] {
			continue
		}
		c.interfaces[after.Name] = after
		earlier, known := before[after.Name]
		if !known {
			continue
		}
		r := networkRates(earlier, after, c.seconds)
		if r == nil {
			continue
		}
		sum.add(r)
		e := c.event(KindNetwork)
		e.Interface, e.Network = &Named{after.Name}, r
		events = append(events, e)
	}
	if before != nil && (len(events) > 0 || len(c.interfaces) == 0) {
		c.host.Network = sum.rounded()
	}
	c.add(events)
	return nil
}

func (c *sample) readDisks(ctx context.Context) error {
	if err := c.readUsage(ctx); err != nil {
		return err
	}
	rates, err := c.readIO(ctx)
	if err != nil {
		return err
	}
	mounts, err := c.machine.mounts(ctx)
	if err != nil {
		return err
	}
	var events []Event
	seen := map[string]bool{}
	for _, m := range mounts {
		// A device that is mounted in several places, as containers do, is told once: where it was mounted first.
		if seen[m.Device] || len(events) == maxPerKind {
			continue
		}
		seen[m.Device] = true
		usage, err := c.machine.usage(ctx, m.Mountpoint)
		if err != nil || usage.Total == 0 {
			continue // a mount that this user may not see is not the host's fault
		}
		e := c.event(KindDisk)
		e.Disk = &Mount{Mount: m.Mountpoint, Device: m.Device}
		e.DiskPercent, e.DiskUsed, e.DiskTotal = usedShare(usage), &usage.Used, &usage.Total
		e.IO = rates[filepath.Base(m.Device)]
		events = append(events, e)
	}
	c.add(events)
	return nil
}

func (c *sample) readUsage(ctx context.Context) error {
	usage, err := c.machine.usage(ctx, c.machine.root)
	if err != nil {
		return err
	}
	c.host.DiskPercent, c.host.DiskUsed, c.host.DiskTotal = usedShare(usage), &usage.Used, &usage.Total
	return nil
}

// usedShare leaves out the blocks that only root may use, as df does.
func usedShare(u *disk.UsageStat) *float64 {
	if u.Used+u.Free == 0 {
		return nil
	}
	return decimals(100 * float64(u.Used) / float64(u.Used+u.Free))
}

// readIO gives the rates by device and puts the sum over all whole disks into the host's event.
func (c *sample) readIO(ctx context.Context) (map[string]*IORates, error) {
	all, err := c.machine.io(ctx)
	if err != nil {
		return nil, err
	}
	before := c.io
	c.io = all
	byDevice := map[string]*IORates{}
	sum := &IORates{}
	whole := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		earlier, known := before[name]
		if !known {
			continue
		}
		r := ioRates(earlier, all[name], c.seconds)
		if r == nil {
			continue
		}
		byDevice[name] = r
		if wholeDisk(name, all) {
			whole++
			sum.add(r)
		}
	}
	if whole > 0 {
		c.host.IO = sum.rounded()
	}
	return byDevice, nil
}

func (c *sample) readUptime(ctx context.Context) error {
	uptime, err := c.machine.uptime(ctx)
	if err != nil {
		return err
	}
	c.host.Uptime = &uptime
	return nil
}

func (c *sample) readProcesses(ctx context.Context) error {
	r, err := c.machine.processes(ctx)
	if err != nil {
		return err
	}
	count := len(r.pids())
	c.host.Processes = &count
	if c.processes == 0 {
		return nil
	}
	top, err := c.table.update(ctx, r, c.processes)
	if err != nil {
		return err
	}
	var events []Event
	for _, p := range top {
		e := c.event(KindProcess)
		e.Process = &Process{Name: p.process.Name, PID: p.process.PID}
		if c.seconds > 0 {
			e.CPUPercent = decimals(100 * p.seconds / c.seconds)
		}
		e.MemoryRSS = p.rss
		if total := c.host.MemoryTotal; p.rss != nil && total != nil && *total > 0 {
			e.MemoryPercent = decimals(100 * float64(*p.rss) / float64(*total))
		}
		events = append(events, e)
	}
	c.add(events)
	return nil
}
