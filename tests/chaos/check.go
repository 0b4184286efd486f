package chaos

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// shown is how many differences of one kind are printed.
const shown = 5

// tolerance is how far a sum of floating-point numbers may be from the truth, relative to the sum of their absolute values.
const tolerance = 1e-9

// comparison is the outcome for one grouping of a rollup's tier.
type comparison struct {
	rollup, tier       string
	grouping           string
	documents, windows int
	keys               int
	want, got          int64 // events
	late, overflowed   int64
	differences        []string
}

func (c *comparison) differs(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

// kept is what the documents of one tier of a rollup hold.
type kept struct {
	tier tier
	// through is the time, in milliseconds, up to which the tier is compared.
	through     int64
	partitions  map[string]int32 // by the names that documents have for them
	groupings   []map[key]*sums
	overflow    []map[key]*sums // without dimensions
	comparisons []comparison
	// Of the finest tier: events of the full grouping in corrections, in other documents of the overflow, and in all.
	late, overflowed, all [partitions]int64
}

func newKept(spec *rollupSpec, t tier) *kept {
	k := &kept{tier: t, through: math.MaxInt64, partitions: map[string]int32{}}
	for p := range int32(partitions) {
		k.partitions[fmt.Sprintf("%s/%d", topic, p)] = p
	}
	for _, grouping := range spec.all() {
		k.groupings, k.overflow = append(k.groupings, map[key]*sums{}), append(k.overflow, map[key]*sums{})
		k.comparisons = append(k.comparisons, comparison{rollup: spec.name, tier: t.name, grouping: groupingName(grouping)})
	}
	return k
}

// collect reads a rollup's documents. The first result is the finest tier's, the others are those of the coarser ones.
func collect(ctx context.Context, s *store, spec *rollupSpec, told []progress, made []tiersProgress) ([]*kept, error) {
	newest := ""
	for _, p := range told {
		if p.Rollup == spec.name {
			newest = p.Definition
		}
	}
	names := map[string]int{}
	for g, grouping := range spec.all() {
		names[groupingName(grouping)] = g
	}
	all := append([]*kept{newKept(spec, spec.finest())}, newCoarser(spec, made)...)
	byTier := map[string]*kept{}
	for _, k := range all {
		byTier[k.tier.name] = k
	}
	err := s.documents(ctx, spec.name, func(d *document) error {
		name, _, _ := strings.Cut(strings.TrimPrefix(d.Index, prefix+"-"+spec.name+"-"), "-")
		k := byTier[name]
		if k == nil {
			return fmt.Errorf("rollup %s has a document in index %s, which is of none of its tiers", spec.name, d.Index)
		}
		g, known := names[d.Grouping]
		partition, ours := k.partitions[d.Partition]
		if !known || !ours {
			return fmt.Errorf("rollup %s has a document of grouping %q and partition %q in tier %s", spec.name, d.Grouping, d.Partition, name)
		}
		if d.Time >= k.through {
			return nil // whoever made it has not told yet
		}
		k.comparisons[g].check(d, k == all[0], len(spec.added) > 0, d.Definition == newest)
		k.add(g, partition, d)
		return nil
	})
	return all, err
}

// check looks at one document by itself. Those of the newest definition carry the measures that were added.
func (c *comparison) check(d *document, finest, added, newest bool) {
	if d.DocCount != d.Count {
		c.differs("a document counts %d events, and its _doc_count is %d", d.Count, d.DocCount)
	}
	// Every event that is counted has n.
	if d.NCount != 0 && d.NCount != d.Count || d.NCount == 0 && added && newest || d.NCount != 0 && !added {
		c.differs("a document of definition %s counts %d events, and %d with measure n", d.Definition, d.Count, d.NCount)
	}
	if finest && d.LateCount != 0 || !finest && d.Late {
		c.differs("a document of definition %s and window %s is a correction (%t), and counts %d late events", d.Definition, clock(d.Time), d.Late, d.LateCount)
	}
}

func (k *kept) add(g int, partition int32, d *document) {
	c := &k.comparisons[g]
	c.documents++
	c.got += d.Count
	c.late += d.LateCount
	if d.Late {
		c.late += d.Count
	} else if d.Overflow {
		c.overflowed += d.Count
	}
	if g == 0 && partition != allPartitions {
		k.all[partition] += d.Count
		if d.Late {
			k.late[partition] += d.Count
		} else if d.Overflow {
			k.overflowed[partition] += d.Count
		}
	}
	into, at := k.groupings[g], key{partition: partition, window: d.Time, host: d.Host, path: d.Path}
	if d.Overflow {
		into = k.overflow[g]
	}
	if into[at] == nil {
		into[at] = &sums{}
	}
	into[at].merge(d.sums())
}

// compare compares a tier's documents with the truth: the sums of each grouping, in the order of spec.all.
func (k *kept) compare(spec *rollupSpec, truth []map[key]*sums) {
	for g, grouping := range spec.all() {
		c, want, got := &k.comparisons[g], truth[g], k.groupings[g]
		c.keys = len(want)
		for _, s := range want {
			c.want += s.count
		}
		windows := map[key]*sums{}
		byWindow(windows, want)
		wholes := map[int64]bool{}
		for at := range windows {
			wholes[at.window] = true
		}
		c.windows = len(wholes)
		if !spec.overflows(grouping) {
			for at := range k.overflow[g] {
				c.differs("%s: there is an overflow", at)
			}
			compareAll(c, want, got)
			continue
		}
		for _, at := range sorted(got) {
			if whole := want[at]; whole == nil || got[at].exceeds(whole) {
				c.differs("%s: the truth is %s, the documents hold %s", at, whole, got[at])
			}
		}
		kept := map[key]*sums{}
		byWindow(kept, got)
		byWindow(kept, k.overflow[g])
		compareAll(c, windows, kept)
	}
}

func compareAll(c *comparison, want, got map[key]*sums) {
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, at := range sorted(all) {
		if w, h := want[at], got[at]; w == nil || h == nil || !w.equal(h) {
			c.differs("%s: the truth is %s, the documents hold %s", at, w, h)
		}
	}
}

// byWindow adds up what belongs to a partition and window.
func byWindow(into, from map[key]*sums) {
	for at, s := range from {
		at.host, at.path = "", ""
		if into[at] == nil {
			into[at] = &sums{}
		}
		into[at].merge(s)
	}
}

func sorted(m map[key]*sums) []key {
	return slices.SortedFunc(maps.Keys(m), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.window, b.window), cmp.Compare(a.partition, b.partition), cmp.Compare(a.host, b.host), cmp.Compare(a.path, b.path))
	})
}

// equal reports whether documents hold the truth s. The measure n may be there for a part of the events, since it can be added in the middle of a window.
func (s *sums) equal(o *sums) bool {
	n := o.n.count == s.n.count && s.n.equal(o.n) || o.n.count < s.n.count && !o.n.exceeds(s.n)
	return s.count == o.count && s.bytes == o.bytes && s.errors == o.errors && s.offset.equal(o.offset) && n
}

func (m measure) equal(o measure) bool {
	return m.count == o.count && math.Abs(m.sum-o.sum) <= tolerance*m.size && (m.count == 0 || m.smallest == o.smallest && m.largest == o.largest)
}

// exceeds reports whether s holds something that the truth does not.
func (s *sums) exceeds(truth *sums) bool {
	return s.count > truth.count || s.bytes > truth.bytes || s.errors > truth.errors || s.offset.exceeds(truth.offset) || s.n.exceeds(truth.n)
}

func (m measure) exceeds(truth measure) bool {
	return m.count > truth.count || m.count > 0 && (m.smallest < truth.smallest || m.largest > truth.largest)
}

// String describes the key.
func (k key) String() string {
	partition := fmt.Sprintf("%s/%d", topic, k.partition)
	if k.partition == allPartitions {
		partition = "all partitions"
	}
	return fmt.Sprintf("%s, window %s, host %q, path %q", partition, clock(k.window), k.host, k.path)
}

// String describes what is counted.
func (s *sums) String() string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprintf("{count %d, late %d, bytes %d, errors %d, offset %s, n %s}", s.count, s.late, s.bytes, s.errors, s.offset, s.n)
}

// String describes the aggregate.
func (m measure) String() string {
	return fmt.Sprintf("%d:%g[%g,%g]", m.count, m.sum, m.smallest, m.largest)
}

// ledgers compares the ledgers of a rollup with the truth and the documents. It returns their sum.
func (k *kept) ledgers(t *tally, told []progress) (map[string]int64, []string) {
	sum := map[string]int64{}
	var differences []string
	seen := map[string]bool{}
	for p := range partitions {
		name := fmt.Sprintf("%s/%d", topic, p)
		i := slices.IndexFunc(told, func(d progress) bool { return d.Rollup == t.spec.name && d.Partition == name })
		if i < 0 {
			differences = append(differences, fmt.Sprintf("rollup %s: nothing is told of %s", t.spec.name, name))
			continue
		}
		l, truth := told[i].Ledger, t.ledgers[p]
		seen[told[i].Definition] = true
		for counter, n := range l {
			sum[counter] += n
		}
		for _, c := range []struct {
			counter   string
			want, got int64
		}{
			{"consumed", truth.consumed, l["consumed"]}, {"filtered", truth.filtered, l["filtered"]}, {"undecodable", truth.undecodable, l["undecodable"]},
			{"quarantined", truth.quarantined, l["quarantined"]}, {"rejected", 0, l["rejected"]}, {"documented", truth.documented, l["on_time"] + l["late"] + l["overflowed"]},
			{"documented, by the documents,", k.all[p], l["on_time"] + l["late"] + l["overflowed"]}, {"late, by the documents,", k.late[p], l["late"]},
			{"overflowed, by the documents,", k.overflowed[p], l["overflowed"]},
		} {
			if c.want != c.got {
				differences = append(differences, fmt.Sprintf("rollup %s, %s: %s should be %d, the ledger says %d", t.spec.name, name, c.counter, c.want, c.got))
			}
		}
	}
	if len(seen) > 1 {
		differences = append(differences, fmt.Sprintf("rollup %s: its partitions are told under %d definitions", t.spec.name, len(seen)))
	}
	return sum, differences
}

// printComparisons writes comparisons as a table.
func printComparisons(out io.Writer, all []comparison) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "rollup\ttier\tgrouping\tdocuments\twindows\tkeys\tevents\tin documents\tlate\toverflowed\tdifferences\t")
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", c.rollup, c.tier, c.grouping, c.documents, c.windows, c.keys, c.want, c.got, c.late, c.overflowed, len(c.differences))
	}
	_ = w.Flush()
}

// ledgerCounters are in the order of the printed table.
var ledgerCounters = []string{"consumed", "on_time", "late", "overflowed", "filtered", "undecodable", "quarantined", "rejected"}

// printLedgers writes each rollup's ledger, the sum over its partitions, as a table.
func printLedgers(out io.Writer, names []string, sums []map[string]int64) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprint(w, "ledger\t")
	for _, counter := range ledgerCounters {
		_, _ = fmt.Fprintf(w, "%s\t", counter)
	}
	for i, name := range names {
		_, _ = fmt.Fprintf(w, "\n%s\t", name)
		for _, counter := range ledgerCounters {
			_, _ = fmt.Fprintf(w, "%d\t", sums[i][counter])
		}
	}
	_, _ = fmt.Fprintln(w)
	_ = w.Flush()
}
