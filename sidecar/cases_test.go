package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/sidecar/aggregate"
)

var update = flag.Bool("update", false, "write what the code gives as the expected output")

// TestCases runs each folder of testdata/cases: config.yaml, events.ndjson with an event a line or records.ndjson with a record a line, and rollups.ndjson
// with the documents that they give, the reasons of what is not counted, and the ledger.
func TestCases(t *testing.T) {
	folders, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			got := runCase(t, folder)
			golden := filepath.Join(folder, "rollups.ndjson")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("rollups differ (-want +got):\n%s", diff)
			}
		})
	}
}

func runCase(t *testing.T, folder string) []byte {
	t.Helper()
	cfg, err := loadConfig(filepath.Join(folder, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	records := caseRecords(t, folder, cfg.Streams[0].Topics[0])
	for _, c := range cfg.Streams {
		s, err := newStream(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newDryRun(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[c.Topics[0]] {
			if outcome := d.add(r); outcome.Bad() {
				fmt.Fprintf(&out, "{\"offset\":%d,\"reason\":%q}\n", r.Offset, outcome.Reason)
			}
		}
		for _, document := range d.finish() {
			out.Write(document)
			out.WriteByte('\n')
		}
		for i, l := range d.ledgers() {
			if !l.Balanced() {
				t.Errorf("the ledger does not balance: %+v", l)
			}
			text, err := json.Marshal(map[string]any{s.definitions[i].Name: l})
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(text, '\n'))
		}
	}
	return out.Bytes()
}

// caseRecord is a line of records.ndjson. The value is text or base64; null is a tombstone. With repeat, it is the prefix, the text so many times, and the
// suffix. The topic is the first stream's where it is not named.
type caseRecord struct {
	Topic     string  `json:"topic"`
	Value     *string `json:"value"`
	Base64    *string `json:"base64"`
	Prefix    string  `json:"prefix"`
	Suffix    string  `json:"suffix"`
	Repeat    int     `json:"repeat"`
	Timestamp *int64  `json:"timestamp"`
}

// caseRecords gives the log of each topic.
func caseRecords(t *testing.T, folder, topic string) map[string][]aggregate.Record {
	t.Helper()
	logs := map[string][]aggregate.Record{}
	add := func(topic string, timestamp int64, value []byte) {
		logs[topic] = append(logs[topic], aggregate.Record{Offset: int64(len(logs[topic])), Timestamp: timestamp, Value: value})
	}
	text, err := os.ReadFile(filepath.Join(folder, "events.ndjson"))
	if err == nil {
		for line := range bytes.Lines(text) {
			add(topic, -1, bytes.TrimSuffix(line, []byte("\n")))
		}
		return logs
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(folder, "records.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		r := caseRecord{Topic: topic, Repeat: 1}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		timestamp := int64(-1)
		if r.Timestamp != nil {
			timestamp = *r.Timestamp
		}
		add(r.Topic, timestamp, r.value(t))
	}
	return logs
}

func (r *caseRecord) value(t *testing.T) []byte {
	t.Helper()
	switch {
	case r.Value != nil:
		return []byte(r.Prefix + strings.Repeat(*r.Value, r.Repeat) + r.Suffix)
	case r.Base64 != nil:
		value, err := base64.StdEncoding.DecodeString(*r.Base64)
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	return nil
}
