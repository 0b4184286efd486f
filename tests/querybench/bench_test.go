package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/tests/servers"
)

func TestEveryPartMeasuresAndReports(t *testing.T) {
	var out bytes.Buffer
	args := strings.Fields("-events 2000 -behind 20000 -hosts 3 -paths 2 -span 1h -fine 10m -long 24h -repeats 2 -raw-repeats 2 -warm-repeats 2 -pace 1ms -viewers 3 -every 200ms -watch 400ms -url " + servers.EmbeddedStore(t, ""))
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"rollup of 20k events: four panels, one after another", "raw documents / rollup of the same 2k events", "slowest rollup / fastest rollup",
		"average of offset by host and path, top 10, with caches", "a panel", "searches, each of a request counted", "windows of 1h", "raw documents",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the report lacks %q", part)
		}
	}
	t.Log(out.String())
}

func TestFlagsThatCannotBeAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"-events 0":       "1 or more",
		"-behind x":       "numbers of events",
		"-span 90m":       "whole hours",
		"-fine 48h":       "to the span",
		"-long 25h":       "whole days",
		"-watch 0s":       "above 0",
		"-only nothing":   "are allowed",
		"-only long,what": "are allowed",
	} {
		if _, err := parseOptions(strings.Fields(args), t.Output()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v, want one with %q", args, err, says)
		}
	}
}

func TestQuantilesAreNearestRanks(t *testing.T) {
	var all times
	for n := range 20 {
		all = append(all, time.Duration(20-n))
	}
	for share, want := range map[float64]time.Duration{0.05: 1, 0.5: 10, 0.95: 19, 1: 20} {
		if got := all.quantile(share); got != want {
			t.Errorf("quantile %v is %d, want %d", share, got, want)
		}
	}
	if got := (times{7}).p95(); got != 7 {
		t.Errorf("the p95 of one is %d", got)
	}
}

func TestSpansAreWrittenShort(t *testing.T) {
	for d, want := range map[time.Duration]string{90 * time.Second: "1m30s", 3 * time.Minute: "3m", 24 * time.Hour: "24h", 10 * time.Second: "10s", 90 * time.Minute: "1h30m"} {
		if got := span(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestQuestionsOfRawDocumentsAreThoseOfGrafana(t *testing.T) {
	r := timeRange{from: 1000, to: 2000, interval: time.Minute}
	want := `{"size":0,"query":{"bool":{"filter":[{"range":{"@timestamp":{"gte":1000,"lte":2000,"format":"epoch_millis"}}}]}},"aggs":` +
		`{"3":{"terms":{"field":"log.file.path","size":10,"order":{"1":"desc"},"min_doc_count":1},"aggs":{"1":{"avg":{"field":"log.offset"}},` +
		`"2":{"date_histogram":{"field":"@timestamp","fixed_interval":"60s","min_doc_count":0,"extended_bounds":{"min":1000,"max":2000},"format":"epoch_millis"},` +
		`"aggs":{"1":{"avg":{"field":"log.offset"}}}}}}}}`
	if got := dashboard[2].raw(r); got != want {
		t.Errorf("the search is\n%s\nwant\n%s", got, want)
	}
}
