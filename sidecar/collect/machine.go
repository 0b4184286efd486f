package collect

import (
	"context"
	"os"
	"runtime"
	"strings"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
)

// machine is where the counters come from; each of its functions can fail without the others.
type machine struct {
	cores      func(context.Context) ([]cpu.TimesStat, error)
	load       func(context.Context) (*load.AvgStat, error)
	memory     func(context.Context) (*mem.VirtualMemoryStat, error)
	swap       func(context.Context) (*mem.SwapMemoryStat, error)
	mounts     func(context.Context) ([]disk.PartitionStat, error)
	usage      func(ctx context.Context, mount string) (*disk.UsageStat, error)
	io         func(context.Context) (map[string]disk.IOCountersStat, error)
	interfaces func(context.Context) ([]net.IOCountersStat, error)
	uptime     func(context.Context) (uint64, error)
	processes  func(context.Context) (processReader, error)
	// root is the file system whose usage stands for the host's; loopback is the set of interfaces that carry no traffic of the host's.
	root     string
	loopback func() map[string]bool
}

// thisMachine reads the machine that the program runs on.
func thisMachine() machine {
	return machine{
		cores:  func(ctx context.Context) ([]cpu.TimesStat, error) { return cpu.TimesWithContext(ctx, true) },
		load:   load.AvgWithContext,
		memory: mem.VirtualMemoryWithContext,
		swap:   mem.SwapMemoryWithContext,
		mounts: func(ctx context.Context) ([]disk.PartitionStat, error) { return disk.PartitionsWithContext(ctx, false) },
		usage:  disk.UsageWithContext,
		io: func(ctx context.Context) (map[string]disk.IOCountersStat, error) {
			return disk.IOCountersWithContext(ctx)
		},
		interfaces: func(ctx context.Context) ([]net.IOCountersStat, error) { return net.IOCountersWithContext(ctx, true) },
		uptime:     host.UptimeWithContext,
		processes:  readProcesses,
		root:       rootFileSystem(),
		loopback:   loopbackInterfaces,
	}
}

func rootFileSystem() string {
	if runtime.GOOS != "windows" {
		return "/"
	}
	drive := os.Getenv("SystemDrive")
	if drive == "" {
		drive = "C:"
	}
	return drive + `\`
}

func loopbackInterfaces() map[string]bool {
	names := map[string]bool{"lo": true, "lo0": true}
	all, err := net.Interfaces()
	if err != nil {
		return names
	}
	for _, i := range all {
		for _, flag := range i.Flags {
			if flag == "loopback" {
				names[i.Name] = true
			}
		}
	}
	return names
}

// wholeDisk reports whether a device of the I/O counters is a disk, not a partition of one nor a layer on top: their bytes are in the disk's already.
func wholeDisk(name string, all map[string]disk.IOCountersStat) bool {
	for _, layer := range []string{"loop", "ram", "dm-", "md", "zram"} {
		if strings.HasPrefix(name, layer) {
			return false
		}
	}
	base := strings.TrimRight(name, "0123456789")
	if base == name {
		return true
	}
	if _, partition := all[base]; partition { // sda1 of sda
		return false
	}
	if disk, isP := strings.CutSuffix(base, "p"); isP { // nvme0n1p2 of nvme0n1
		if _, partition := all[disk]; partition {
			return false
		}
	}
	return true
}
