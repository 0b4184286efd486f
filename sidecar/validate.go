package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/config"
)

func newValidateCommand() *cobra.Command {
	var events, name string
	c := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a configuration, and show what it makes of events",
		Long: "Checks a configuration file without connecting to anything. With --events it reads events, one a line, as if they were the log of one partition,\n" +
			"and prints the rollup documents that they give, one a line, and the ledger. Blank lines are no events.",
		Example: "  tidemark validate tidemark.yaml\n  tidemark validate tidemark.yaml --events events.ndjson",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var needs []config.Check
			if events != "" {
				needs = append(needs, needStreams)
			}
			cfg, err := loadConfig(args[0], needs...)
			if err != nil {
				return err
			}
			if events == "" && name != "" {
				return usageError{errors.New("--stream says which stream the --events belong to: give both")}
			}
			if events == "" {
				_, err := fmt.Fprintln(c.OutOrStdout(), summary(cfg))
				return err
			}
			s, err := chooseStream(cfg, name)
			if err != nil {
				return err
			}
			return printRollups(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), s, events)
		},
	}
	c.Flags().StringVar(&events, "events", "", "a file of events, one a line; - for standard input")
	c.Flags().StringVar(&name, "stream", "", "the stream that the events belong to, where several are configured")
	return c
}

func summary(cfg *config.Config) string {
	rollups := 0
	for _, s := range cfg.Streams {
		rollups += len(s.Rollups)
	}
	if len(cfg.Streams) == 0 {
		return "valid for tidemark collect: no stream is configured"
	}
	return fmt.Sprintf("valid: %s, %s", english.Plural(len(cfg.Streams), "stream", ""), english.Plural(rollups, "rollup", ""))
}

func chooseStream(cfg *config.Config, name string) (*stream, error) {
	var names []string
	for _, s := range cfg.Streams {
		if s.Name == name || name == "" && len(cfg.Streams) == 1 {
			return newStream(s)
		}
		names = append(names, s.Name)
	}
	if name == "" {
		return nil, usageError{fmt.Errorf("several streams are configured: choose one by --stream, of %q", names)}
	}
	return nil, usageError{fmt.Errorf("--stream %q: there is no such stream, only %q", name, names)}
}

// printRollups prints the documents that a file of events gives, also where only a part of it can be read.
func printRollups(ctx context.Context, out, notes io.Writer, s *stream, path string) error {
	d, err := newDryRun(s)
	if err != nil {
		return err
	}
	offset := int64(0)
	unread := readEvents(ctx, path, func(line int64, value []byte) error {
		outcome := d.add(aggregate.Record{Offset: offset, Timestamp: -1, Value: value})
		offset++
		if outcome.Bad() {
			if _, err := fmt.Fprintf(notes, "%s:%d: not counted: %s\n", path, line, outcome.Reason); err != nil {
				return err
			}
		}
		return nil
	})
	if unread != nil && offset == 0 {
		return unread
	}
	for _, document := range d.finish() {
		if _, err := out.Write(append(document, '\n')); err != nil {
			return err
		}
	}
	for i, l := range d.ledgers() {
		if _, err := fmt.Fprintf(notes, "%s: consumed %d = on_time %d + late %d + overflowed %d + filtered %d + undecodable %d + quarantined %d + rejected %d\n",
			s.definitions[i].Name, l.Consumed, l.OnTime, l.Late, l.Overflowed, l.Filtered, l.Undecodable, l.Quarantined, l.Rejected); err != nil {
			return err
		}
	}
	return unread
}

// dryRun aggregates the log of one partition without servers.
type dryRun struct {
	stream    *stream
	engine    *aggregate.Engine
	partition rollup.Partition
	documents [][]byte
}

func newDryRun(s *stream) (*dryRun, error) {
	plan, err := s.plan()
	if err != nil {
		return nil, err
	}
	return &dryRun{stream: s, engine: aggregate.NewEngine(plan, plan.Begin(0, 0, [16]byte{})), partition: rollup.Partition{Topic: s.Topics[0]}}, nil
}

func (d *dryRun) add(r aggregate.Record) aggregate.Outcome {
	outcome := d.engine.Add(r)
	d.take(d.engine.Close())
	return outcome
}

// finish closes what is open and gives all documents, in the order of closing.
func (d *dryRun) finish() [][]byte {
	windows, _ := d.engine.Seal(aggregate.Never)
	d.take(windows)
	return d.documents
}

func (d *dryRun) take(windows []*aggregate.Window) {
	for _, w := range windows {
		r := w.Rollup()
		_ = w.Documents(d.partition, func(doc *rollup.Document) error { // which fails only as the function does
			d.documents = append(d.documents, doc.AppendJSON(nil, &r.Definition, r.Hash))
			return nil
		})
		d.engine.Acknowledge(w, 0, 0)
	}
}

func (d *dryRun) ledgers() []rollup.Ledger {
	ledgers := make([]rollup.Ledger, len(d.stream.definitions))
	for i := range ledgers {
		ledgers[i] = d.engine.Ledger(i)
	}
	return ledgers
}
