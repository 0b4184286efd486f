package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sidecarSample is what a sidecar tells of itself at one time.
type sidecarSample struct {
	at       time.Time
	consumed int64         // events, by the first rollup
	ready    int           // partitions that are being read
	cpu      time.Duration // of the process, since its start
	objects  float64       // allocated since the start
	resident int64         // bytes
}

const scrapeTimeout = 10 * time.Second

// sample reads the sidecar's metrics.
func (r *benchmarkRun) sample(ctx context.Context) (sidecarSample, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/metrics", http.NoBody)
	if err != nil {
		return sidecarSample{}, fmt.Errorf("ask for the sidecar's metrics: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return sidecarSample{}, fmt.Errorf("ask for the sidecar's metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return sidecarSample{}, fmt.Errorf("ask for the sidecar's metrics: it answered %s", response.Status)
	}
	s, err := readSample(response.Body)
	if err != nil {
		return sidecarSample{}, fmt.Errorf("read the sidecar's metrics: %w", err)
	}
	s.at = time.Now()
	return s, nil
}

// readSample reads Prometheus's text format.
func readSample(from io.Reader) (s sidecarSample, err error) {
	first := `rollup="` + benchmarkRollupName(0) + `"`
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if end < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return s, fmt.Errorf("the line %q has no number", line)
		}
		name, labels, _ := strings.Cut(line[:end], "{")
		switch name {
		case "tidemark_events_consumed_total":
			if strings.Contains(labels, first) {
				s.consumed += int64(value)
			}
		case "tidemark_partition_state":
			if strings.Contains(labels, first) && (strings.Contains(labels, `state="reading"`) || strings.Contains(labels, `state="idle"`)) {
				s.ready += int(value)
			}
		case "process_cpu_seconds_total":
			s.cpu = time.Duration(value * float64(time.Second))
		case "process_resident_memory_bytes":
			s.resident = int64(value)
		case "go_memstats_mallocs_total":
			s.objects = value
		}
	}
	return s, lines.Err()
}
