package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"

	"github.com/tidemark/tidemark/sidecar/generate"
)

// benchmarkReport is everything that was measured, as --format json prints it.
type benchmarkReport struct {
	Version string           `json:"version"`
	Machine benchmarkMachine `json:"machine"`
	Events  benchmarkEvents  `json:"events"`
	// What was not measured is absent.
	Stages    []benchmarkRow   `json:"stages,omitempty"`
	Whole     *wholeResult     `json:"whole,omitempty"`
	Freshness *freshnessResult `json:"freshness,omitempty"`
}

type benchmarkMachine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Go    string `json:"go"`
	// Load is how many processes were running or waiting to run in the minute before; 0 where that is not known.
	Load float64 `json:"load"`
}

type benchmarkEvents struct {
	Bytes       int     `json:"bytes"`
	Hosts       int     `json:"hosts"`
	Paths       int     `json:"paths"`
	Keys        int     `json:"keys"`
	ANSI        float64 `json:"ansi"`
	FixedOrder  bool    `json:"fixed_order"`
	Batch       int     `json:"batch"`
	EventRate   int64   `json:"event_rate"`
	Seed        uint64  `json:"seed"`
	Rollups     int     `json:"rollups"`
	Partitions  int     `json:"partitions"`
	Keyed       bool    `json:"keyed"`
	Compression string  `json:"compression"`
	Servers     string  `json:"servers"`
}

// benchmarkRow is what one kind of work costs.
type benchmarkRow struct {
	Name string `json:"name"`
	// Unit is what is counted: event or document.
	Unit  string `json:"unit"`
	Count int64  `json:"count"`
	// PerSecond is how many a second: of a stage on one core by its CPU time, of the whole path by the clock. BytesPerSecond goes with it.
	PerSecond      float64 `json:"per_second"`
	BytesPerSecond float64 `json:"bytes_per_second"`
	// CPUMicroseconds and Allocations are for each.
	CPUMicroseconds float64 `json:"cpu_us"`
	Allocations     float64 `json:"allocations"`
}

func newBenchmarkReport(ctx context.Context, o *benchmarkOptions, events generate.Options) *benchmarkReport {
	servers := "in-process"
	if o.config != "" {
		servers = "configured"
	}
	r := &benchmarkReport{
		Version: version(),
		Machine: benchmarkMachine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version()},
		Events: benchmarkEvents{
			Bytes: events.Bytes, Hosts: events.Hosts, Paths: events.Paths, Keys: events.Hosts * events.Paths, ANSI: events.ANSI, FixedOrder: events.FixedOrder, Batch: events.Batch,
			EventRate: events.Rate, Seed: events.Seed, Rollups: o.rollups, Partitions: o.partitions, Keyed: o.keyed, Compression: o.compression, Servers: servers,
		},
	}
	if infos, err := cpu.InfoWithContext(ctx); err == nil && len(infos) > 0 {
		r.Machine.CPU = cmp.Or(infos[0].ModelName, r.Machine.CPU)
	}
	if average, err := load.AvgWithContext(ctx); err == nil {
		r.Machine.Load = average.Load1
	}
	return r
}

func printReportJSON(out io.Writer, r *benchmarkReport) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}

// tablePrinter gives a function that prints a part of the report when it is there; the part without a name is the head.
func tablePrinter(out io.Writer) func(*benchmarkReport, string) error {
	return func(r *benchmarkReport, part string) error {
		var text string
		switch part {
		case partStages:
			text = stagesTable(r.Stages)
		case partWhole:
			text = wholeTable(r)
		case partFreshness:
			text = freshnessTable(r.Freshness)
		default:
			text = reportHead(r)
		}
		_, err := io.WriteString(out, text+"\n")
		return err
	}
}

func reportHead(r *benchmarkReport) string {
	m, e := r.Machine, r.Events
	order := "fields in changing order"
	if e.FixedOrder {
		order = "fields in the same order"
	}
	batch := fmt.Sprintf("in batches of %s", grouped(int64(e.Batch)))
	if e.Batch == 1 {
		batch = "in turn"
	}
	return fmt.Sprintf("tidemark %s, %s, %d cores, %s/%s, %s, load %.1f\nevents of %s bytes, %s, the hosts %s; %s hosts x %s paths = %s keys; rollups: %d\n",
		r.Version, m.CPU, m.Cores, m.OS, m.Arch, m.Go, m.Load, grouped(int64(e.Bytes)), order, batch, grouped(int64(e.Hosts)), grouped(int64(e.Paths)), grouped(int64(e.Keys)), e.Rollups)
}

func grouped(n int64) string { return humanize.Comma(n) }

// columns lays out lines of cells, separated by tabs: the first to the left, numbers to the right.
func columns(title string, lines [][]string) string {
	widest := len(title)
	for _, l := range lines {
		widest = max(widest, len(l[0]))
	}
	lines[0][0] = title
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, l := range lines {
		_, _ = fmt.Fprintf(w, "%-*s\t%s\t\n", widest, l[0], strings.Join(l[1:], "\t"))
	}
	_ = w.Flush() // to memory
	return strings.ReplaceAll(strings.TrimPrefix(b.String(), "  "), "\n  ", "\n")
}

func (r *benchmarkRow) cells() []string {
	name := r.Name
	if r.Unit != "event" {
		name += ", per " + r.Unit
	}
	return []string{name, grouped(int64(r.PerSecond)), fmt.Sprintf("%.0f", r.BytesPerSecond/1e6), fmt.Sprintf("%.3f", r.CPUMicroseconds), fmt.Sprintf("%.3f", r.Allocations)}
}

func stagesTable(rows []benchmarkRow) string {
	lines := [][]string{{"", "events/s", "MB/s", "CPU µs/event", "allocations/event"}}
	for i := range rows {
		lines = append(lines, rows[i].cells())
	}
	return columns("stages alone, on one core", lines)
}

func wholeTable(r *benchmarkReport) string {
	w, e := r.Whole, r.Events
	lines := [][]string{{"", "events/s", "MB/s", "CPU µs/event", "allocations/event"}}
	for i := range w.Rows {
		lines = append(lines, w.Rows[i].cells())
	}
	return columns("whole path", lines) + fmt.Sprintf(
		"%s servers: %s events in %d partitions, %s to %.0f %% of %s\nevery grouping of the %s documents holds all of them; peak resident memory %s, %.1f s CPU from the start to the exit\n",
		e.Servers, grouped(w.Events), e.Partitions, e.Compression, 100*w.CompressionRatio, humanize.Bytes(uint64(w.Bytes)), grouped(w.Documents),
		humanize.IBytes(uint64(w.PeakBytes)), w.CPUSeconds)
}

func freshnessTable(f *freshnessResult) string {
	line := func(name string, values ...float64) []string {
		cells := []string{name}
		for _, ms := range values {
			cells = append(cells, fmt.Sprintf("%.0f", ms))
		}
		return cells
	}
	l := f.Live
	return columns("freshness: found after the window's end plus lateness, told live after the event's time", [][]string{
		{"milliseconds", "p50", "p90", "p99", "max"}, line("found", f.P50, f.P90, f.P99, f.Max), line("told live", l.P50, l.P90, l.P99, l.Max),
	}) + fmt.Sprintf(
		"%s events at %s a second for %s, windows of %s, lateness %s, over %d windows\n%.1f %% of a core, peak resident memory %s\n",
		grouped(f.Events), grouped(int64(f.PerSecond)), time.Duration(f.Seconds*float64(time.Second)).Round(100*time.Millisecond), freshnessWindow, freshnessLateness, f.Windows,
		100*f.Cores, humanize.IBytes(uint64(f.PeakBytes)))
}
