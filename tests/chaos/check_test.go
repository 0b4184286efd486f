package chaos

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/sidecar/config"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 2, 0, time.UTC)

func record(partition int32, offset int64, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Offset: offset, Timestamp: testNow, Value: []byte(value)}
}

func testEvent(after time.Duration, host string, offset float64) string {
	return fmt.Sprintf(`{"@timestamp":%q,"host":{"name":%q},"log":{"file":{"path":"/a"},"offset":%g},"level":"error","n":1}`,
		testNow.Add(after).Format(time.RFC3339Nano), host, offset)
}

func TestTruthCountsEachRecordInOnePlace(t *testing.T) {
	at := testNow.Format(time.RFC3339Nano)
	for _, test := range []struct {
		name, value string
		want        ledger
	}{
		{"an event", testEvent(0, "a", 1), ledger{consumed: 1, documented: 1}},
		{"broken JSON", `{"@timestamp":"` + at + `"`, ledger{consumed: 1, undecodable: 1}},
		{"no time", `{"level":"info"}`, ledger{consumed: 1, undecodable: 1}},
		{"no time that can be read", `{"@timestamp":"noon"}`, ledger{consumed: 1, undecodable: 1}},
		{"noise without a time", `{"level":"noise"}`, ledger{consumed: 1, filtered: 1}},
		{"noise", `{"@timestamp":"` + at + `","level":"noise"}`, ledger{consumed: 1, filtered: 1}},
		{"filtered by where", `{"@timestamp":"` + at + `","level":"debug"}`, ledger{consumed: 1, filtered: 1}},
		{"far ahead", testEvent(maxAhead+time.Millisecond, "a", 1), ledger{consumed: 1, quarantined: 1}},
		{"not too far ahead", testEvent(maxAhead, "a", 1), ledger{consumed: 1, documented: 1}},
		{"nothing but a time", `{"@timestamp":"` + at + `"}`, ledger{consumed: 1, documented: 1}},
	} {
		truth := newTally(rollupSpec{window: 10 * time.Second, passes: notDebug, dimensions: []string{"host"}}, [partitions]int64{3: 7})
		truth.add(read(record(3, 6, test.value))) // before the rollup came
		truth.add(read(record(3, 7, test.value)))
		if got := truth.ledgers[3]; got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestTruthHoldsWindowsAndKeys(t *testing.T) {
	truth := newTally(rollupSpec{window: 5 * time.Second, dimensions: []string{"host", "path"}, groupings: [][]string{{"path"}, {}}}, [partitions]int64{})
	first, second, third := testEvent(0, "a", 4), testEvent(time.Second, "b", -2), testEvent(3*time.Second, "a", 1)
	for i, value := range []string{first, second, third} {
		truth.add(read(record(1, int64(i), value)))
	}
	start := testNow.Add(-2 * time.Second).UnixMilli()
	one := func(v float64) measure { return measure{count: 1, sum: v, size: max(v, -v), smallest: v, largest: v} }
	both := sums{
		count: 2, bytes: int64(len(first) + len(second)), errors: 2, offset: measure{count: 2, sum: 2, size: 6, smallest: -2, largest: 4},
		n: measure{count: 2, sum: 2, size: 2, smallest: 1, largest: 1},
	}
	for _, want := range []struct {
		grouping int
		key      key
		sums     sums
	}{
		{0, key{partition: 1, window: start, host: "a", path: "/a"}, sums{count: 1, bytes: int64(len(first)), errors: 1, offset: one(4), n: one(1)}},
		{0, key{partition: 1, window: start + 5000, host: "a", path: "/a"}, sums{count: 1, bytes: int64(len(third)), errors: 1, offset: one(1), n: one(1)}},
		{1, key{partition: 1, window: start, path: "/a"}, both},
		{2, key{partition: 1, window: start}, both},
	} {
		if got := truth.groupings[want.grouping][want.key]; got == nil || *got != want.sums {
			t.Errorf("grouping %d, %s: %s, want %s", want.grouping, want.key, got, &want.sums)
		}
	}
	for g, n := range []int{3, 2, 2} {
		if len(truth.groupings[g]) != n {
			t.Errorf("grouping %d has %d keys, want %d", g, len(truth.groupings[g]), n)
		}
	}
}

// testTruth is a rollup with two groupings, which overflow where maxKeys is not zero.
func testTruth(maxKeys int) *tally {
	spec := rollupSpec{name: "r", window: 5 * time.Second, dimensions: []string{"host"}, groupings: [][]string{{}}, maxKeys: maxKeys}
	truth := newTally(spec, [partitions]int64{})
	for i := range 60 {
		value := testEvent(time.Duration(i%7)*20*time.Second, string(rune('a'+i%5)), float64(i))
		truth.add(read(record(int32(i%2), int64(i/2), value)))
	}
	truth.add(read(record(0, 30, "{")))
	return truth
}

// faithful gives documents and progress that agree with the truth.
func faithful(truth *tally) (documents []document, told []progress) {
	for g, grouping := range truth.spec.all() {
		for at, s := range truth.groupings[g] {
			d := testDocument(&truth.spec, truth.spec.finest(), grouping, at, s)
			d.Partition = fmt.Sprintf("%s/%d", topic, at.partition)
			documents = append(documents, d)
		}
	}
	for p, l := range truth.ledgers {
		told = append(told, progress{Rollup: truth.spec.name, Partition: fmt.Sprintf("%s/%d", topic, p), Definition: "new", Ledger: map[string]int64{
			"consumed": l.consumed, "on_time": l.documented, "filtered": l.filtered, "undecodable": l.undecodable, "quarantined": l.quarantined,
		}})
	}
	return withCoarser(&truth.spec, documents), told
}

func testDocument(spec *rollupSpec, t tier, grouping []string, at key, s *sums) document {
	return document{
		Index: fmt.Sprintf("%s-%s-%s-2026.03.01", prefix, spec.name, t.name), Time: at.window, Grouping: groupingName(grouping), Definition: "new",
		Count: s.count, DocCount: s.count, Bytes: s.bytes, Host: at.host, Path: at.path, Errors: s.errors,
		OffsetCount: s.offset.count, OffsetSum: s.offset.sum, OffsetMin: s.offset.smallest, OffsetMax: s.offset.largest,
	}
}

// compareWith compares documents, as Elasticsearch gives them, with the truth, and says what differs.
func compareWith(t *testing.T, truth *tally, documents []document, told []progress, made []tiersProgress) (differences []string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch {
		case r.URL.Path == "/_search":
			var hits []any
			for _, d := range documents {
				hits = append(hits, map[string]any{"_index": d.Index, "_source": d, "sort": []int{1}})
			}
			_, _ = w.Write(mustEncode(map[string]any{"_shards": shards{1, 1}, "hits": map[string]any{"hits": hits}}))
		case strings.HasPrefix(r.URL.Path, "/chaos-r-*/"), r.Method == http.MethodDelete:
			_, _ = io.WriteString(w, `{"id":"x"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	all, err := collect(t.Context(), newStore(server.URL), &truth.spec, told, made)
	if err != nil {
		return []string{err.Error()}
	}
	all[0].compare(&truth.spec, truth.groupings)
	for _, k := range all[1:] {
		k.compareCoarser(truth, all[0])
	}
	_, differences = all[0].ledgers(truth, told)
	for _, k := range all {
		for _, c := range k.comparisons {
			differences = append(differences, c.differences...)
		}
	}
	return differences
}

func TestEveryDifferenceIsFound(t *testing.T) {
	for name, spoil := range map[string]func(documents []document, told []progress) ([]document, []progress){
		"a missing document": func(d []document, p []progress) ([]document, []progress) { return d[1:], p },
		"one twice":          func(d []document, p []progress) ([]document, []progress) { return append(d, d[0]), p },
		"a late one more": func(d []document, p []progress) ([]document, []progress) {
			d = append(d, d[0])
			d[len(d)-1].Late = true
			return d, p
		},
		"a key that was not": func(d []document, p []progress) ([]document, []progress) { d[0].Host += "x"; return d, p },
		"another window":     func(d []document, p []progress) ([]document, []progress) { d[0].Time += 5000; return d, p },
		"another partition":  func(d []document, p []progress) ([]document, []progress) { d[0].Partition = topic + "/9"; return d, p },
		"bytes":              func(d []document, p []progress) ([]document, []progress) { d[0].Bytes--; return d, p },
		"a condition":        func(d []document, p []progress) ([]document, []progress) { d[0].Errors--; return d, p },
		"a measure's count":  func(d []document, p []progress) ([]document, []progress) { d[0].OffsetCount--; return d, p },
		"a sum":              func(d []document, p []progress) ([]document, []progress) { d[0].OffsetSum += 1e-3; return d, p },
		"a minimum":          func(d []document, p []progress) ([]document, []progress) { d[0].OffsetMin--; return d, p },
		"a maximum":          func(d []document, p []progress) ([]document, []progress) { d[0].OffsetMax++; return d, p },
		"the document count": func(d []document, p []progress) ([]document, []progress) { d[0].DocCount++; return d, p },
		"an unknown measure": func(d []document, p []progress) ([]document, []progress) { d[0].NCount = d[0].Count; return d, p },
		"an overflow":        func(d []document, p []progress) ([]document, []progress) { d[0].Overflow = true; return d, p },
		"a correction":       func(d []document, p []progress) ([]document, []progress) { d[0].Late = true; return d, p },
		"another grouping":   func(d []document, p []progress) ([]document, []progress) { d[0].Grouping = "path"; return d, p },
		"consumed":           func(d []document, p []progress) ([]document, []progress) { p[0].Ledger["consumed"]++; return d, p },
		"undecodable":        func(d []document, p []progress) ([]document, []progress) { p[0].Ledger["undecodable"]--; return d, p },
		"filtered":           func(d []document, p []progress) ([]document, []progress) { p[1].Ledger["filtered"]++; return d, p },
		"quarantined":        func(d []document, p []progress) ([]document, []progress) { p[1].Ledger["quarantined"]++; return d, p },
		"rejected":           func(d []document, p []progress) ([]document, []progress) { p[1].Ledger["rejected"]++; return d, p },
		"on time":            func(d []document, p []progress) ([]document, []progress) { p[0].Ledger["on_time"]--; return d, p },
		"late, not on time": func(d []document, p []progress) ([]document, []progress) {
			p[0].Ledger["on_time"]--
			p[0].Ledger["late"]++
			return d, p
		},
		"a minute missing": func(d []document, p []progress) ([]document, []progress) { return slices.Delete(d, 1, 2), p },
		"an hour missing":  func(d []document, p []progress) ([]document, []progress) { return slices.Delete(d, 2, 3), p },
		"a minute twice":   func(d []document, p []progress) ([]document, []progress) { return append(d, d[1]), p },
		"an hour twice":    func(d []document, p []progress) ([]document, []progress) { return append(d, d[2]), p },
		"a minute left over from another definition": func(d []document, p []progress) ([]document, []progress) {
			d = append(d, d[1])
			d[len(d)-1].Definition, d[len(d)-1].Count, d[len(d)-1].DocCount = "old", 1, 1
			return d, p
		},
		"an hour left over from a key that is gone": func(d []document, p []progress) ([]document, []progress) {
			d = append(d, d[2])
			d[len(d)-1].Host += "x"
			return d, p
		},
		"a minute's sum":            func(d []document, p []progress) ([]document, []progress) { d[1].OffsetSum += 1e-3; return d, p },
		"an hour's sum":             func(d []document, p []progress) ([]document, []progress) { d[2].OffsetSum += 1e-3; return d, p },
		"a minute's bytes":          func(d []document, p []progress) ([]document, []progress) { d[1].Bytes++; return d, p },
		"an hour's maximum":         func(d []document, p []progress) ([]document, []progress) { d[2].OffsetMax--; return d, p },
		"a minute's document count": func(d []document, p []progress) ([]document, []progress) { d[1].DocCount--; return d, p },
		"a minute's measure": func(d []document, p []progress) ([]document, []progress) {
			d[1].NCount = d[1].Count
			return d, p
		},
		"an hour at another time":      func(d []document, p []progress) ([]document, []progress) { d[2].Time -= 3_600_000; return d, p },
		"a minute's late count":        func(d []document, p []progress) ([]document, []progress) { d[1].LateCount = 1; return d, p },
		"an hour that is a correction": func(d []document, p []progress) ([]document, []progress) { d[2].Late = true; return d, p },
		"an hour that is overflow": func(d []document, p []progress) ([]document, []progress) {
			d[2].Overflow, d[2].Host = true, ""
			return d, p
		},
		"a late count in the finest tier": func(d []document, p []progress) ([]document, []progress) { d[0].LateCount = 1; return d, p },
		"a minute of one partition": func(d []document, p []progress) ([]document, []progress) {
			d[1].Partition = d[0].Partition
			return d, p
		},
		"no partition in the finest tier": func(d []document, p []progress) ([]document, []progress) { d[0].Partition = ""; return d, p },
		"a tier that is not configured": func(d []document, p []progress) ([]document, []progress) {
			d[2].Index = strings.Replace(d[2].Index, "-1h-", "-1d-", 1)
			return d, p
		},
		"a partition without progress": func(d []document, p []progress) ([]document, []progress) { return d, p[1:] },
		"two definitions":              func(d []document, p []progress) ([]document, []progress) { p[0].Definition = "old"; return d, p },
	} {
		t.Run(name, func(t *testing.T) {
			truth := testTruth(0)
			documents, told := faithful(truth)
			if differences := compareWith(t, truth, documents, told, testTiers()); len(differences) > 0 {
				t.Fatalf("what agrees differs: %q", differences)
			}
			for n, name := range []string{"-5s-", "-1m-", "-1h-"} {
				i := slices.IndexFunc(documents, func(d document) bool { return d.Grouping == "host" && strings.Contains(d.Index, name) })
				documents[n], documents[i] = documents[i], documents[n]
			}
			documents, told = spoil(documents, told)
			if differences := compareWith(t, truth, documents, told, testTiers()); len(differences) == 0 {
				t.Error("not found")
			}
		})
	}
}

func TestOverflowIsComparedByWindow(t *testing.T) {
	truth := testTruth(4)
	documents, told := faithful(truth)
	var moved document
	for i, d := range documents {
		if d.Partition != "" && d.Grouping == "host" && d.Host == "a" {
			documents[i].Overflow, documents[i].Host = true, ""
			moved = documents[i]
			break
		}
	}
	for _, p := range told {
		if p.Partition == moved.Partition {
			p.Ledger["on_time"] -= moved.Count
			p.Ledger["overflowed"] += moved.Count
		}
	}
	if differences := compareWith(t, truth, documents, told, testTiers()); len(differences) == 0 {
		t.Error("a key that overflowed in the finest tier alone is not found")
	}
	documents = withCoarser(&truth.spec, documents)
	if differences := compareWith(t, truth, documents, told, testTiers()); len(differences) > 0 {
		t.Fatalf("a key that overflowed differs: %q", differences)
	}
	for i, d := range documents {
		if d.Grouping == "host" && d.Host == "b" && d.Partition == moved.Partition && d.Time == moved.Time {
			documents[i].Count++
			documents[i].DocCount++
		}
		if d.Overflow && d.Partition != "" {
			documents[i].Count--
			documents[i].DocCount--
		}
	}
	if differences := compareWith(t, truth, withCoarser(&truth.spec, documents), told, testTiers()); len(differences) == 0 {
		t.Error("a key above the truth is not found")
	}
}

func TestLostDeadLettersAreFound(t *testing.T) {
	a, b := place{1, 2}, place{3, 4}
	for _, test := range []struct {
		name    string
		letters letters
		found   int
	}{
		{"each, and one twice", letters{a: 1, b: 2}, 0}, {"one missing", letters{b: 1}, 1}, {"one about nothing", letters{a: 1, b: 1, {1, 4}: 1}, 1},
	} {
		if differences := test.letters.compare([]place{a, b}); len(differences) != test.found {
			t.Errorf("%s: %q", test.name, differences)
		}
	}
}

func TestTidemarksThatGoBackAreFound(t *testing.T) {
	at := func(ms int64) *int64 { return &ms }
	all := func(first, others *int64) (told []progress) {
		for n := range partitions {
			sealed := others
			if n == 0 {
				sealed = first
			}
			told = append(told, progress{Rollup: "r", Partition: fmt.Sprintf("%s/%d", topic, n), SealedThrough: sealed})
		}
		return told
	}
	for _, test := range []struct {
		name  string
		looks [][]progress
		found bool
	}{
		{"forward", [][]progress{all(nil, at(5)), all(at(1), at(5)), all(at(1), at(7)), all(at(9), at(7))}, false},
		{"a partition back, and the tidemark not", [][]progress{all(at(1), at(5)), all(at(1), at(4))}, true},
		{"back", [][]progress{all(at(3), at(5)), all(at(2), at(5))}, true},
		{"unknown", [][]progress{all(at(3), at(5)), all(nil, at(5))}, true},
		{"a partition gone", [][]progress{all(at(3), at(5)), all(at(3), at(5))[1:]}, true},
	} {
		watch := &tidemarks{journal: newJournal(io.Discard), sealed: map[[2]string]int64{}, of: map[string]int64{}}
		for _, told := range test.looks {
			watch.look(told)
		}
		if failures := watch.journal.failed(); (len(failures) > 0) != test.found {
			t.Errorf("%s: %q", test.name, failures)
		}
	}
}

func TestEveryConfigurationIsValid(t *testing.T) {
	seen := map[string]bool{}
	for version := range len(changes) + 1 {
		path := filepath.Join(t.TempDir(), "configuration.json")
		if err := writeConfiguration(path, "127.0.0.1:1", "http://127.0.0.1:2", version); err != nil {
			t.Fatal(err)
		}
		read, err := config.Load(path)
		if err != nil {
			t.Fatalf("version %d: %v", version, err)
		}
		if got := len(read.Streams[0].Rollups); got != len(rollupsOf(version)) {
			t.Errorf("version %d has %d rollups, want %d", version, got, len(rollupsOf(version)))
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(text)] {
			t.Errorf("version %d changes nothing", version)
		}
		seen[string(text)] = true
	}
}
