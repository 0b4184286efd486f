//go:build !unix

package main

import (
	"fmt"
	"os"
	"time"

	gopsutil "github.com/shirou/gopsutil/v3/process"
)

// cpuTime is the user and system time that this process has used.
func cpuTime() (time.Duration, error) {
	self, err := gopsutil.NewProcess(int32(os.Getpid()))
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of this process: %w", err)
	}
	times, err := self.Times()
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of this process: %w", err)
	}
	return time.Duration((times.User + times.System) * float64(time.Second)), nil
}
