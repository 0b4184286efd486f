package main

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/load"
)

// report is the text of the results, part after part.
type report struct{ text strings.Builder }

func (r *report) String() string { return r.text.String() }

func (r *report) line(format string, arguments ...any) {
	_, _ = fmt.Fprintf(&r.text, format+"\n", arguments...)
}

// table lays out lines of cells: the first to the left, the others to the right.
func (r *report) table(lines [][]string) {
	widest := 0
	for _, l := range lines {
		widest = max(widest, len(l[0]))
	}
	w := tabwriter.NewWriter(&r.text, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, l := range lines {
		_, _ = fmt.Fprintf(w, "%-*s\t%s\t\n", widest, l[0], strings.Join(l[1:], "\t"))
	}
	_ = w.Flush()
	r.line("")
}

// describe says what is measured, and where.
func (r *report) describe(ctx context.Context, b *bench, version string) {
	processor := runtime.GOARCH
	if infos, err := cpu.InfoWithContext(ctx); err == nil && len(infos) > 0 {
		processor = cmp.Or(infos[0].ModelName, processor)
	}
	busy := ""
	if average, err := load.AvgWithContext(ctx); err == nil {
		busy = fmt.Sprintf(", load %.1f before", average.Load1)
	}
	r.line("%s, %d cores, %s/%s, %s, %s%s", processor, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), version, busy)
	r.line("%s events of %d bytes in %s, %d hosts x %d paths = %d sources in %d partitions; windows of 10 s for %s\n",
		humanize.Comma(b.events.count), b.events.Bytes(), span(b.span), b.hosts, b.paths, len(b.events.sources), partitions, span(b.fine))
}

// span writes a duration of whole hours or minutes.
func span(d time.Duration) string {
	text := d.String()
	for _, rest := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, rest) {
			text = strings.TrimSuffix(text, rest[1:])
		}
	}
	return text
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func (t times) cells() []string { return []string{milliseconds(t.median()), milliseconds(t.p95())} }

// ratio is how often the p95 of one fits into that of the other.
func ratio(a, b time.Duration) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func (r *report) addDashboards(b *bench, d *dashboardResult) {
	for _, half := range []struct {
		title string
		kept  []*dashboardTimes
		raw   *dashboardTimes
	}{{"without caches", d.cold, d.rawCold}, {"with caches, nothing written meanwhile", d.warm, d.rawWarm}} {
		r.line("A dashboard of %s at 1m, %s", span(b.span), half.title)
		lines := [][]string{{"", "median", "p95", "goal, p95"}}
		row := func(name string, t times, goal string) {
			if len(t) > 0 {
				lines = append(lines, append(append([]string{name}, t.cells()...), goal))
			}
		}
		for i, k := range b.rollups {
			t := half.kept[i]
			for panel, q := range dashboard {
				row(fmt.Sprintf("rollup of %s events: %s", k.name, q.name), t.panels[panel], "")
			}
			row(fmt.Sprintf("rollup of %s events: four panels, one after another", k.name), t.apart, "50.0 ms")
			row(fmt.Sprintf("rollup of %s events: four in one request", k.name), t.together, "50.0 ms")
		}
		for panel, q := range dashboard {
			row(fmt.Sprintf("raw documents, %s events: %s", short(b.events.count), q.name), half.raw.panels[panel], "")
		}
		row(fmt.Sprintf("raw documents, %s events: four panels, one after another", short(b.events.count)), half.raw.apart, "")
		r.table(lines)
		r.cpu(b, half.kept, half.raw)
		r.ratios(b, half.kept, half.raw)
	}
	r.line("Searches of one such dashboard without caches: %d in %d requests, of which %d read the catalog\n", d.searches.searches, d.searches.requests, d.searches.catalog)
}

// cpu is what one dashboard takes of both processes, on average.
func (r *report) cpu(b *bench, kept []*dashboardTimes, raw *dashboardTimes) {
	lines := [][]string{{"CPU time of four panels, one after another", "Elasticsearch", "this process"}}
	row := func(name string, t *dashboardTimes) {
		if n := time.Duration(len(t.apart)); n > 0 {
			lines = append(lines, []string{name, milliseconds(t.cpu.elastic / n), milliseconds(t.cpu.own / n)})
		}
	}
	for i, k := range b.rollups {
		row(fmt.Sprintf("rollup of %s events", k.name), kept[i])
	}
	row(fmt.Sprintf("raw documents, %s events", short(b.events.count)), raw)
	r.table(lines)
}

func (r *report) ratios(b *bench, kept []*dashboardTimes, raw *dashboardTimes) {
	lines := [][]string{{"", "of medians", "of p95", "goal, p95"}}
	var own times
	var medians, p95s []time.Duration
	for i, k := range b.rollups {
		t := kept[i].apart
		medians, p95s = append(medians, t.median()), append(p95s, t.p95())
		if k == b.own {
			own = t
		}
	}
	lines = append(lines, []string{
		"slowest rollup / fastest rollup", ratio(slices.Max(medians), slices.Min(medians)), ratio(slices.Max(p95s), slices.Min(p95s)), "at most 1.5",
	})
	if len(raw.apart) > 0 {
		lines = append(lines, []string{
			fmt.Sprintf("raw documents / rollup of the same %s events", short(b.events.count)), ratio(raw.apart.median(), own.median()), ratio(raw.apart.p95(), own.p95()), "100 for 30M",
		})
	}
	r.table(lines)
}

func (r *report) addLong(b *bench, cold, warm []times) {
	r.line("%s at 1h, rollup of %s events a %s", span(b.long), b.largest().name, span(b.span))
	lines := [][]string{{"", "median", "p95", "goal, p95"}}
	for i, q := range longRange {
		lines = append(lines, append(append([]string{q.name + ", without caches"}, cold[i].cells()...), "100.0 ms"))
		lines = append(lines, append(append([]string{q.name + ", with caches"}, warm[i].cells()...), "100.0 ms"))
	}
	r.table(lines)
}

func (r *report) addViewers(b *bench, w *watched) {
	r.line("%d viewers of the dashboard, refreshed every %s for %s while windows are written", b.viewers, b.every, span(w.over))
	lines := [][]string{{"", "median", "p95", "goal, p95"}}
	lines = append(lines, append(append([]string{fmt.Sprintf("a panel (%d requests)", len(w.panels))}, w.panels.cells()...), "50.0 ms"))
	lines = append(lines, append(append([]string{"the four panels, asked at the same time"}, w.refreshes.cells()...), ""))
	r.table(lines)
	rate := func(n int64) string { return fmt.Sprintf("%.2f", float64(n)/w.over.Seconds()) }
	r.table([][]string{
		{"to Elasticsearch", "a second", "goal"},
		{"searches, each of a request counted", rate(w.counts.searches), "10"},
		{"of them in the busiest second", strconv.FormatInt(w.counts.busiest, 10), ""},
		{"of them for the catalog", rate(w.counts.catalog), ""},
		{"requests with searches", rate(w.counts.requests), "10"},
	})
}

// sourceRate is how many events a second of each source the storage is computed for.
const sourceRate = 1000

func (r *report) addStorage(b *bench, stored []storedTier, raw storedTier) {
	r.line("Storage, a day of %d events a second from each of the %d sources", sourceRate, len(b.events.sources))
	lines := [][]string{{"", "measured documents", "bytes of each", "documents a day", "bytes a day", "of raw"}}
	events := float64(sourceRate * len(b.events.sources) * 86_400)
	rawBytes := perDocument(raw) * events
	share := func(bytes float64) string {
		if rawBytes == 0 {
			return "-"
		}
		return fmt.Sprintf("%.4f %%", 100*bytes/rawBytes)
	}
	sum := 0.0
	for _, s := range stored {
		documents := float64(s.window) * float64(24*time.Hour/s.tier)
		bytes := documents * perDocument(s)
		sum += bytes
		lines = append(lines, []string{
			"windows of " + span(s.tier), humanize.Comma(s.documents), fmt.Sprintf("%.1f", perDocument(s)), humanize.Comma(int64(documents)), humanize.Bytes(uint64(bytes)), share(bytes),
		})
	}
	lines = append(lines, []string{"all three, the goal is 1 %", "", "", "", humanize.Bytes(uint64(sum)), share(sum)})
	if raw.documents > 0 {
		lines = append(lines, []string{
			"raw documents", humanize.Comma(raw.documents), fmt.Sprintf("%.1f", perDocument(raw)), humanize.Comma(int64(events)), humanize.Bytes(uint64(rawBytes)), "",
		})
	}
	r.table(lines)
}

func perDocument(s storedTier) float64 { return float64(s.bytes) / float64(max(s.documents, 1)) }
