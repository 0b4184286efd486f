package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// benchPrefix is what all indices and templates of the benchmark begin with.
const benchPrefix = "tidemark-bench"

// bench is one run.
type bench struct {
	*options
	client   *elastic.Client
	server   *server
	progress *progress
	events   *events
	rollups  []*keptRollup // from few events to many
	own      *keptRollup   // of the raw events as they are
	report   report
}

// requestTimeout is for bulk requests and segments that are merged, on a machine that does nothing else meanwhile.
const requestTimeout = 30 * time.Minute

// measure loads everything, measures, prints the results and removes what was loaded.
func measure(ctx context.Context, o *options, out io.Writer, p *progress) (err error) {
	b := &bench{options: o, progress: p, server: &server{url: o.url, http: &http.Client{}}}
	if b.client, err = elastic.New(elastic.Config{Addresses: []string{o.url}, RequestTimeout: requestTimeout}); err != nil {
		return err
	}
	defer b.client.Close()
	version, err := b.client.Version(ctx)
	if err != nil {
		return err
	}
	b.server.embedded = version.Distribution == elastic.Embedded
	if err := b.server.findProcess(ctx); err != nil {
		return err
	}
	kept, err := b.findKept(ctx)
	if err != nil {
		return err
	}
	if b.events, err = newEvents(o, kept.To); err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, b.remove(context.WithoutCancel(ctx))) }()
	}
	b.report.describe(ctx, b, version.String())
	if err := b.load(ctx, kept); err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{{partDashboard, b.dashboards}, {partLong, b.longRanges}, {partViewers, b.watchDashboard}, {partStorage, b.measureStorage}} {
		if !o.wants(part.name) {
			continue
		}
		p.say("measuring: %s", part.name)
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("measure %s: %w", part.name, err)
		}
	}
	_, err = io.WriteString(out, b.report.String())
	return err
}

// load makes the events and the documents of all rollups, as far as they are not there.
func (b *bench) load(ctx context.Context, kept *keptState) error {
	if err := b.loadEvents(ctx, b.raw && !kept.complete); err != nil {
		return err
	}
	numbers := append(slices.Clone(b.behind), b.options.events)
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	for i, n := range numbers {
		hourFrom := b.events.from
		if i == len(numbers)-1 {
			hourFrom = b.events.to - b.long.Milliseconds()
		}
		k := newRollup(b.options, b.events, n, hourFrom)
		b.rollups = append(b.rollups, k)
		if n == b.options.events {
			b.own = k
		}
		if !kept.complete {
			if err := k.load(ctx, b); err != nil {
				return err
			}
		}
		if err := k.tell(ctx, b); err != nil {
			return err
		}
		if err := b.server.settle(ctx, k.patterns()); err != nil {
			return err
		}
	}
	return b.leave(ctx, kept)
}

// largest is the rollup with the most events behind it, which also reaches back furthest.
func (b *bench) largest() *keptRollup { return b.rollups[len(b.rollups)-1] }

// remove removes every index that has the benchmark's prefix, and the templates of this run.
func (b *bench) remove(ctx context.Context) error {
	for _, k := range b.rollups {
		if err := b.client.DeleteIndexTemplate(ctx, rollup.TemplateName(k.prefix, k.definition.Name)); err != nil && !elastic.IsNotFound(err) {
			return err
		}
	}
	indices, err := b.client.ListIndices(ctx, benchPrefix+"-*")
	if err != nil {
		return err
	}
	for _, index := range indices {
		if err := b.client.DeleteIndex(ctx, index.Name); err != nil && !elastic.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// profiled does something while the profile is taken that is asked for.
func (b *bench) profiled(do func() error) error {
	if b.profile == "" {
		return do()
	}
	file, err := os.Create(b.profile)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// short writes a number as people say it: 30M.
func short(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1_000_000_000, "G"}, {1_000_000, "M"}, {1000, "k"}} {
		if n >= unit.size && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}
