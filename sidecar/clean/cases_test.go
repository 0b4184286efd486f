package clean_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/sidecar/clean"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
)

// record is a line of a case's records.ndjson: a Kafka record. Its value is Base64, or Value repeated between Prefix and Suffix; neither is a tombstone.
type record struct {
	Topic     string  `json:"topic"`
	Prefix    string  `json:"prefix"`
	Value     *string `json:"value"`
	Repeat    int     `json:"repeat"`
	Suffix    string  `json:"suffix"`
	Base64    []byte  `json:"base64"`
	Timestamp int64   `json:"timestamp"`
}

func (r *record) value() []byte {
	if r.Value == nil {
		return r.Base64
	}
	return []byte(r.Prefix + strings.Repeat(*r.Value, max(r.Repeat, 1)) + r.Suffix)
}

func readCase(t *testing.T, directory string) []record {
	t.Helper()
	var records []record
	if text, err := os.ReadFile(filepath.Join(directory, "events.ndjson")); err == nil {
		for line := range bytes.Lines(text) {
			value := strings.TrimSuffix(string(line), "\n")
			records = append(records, record{Value: &value})
		}
	}
	file, err := os.Open(filepath.Join(directory, "records.ndjson"))
	if err != nil {
		return records
	}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if err := errors.Join(lines.Err(), file.Close()); err != nil {
		t.Fatal(err)
	}
	return records
}

// tally runs a case's records through decoding, cleaning and the timestamp, and counts what became of them.
func tally(t *testing.T, s *config.Stream, records []record) string {
	t.Helper()
	schema := event.NewSchema()
	for _, d := range s.Definitions() {
		for _, f := range slices.Concat(d.Dimensions, d.Measures, d.Distinct) {
			if _, err := schema.Slot(f.Path); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range d.Conditions {
			if _, err := event.CompileCondition(c.Expr, schema); err != nil {
				t.Fatal(err)
			}
		}
	}
	timestamp, err := event.CompileTimestamp(s.Timestamp.Field, s.Timestamp.Format, schema)
	if err != nil {
		t.Fatal(err)
	}
	cleaner, err := clean.Compile(s.Clean, schema)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(s.Format, schema)
	if err != nil {
		t.Fatal(err)
	}
	e, counts := schema.NewEvent(), map[string]int{}
	for _, r := range records {
		if r.Topic != "" && !slices.Contains(s.Topics, r.Topic) {
			continue
		}
		counts[fate(&r, decoder, cleaner, timestamp, e)]++
	}
	var shown []string
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		shown = append(shown, fmt.Sprintf("%d %s", counts[key], key))
	}
	return strings.Join(shown, ", ")
}

func fate(r *record, decoder event.Decoder, cleaner *clean.Cleaner, timestamp *event.Timestamp, e *event.Event) string {
	var undecodable *event.DecodeError
	if err := decoder.Decode(r.value(), e); errors.As(err, &undecodable) {
		return undecodable.Reason
	}
	if !cleaner.Clean(e) {
		return "dropped"
	}
	var malformed *event.TimestampError
	if _, err := timestamp.Milliseconds(e, r.Timestamp); errors.As(err, &malformed) {
		return "time " + malformed.Reason
	}
	return "events"
}

func TestTheCasesAreDecoded(t *testing.T) {
	want := map[string]string{
		"filebeat-7":         "6 events",
		"filebeat-8":         "4 events",
		"psutil":             "21 events",
		"rsyslog":            "5 events",
		"collectd":           "7 events",
		"broken-json":        "4 events, 4 not an object, 5 not json, 1 too deep, 1 truncated",
		"truncated-utf8":     "5 events, 3 not utf-8, 1 truncated",
		"empty-values":       "3 empty, 3 events, 1 time missing",
		"tombstones":         "2 empty, 3 events",
		"large-message":      "4 events",
		"numbers-as-strings": "8 events",
		"nulls":              "5 events, 1 time missing",
		"missing-fields":     "7 events",
		"timestamps-absent":  "4 events, 4 time malformed, 1 time missing; 8 events, 1 time missing",
		"timestamps-far":     "8 events, 1 time malformed, 2 time out of range",
	}
	directories, err := filepath.Glob(filepath.Join("..", "testdata", "cases", "*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, directory := range directories {
		name := filepath.Base(directory)
		if want[name] == "" {
			continue // a case of another stage
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(filepath.Join(directory, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			records := readCase(t, directory)
			var got []string
			for i := range c.Streams {
				got = append(got, tally(t, &c.Streams[i], records))
			}
			if joined := strings.Join(got, "; "); joined != want[name] {
				t.Errorf("got %s, want %s", joined, want[name])
			}
		})
	}
	if len(seen) != len(want) {
		t.Errorf("only %d of %d cases are there", len(seen), len(want))
	}
}
