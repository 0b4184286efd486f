package collect

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
)

func TestSampleAsJSON(t *testing.T) {
	m := &fakeMachine{
		cores:      []cpu.TimesStat{{CPU: "cpu0", User: 1, Idle: 1}, {CPU: "cpu1", User: 1, Idle: 1}},
		memory:     mem.VirtualMemoryStat{Total: 1000, Available: 250, Used: 700},
		mounts:     []disk.PartitionStat{{Device: "/dev/sda1", Mountpoint: "/"}, {Device: "/dev/sda1", Mountpoint: "/again"}},
		io:         map[string]disk.IOCountersStat{"sda": {ReadBytes: 100}, "sda1": {ReadBytes: 100}, "dm-0": {ReadBytes: 100}},
		interfaces: []net.IOCountersStat{{Name: "lo", BytesRecv: 1}, {Name: "eth0", BytesRecv: 1000, BytesSent: 10}},
		processes:  fakeProcesses{7: {title: "store", seconds: 1, memory: 100}, 8: {title: "idle", seconds: 9}},
	}
	s := newSampler("web-1", 1, m.machine(), silent())

	first := take(t, s, 0)
	if len(only(first, KindCore))+len(only(first, KindNetwork))+len(only(first, KindProcess)) != 0 || first[0].CPUPercent != nil || first[0].Network != nil {
		t.Errorf("the first sample has rates without anything to compare with: %+v", first)
	}

	m.cores = []cpu.TimesStat{{CPU: "cpu0", User: 4, Idle: 8}, {CPU: "cpu1", User: 1, Idle: 10, Iowait: 1}}
	m.io = map[string]disk.IOCountersStat{"sda": {ReadBytes: 300, WriteBytes: 5}, "sda1": {ReadBytes: 300, WriteBytes: 5}, "dm-0": {ReadBytes: 300}}
	m.interfaces = []net.IOCountersStat{{Name: "lo", BytesRecv: 900}, {Name: "eth0", BytesRecv: 6000, BytesSent: 15, PacketsRecv: 20}}
	m.processes[7].seconds = 6
	var lines []string
	for _, e := range take(t, s, 10) {
		text, err := e.encode()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	want := []string{
		`{"timestamp":1767323055.678,"kind":"host","host":{"name":"web-1"},"cpu_percent":15,"cpu":{"cores":[30,0]},"load1":0.5,"load5":0.25,"load15":0.13,` +
			`"memory_percent":75,"memory_used":700,"memory_available":250,"memory_total":1000,"swap_percent":25,"swap_used":50,"swap_total":200,` +
			`"disk_percent":25,"disk_used":25,"disk_total":110,` +
			`"network":{"bytes_received_per_second":500,"bytes_sent_per_second":0.5,"packets_received_per_second":2,"packets_sent_per_second":0},` +
			`"io":{"bytes_read_per_second":20,"bytes_written_per_second":0.5},"processes":2,"uptime":3600}`,
		`{"timestamp":1767323055.678,"kind":"core","host":{"name":"web-1"},"core":{"name":"cpu0"},"cpu_percent":30}`,
		`{"timestamp":1767323055.678,"kind":"core","host":{"name":"web-1"},"core":{"name":"cpu1"},"cpu_percent":0}`,
		`{"timestamp":1767323055.678,"kind":"disk","host":{"name":"web-1"},"disk":{"mount":"/","device":"/dev/sda1"},"disk_percent":25,"disk_used":25,"disk_total":110,` +
			`"io":{"bytes_read_per_second":20,"bytes_written_per_second":0.5}}`,
		`{"timestamp":1767323055.678,"kind":"network","host":{"name":"web-1"},"interface":{"name":"eth0"},` +
			`"network":{"bytes_received_per_second":500,"bytes_sent_per_second":0.5,"packets_received_per_second":2,"packets_sent_per_second":0}}`,
		`{"timestamp":1767323055.678,"kind":"process","host":{"name":"web-1"},"process":{"name":"store","pid":7},"cpu_percent":50,"memory_percent":10,"memory_rss":100}`,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestCountersThatGoBackLeaveTheirRateOut(t *testing.T) {
	m := &fakeMachine{
		cores:      []cpu.TimesStat{{CPU: "cpu0", User: 100, Idle: 100}, {CPU: "cpu1", User: 5, Idle: 5}},
		interfaces: []net.IOCountersStat{{Name: "eth0", BytesRecv: 1000}, {Name: "eth1", BytesRecv: 1000}, {Name: "eth2", BytesRecv: 1 << 40}},
		io:         map[string]disk.IOCountersStat{"sda": {ReadBytes: 1000}},
	}
	s := newSampler("h", 0, m.machine(), silent())
	take(t, s, 0)
	// cpu0 was taken away and came back; eth0 was reset; eth2 is gone; sdb is new.
	m.cores = []cpu.TimesStat{{CPU: "cpu0", User: 1, Idle: 1}, {CPU: "cpu1", User: 6, Idle: 8}}
	m.interfaces = []net.IOCountersStat{{Name: "eth0", BytesRecv: 10}, {Name: "eth1", BytesRecv: 2000}}
	m.io = map[string]disk.IOCountersStat{"sda": {ReadBytes: 10}, "sdb": {ReadBytes: 1 << 30}}
	events := take(t, s, 10)
	host := events[0]
	if host.CPUPercent == nil || *host.CPUPercent != 25 {
		t.Errorf("cpu_percent = %v, want 25, of the core that was not reset", host.CPUPercent)
	}
	if host.CPU != nil {
		t.Errorf("cpu.cores = %v with a core missing", host.CPU.Cores)
	}
	if host.Network == nil || host.Network.BytesReceived != 100 {
		t.Errorf("network = %+v, want 100 bytes/s, of eth1 alone", host.Network)
	}
	if host.IO != nil {
		t.Errorf("io = %+v, want none", host.IO)
	}
	if n := len(only(events, KindNetwork)); n != 1 {
		t.Errorf("%d network events, want 1", n)
	}
	// One sample later the counters can be compared again.
	m.interfaces = []net.IOCountersStat{{Name: "eth0", BytesRecv: 110}, {Name: "eth1", BytesRecv: 2000}}
	if host := take(t, s, 20)[0]; host.Network == nil || host.Network.BytesReceived != 10 {
		t.Errorf("network = %+v, want 10 bytes/s", host.Network)
	}
}

func TestIdleTimeThatGoesBackIsNoReset(t *testing.T) {
	worked, total, ok := busy(cpu.TimesStat{User: 10, Idle: 100, Iowait: 3}, cpu.TimesStat{User: 11, Idle: 109, Iowait: 2.5})
	if !ok || worked != 1 || total != 10 {
		t.Errorf("busy = %v of %v (%v), want 1 of 10", worked, total, ok)
	}
}

func TestSourceThatFailsIsLoggedOnceAndLeavesTheOthers(t *testing.T) {
	var log bytes.Buffer
	m := &fakeMachine{memory: mem.VirtualMemoryStat{Total: 100, Available: 50}, memoryErr: errGone}
	s := newSampler("h", 0, m.machine(), slog.New(slog.NewTextHandler(&log, nil)))
	for i := range 3 {
		if host := take(t, s, float64(i))[0]; host.MemoryPercent != nil || host.Load1 == nil {
			t.Fatalf("memory_percent = %v, load1 = %v; want only load1", host.MemoryPercent, host.Load1)
		}
	}
	if n := strings.Count(log.String(), "source=memory"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, &log)
	}
	m.memoryErr = nil
	if host := take(t, s, 3)[0]; host.MemoryPercent == nil || *host.MemoryPercent != 50 {
		t.Errorf("memory_percent = %v after the source came back", host.MemoryPercent)
	}
	if !strings.Contains(log.String(), "works again") {
		t.Errorf("the return is not logged:\n%s", &log)
	}
}

func TestBusiestProcesses(t *testing.T) {
	type seen struct {
		Name    string
		Percent float64
	}
	list := func(events []Event) []seen {
		var all []seen
		for _, e := range only(events, KindProcess) {
			all = append(all, seen{e.Process.Name, *e.CPUPercent})
		}
		return all
	}
	m := &fakeMachine{processes: fakeProcesses{
		1: {title: "init", seconds: 50}, 2: {title: "steady", seconds: 10}, 3: {title: "old", seconds: 500}, 4: {title: "leaves", seconds: 1},
	}}
	s := newSampler("h", 3, m.machine(), silent())
	take(t, s, 0)

	m.processes[2].seconds = 15
	m.processes[4].gone = true                                   // between the listing and the reading
	m.processes[5] = &fakeProcess{title: "new", seconds: 2}      // began since: all its time counts
	m.processes[3] = &fakeProcess{title: "reused", seconds: 0.5} // the table holds the old one's handle
	s.table.known[3].handle = m.processes[3]
	want := []seen{{"steady", 50}, {"new", 20}, {"reused", 5}}
	if diff := cmp.Diff(want, list(take(t, s, 10))); diff != "" {
		t.Errorf("after 10 s (-want +got):\n%s", diff)
	}

	delete(m.processes, 4)
	m.processes[2].seconds = 16
	m.processes[5].reused = true // found only when its start is compared
	want = []seen{{"steady", 10}, {"init", 0}, {"reused", 0}}
	if diff := cmp.Diff(want, list(take(t, s, 20))); diff != "" {
		t.Errorf("after 20 s (-want +got):\n%s", diff)
	}
	if _, known := s.table.known[4]; known {
		t.Error("a process that is gone is still remembered")
	}
	if n := m.processes[2].opened; n != 1 {
		t.Errorf("the handle of a process was opened %d times, want once", n)
	}
}

func TestWholeDisk(t *testing.T) {
	all := map[string]disk.IOCountersStat{"sda": {}, "nvme0n1": {}, "mmcblk0": {}, "vdb1": {}}
	for name, want := range map[string]bool{
		"sda": true, "sda1": false, "nvme0n1": true, "nvme0n1p2": false, "mmcblk0": true, "mmcblk0p1": false,
		"vdb1": true, "dm-0": false, "md127": false, "loop3": false, "C:": true,
	} {
		if got := wholeDisk(name, all); got != want {
			t.Errorf("wholeDisk(%q) = %v", name, got)
		}
	}
}

func TestThisMachine(t *testing.T) {
	s := NewSampler("here", 5, silent())
	if _, err := s.Sample(t.Context(), start); err != nil {
		t.Fatal(err)
	}
	for range 2_000_000 { // some processor time to see
		_ = json.Valid([]byte(`1`))
	}
	events := take(t, s, 1)
	if len(events) == 0 || events[0].Kind != KindHost {
		t.Fatalf("events = %+v, want the host's first", events)
	}
	host := events[0]
	for name, v := range map[string]*float64{"cpu_percent": host.CPUPercent, "memory_percent": host.MemoryPercent, "disk_percent": host.DiskPercent} {
		if v == nil || *v < 0 || *v > 100 {
			t.Errorf("%s = %v", name, v)
		}
	}
	if len(only(events, KindProcess)) == 0 {
		t.Error("no process is told")
	}
	for _, e := range events {
		text, err := e.encode()
		if err != nil || !json.Valid(text) {
			t.Errorf("encode %+v: %s, %v", e, text, err)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	s := NewSampler("here", 10, silent())
	at := start
	for b.Loop() {
		at = at.Add(1e9)
		if _, err := s.Sample(b.Context(), at); err != nil {
			b.Fatal(err)
		}
	}
}
