package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// change replaces a text that must be in a file exactly once.
type change struct{ file, old, with string }

// safeguards are what exactness rests on, each with a change of the source that takes it away. The model must find out.
var safeguards = []struct {
	name    string
	test    string // the test of the model that finds out
	changes []change
}{
	{"windows are acknowledged before the offset passes them", "Counts", []change{
		{"aggregate/engine.go", "} else {\n\t\t\tfirst = first.earlier(w.opened)\n\t\t}", "}"},
	}},
	{"acknowledgements count in the order of closing", "Counts", []change{
		{"aggregate/engine.go", "if w.closing <= s.SealedThrough {\n\t\t\trejected", "if w.acknowledged {\n\t\t\trejected"},
	}},
	{"the watermark of a commit is the one before its offset", "Makes", []change{
		{"aggregate/engine.go", "s.Offset, s.Watermark = first.offset, first.watermark", "s.Offset, s.Watermark = first.offset, e.watermark"},
	}},
	{"the ledger of a commit is the one before its offset", "Counts", []change{
		{"aggregate/engine.go", "Counted: first.ledgers[i],", "Counted: e.ledgers[i],"},
	}},
	{"a replay does not write sealed windows", "Counts", []change{
		{"aggregate/engine.go", "w.replayed = w.closing <= e.base.SealedThrough", "w.replayed = false"},
	}},
	{"overflowed events of sealed windows stay so in a replay's ledger", "Counts", []change{
		{"aggregate/engine.go", "if w.last >= s.Offset {\n", "if false {\n"},
	}},
	{"versions grow with the log", "Counts", []change{
		{"../pkg/rollup/document.go", "return lineage<<lineageShift + lastOffset + 1", "return lineage<<lineageShift + 1"},
	}},
	{"corrections are documents of their own", "Counts", []change{
		{"../pkg/rollup/document.go", "b = append(b, 'c')\n\t\tb = appendInt(b, c.Arrived)\n\t\tb = appendInt(b, c.Opened)", ""},
	}},
	{"a barrier is committed", "Counts", []change{
		{"partition.go", "if !p.commitBarrier(ctx, p.engine.Raised(watermark)) {\n\t\treturn p.over()\n\t}\n", ""},
	}},
	{"a barrier waits until everything is written", "Counts", []change{
		{"partition.go", "if !p.write(ctx, windows) || !p.awaitAcknowledgements(ctx) {", "if !p.write(ctx, windows) {"},
	}},
	{"a barrier waits until earlier owners cannot be sending", "Counts", []change{
		{"idle.go", "return p.safe || time.Since(p.held) > p.services.holdOff()", "return true"},
	}},
	{"an orderly end is told only by who was safe itself", "Counts", []change{
		{"partition.go", "final.Released = p.heldSafely()", "final.Released = true"},
	}},
	{"an orderly end is of one owner only", "Counts", []change{
		{"aggregate/engine.go", "s.Released = false", ""},
	}},
	{"the lease is asked before sending", "Counts", []change{
		{"write/writer.go", "case !w.opts.MayWrite():", "case false:"},
	}},
	{"what is put off is sent again", "Counts", []change{
		{"write/deliver.go", "again = append(again, it)\n\t\t\tcontinue\n", "failure = nil\n"},
	}},
	{"definitions change by a barrier", "Counts", []change{
		{"partition.go", "if p.atSwitch() || p.crowded() {", "if p.atSwitch() {\n\t\t\t\treturn p.redefining\n\t\t\t}\n\t\t\tif p.crowded() {"},
		{"partition.go", "if p.atSwitch() || p.barrierDue() {", "if p.atSwitch() {\n\t\t\treturn p.redefining\n\t\t}\n\t\tif p.barrierDue() {"},
	}},
	{"earlier definitions run up to the end of the log", "Counts", []change{
		{"redefine.go", "p.switchAt = max(p.switchAt, end)", "_ = end"},
	}},
	{"definitions change only where earlier owners cannot be sending", "Counts", []change{
		{"redefine.go", "if !p.awaitHoldOff(ctx) {\n\t\treturn false\n\t}\n\tsince", "since"},
		{"partition.go", "if !p.awaitHoldOff(ctx) {\n\t\treturn p.draining\n\t}\n\tp.show", "p.show"},
	}},
	{"an idle partition is sealed only where no earlier owner can have read on", "Counts", []change{
		{"idle.go", "!p.idle() || !p.readNew() {", "!p.idle() {"},
	}},
	{"late events are sealed only where no earlier owner can have read on", "Counts", []change{
		{"idle.go", "keys <= p.stream.MaxLateKeys || !p.readNew() {", "keys <= p.stream.MaxLateKeys || !p.heldSafely() {"},
	}},
	{"an orderly end does not tell how far the log was read", "Counts", []change{
		{"idle.go", "if p.endAt.After(alone) {", "if p.safe {\n\t\t\tp.newFrom, p.newKnown = p.switchAt, true\n\t\t} else if p.endAt.After(alone) {"},
	}},
	{"what a commit says of rejected events is what is sealed", "Counts", []change{
		{"aggregate/engine.go", "\t\te.rejected[w.key.rollup].add(w.rejected)\n", ""},
	}},
	{"reading goes on after a barrier when the progress index keeps it", "Counts", []change{
		{"commit.go", "told := p.orphaned || p.told >= p.done.Commit", "told := true"},
	}},
	{"a start, and the end of the owner before, are committed before the first read", "Counts", []change{
		{"partition.go", "if !p.commitBarrier(ctx, p.engine.State()) {\n\t\t\treturn p.over()\n\t\t}\n\t\tp.teller", "p.teller"},
	}},
	{"what the owner before committed is kept before the first read", "Counts", []change{
		{"partition.go", "if !p.commitBarrier(ctx, p.engine.State()) {\n\t\t\treturn p.over()\n\t\t}\n\t\tp.teller", "if !p.commitNow(ctx, p.engine.State()) {\n\t\t\treturn nil\n\t\t}\n\t\tp.teller"},
	}},
	{"a new lineage is newer than the one before", "Counts", []change{
		{"restart.go", "plan.Begin(offset, last.Lineage+1, topicID)", "plan.Begin(offset, last.Lineage, topicID)"},
	}},
	{"a new lineage counts nothing before its boundary", "Counts", []change{
		{"aggregate/engine.go", "ours := compiled.Definition.Window.Start(t) >= e.base.From", "ours := true"},
	}},
	{"a new lineage removes the documents of those before", "Counts", []change{
		{"model_faults_test.go", "\tw.store.remove(w.logs[number].id, from, state.Lineage<<versionBits)\n", ""},
	}},
	{"a group is put back only when nobody can be writing", "Counts", []change{
		{"model_faults_test.go", "pass(modelSession + modelRequest) // as maintenance.stopped does", ""},
	}},
}

// safeguardRuns is how many seeds the model takes to find out that a safeguard is missing; most take few.
const safeguardRuns = "5000"

func TestModelFindsEverySafeguardMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the package once for each safeguard")
	}
	for _, s := range safeguards {
		t.Run(s.name, func(t *testing.T) { mustFail(t, s.test, s.changes) })
	}
}

// mustFail runs a test of the model with changes of the source.
func mustFail(t *testing.T, test string, changes []change) {
	t.Helper()
	t.Parallel()
	overlay := writeOverlay(t, changes)
	command := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-failfast", "-parallel=8", "-ldflags=-s -w", "-overlay", overlay, "-run", "^TestModel"+test, ".")
	command.Env = append(os.Environ(), modelRuns+"="+safeguardRuns)
	output, err := command.CombinedOutput()
	switch text := string(output); {
	case err == nil:
		t.Errorf("the model passes without it")
	case !strings.Contains(text, foundOut):
		t.Errorf("the model does not run: %v\n%s", err, text)
	default:
		t.Log(text)
	}
}

// writeOverlay makes the changes in copies of the files and gives the name of the file that tells the go command of them.
func writeOverlay(t *testing.T, changes []change) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for _, c := range changes {
		original, err := filepath.Abs(filepath.FromSlash(c.file))
		if err != nil {
			t.Fatal(err)
		}
		copied, known := replaced[original]
		if !known {
			copied = filepath.Join(dir, filepath.Base(c.file))
			replaced[original] = copied
		}
		source, err := os.ReadFile(map[bool]string{true: copied, false: original}[known])
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), c.old); n != 1 {
			t.Fatalf("%s has the text to change %d times, not once: %s", c.file, n, c.old)
		}
		if err := os.WriteFile(copied, []byte(strings.Replace(string(source), c.old, c.with, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
