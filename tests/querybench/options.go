package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// options are the command's flags.
type options struct {
	events int64
	behind []int64
	raw    bool

	hosts, paths int
	span         time.Duration
	fine         time.Duration
	long         time.Duration

	repeats, rawRepeats, warmRepeats int
	pace                             time.Duration

	viewers int
	every   time.Duration
	watch   time.Duration

	only, url, heap, profile string
	keep                     bool
}

// The parts of the benchmark, as -only names them.
const (
	partDashboard = "dashboard"
	partLong      = "long"
	partViewers   = "viewers"
	partStorage   = "storage"
)

const usage = `Usage: go run ./tests/querybench [flags]

Loads raw events and their rollups into an Elasticsearch, and measures in one run:

  dashboard  the four panels of a dashboard over a day at a minute, of rollups with few, more and many events behind them, and the
             same four questions to the raw documents
  long       30 days at an hour
  viewers    a dashboard that many look at and that refreshes every few seconds, while new windows are written
  storage    the bytes of rollups and of raw documents

`

func parseOptions(args []string, notes io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("querybench", flag.ContinueOnError)
	f.SetOutput(notes)
	f.Usage = func() {
		_, _ = io.WriteString(notes, usage)
		f.PrintDefaults()
	}
	f.Int64Var(&o.events, "events", 1_000_000, "how many raw events there are")
	behind := f.String("behind", "3000000,30000000,300000000", "how many events rollups have behind them whose documents are made directly, with counts as if there were so many")
	f.BoolVar(&o.raw, "raw", true, "index the raw documents, and ask them too")
	f.IntVar(&o.hosts, "hosts", 20, "how many hosts write events")
	f.IntVar(&o.paths, "paths", 10, "how many files each host writes")
	f.DurationVar(&o.span, "span", 24*time.Hour, "the time that the events lie in, and that the dashboard shows; whole hours")
	f.DurationVar(&o.fine, "fine", 2*time.Hour, "how much of it has windows of 10 s, up to the whole: a retention")
	f.DurationVar(&o.long, "long", 30*24*time.Hour, "how far the windows of an hour reach back; whole days")
	f.IntVar(&o.repeats, "repeats", 100, "how often the dashboard of a rollup is asked for without caches")
	f.IntVar(&o.rawRepeats, "raw-repeats", 20, "how often that of the raw documents is, without caches and with them")
	f.IntVar(&o.warmRepeats, "warm-repeats", 60, "how often that of a rollup is with caches")
	f.DurationVar(&o.pace, "pace", 2500*time.Millisecond, "the time between two dashboards with caches; above 2 s, each needs a new catalog")
	f.IntVar(&o.viewers, "viewers", 50, "how many look at the dashboard that is refreshed")
	f.DurationVar(&o.every, "every", 5*time.Second, "how often it is refreshed")
	f.DurationVar(&o.watch, "watch", 3*time.Minute, "how long they look at it")
	f.StringVar(&o.only, "only", "", "parts alone, separated by commas: dashboard, long, viewers, storage (default: all)")
	f.StringVar(&o.url, "url", "", "an Elasticsearch of yours, whose indices tidemark-bench-* are removed (default: one that is started, and removed at the end)")
	f.BoolVar(&o.keep, "keep", false, "leave what was loaded in the Elasticsearch of -url, and measure what an earlier run with the same events has left there")
	f.StringVar(&o.heap, "heap", "4g", "the heap of the Elasticsearch that is started")
	f.StringVar(&o.profile, "profile", "", "a file for a CPU profile of this process while rollups are asked (default: none)")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	for text := range strings.SplitSeq(*behind, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-behind %q: numbers of events, separated by commas, are allowed", *behind)
		}
		o.behind = append(o.behind, n)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *options) check() error {
	switch {
	case o.events < 1 || o.hosts < 1 || o.paths < 1 || o.repeats < 1 || o.rawRepeats < 1 || o.warmRepeats < 1 || o.viewers < 1:
		return errors.New("numbers of events, hosts, paths, repeats and viewers are 1 or more")
	case o.span < time.Hour || o.span%time.Hour != 0:
		return fmt.Errorf("-span %s: whole hours are allowed", o.span)
	case o.fine < tierMiddle || o.fine > o.span:
		return fmt.Errorf("-fine %s: a minute to the span is allowed", o.fine)
	case o.long < 24*time.Hour || o.long%(24*time.Hour) != 0:
		return fmt.Errorf("-long %s: whole days are allowed", o.long)
	case o.keep && o.url == "":
		return errors.New("-keep needs -url: what is started is removed at the end")
	case o.pace < 0 || o.every <= 0 || o.watch <= 0:
		return errors.New("-every and -watch are above 0")
	}
	for part := range strings.SplitSeq(o.only, ",") {
		switch part {
		case "", partDashboard, partLong, partViewers, partStorage:
		default:
			return fmt.Errorf("-only %q: dashboard, long, viewers and storage are allowed", o.only)
		}
	}
	return nil
}

// wants reports whether a part is to be measured.
func (o *options) wants(part string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+part+",")
}
