package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/write"
)

// replayOptions are the flags of `tidemark replay`.
type replayOptions struct {
	from, to           string
	rollups            []string
	partitions         []string
	dryRun, allowLoss  bool
	resume, restart    bool
	fromTime, toTime   int64
	fromGiven, toGiven bool
}

func newReplayCommand(logging *logOptions) *cobra.Command {
	var path string
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay --config FILE --from TIME [--to TIME]",
		Short: "Rebuild a time range of rollups from Kafka",
		Long: `Counts again what Kafka holds of a time range, compares it with the documents, and writes the windows that differ anew: documents that are missing, damaged
or of an earlier definition. What is right already is not touched. The coarser tiers of the range are made anew of what is there then, also where nothing differed:
doing it again writes the same values once more. Sidecars may go on meanwhile: only what is sealed is
looked at. Late corrections of a window that is written anew become part of it.

With --resume or --restart it puts partitions back to work whose committed offset is lost or is not Tidemark's. The sidecars must be stopped for these.`,
		Example: `  tidemark replay --config tidemark.yaml --from 2026-11-22T00:00:00Z --to 2026-11-22T12:00:00Z --dry-run
  tidemark replay --config tidemark.yaml --from 6h --rollup log_writes
  tidemark replay --config tidemark.yaml --resume
  tidemark replay --config tidemark.yaml --restart --from 2026-11-22T00:00:00Z`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.parse(time.Now()); err != nil {
				return err
			}
			cfg, logger, err := logging.configured(c, path, needStreams)
			if err != nil {
				return err
			}
			return runReplay(c.Context(), cfg, logger, o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "the beginning of the range: an RFC 3339 time, or a duration such as 6h before now")
	f.StringVar(&o.to, "to", "", "the end of the range, in the same forms (default: the tidemark)")
	f.StringSliceVar(&o.rollups, "rollup", nil, "the rollups to rebuild, by name (default: all)")
	f.StringSliceVar(&o.partitions, "partition", nil, "the partitions to read, as topic/3 (default: all; with --resume and --restart: those that do not start)")
	f.BoolVar(&o.dryRun, "dry-run", false, "only print what would be done")
	f.BoolVar(&o.allowLoss, "allow-loss", false, "write also what lacks events that Kafka has deleted, and documents hold")
	f.BoolVar(&o.resume, "resume", false, "commit again what the progress index keeps of each partition, so that it goes on where it was")
	f.BoolVar(&o.restart, "restart", false, "begin a new lineage at --from (default: at the first time that Kafka holds completely)")
	return c
}

// parse checks the flags.
func (o *replayOptions) parse(now time.Time) error {
	var err error
	if o.fromTime, o.fromGiven, err = parseTime("from", o.from, now); err != nil {
		return err
	}
	if o.toTime, o.toGiven, err = parseTime("to", o.to, now); err != nil {
		return err
	}
	switch {
	case o.resume && o.restart:
		return usageError{errors.New("--resume and --restart: only one of them is allowed")}
	case o.resume && (o.fromGiven || o.toGiven):
		return usageError{errors.New("--resume: a partition goes on where it was, --from and --to are not allowed")}
	case o.restart && o.toGiven:
		return usageError{errors.New("--restart: a lineage has no end, --to is not allowed")}
	case o.resume && o.allowLoss:
		return usageError{errors.New("--resume: nothing is written, --allow-loss is not allowed")}
	case (o.resume || o.restart) && len(o.rollups) > 0:
		return usageError{errors.New("--rollup: all rollups of a stream are read together, so --resume and --restart are for all of them")}
	case !o.resume && !o.restart && !o.fromGiven:
		return usageError{errors.New("--from is missing: give the beginning of the range, see tidemark replay --help")}
	case !o.resume && !o.restart:
		to := o.toTime
		if !o.toGiven {
			to = now.UnixMilli()
		}
		return checkRange(o.from, o.to, o.fromTime, to)
	}
	return nil
}

// checkRange refuses a range that holds no time. Without --to, it ends at the present.
func checkRange(from, to string, fromTime, toTime int64) error {
	switch {
	case fromTime < toTime:
		return nil
	case to == "":
		return usageError{fmt.Errorf("--from %s is not in the past: there is nothing to make anew", from)}
	}
	return usageError{fmt.Errorf("--to %s is not after --from %s", to, from)}
}

// parseTime reads an RFC 3339 time, or a duration before now. The result is in milliseconds.
func parseTime(flag, text string, now time.Time) (ms int64, given bool, err error) {
	if text == "" {
		return 0, false, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UnixMilli(), true, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UnixMilli(), true, nil
	}
	return 0, false, usageError{fmt.Errorf("--%s %q: an RFC 3339 time such as 2026-11-22T10:00:00Z, or a duration such as 6h, is allowed", flag, text)}
}

func runReplay(ctx context.Context, cfg *config.Config, logger *slog.Logger, o replayOptions, out, notes io.Writer) error {
	m, err := newMaintenance(cfg, logger, out, notes)
	if err != nil {
		return err
	}
	defer m.Close()
	chosen, err := m.choose(o.rollups)
	if err != nil {
		return err
	}
	if err := m.checkPartitions(o.partitions); err != nil {
		return err
	}
	partitions, err := m.chosenPartitions(ctx, o.partitions)
	if err != nil {
		return err
	}
	if o.resume || o.restart {
		if err := m.stopped(ctx, o); err != nil {
			return err
		}
		if partitions, err = m.chosenPartitions(ctx, o.partitions); err != nil { // as they are after that
			return err
		}
	}
	switch {
	case o.resume:
		return m.resume(ctx, partitions, o)
	case o.restart:
		return m.restart(ctx, partitions, o)
	}
	return m.replay(ctx, partitions, chosen, o)
}

// replay rebuilds a range, one partition after the other.
func (m *maintenance) replay(ctx context.Context, partitions []logPartition, chosen map[string]bool, o replayOptions) error {
	definitions, err := m.catalog.definitions(ctx)
	if err != nil {
		return err
	}
	to := o.toTime
	if !o.toGiven {
		to = time.Now().UnixMilli()
	}
	report := &replayReport{out: m.out, notes: m.notes}
	var writer *write.Writer
	if !o.dryRun {
		if err := m.catalog.install(ctx); err != nil { // so that an index that is gone is made as it must be
			return err
		}
		var stop func()
		writer, stop = m.startWriter(ctx, report.rejects)
		defer stop()
	}
	// Everything that keeps a partition from being rebuilt is found before the first is.
	var work []*rebuild
	var refusal *deletedError // of the partition of which the most is deleted
	for i := range partitions {
		p := &partitions[i]
		if !slices.ContainsFunc(p.stream.definitions, func(d rollup.Definition) bool { return chosen[d.Name] }) {
			continue
		}
		b, err := m.newRebuild(p, chosen, definitions, report)
		if err != nil {
			return err
		}
		b.writer, b.allowLoss = writer, o.allowLoss
		from, _ := b.align(o.fromTime, to)
		if _, err := m.offsetAt(ctx, p, from); err != nil {
			if refusal, err = refusal.or(err, b.grid()); err != nil {
				return err
			}
		}
		work = append(work, b)
	}
	if refusal != nil {
		return refusal
	}
	if err := m.rebuildAll(ctx, writer, work, chosen, rollup.Span{From: o.fromTime, To: to}); err != nil {
		return err
	}
	return report.end(o.dryRun)
}

// rebuildAll rebuilds a span by a writer, nil for a dry run, and then what the coarser tiers hold of it. They are told before, too, so that a replay that is
// killed does not leave them behind.
func (m *maintenance) rebuildAll(ctx context.Context, writer *write.Writer, work []*rebuild, chosen map[string]bool, span rollup.Span) error {
	wide := span
	for _, b := range work {
		from, to := b.align(span.From, span.To)
		wide.From, wide.To = min(wide.From, from), max(wide.To, to)
	}
	if writer != nil {
		if err := m.redo(ctx, chosen, wide); err != nil {
			return err
		}
	}
	err := rebuildEach(ctx, work, span)
	if writer == nil {
		return err
	}
	ending := context.WithoutCancel(ctx) // also where it was given up in the middle
	// What is read once it is told may be kept for long.
	told := errors.Join(makeVisible(ending, m.store, writer), m.redo(ending, chosen, wide))
	if err := cmp.Or(err, told); err != nil {
		return err
	}
	tiered := map[string]bool{}
	for _, s := range m.streams {
		for i := range s.definitions {
			if d := &s.definitions[i]; chosen[d.Name] && len(d.Tiers) > 0 {
				tiered[d.Name] = true
			}
		}
	}
	if len(tiered) == 0 {
		return nil
	}
	return m.raiseTiers(ctx, tiered)
}

func rebuildEach(ctx context.Context, work []*rebuild, span rollup.Span) error {
	for _, b := range work {
		if err := b.run(ctx, span.From, span.To); err != nil {
			return err
		}
	}
	return nil
}

// shownDifferences bounds how many windows are named.
const shownDifferences = 50

// replayReport tells what a replay does.
type replayReport struct {
	out, notes io.Writer

	Windows, Differing, Written, Removed int64
	Rejected                             int64
	// Left counts the windows that differ and stay, since Kafka has deleted events that their documents hold; lastLeft is the start of the last one.
	Left, lastLeft int64
	// Unsure counts the windows that hold as many events as they may, but not each once that came again late.
	Unsure int64
	// Unacceptable counts the windows that lack only documents which Elasticsearch cannot accept; lacking those of a dry run that may be such.
	Unacceptable, lacking int64
	refusals              atomic.Int64

	partition *logPartition
	from, to  int64
	told      time.Time
}

func (r *replayReport) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.notes, format+"\n", args...)
}

// rejects tells of a document that Elasticsearch can never accept.
func (r *replayReport) rejects(_ []byte, err *elastic.Error) {
	switch n := r.refusals.Add(1); {
	case n <= shownDifferences:
		r.say("a document cannot be accepted: %v", err)
	case n == shownDifferences+1:
		r.say("… further documents that cannot be accepted are not named")
	}
}

// reading begins to follow the reading of a log.
func (r *replayReport) reading(p *logPartition, from, to int64) {
	r.partition, r.from, r.to, r.told = p, from, to, time.Now()
	r.say("%s: %s to read, from offset %d on", p.String(), english.Plural(int(max(0, to-from)), "record", ""), from)
}

func (r *replayReport) read(offset int64) {
	if offset%1024 != 0 || time.Since(r.told) < time.Second {
		return
	}
	r.told = time.Now()
	r.say("%s: %d of %d records (%d%%)", r.partition.String(), offset-r.from, r.to-r.from, 100*(offset-r.from)/max(1, r.to-r.from))
}

// differs tells of a window about which Kafka and Elasticsearch say different things, and which is left as it is or not.
func (r *replayReport) differs(rollup string, p *logPartition, start, had, has int64, keys int, left bool) {
	note := ""
	if left {
		note = "  left: kafka has deleted records"
		if r.Left++; r.Left == 1 || start > r.lastLeft {
			r.lastLeft = start
		}
	}
	if r.Differing++; r.Differing > shownDifferences {
		return
	}
	if r.Differing == 1 {
		_, _ = fmt.Fprintf(r.out, "%-24s  %-20s  %-20s  %12s  %12s  %s\n", "WINDOW", "ROLLUP", "PARTITION", "DOCUMENTS", "KAFKA", "KEYS THAT DIFFER")
	}
	_, _ = fmt.Fprintf(r.out, "%-24s  %-20s  %-20s  %12d  %12d  %d%s\n", time.UnixMilli(start).UTC().Format(time.RFC3339Nano), rollup, p.String(), had, has, keys, note)
	if r.Differing == shownDifferences {
		_, _ = fmt.Fprintln(r.out, "… further windows are only counted")
	}
}

// end prints the sums.
func (r *replayReport) end(dryRun bool) error {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		name string
		n    int64
	}{{"windows compared", r.Windows}, {"windows that differed", r.Differing}, {"windows left", r.Left}, {"documents written", r.Written}, {"documents removed", r.Removed}} {
		_, _ = fmt.Fprintf(w, "%s\t%d\n", line.name, line.n)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	some := func(windows int64, verb, verbs string) string {
		return english.Plural(int(windows), "window", "") + " " + english.PluralWord(int(windows), verb, verbs)
	}
	if r.Unsure > 0 {
		_, _ = fmt.Fprintf(r.out, "%s events that came again when these had closed, as many as they may: they are right as far as the log tells\n", some(r.Unsure, "holds", "hold"))
	}
	if r.Unacceptable > 0 {
		_, _ = fmt.Fprintf(r.out, "%s only documents that Elasticsearch cannot accept: there is nothing to do before their index can hold them\n", some(r.Unacceptable, "lacks", "lack"))
	}
	if r.lacking > 0 {
		_, _ = fmt.Fprintf(r.out, "%s whole keys: perhaps those whose documents Elasticsearch rejected, which cannot be written then either\n", some(r.lacking, "lacks", "lack"))
	}
	if dryRun && r.Differing > 0 {
		_, _ = fmt.Fprintln(r.out, "nothing was written: run it without --dry-run to write what differs")
	}
	if r.Left > 0 && !dryRun {
		return fmt.Errorf("%s left unchanged: their documents hold events that kafka, which has deleted records, does not have any more; --allow-loss writes what it has", some(r.Left, "was", "were"))
	}
	if r.Rejected > 0 {
		return fmt.Errorf("elasticsearch cannot accept documents with %s", english.Plural(int(r.Rejected), "event", ""))
	}
	return nil
}
