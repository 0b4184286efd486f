package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/status"
)

// describeDemo says what runs where, and what to do with it.
func describeDemo(out io.Writer, o demoOptions, s *demoServers, cfg *config.Config, address string) {
	kept := "in memory: the next run begins anew (--data DIR keeps it)"
	if o.data != "" {
		kept = "in " + o.data
	}
	_, _ = fmt.Fprintf(out, `Tidemark is running on this machine's metrics, its own log lines and the calls of its store.

  Page            http://%s/
  Status          http://%s/status   metrics at /metrics
  Kafka           %s   topics %s
  Elasticsearch   http://%s   an embedded store that speaks its protocol, index prefix %q
  Data            %s

In a Grafana with the Tidemark data source, add it with the URL http://%s and the index prefix %q.
Ctrl-C stops everything.

`, address, address, s.kafka.Addr(), strings.Join(topicNames(cfg), ", "), s.listener.Addr(), cfg.Elasticsearch.IndexPrefix, kept, s.listener.Addr(), cfg.Elasticsearch.IndexPrefix)
}

func topicNames(cfg *config.Config) []string {
	var names []string
	for _, s := range cfg.Streams {
		names = append(names, s.Topics...)
	}
	return names
}

// summarize keeps one line up to date on a terminal, and writes one now and then elsewhere.
func summarize(ctx context.Context, out io.Writer, pl *pipeline) {
	every, format := 10*time.Second, "%s\n"
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		every, format = time.Second, "\r\033[K%s"
		defer func() { _, _ = fmt.Fprintln(out) }()
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	last, at := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s := pl.Snapshot()
		events := consumed(s)
		rate := float64(events-last) / time.Since(at).Seconds()
		last, at = events, time.Now()
		_, _ = fmt.Fprintf(out, format, summaryLine(s, events, rate, pl.writer.Stats.Documents.Load()))
	}
}

// consumed counts the events of all streams, each once.
func consumed(s status.Snapshot) int64 {
	var events int64
	for _, st := range s.Streams {
		if len(st.Rollups) > 0 {
			events += st.Rollups[0].Ledger.Consumed
		}
	}
	return events
}

func summaryLine(s status.Snapshot, events int64, rate float64, documents int64) string {
	line := fmt.Sprintf("%s events (%.0f/s), %s documents", humanize.Comma(events), max(rate, 0), humanize.Comma(documents))
	var ledger rollup.Ledger
	var oldest *int64
	for _, st := range s.Streams {
		for _, r := range st.Rollups {
			ledger = ledger.Add(r.Ledger)
			if r.Tidemark != nil && (oldest == nil || *r.Tidemark < *oldest) {
				oldest = r.Tidemark
			}
		}
	}
	if oldest != nil {
		line += fmt.Sprintf(", sealed up to %s", time.UnixMilli(*oldest).Format(time.TimeOnly))
	}
	if ledger.Late > 0 {
		line += fmt.Sprintf(", %s late", humanize.Comma(ledger.Late))
	}
	if bad := ledger.Undecodable + ledger.Quarantined + ledger.Rejected; bad > 0 {
		line += fmt.Sprintf(", %s not counted", humanize.Comma(bad))
	}
	if !s.Ready {
		line += ", not ready: " + strings.Join(s.Reasons, "; ")
	}
	return line
}
