package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tidemark/tidemark/tests/servers"
)

const (
	// settleTimeout is how long the sidecars may take, after everything works again, until nothing is open.
	settleTimeout = 3 * time.Minute
	// maxDelay is how long a slow request or answer can take: longer than a sidecar waits.
	maxDelay = RequestTimeout + 2*time.Second
)

// Options say what to run.
type Options struct {
	Seed     uint64
	Duration time.Duration // Round or longer
	// Binary is the path of the sidecar.
	Binary string
	// Dir is a folder for logs and configurations.
	Dir string
	// The servers belong to the run: it crashes them. They hold nothing yet, and run at its end.
	Kafka         *servers.Kafka
	Elasticsearch *servers.Elasticsearch
	// Out gets what happens, and the comparison.
	Out io.Writer
}

type run struct {
	Options
	journal   *journal
	proxy     *Proxy
	fleet     *fleet
	producer  *producer
	store     *store
	tidemarks *tidemarks
	floors    map[int][partitions]int64 // where the logs ended when a version of the configuration came
}

// ErrDiffers says that documents, ledgers or tidemarks are not what they should be, or that a sidecar failed. What differs was printed.
var ErrDiffers = errors.New("chaos found something wrong")

// Run lets a run's incidents happen and compares what is left with the truth. It returns ErrDiffers where anything differs, and other errors where the test
// itself could not be done.
func Run(ctx context.Context, o Options) error {
	incidents := Plan(o.Seed, o.Duration)
	r := &run{
		Options: o, journal: newJournal(o.Out), store: newStore(o.Elasticsearch.URL), floors: map[int][partitions]int64{},
	}
	r.journal.say("seed %d, %s, %d incidents", o.Seed, o.Duration, len(incidents))
	var err error
	if r.proxy, err = NewProxy(o.Elasticsearch.URL, o.Seed, maxDelay); err != nil {
		return err
	}
	defer func() { _ = r.proxy.Close() }()
	if r.producer, err = newProducer(o.Kafka.Addr); err != nil {
		return err
	}
	defer r.producer.client.Close()
	ahead := strconv.FormatInt(maxTimestampAhead.Milliseconds(), 10)
	created, err := kadm.NewClient(r.producer.client).CreateTopic(ctx, partitions, 1, map[string]*string{"message.timestamp.after.max.ms": &ahead}, topic)
	if err = errors.Join(err, created.Err); err != nil {
		return fmt.Errorf("make the topic: %w", err)
	}
	r.tidemarks = &tidemarks{store: r.store, journal: r.journal, sealed: map[[2]string]int64{}, of: map[string]int64{}}
	r.fleet = &fleet{binary: o.Binary, dir: o.Dir, kafka: o.Kafka.Addr, store: r.proxy.URL, journal: r.journal}
	defer r.fleet.close()
	if err := r.chaos(ctx, incidents); err != nil {
		return err
	}
	tallies, err := r.verify(ctx)
	if err != nil {
		return err
	}
	if err := r.commands(ctx, tallies); err != nil {
		return err
	}
	if failures := r.journal.failed(); len(failures) > 0 {
		return fmt.Errorf("%w: seed %d, %s: %d failures, the first: %.300s", ErrDiffers, o.Seed, o.Duration, len(failures), failures[0])
	}
	return nil
}

// chaos runs everything until production has ended and the sidecars have settled and left.
func (r *run) chaos(ctx context.Context, incidents []Incident) error {
	watching, unwatch := context.WithCancel(ctx)
	producing, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer unwatch()
	defer stop()
	background.Go(func() { r.tidemarks.run(watching) })
	var production sync.WaitGroup
	production.Go(func() { r.producer.run(producing, r.Seed) })
	defer production.Wait()
	defer stop()

	if err := r.fleet.configure(0); err != nil {
		return err
	}
	for n := range residents {
		if err := r.fleet.start(n); err != nil {
			return err
		}
	}
	r.proxy.SetRate(calm)
	r.drive(ctx, incidents)
	r.proxy.SetRate(0)
	stop()
	production.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	r.producer.endHour(ctx, time.Now())
	flushing, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	if err := r.producer.finish(flushing); err != nil {
		return err
	}
	r.journal.say("production has ended with %d events; nothing goes wrong any more", r.producer.produced())
	if err := r.settle(ctx); err != nil {
		return err
	}
	unwatch()
	background.Wait()
	for n := range residents {
		if err := r.fleet.leave(n); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until every partition is read, sealed and committed to its end, and the coarser tiers are made.
func (r *run) settle(ctx context.Context) error {
	ends, err := logEnds(ctx, r.producer.client)
	if err != nil {
		return err
	}
	rollups := rollupsOf(r.fleet.configured())
	begin := time.Now()
	for {
		behind, err := r.behind(ctx, rollups, ends)
		if err != nil {
			behind = err.Error()
		}
		if behind == "" {
			r.journal.say("settled after %.1f s", time.Since(begin).Seconds())
			return nil
		}
		if time.Since(begin) > settleTimeout {
			r.journal.fail("not settled after %s: %s", settleTimeout, behind)
			for n := range residents {
				r.journal.say("the end of the log of sidecar %d:\n%s", n, r.fleet.tail(n))
			}
			return nil
		}
		if !wait(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// behind says what is not done yet, or "".
func (r *run) behind(ctx context.Context, rollups []rollupSpec, ends [partitions]int64) (string, error) {
	told, err := r.store.progress(ctx)
	if err != nil {
		return "", err
	}
	made, err := r.store.tiers(ctx)
	if err != nil {
		return "", err
	}
	return cmp.Or(unsettled(rollups, ends, told), unmade(rollups, told, made)), nil
}

// unsettled says which partition is not read to its end, or "".
func unsettled(rollups []rollupSpec, ends [partitions]int64, told []progress) string {
	next := map[[2]string]int64{}
	definitions := map[string]map[string]bool{}
	for _, p := range told {
		next[[2]string{p.Rollup, p.Partition}] = p.NextOffset
		if definitions[p.Rollup] == nil {
			definitions[p.Rollup] = map[string]bool{}
		}
		definitions[p.Rollup][p.Definition] = true
	}
	for _, rollup := range rollups {
		for n, end := range ends {
			name := fmt.Sprintf("%s/%d", topic, n)
			if at, known := next[[2]string{rollup.name, name}]; !known || at != end {
				return fmt.Sprintf("rollup %s, %s: committed up to offset %d of %d", rollup.name, name, at, end)
			}
		}
		if n := len(definitions[rollup.name]); n != 1 {
			return fmt.Sprintf("rollup %s: its partitions are told under %d definitions", rollup.name, n)
		}
	}
	return ""
}

// verify compares everything with the truth, and prints it. It returns the truth.
func (r *run) verify(ctx context.Context) ([]*tally, error) {
	ends, err := logEnds(ctx, r.producer.client)
	if err != nil {
		return nil, err
	}
	told, err := r.store.progress(ctx)
	if err != nil {
		return nil, err
	}
	var tallies []*tally
	for _, spec := range rollupsOf(r.fleet.configured()) {
		tallies = append(tallies, newTally(spec, r.begins(spec, ends, told)))
	}
	bad, err := readTopic(ctx, r.Kafka.Addr, ends, r.producer, tallies)
	if err != nil {
		return nil, fmt.Errorf("what is in the topic cannot be known: %w", err)
	}
	found, err := readLetters(ctx, r.Kafka.Addr)
	if err != nil {
		return nil, err
	}
	r.journal.say("%d events cannot be counted, and dead letters are there for %d", len(bad), len(found))
	r.report("dead letters", found.compare(bad))
	r.checkCourse()
	return tallies, r.compare(ctx, tallies)
}

// compare compares documents and ledgers with the truth, and prints them.
func (r *run) compare(ctx context.Context, tallies []*tally) error {
	told, err := r.store.progress(ctx)
	if err != nil {
		return err
	}
	made, err := r.store.tiers(ctx)
	if err != nil {
		return err
	}
	var comparisons []comparison
	var names []string
	var ledgers []map[string]int64
	for _, t := range tallies {
		all, err := collect(ctx, r.store, &t.spec, told, made)
		if err != nil {
			return err
		}
		finest := all[0]
		finest.compare(&t.spec, t.groupings)
		for _, k := range all[1:] {
			k.compareCoarser(t, finest)
		}
		for _, k := range all {
			for _, c := range k.comparisons {
				r.report(fmt.Sprintf("rollup %s, tier %s, grouping %s", c.rollup, c.tier, c.grouping), c.differences)
			}
			comparisons = append(comparisons, k.comparisons...)
		}
		sum, differences := finest.ledgers(t, told)
		r.report(fmt.Sprintf("ledger of rollup %s", t.spec.name), differences)
		names, ledgers = append(names, t.spec.name), append(ledgers, sum)
	}
	_, _ = fmt.Fprintln(r.Out)
	printComparisons(r.Out, comparisons)
	_, _ = fmt.Fprintln(r.Out)
	printLedgers(r.Out, names, ledgers)
	_, _ = fmt.Fprintln(r.Out)
	return nil
}

// report tells of the first few differences, if there are any.
func (r *run) report(what string, differences []string) {
	if n := len(differences); n > 0 {
		r.journal.fail("%s: %d differences, the first:\n  %s", what, n, strings.Join(differences[:min(n, shown)], "\n  "))
	}
}

// begins gives the offsets from which a rollup counts: those at which it came, which only its ledger tells, but none before it was asked for.
func (r *run) begins(spec rollupSpec, ends [partitions]int64, told []progress) (from [partitions]int64) {
	if spec.since == 0 {
		return from
	}
	for n, end := range ends {
		for _, p := range told {
			if p.Rollup == spec.name && p.Partition == fmt.Sprintf("%s/%d", topic, n) {
				from[n] = end - p.Ledger["consumed"]
			}
		}
		if floor := r.floors[spec.since][n]; from[n] < floor {
			r.journal.fail("rollup %s counts %s/%d from offset %d on, though it was asked for at offset %d", spec.name, topic, n, from[n], floor)
		}
	}
	return from
}

// checkCourse fails where the run was no test: a kind of fault never occurred, or no tidemark was seen.
func (r *run) checkCourse() {
	var occurred, missing []string
	counts := r.proxy.Counts()
	for f := range faults {
		occurred = append(occurred, fmt.Sprintf("%s %d", f, counts[f]))
		if counts[f] == 0 {
			missing = append(missing, f.String())
		}
	}
	r.journal.say("faults: %s", strings.Join(occurred, ", "))
	r.report("faults that never occurred", missing)
	r.journal.say("the tidemarks were looked at %d times", r.tidemarks.read)
	if len(r.tidemarks.of) == 0 {
		r.journal.fail("no tidemark was ever seen")
	}
}

// keepLog copies a server's log into the folder of the run, since it vanishes with the server.
func keepLog(dir, name, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o600)
}
