package health

import (
	"os"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// Self tells the CPU time and the memory of this process; nil for what the system does not tell.
func Self() (cpu *time.Duration, memory *uint64) {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return nil, nil
	}
	if times, err := p.Times(); err == nil {
		used := time.Duration((times.User + times.System) * float64(time.Second))
		cpu = &used
	}
	if info, err := p.MemoryInfo(); err == nil && info != nil {
		memory = &info.RSS
	}
	return cpu, memory
}
