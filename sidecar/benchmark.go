package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// benchmarkOptions are the flags of `tidemark bench`.
type benchmarkOptions struct {
	config, only, format, profiles string

	events             int64
	eventBytes         int
	hosts, paths, keys int
	eventRate          int64
	ansi               float64
	fixedOrder         bool
	batch              int
	seed               uint64

	partitions  int
	keyed       bool
	compression string
	rollups     int

	rate     int64
	duration time.Duration
}

// The parts of the benchmark, as --only names them.
const (
	partStages    = "stages"
	partWhole     = "whole"
	partFreshness = "freshness"
)

var benchmarkParts = []string{partStages, partWhole, partFreshness}

// codecs are how Kafka compresses batches.
var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

const benchmarkHelp = `Makes events as Filebeat writes them, and measures what they cost in three parts:

  stages      decoding, cleaning, aggregating and encoding alone, from memory, in this process
  whole       the events go through Kafka, a process of ` + "`tidemark run`" + ` and Elasticsearch. They are produced first; then the
              process starts and catches up. In the end the documents must hold every event once
  freshness   events are produced at a steady rate while ` + "`tidemark run`" + ` keeps up, and Elasticsearch is asked again and
              again: how long after a window could close are its events found? The live stream is read by the second
              meanwhile: how long after its own time is an event told?

CPU time is user and system time of the process that is measured, not of Kafka, Elasticsearch or the producer. So it can be
compared between machines that are busy; events per second cannot.

Kafka and Elasticsearch are in-process ones in a process of their own, unless --config names a file: then the servers of its
sections kafka and elasticsearch are used, and nothing else of the file. Everything made there has a name that begins with
tidemark-bench- and is removed at the end, also after Ctrl-C.`

const benchmarkExamples = `  tidemark bench
  tidemark bench --only stages --event-bytes 2000
  tidemark bench --only whole --keys 100000 --partitions 64 --events 10000000
  tidemark bench --only whole --config tidemark.yaml --compression zstd
  tidemark bench --only freshness --rate 50000 --duration 1m --format json
  tidemark bench --only whole --profiles . && go tool pprof -top whole.pprof`

func newBenchCommand(logging *logOptions) *cobra.Command {
	var o benchmarkOptions
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Measure what events cost on this machine",
		Long:    benchmarkHelp,
		Example: benchmarkExamples,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			events, err := o.check(c)
			if err != nil {
				return usageError{err}
			}
			if _, err := logging.handler(c.ErrOrStderr()); err != nil {
				return err
			}
			return runBenchmark(c.Context(), &o, events, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.config, "config", "c", "", "a configuration file whose Kafka and Elasticsearch are used (default: in-process ones)")
	f.StringVar(&o.only, "only", "", "one part alone: stages, whole or freshness (default: all)")
	f.StringVar(&o.format, "format", "table", "how results are printed: table or json")
	f.StringVar(&o.profiles, "profiles", "", "a folder for CPU profiles, one of each part (default: none)")
	f.Int64Var(&o.events, "events", 2_000_000, "how many events go the whole path")
	f.IntVar(&o.eventBytes, "event-bytes", 900, "the size of an event, 200 to 65536 bytes")
	f.IntVar(&o.hosts, "hosts", 20, "how many hosts write events")
	f.IntVar(&o.paths, "paths", 10, "how many files each host writes; hosts times paths are the keys")
	f.IntVar(&o.keys, "keys", 0, "how many keys there are, instead of --hosts and --paths")
	f.Int64Var(&o.eventRate, "event-rate", 10_000, "how many events a second of event time has: fewer make more windows and documents")
	f.Float64Var(&o.ansi, "ansi", 0.1, "the share of messages with escape sequences of a terminal, 0 to 1")
	f.IntVar(&o.batch, "batch", 0, "how many events a host writes before another one does, a multiple of --paths, or 1 (default: 20 times --paths): a Filebeat sends up to 2048")
	f.BoolVar(&o.fixedOrder, "fixed-order", false, "give all events their fields in the same order, which Filebeat does not")
	f.Uint64Var(&o.seed, "seed", 1, "makes other events")
	f.IntVar(&o.partitions, "partitions", 4, "how many partitions the topic has, 1 to 1000")
	f.BoolVar(&o.keyed, "keyed", false, "give records the host as their key, so that each key is in one partition, not in all")
	f.StringVar(&o.compression, "compression", "lz4", "how the topic is compressed: none, gzip, snappy, lz4 or zstd")
	f.IntVar(&o.rollups, "rollups", 1, fmt.Sprintf("how many rollups are kept of each event, 1 to %d", config.MaxStreamRollups))
	f.Int64Var(&o.rate, "rate", 20_000, "how many events a second are produced for the freshness")
	f.DurationVar(&o.duration, "duration", 30*time.Second, "how long they are produced, 3s or more")
	c.AddCommand(newBenchFeedCommand(), newBenchSidecarCommand())
	return c
}

// check finds what is wrong with the flags, and gives the options of the events.
func (o *benchmarkOptions) check(c *cobra.Command) (generate.Options, error) {
	changed := c.Flags().Changed
	_, knownCodec := codecs[o.compression]
	var err error
	switch {
	case o.only != "" && !slices.Contains(benchmarkParts, o.only):
		err = fmt.Errorf("--only %q: stages, whole and freshness are allowed", o.only)
	case o.format != "table" && o.format != "json":
		err = fmt.Errorf("--format %q: table and json are allowed", o.format)
	case !knownCodec:
		err = fmt.Errorf("--compression %q: none, gzip, snappy, lz4 and zstd are allowed", o.compression)
	case o.events < 1:
		err = fmt.Errorf("--events %d: 1 or more are allowed", o.events)
	case o.partitions < 1 || o.partitions > 1000:
		err = fmt.Errorf("--partitions %d: 1 to 1000 are allowed", o.partitions)
	case o.rollups < 1 || o.rollups > config.MaxStreamRollups:
		err = fmt.Errorf("--rollups %d: 1 to %d are allowed", o.rollups, config.MaxStreamRollups)
	case o.rate < 1:
		err = fmt.Errorf("--rate %d: 1 or more is allowed", o.rate)
	case o.duration < 3*time.Second:
		err = fmt.Errorf("--duration %s: 3s or more is allowed", o.duration)
	case changed("keys") && (changed("hosts") || changed("paths")):
		err = errors.New("--keys is instead of --hosts and --paths: give one or the others")
	case changed("keys") && o.keys < 1:
		err = fmt.Errorf("--keys %d: 1 or more are allowed", o.keys)
	}
	if info, e := os.Stat(o.profiles); err == nil && o.profiles != "" && (e != nil || !info.IsDir()) {
		err = fmt.Errorf("--profiles %s: there is no such folder", o.profiles)
	}
	if err != nil {
		return generate.Options{}, err
	}
	if changed("keys") {
		o.hosts, o.paths = divide(o.keys)
	}
	if !changed("batch") {
		o.batch = 20 * o.paths
	}
	events := generate.Options{
		Batch: o.batch, Hosts: o.hosts, Paths: o.paths, Bytes: o.eventBytes, ANSI: o.ansi, FixedOrder: o.fixedOrder, Seed: o.seed, Rate: o.eventRate,
	}
	// A zero would be a default there.
	for _, f := range []struct {
		name  string
		value int64
	}{{"hosts", int64(o.hosts)}, {"paths", int64(o.paths)}, {"event-bytes", int64(o.eventBytes)}, {"batch", int64(o.batch)}, {"event-rate", o.eventRate}} {
		if f.value < 1 {
			return events, fmt.Errorf("--%s %d: 1 or more are allowed", f.name, f.value)
		}
	}
	_, err = generate.NewFilebeat(events)
	return events, err
}

// divide makes hosts and paths of a number of keys: ten paths a host where that is possible.
func divide(keys int) (hosts, paths int) {
	for paths = min(keys, 10); keys%paths != 0; {
		paths--
	}
	return keys / paths, paths
}

func runBenchmark(ctx context.Context, o *benchmarkOptions, events generate.Options, out, notes io.Writer) error {
	var servers *config.Config
	if o.config != "" {
		var err error
		if servers, err = config.Load(o.config); err != nil {
			return usageError{err}
		}
	}
	b := &benchmark{options: o, events: events, servers: servers, limits: defaultStageLimits, notes: &progressNotes{to: notes}, report: newBenchmarkReport(ctx, o, events)}
	show := tablePrinter(out)
	if o.format == "json" {
		show = func(*benchmarkReport, string) error { return nil }
	}
	if err := show(b.report, ""); err != nil {
		return err
	}
	for _, part := range []struct {
		name, title string
		run         func(context.Context) error
	}{{partStages, "measure the stages", b.stages}, {partWhole, "measure the whole path", b.whole}, {partFreshness, "measure the freshness", b.freshness}} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.run(ctx); err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx, err)
			}
			return fmt.Errorf("%s: %w", part.title, err)
		}
		if err := show(b.report, part.name); err != nil {
			return err
		}
	}
	if o.format == "json" {
		return printReportJSON(out, b.report)
	}
	return nil
}

// interrupted leaves of an error what concerns the one who interrupted the command: what is left behind.
func interrupted(ctx context.Context, err error) error {
	if left := new(leftError); errors.As(err, left) {
		return interruptedError{*left}
	}
	return ctx.Err()
}

// benchmark is one run of the command.
type benchmark struct {
	options *benchmarkOptions
	events  generate.Options
	servers *config.Config // nil: in-process ones
	limits  stageLimits
	notes   *progressNotes
	report  *benchmarkReport
}

// profile is the file for the profile of a part, or empty.
func (b *benchmark) profile(part string) string {
	if b.options.profiles == "" {
		return ""
	}
	return filepath.Join(b.options.profiles, part+".pprof")
}

// progressNotes tells what goes on.
type progressNotes struct {
	to   io.Writer
	last time.Time
}

// say writes a line.
func (n *progressNotes) say(format string, arguments ...any) {
	n.last = time.Now()
	_, _ = fmt.Fprintf(n.to, format+"\n", arguments...)
}

// saySometimes writes a line unless one was written a moment ago.
func (n *progressNotes) saySometimes(format string, arguments ...any) {
	if time.Since(n.last) > 2*time.Second {
		n.say(format, arguments...)
	}
}
