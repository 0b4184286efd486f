package chaos

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
)

// shown is how many differences of one kind are printed.
const shown = 5

// tolerance is how far a sum of floating-point numbers may be from the truth, relative to the sum of their absolute values.
const tolerance = 1e-9

// comparison is the outcome for one grouping of a rollup.
type comparison struct {
	rollup, grouping   string
	documents, windows int
	keys               int
	want, got          int64 // events
	late, overflowed   int64
	differences        []string
}

func (c *comparison) differs(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

// kept is what the documents of one rollup hold.
type kept struct {
	groupings   []map[key]*sums
	overflow    []map[key]*sums // by partition and window alone
	comparisons []comparison
	late        [partitions]int64 // events of the full grouping in corrections
	overflowed  [partitions]int64 // and in other documents of the overflow
	all         [partitions]int64
}

// collect reads a rollup's documents. Those of its newest definition, which its progress names, carry the measures that were added.
func collect(ctx context.Context, s *store, t *tally, told []progress) (*kept, error) {
	newest := ""
	for _, p := range told {
		if p.Rollup == t.spec.name {
			newest = p.Definition
		}
	}
	k := &kept{}
	names := map[string]int{}
	for g, grouping := range t.spec.all() {
		names[groupingName(grouping)] = g
		k.groupings, k.overflow = append(k.groupings, map[key]*sums{}), append(k.overflow, map[key]*sums{})
		k.comparisons = append(k.comparisons, comparison{rollup: t.spec.name, grouping: groupingName(grouping)})
	}
	byName := map[string]int32{}
	for p := range int32(partitions) {
		byName[fmt.Sprintf("%s/%d", topic, p)] = p
	}
	err := s.documents(ctx, t.spec.name, func(d *document) error {
		g, known := names[d.Grouping]
		partition, ours := byName[d.Partition]
		if !known || !ours {
			return fmt.Errorf("rollup %s has a document of grouping %q and partition %q", t.spec.name, d.Grouping, d.Partition)
		}
		c := &k.comparisons[g]
		if d.DocCount != d.Count {
			c.differs("a document counts %d events, and its _doc_count is %d", d.Count, d.DocCount)
		}
		// Every event that is counted has n.
		if added := len(t.spec.added) > 0; d.NCount != 0 && d.NCount != d.Count || d.NCount == 0 && added && d.Definition == newest || d.NCount != 0 && !added {
			c.differs("a document of definition %s counts %d events, and %d with measure n", d.Definition, d.Count, d.NCount)
		}
		k.add(g, partition, d)
		return nil
	})
	return k, err
}

func (k *kept) add(g int, partition int32, d *document) {
	c := &k.comparisons[g]
	c.documents++
	c.got += d.Count
	if d.Late {
		c.late += d.Count
	} else if d.Overflow {
		c.overflowed += d.Count
	}
	if g == 0 {
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

// compare compares a rollup's documents with the truth.
func (k *kept) compare(t *tally) {
	for g, grouping := range t.spec.all() {
		c, want, got := &k.comparisons[g], t.groupings[g], k.groupings[g]
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
		if !t.spec.overflows(grouping) {
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
	return fmt.Sprintf("%s/%d, window %s, host %q, path %q", topic, k.partition, clock(k.window), k.host, k.path)
}

// String describes what is counted.
func (s *sums) String() string {
	if s == nil {
		return "nothing"
	}
	return fmt.Sprintf("{count %d, bytes %d, errors %d, offset %s, n %s}", s.count, s.bytes, s.errors, s.offset, s.n)
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
	_, _ = fmt.Fprintln(w, "rollup\tgrouping\tdocuments\twindows\tkeys\tevents\tin documents\tlate\toverflowed\tdifferences\t")
	for _, c := range all {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", c.rollup, c.grouping, c.documents, c.windows, c.keys, c.want, c.got, c.late, c.overflowed, len(c.differences))
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
