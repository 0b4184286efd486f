package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/downsample"
)

type downsampleOptions struct {
	from, to         string
	rollups          []string
	fromTime, toTime int64
	again            bool // a range is given
}

func newDownsampleCommand(logging *logOptions) *cobra.Command {
	var path string
	var o downsampleOptions
	c := &cobra.Command{
		Use:   "downsample --config FILE [--from TIME [--to TIME]]",
		Short: "Make the coarser tiers, or make those of a time range anew",
		Long: `Makes the windows of the coarser tiers that can be made, as the sidecars do by themselves every few seconds. With --from, the windows of the range that are made
already are made anew: after documents of the finest tier were changed by hand, or indices of a coarser one were deleted. Windows whose finer tier was removed at the
end of its retention stay as they are. The sidecars can go on meanwhile.`,
		Example: "  tidemark downsample --config tidemark.yaml\n  tidemark downsample --config tidemark.yaml --from 2026-11-22T00:00:00Z --to 2026-11-23T00:00:00Z\n  tidemark downsample --config tidemark.yaml --from 6h --rollup log_writes",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.parse(time.Now()); err != nil {
				return err
			}
			cfg, logger, err := logging.configured(c, path, needStreams)
			if err != nil {
				return err
			}
			return runDownsample(c.Context(), cfg, logger, &o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	configFlag(c, &path)
	f := c.Flags()
	f.StringVar(&o.from, "from", "", "the beginning of the range to make anew: an RFC 3339 time, or a duration such as 6h before now")
	f.StringVar(&o.to, "to", "", "the end of the range, in the same forms (default: the present)")
	f.StringSliceVar(&o.rollups, "rollup", nil, "the rollups, by name (default: all)")
	return c
}

func (o *downsampleOptions) parse(now time.Time) error {
	var toGiven bool
	var err error
	if o.fromTime, o.again, err = parseTime("from", o.from, now); err != nil {
		return err
	}
	if o.toTime, toGiven, err = parseTime("to", o.to, now); err != nil {
		return err
	}
	if !toGiven {
		o.toTime = now.UnixMilli()
	}
	switch {
	case toGiven && !o.again:
		return usageError{errors.New("--to without --from: give the beginning of the range too")}
	case o.again:
		return checkRange(o.from, o.to, o.fromTime, o.toTime)
	}
	return nil
}

func runDownsample(ctx context.Context, cfg *config.Config, logger *slog.Logger, o *downsampleOptions, out, notes io.Writer) error {
	m, err := newMaintenance(cfg, logger, out, notes)
	if err != nil {
		return err
	}
	defer m.Close()
	chosen, err := m.choose(o.rollups)
	if err != nil {
		return err
	}
	if err := m.catalog.install(ctx); err != nil { // so that an index that is gone is made as it must be
		return err
	}
	if o.again {
		if err := m.redo(ctx, chosen, rollup.Span{From: o.fromTime, To: o.toTime}); err != nil {
			return err
		}
	}
	return m.raiseTiers(ctx, chosen)
}

// raiseTiers makes the coarser tiers of the chosen rollups, and tells how it goes.
func (m *maintenance) raiseTiers(ctx context.Context, chosen map[string]bool) error {
	writer, stop := m.startWriter(ctx, nil)
	defer stop()
	var windows, documents int64
	maker := newMaker(m.cfg, m.store, writer, func(name string, t rollup.Tier, s rollup.Span, n int) {
		windows += (s.To - s.From) / t.Milliseconds()
		documents += int64(n)
		_, _ = fmt.Fprintf(m.notes, "%s %s: %s to %s, %s\n", name, t, formatTime(s.From), formatTime(s.To), english.Plural(n, "document", ""))
	}, m.logger)
	catalog, err := m.catalog.read(ctx)
	if err != nil {
		return err
	}
	for i := range catalog.Rollups {
		entry := &catalog.Rollups[i]
		if !chosen[entry.Rollup] {
			continue
		}
		for {
			err := maker.Round(ctx, entry)
			if err == nil {
				break
			}
			if !errors.Is(err, downsample.ErrOvertaken) {
				return fmt.Errorf("rollup %q: %w", entry.Rollup, err)
			}
			if !sleep(ctx, time.Second) {
				return ctx.Err()
			}
		}
	}
	_, err = fmt.Fprintf(m.out, "coarser tiers: %s made, %s written\n", english.Plural(int(windows), "window", ""), english.Plural(int(documents), "document", ""))
	return err
}

// redo has the coarser tiers of the chosen rollups make anew what they hold of a span.
func (m *maintenance) redo(ctx context.Context, chosen map[string]bool, span rollup.Span) error {
	maker := newMaker(m.cfg, m.store, nil, nil, m.logger)
	for _, s := range m.streams {
		for i := range s.definitions {
			d := &s.definitions[i]
			if !chosen[d.Name] {
				continue
			}
			entry := &rollup.CatalogEntry{DefinitionProgress: rollup.DefinitionProgress{Rollup: d.Name, Spec: *d}}
			if err := maker.Redo(ctx, entry, span); err != nil {
				return fmt.Errorf("rollup %q: %w", d.Name, err)
			}
		}
	}
	return nil
}
