package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/write"
)

// command runs a command of tidemark and returns its exit status and what it printed.
func (b *bench) command(args ...string) (int, string) {
	b.t.Helper()
	var out bytes.Buffer
	code := execute(b.t.Context(), args, &out, &out)
	return code, out.String()
}

// must runs a command that has to succeed.
func (b *bench) must(args ...string) string {
	b.t.Helper()
	code, out := b.command(args...)
	if code != 0 {
		b.t.Fatalf("tidemark %s: exit status %d:\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// damage deletes one stored document, and makes another one say something else.
func (b *bench) damage() {
	b.t.Helper()
	m := &maintenance{store: b.elastic}
	m.cfg = nil
	request := &write.Request{}
	n := 0
	for doc, err := range m.documentsOf(b.t.Context(), b.partitionID(0), rollup.IndexPattern(b.prefix, "writes", rollup.Tier(10*time.Second)), 0, endOfTime) {
		if err != nil {
			b.t.Fatal(err)
		}
		switch n++; n {
		case 3:
			request.Delete(doc.index, doc.id, doc.version+1)
		case 40:
			source := fmt.Sprintf(`{"@timestamp":%d,"partition":"%s/0","topic_id":%q,"grouping":"host,path","definition":%q,"dim.host":"x","dim.path":"y","count":7,"bytes":1}`,
				doc.integer(rollup.FieldTime), b.topic, doc.text(rollup.FieldTopicID), doc.text(rollup.FieldDefinition))
			request.Index(doc.index, doc.id, doc.version+1, []byte(source))
		}
	}
	if n < 40 {
		b.t.Fatalf("partition 0 has only %d documents", n)
	}
	if _, err := b.elastic.Bulk(b.t.Context(), request.Body()); err != nil {
		b.t.Fatal(err)
	}
}

// removeCorrection deletes one document of events that came late, of the full grouping: the others tell of these events still.
func (b *bench) removeCorrection() {
	b.t.Helper()
	m := &maintenance{store: b.elastic}
	for doc, err := range m.documentsOf(b.t.Context(), b.partitionID(0), rollup.IndexPattern(b.prefix, "writes", rollup.Tier(10*time.Second)), 0, endOfTime) {
		if err != nil {
			b.t.Fatal(err)
		}
		if !doc.late() || doc.text(rollup.FieldGrouping) != "host,path" {
			continue
		}
		request := &write.Request{}
		request.Delete(doc.index, doc.id, doc.version+1)
		if _, err := b.elastic.Bulk(b.t.Context(), request.Body()); err != nil {
			b.t.Fatal(err)
		}
		return
	}
	b.t.Fatal("partition 0 has no corrections")
}

func (b *bench) partitionID(number int32) rollup.Partition {
	b.t.Helper()
	details, err := kadm.NewClient(b.client).ListTopics(b.t.Context(), b.topic)
	if err != nil {
		b.t.Fatal(err)
	}
	return rollup.Partition{Topic: b.topic, TopicID: details[b.topic].ID, Number: number}
}

var reported = regexp.MustCompile(`(?m)^(windows that differed|windows left|documents written|documents removed) +(\d+)$`)

// report reads the sums that a replay prints.
func report(out string) map[string]string {
	sums := map[string]string{}
	for _, line := range reported.FindAllStringSubmatch(out, -1) {
		sums[line[1]] = line[2]
	}
	return sums
}

const replayFrom = "2025-12-31T23:59:00Z" // before every event

func TestReplayMendsWhatDiffersAndNothingElse(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure()
		b.produce(0, 2_000)
		run := b.start(configuration)
		b.await(run)
		b.produce(20, 500) // many of them late
		b.await(run)
		b.checkLedger(run)
		b.must("verify", "--config", configuration)
		intact := b.must("replay", "--config", configuration, "--from", replayFrom)
		if sums := report(intact); sums["windows that differed"] != "0" || sums["documents written"] != "0" {
			t.Fatalf("a replay of what is right says:\n%s", intact)
		}
		b.damage()
		if code, out := b.command("verify", "--config", configuration); code != exitFailure || !strings.Contains(out, "comparisons differ") {
			t.Fatalf("verify of damaged documents: exit status %d:\n%s", code, out)
		}
		dry := b.must("replay", "--config", configuration, "--from", replayFrom, "--dry-run")
		if sums := report(dry); sums["windows that differed"] == "0" || sums["documents written"] != "0" || !strings.Contains(dry, "nothing was written") {
			t.Fatalf("the dry run says:\n%s", dry)
		}
		if code, _ := b.command("verify", "--config", configuration); code != exitFailure {
			t.Fatal("a dry run changed documents")
		}
		first := b.must("replay", "--config", configuration, "--from", replayFrom)
		second := b.must("replay", "--config", configuration, "--from", replayFrom)
		if report(first)["documents written"] == "0" || report(second)["windows that differed"] != "0" {
			t.Fatalf("the first replay says:\n%s\nthe second:\n%s", first, second)
		}
		b.must("verify", "--config", configuration)
		b.await(run)
		b.produce(60, 1_000)
		b.await(run)
		b.must("verify", "--config", configuration)
		run.end()
	})
}

// TestReplayCountsOnceWhatCameAgainLate has events that come again within their windows, and others when these have closed.
func TestReplayCountsOnceWhatCameAgainLate(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		configuration := b.configure("idle_timeout: 1s", "idle_timeout: 1s\n    dedupe: n")
		events := b.series(0, 0, 600)
		var records, late []*kgo.Record
		for i, r := range events {
			records = append(records, r)
			if i%10 == 0 { // at once
				records = append(records, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Value: r.Value})
			}
			if i%7 == 0 { // late
				at := testOrigin + int64(i)*100
				b.truth[fmt.Sprintf("%d h%d /p", at/10_000*10_000, i%4)]++
				late = append(late, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Value: r.Value})
			}
		}
		b.send(records)
		b.send(b.series(0, 3600, 10)) // closes the windows before
		b.send(late)
		b.send(b.series(0, 7200, 10))
		run := b.start(configuration)
		b.await(run)
		run.end()
		b.must("verify", "--config", configuration)
		for _, more := range []string{"--dry-run", "--log-level=info"} {
			out := b.must("replay", "--config", configuration, "--from", replayFrom, more)
			if report(out)["windows that differed"] != "0" || !strings.Contains(out, "6 windows hold events that came again when these had closed") {
				t.Fatalf("a replay with %s of what is right says:\n%s", more, out)
			}
		}
		for _, damage := range []func(){b.removeCorrection, b.damage} {
			damage()
			if code, out := b.command("verify", "--config", configuration); code != exitFailure {
				t.Fatalf("verify of damaged documents says:\n%s", out)
			}
			if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["documents written"] == "0" {
				t.Fatalf("a replay of what is damaged says:\n%s", out)
			}
			if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["windows that differed"] != "0" {
				t.Errorf("a second replay says:\n%s", out)
			}
			if out := b.must("verify", "--config", configuration); !strings.Contains(out, "events that came again late are counted once since a replay") {
				t.Errorf("verify says:\n%s", out)
			}
		}
		if got, events := total(b.documents("total")), int64(620); got < events || got >= total(b.truth) {
			t.Errorf("the documents hold %d events, %d different ones were produced", got, events)
		}
	})
}

func TestReplayBringsARangeUnderTheConfiguredDefinition(t *testing.T) {
	onEveryBackend(t, func(t *testing.T, b *bench) {
		b.produce(0, 1_500)
		run := b.start(b.configure())
		b.await(run)
		run.end()
		changed := b.configure("groupings: [[host], []]", "groupings: [[path], []]\n      - name: hosts\n        window: 30s\n        dimensions: {host: host}")
		b.produce(40, 1_500)
		run = b.start(changed)
		b.await(run)
		run.eventually(func() bool {
			code, _ := b.command("verify", "--config", changed)
			return code == 0
		}, func() string {
			_, out := b.command("verify", "--config", changed)
			return "verify says:\n" + out
		})
		out := b.must("replay", "--config", changed, "--from", replayFrom)
		if report(out)["documents written"] == "0" {
			t.Fatalf("nothing was written under the new definition:\n%s", out)
		}
		b.must("verify", "--config", changed)
		if got, want := total(b.documents("path")), total(b.truth); got != want {
			t.Errorf("the new grouping holds %d events, %d were produced", got, want)
		}
		if n := total(b.documents("host")); n != 0 {
			t.Errorf("the grouping of the earlier definition holds %d events", n)
		}
		if out := b.must("replay", "--config", changed, "--from", replayFrom); report(out)["windows that differed"] != "0" {
			t.Errorf("a second replay says:\n%s", out)
		}
		b.await(run)
		run.end()
	})
}

func TestReplayRefusesWhatKafkaHasDeleted(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 600)
	run := b.start(configuration)
	b.await(run)
	b.checkLedger(run)
	run.end()
	offsets := kadm.Offsets{}
	offsets.AddOffset(b.topic, 2, 50, -1)
	if _, err := kadm.NewClient(b.client).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	code, out := b.command("replay", "--config", configuration, "--from", replayFrom)
	if code != exitFailure || !strings.Contains(out, "kafka has deleted the records before offset 50") || !strings.Contains(out, "begins at") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	if n := total(b.documents("total")); n != total(b.truth) {
		t.Errorf("the refused replay changed documents: they hold %d events of %d", n, total(b.truth))
	}
}

var earliest = regexp.MustCompile(`what can be rebuilt begins at (\S+)`)

// TestReplayFromTheTimeThatARefusalNames has logs that begin at different places within their windows.
func TestReplayFromTheTimeThatARefusalNames(t *testing.T) {
	t.Parallel()
	_, b := newFakeBench(t)
	configuration := b.configure("idle_timeout: 1s", "idle_timeout: 1s\n    max_ahead: 1s", "groupings: [[host], []]", "groupings: [[host], []]\n      - name: minutes\n        window: 15s")
	for p := range int32(testPartitions) {
		b.send(b.stamped(p, 0, 600))
	}
	run := b.start(configuration)
	b.await(run)
	b.checkLedger(run)
	run.end()
	for p := range int32(testPartitions) {
		b.deleteRecords(p, 33+40*int64(p))
	}
	_, out := b.command("replay", "--config", configuration, "--from", replayFrom)
	told := earliest.FindStringSubmatch(out)
	if len(told) < 2 || told[1] != "2026-01-01T00:00:30Z" {
		t.Fatalf("the refusal names %v:\n%s", told, out)
	}
	if out = b.must("replay", "--config", configuration, "--from", told[1]); report(out)["windows that differed"] != "0" {
		t.Errorf("from that time on it says:\n%s", out)
	}
}

// backAndForth writes events of a minute to partition 0, then those of the minute before, which came later, and then newer ones. The first are deleted when
// they are counted.
func (b *bench) backAndForth(configuration string) {
	b.t.Helper()
	b.send(b.stamped(0, 60, 300))
	b.send(b.stamped(0, 0, 300))
	b.send(b.stamped(0, 120, 300))
	run := b.start(configuration)
	b.await(run)
	b.checkLedger(run)
	run.end()
	b.deleteRecords(0, 300)
}

func TestReplayLeavesDocumentsOfEventsThatKafkaDeleted(t *testing.T) {
	t.Parallel()
	_, b := newFakeBench(t)
	configuration := b.configure("lateness: 2s", "lateness: 2s\n    max_ahead: 1s")
	b.backAndForth(configuration)
	replay := []string{"replay", "--config", configuration, "--from", "2026-01-01T00:00:10Z"}
	if out := b.must(append(replay, "--dry-run")...); report(out)["windows left"] != "3" {
		t.Errorf("the dry run says:\n%s", out)
	}
	code, out := b.command(replay...)
	if code != exitFailure || report(out)["windows left"] != "3" || report(out)["documents removed"] != "0" || !strings.Contains(out, "--allow-loss") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	if n := total(b.documents("total")); n != total(b.truth) {
		t.Errorf("%d of %d events are left", n, total(b.truth))
	}
	b.must(append(replay, "--allow-loss")...)
	if n := total(b.documents("total")); n != total(b.truth)-300 {
		t.Errorf("%d events are left of the %d that Kafka has", n, total(b.truth)-300)
	}
}

func TestReplayFlagsAreChecked(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		says string
	}{
		{nil, "--from is missing"},
		{[]string{"--from", "yesterday"}, `--from "yesterday": an RFC 3339 time`},
		{[]string{"--from", "6h", "--to", "7h"}, "--to 7h is not after --from 6h"},
		{[]string{"--from", "3000-01-01T00:00:00Z"}, "--from 3000-01-01T00:00:00Z is not in the past"},
		{[]string{"--from", "3000-01-01T00:00:00Z", "--to", "6h"}, "--to 6h is not after --from 3000-01-01T00:00:00Z"},
		{[]string{"--resume", "--restart"}, "only one of them"},
		{[]string{"--resume", "--from", "6h"}, "--from and --to are not allowed"},
		{[]string{"--restart", "--to", "6h"}, "--to is not allowed"},
		{[]string{"--restart", "--rollup", "x"}, "all rollups of a stream are read together"},
	} {
		var out bytes.Buffer
		if code := execute(t.Context(), append([]string{"replay", "--config", "none.yaml"}, test.args...), &out, &out); code != exitConfiguration || !strings.Contains(out.String(), test.says) {
			t.Errorf("%q: exit status %d: %s", test.args, code, &out)
		}
	}
}
