package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestRestartKeepsDocumentsOfEventsThatKafkaDeleted(t *testing.T) {
	t.Parallel()
	_, b := newFakeBench(t)
	configuration := b.configure("lateness: 2s", "lateness: 2s\n    max_ahead: 1s")
	b.backAndForth(configuration)
	restart := []string{"replay", "--config", configuration, "--restart", "--partition", b.topic + "/0"}
	code, out := b.command(restart...)
	if code != exitFailure || !strings.Contains(out, "the documents of 3 windows, the last of which begins at 2026-01-01T00:01:20Z, hold events that kafka") {
		t.Errorf("exit status %d:\n%s", code, out)
	}
	if n := total(b.documents("total")); n != total(b.truth) {
		t.Errorf("%d of %d events are left", n, total(b.truth))
	}
	b.must(append(restart, "--from", "2026-01-01T00:01:30Z")...)
	run := b.start(configuration)
	b.await(run)
	run.end()
	b.must("verify", "--config", configuration)
}

func TestLostOffsetsAreResumedOrBegunAnew(t *testing.T) {
	for _, test := range []struct{ name, flag, lineage string }{
		{"resume", "--resume", "0"},
		{"restart", "--restart", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onEveryBackend(t, func(t *testing.T, b *bench) {
				configuration := b.configure()
				b.produce(0, 900)
				run := b.start(configuration)
				b.await(run)
				b.checkLedger(run)
				if code, out := b.command("replay", "--config", configuration, test.flag); code != exitFailure || !strings.Contains(out, "stop all its sidecars first") {
					t.Fatalf("while a sidecar runs: exit status %d:\n%s", code, out)
				}
				run.end()
				b.deleteGroup(run)
				b.produce(60, 300)
				if code, out := b.command("replay", "--config", configuration, "--from", replayFrom); code != exitFailure || !strings.Contains(out, "--resume") {
					t.Fatalf("without offsets: exit status %d:\n%s", code, out)
				}
				b.must("replay", "--config", configuration, test.flag, "--dry-run")
				check := func(out string) {
					t.Helper()
					if !regexp.MustCompile(`(?m)^` + b.topic + `/0 +\d+ +` + test.lineage + ` `).MatchString(out) {
						t.Fatalf("it says:\n%s", out)
					}
				}
				check(b.must("replay", "--config", configuration, test.flag))
				if test.flag == "--restart" { // and the offsets are lost once more, before a sidecar could begin
					b.deleteGroup(run)
					check(b.must("replay", "--config", configuration, "--resume"))
				}
				run = b.start(configuration)
				b.await(run)
				b.checkLedger(run)
				b.must("verify", "--config", configuration)
				run.end()
			})
		})
	}
}

func TestRestartTouchesNothingWhereASidecarJoinsMeanwhile(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 600)
	run := b.start(configuration)
	b.await(run)
	run.end()
	b.deleteGroup(run)
	out := &syncBuffer{}
	code := make(chan int, 1)
	go func() {
		code <- execute(t.Context(), []string{"replay", "--config", configuration, "--restart"}, out, out)
	}()
	run.eventually(func() bool { return strings.Contains(out.String(), "waiting for") }, out.String)
	run = b.start(configuration)
	if status := <-code; status != exitFailure || !strings.Contains(out.String(), "has 1 member:") || strings.Contains(out.String(), "removed") {
		t.Errorf("exit status %d:\n%s", status, out)
	}
	if n := total(b.documents("total")); n != total(b.truth) {
		t.Errorf("documents of %d events are left of %d", n, total(b.truth))
	}
	run.end()
}

// newFakeBench is a bench on a Kafka whose requests can be made to fail and that removes no records by itself.
func newFakeBench(t *testing.T) (*kfake.Cluster, *bench) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	_, store := startEmbedded(t)
	return cluster, newBench(t, cluster.ListenAddrs()[0], store)
}

// TestRestartThatKafkaRefusesSaysWhatIsMissing has a Kafka that takes no commits.
func TestRestartThatKafkaRefusesSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	cluster, b := newFakeBench(t)
	configuration := b.configure()
	b.produce(0, 600)
	run := b.start(configuration)
	b.await(run)
	run.end()
	restart := []string{"replay", "--config", configuration, "--restart", "--from", "2026-01-01T00:00:20Z", "--partition", b.topic + "/0"}
	for _, test := range []struct {
		request kmsg.Key
		err     *kerr.Error
		missing bool
	}{
		{kmsg.DescribeGroups, kerr.GroupAuthorizationFailed, false},
		{kmsg.OffsetCommit, kerr.UnknownMemberID, true},
	} {
		refused := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{test.request}, Err: test.err, Count: -1})
		code, out := b.command(restart...)
		missing := strings.Contains(out, "documents of windows from 2026-01-01T00:00:20Z on are removed") && strings.Contains(out, "run the command again")
		if code != exitFailure || missing != test.missing {
			t.Errorf("%s: exit status %d:\n%s", test.err.Message, code, out)
		}
		refused.Remove()
	}
	b.must(restart...)
	run = b.start(configuration)
	b.await(run)
	run.end()
	b.must("verify", "--config", configuration)
}

// TestRestartKeepsWhatIsBeforeItsBoundary begins a lineage in the middle.
func TestRestartKeepsWhatIsBeforeItsBoundary(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 900)
	run := b.start(configuration)
	b.await(run)
	run.end()
	b.deleteGroup(run)
	out := b.must("replay", "--config", configuration, "--restart", "--from", "2026-01-01T00:00:33.5Z") // in the middle of windows
	if !strings.Contains(out, "documents of earlier lineages, from 2026-01-01T00:00:30Z on") {
		t.Errorf("it says:\n%s", out)
	}
	kept := b.documents("total")
	for at := range kept {
		if strings.TrimSpace(at) >= "1767225630000" {
			t.Errorf("a document at %s is left", at)
		}
	}
	run = b.start(configuration)
	b.await(run)
	run.end()
	b.must("verify", "--config", configuration)
}

// TestRestartRemovesDocumentsOfLineagesThatNobodyKnows has some that a replay wrote, and a progress index that is lost.
func TestRestartRemovesDocumentsOfLineagesThatNobodyKnows(t *testing.T) {
	t.Parallel()
	kafka, store := startEmbedded(t)
	b := newBench(t, kafka, store)
	configuration := b.configure()
	b.produce(0, 900)
	run := b.start(configuration)
	b.await(run)
	run.end()
	for range 2 { // so that the lineages differ
		b.damage()
		if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["documents written"] == "0" {
			t.Fatalf("the replay says:\n%s", out)
		}
	}
	b.loseDefinitions("")
	b.must("setup", "--config", configuration)
	b.damage()
	for range 2 { // the first does not know of the lineages before
		b.must("replay", "--config", configuration, "--from", replayFrom)
	}
	if out := b.must("replay", "--config", configuration, "--from", replayFrom); report(out)["windows that differed"] != "0" {
		t.Errorf("after the progress index was lost a replay says:\n%s", out)
	}
	b.loseDefinitions("")
	b.must("replay", "--config", configuration, "--restart", "--partition", fmt.Sprintf("%[1]s/0,%[1]s/1,%[1]s/2", b.topic))
	if n := total(b.documents("total")); n != 0 {
		t.Errorf("documents of %d events are left", n)
	}
	run = b.start(configuration)
	b.await(run)
	run.end()
	b.must("verify", "--config", configuration)
}

// TestRestartFindsThePartitionsThatDoNotStart has a log that ends before what was read of it, and definitions that nobody knows any more.
func TestRestartFindsThePartitionsThatDoNotStart(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *bench, configuration string)
		says   string
		one    bool // of the partitions
	}{
		{"truncated log", (*bench).commitBeyondTheLog, "it has lost records", true},
		{"lost definitions", (*bench).loseDefinitions, "does not hold: restore the earlier configuration", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			kafka, store := startEmbedded(t)
			b := newBench(t, kafka, store)
			b.spread(0, 300)
			configuration := b.configure()
			run := b.start(configuration)
			b.await(run)
			run.end()
			test.change(b, configuration)
			changed := b.configure("measures: {n: n}", "measures: {n: n, m: t}")
			run = b.start(changed)
			var reasons []string
			refused := func(text string) bool {
				return strings.Contains(text, test.says) && strings.Contains(text, "tidemark replay --restart --from TIME --partition "+b.topic+"/")
			}
			run.eventually(func() bool { reasons = run.status().Reasons; return slices.ContainsFunc(reasons, refused) }, func() string {
				return fmt.Sprintf("reasons: %q", reasons)
			})
			run.end()
			out := b.must("replay", "--config", changed, "--restart", "--from", "2026-01-01T00:00:10Z")
			for number := range testPartitions {
				if picked := strings.Contains(out, fmt.Sprintf("%s/%d ", b.topic, number)); picked != (number == 1 || !test.one) {
					t.Errorf("partition %d is begun anew: %t:\n%s", number, picked, out)
				}
			}
			run = b.start(changed)
			run.eventually(func() bool {
				code, _ := b.command("verify", "--config", changed)
				return code == 0
			}, func() string {
				_, out := b.command("verify", "--config", changed)
				return "verify says:\n" + out
			})
			run.end()
		})
	}
}

// commitBeyondTheLog commits for partition 1 that more of it was read than there is.
func (b *bench) commitBeyondTheLog(configuration string) {
	b.t.Helper()
	cfg, err := loadConfig(configuration)
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := newStream(cfg.Streams[0])
	if err != nil {
		b.t.Fatal(err)
	}
	plan, err := s.plan()
	if err != nil {
		b.t.Fatal(err)
	}
	state := plan.Begin(50, 0, b.partitionID(1).TopicID)
	state.End, state.Commit, state.Partitions = 1_000, 100, testPartitions
	metadata, err := state.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: b.topic, Partition: 1, At: state.Offset, LeaderEpoch: -1, Metadata: metadata})
	if err := kadm.NewClient(b.client).CommitAllOffsets(b.t.Context(), b.topic, offsets); err != nil {
		b.t.Fatal(err)
	}
}

// loseDefinitions deletes the progress index.
func (b *bench) loseDefinitions(string) {
	b.t.Helper()
	if err := b.elastic.DeleteIndex(b.t.Context(), rollup.ProgressIndex(b.prefix)); err != nil {
		b.t.Fatal(err)
	}
}

// deleteGroup deletes the group with its offsets, as their retention does.
func (b *bench) deleteGroup(run *running) {
	b.t.Helper()
	run.eventually(func() bool {
		_, err := kadm.NewClient(b.client).DeleteGroup(b.t.Context(), b.topic)
		return err == nil
	}, func() string { return "the group cannot be deleted" })
}
