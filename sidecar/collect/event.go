package collect

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/tidemark/tidemark/sidecar/event"
)

// The kinds of event.
const (
	KindHost    = "host"
	KindCore    = "core"
	KindNetwork = "network"
	KindDisk    = "disk"
	KindProcess = "process"
)

// Event is one event of a sample; the package's documentation says which kind has which fields. The order of the fields is the order of the JSON's keys.
type Event struct {
	Timestamp event.Seconds `json:"timestamp"`
	Kind      string        `json:"kind"`
	Host      Named         `json:"host"`

	Core      *Named   `json:"core,omitempty"`
	Interface *Named   `json:"interface,omitempty"`
	Disk      *Mount   `json:"disk,omitempty"`
	Process   *Process `json:"process,omitempty"`

	CPUPercent *float64 `json:"cpu_percent,omitempty"`
	CPU        *CPU     `json:"cpu,omitempty"`
	Load1      *float64 `json:"load1,omitempty"`
	Load5      *float64 `json:"load5,omitempty"`
	Load15     *float64 `json:"load15,omitempty"`

	MemoryPercent   *float64 `json:"memory_percent,omitempty"`
	MemoryUsed      *uint64  `json:"memory_used,omitempty"`
	MemoryAvailable *uint64  `json:"memory_available,omitempty"`
	MemoryTotal     *uint64  `json:"memory_total,omitempty"`
	MemoryRSS       *uint64  `json:"memory_rss,omitempty"`
	SwapPercent     *float64 `json:"swap_percent,omitempty"`
	SwapUsed        *uint64  `json:"swap_used,omitempty"`
	SwapTotal       *uint64  `json:"swap_total,omitempty"`

	DiskPercent *float64 `json:"disk_percent,omitempty"`
	DiskUsed    *uint64  `json:"disk_used,omitempty"`
	DiskTotal   *uint64  `json:"disk_total,omitempty"`

	Network *NetworkRates `json:"network,omitempty"`
	IO      *IORates      `json:"io,omitempty"`

	Processes *int    `json:"processes,omitempty"`
	Uptime    *uint64 `json:"uptime,omitempty"`
}

// Named is an object of which an event tells the name.
type Named struct {
	Name string `json:"name"`
}

// Mount is a file system.
type Mount struct {
	Mount  string `json:"mount"`
	Device string `json:"device"`
}

// Process names a process.
type Process struct {
	Name string `json:"name"`
	PID  int32  `json:"pid"`
}

// CPU holds the busy share of each core, 0 to 100.
type CPU struct {
	Cores []float64 `json:"cores"`
}

// NetworkRates are per second.
type NetworkRates struct {
	BytesReceived   float64 `json:"bytes_received_per_second"`
	BytesSent       float64 `json:"bytes_sent_per_second"`
	PacketsReceived float64 `json:"packets_received_per_second"`
	PacketsSent     float64 `json:"packets_sent_per_second"`
}

// IORates are per second.
type IORates struct {
	BytesRead    float64 `json:"bytes_read_per_second"`
	BytesWritten float64 `json:"bytes_written_per_second"`
}

// encode gives the event as Kafka holds it.
func (e *Event) encode() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event of kind %q: %w", e.Kind, err)
	}
	return text, nil
}

// decimals gives v with two decimals, or nil where v is no finite number.
func decimals(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = twoDecimals(v)
	return &v
}
