package collect

import (
	"math"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/net"
)

// perSecond is the rate at which a counter went from before to after within the given seconds. The second result is false where it was reset.
func perSecond(before, after uint64, seconds float64) (float64, bool) {
	if after < before || seconds <= 0 {
		return 0, false
	}
	return twoDecimals(float64(after-before) / seconds), true
}

// networkRates compares the counters of one interface. It gives nil where any of them was reset, which happens to all at once.
func networkRates(before, after net.IOCountersStat, seconds float64) *NetworkRates {
	var r NetworkRates
	ok := rates(seconds,
		rate{before.BytesRecv, after.BytesRecv, &r.BytesReceived},
		rate{before.BytesSent, after.BytesSent, &r.BytesSent},
		rate{before.PacketsRecv, after.PacketsRecv, &r.PacketsReceived},
		rate{before.PacketsSent, after.PacketsSent, &r.PacketsSent},
	)
	if !ok {
		return nil
	}
	return &r
}

// ioRates compares the counters of one device.
func ioRates(before, after disk.IOCountersStat, seconds float64) *IORates {
	var r IORates
	ok := rates(seconds,
		rate{before.ReadBytes, after.ReadBytes, &r.BytesRead},
		rate{before.WriteBytes, after.WriteBytes, &r.BytesWritten},
	)
	if !ok {
		return nil
	}
	return &r
}

type rate struct {
	before, after uint64
	to            *float64
}

func rates(seconds float64, all ...rate) bool {
	for _, r := range all {
		v, ok := perSecond(r.before, r.after, seconds)
		if !ok {
			return false
		}
		*r.to = v
	}
	return true
}

// rounded takes away the digits that adding floats brings.
func (r *NetworkRates) rounded() *NetworkRates {
	return &NetworkRates{twoDecimals(r.BytesReceived), twoDecimals(r.BytesSent), twoDecimals(r.PacketsReceived), twoDecimals(r.PacketsSent)}
}

func (r *IORates) rounded() *IORates {
	return &IORates{twoDecimals(r.BytesRead), twoDecimals(r.BytesWritten)}
}

func twoDecimals(v float64) float64 { return math.Round(v*100) / 100 }

func (r *NetworkRates) add(o *NetworkRates) {
	r.BytesReceived += o.BytesReceived
	r.BytesSent += o.BytesSent
	r.PacketsReceived += o.PacketsReceived
	r.PacketsSent += o.PacketsSent
}

func (r *IORates) add(o *IORates) {
	r.BytesRead += o.BytesRead
	r.BytesWritten += o.BytesWritten
}

// busy gives how long a core worked and how long that was measured, in seconds. A field that went back, which Linux's idle times do now and then,
// counts as unchanged; the whole core counts as reset where its total went back.
func busy(before, after cpu.TimesStat) (worked, total float64, ok bool) {
	idle := forward(before.Idle, after.Idle) + forward(before.Iowait, after.Iowait)
	worked = forward(before.User, after.User) + forward(before.System, after.System) + forward(before.Nice, after.Nice) +
		forward(before.Irq, after.Irq) + forward(before.Softirq, after.Softirq) + forward(before.Steal, after.Steal)
	total = worked + idle
	if total <= 0 || coreTotal(after) < coreTotal(before) {
		return 0, 0, false
	}
	return worked, total, true
}

// coreTotal leaves guest time out: the kernel counts it as user time already.
func coreTotal(t cpu.TimesStat) float64 {
	return t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal + t.Idle + t.Iowait
}

func forward(before, after float64) float64 { return max(0, after-before) }
