package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// problems are the lines of what is wrong with a configuration, without the file's name.
func problems(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadConfig(path)
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), path+":", ""), "\n")
}

// TestMistakesOfEveryKindAreReportedTogether has mistakes of types, of rules and of what is compiled.
func TestMistakesOfEveryKindAreReportedTogether(t *testing.T) {
	var got []string
	for _, line := range problems(t, `streams:
- name: App
  topics: []
  lateness: 99999d
  timestamp: {field: a..b, format: yesterday}
  dedupe: .id
  clean:
  - drop: a ==
  - remove: [a., b, c.]
  - keep: 5
  - drop: 'a =='
    keep: 'b =='
  rollups:
  - name: r
    window: 7s
    where: a ==
    conditions: {e: b ==, f: c ==, Bad: 'c == 1'}
    dimensions: {host: a., path: ""}
  - name: r
    measures: {m: b..c}
- name: b
  topics: [u]
  rolups:
  - name: q
- name: c
  topics: [v]
  timestamp: {format: ""}
`) {
		got = append(got, strings.Join(strings.SplitN(line, ": ", 3)[:2], " "))
	}
	want := []string{
		"2:9 streams[0].name", "3:11 streams[0].topics", "4:13 streams[0].lateness", "5:22 streams[0].timestamp.field", "5:36 streams[0].timestamp.format", "6:11 streams[0].dedupe",
		"8:14 streams[0].clean[0].drop", "9:14 streams[0].clean[1].remove[0]", "9:21 streams[0].clean[1].remove[2]", "10:11 streams[0].clean[2].keep", "11:5 streams[0].clean[3]",
		"15:13 streams[0].rollups[0].window", "16:15 streams[0].rollups[0].where",
		"17:24 streams[0].rollups[0].conditions.e", "17:33 streams[0].rollups[0].conditions.f", "17:41 streams[0].rollups[0].conditions.Bad",
		"18:24 streams[0].rollups[0].dimensions.host", "18:34 streams[0].rollups[0].dimensions.path",
		"19:11 streams[0].rollups[1].name", "20:19 streams[0].rollups[1].measures.m",
		"23:3 streams[1]", "25:3 streams[2].rollups", "27:23 streams[2].timestamp.format",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
