package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// environment is what the tests' files can refer to.
func environment(name string) string {
	return map[string]string{"KAFKA_PASSWORD": "s3cret", "BROKER": "kafka.example:9092", "WINDOW": "30s", "KEYS": "500", "TRICKY": "a: b\n${BROKER}"}[name]
}

func parse(t testing.TB, text string) *Config {
	t.Helper()
	c, err := Parse("test.yaml", []byte(text), environment)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnEmptyFileGivesTheDefaults(t *testing.T) {
	want := &Config{
		Kafka:         Kafka{Brokers: []string{"127.0.0.1:9092"}, Group: "tidemark", Start: "earliest", SessionTimeout: 10 * time.Second},
		Elasticsearch: Elasticsearch{Addresses: []string{"http://127.0.0.1:9200"}, IndexPrefix: "tidemark", RequestTimeout: 20 * time.Second},
		HTTP:          HTTP{Listen: "127.0.0.1:8089"},
		Live:          Live{Enabled: true, History: 15 * time.Minute, MaxBytes: 64 << 20, MaxSubscribers: 1000},
		Collect:       Collect{Topic: "metrics", Period: 10 * time.Second, Processes: 10},
		Health:        Health{Period: 10 * time.Second},
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "kafka:\nstreams: []\n", "{}"} {
		if diff := cmp.Diff(want, parse(t, text), cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestAByteOrderMarkIsNoPartOfTheFile(t *testing.T) {
	c := parse(t, "\ufeffkafka: {group: g}\n")
	if at := c.Position("kafka"); c.Kafka.Group != "g" || at != "test.yaml:1:8" {
		t.Errorf("the group is %q, and kafka at %s", c.Kafka.Group, at)
	}
}

func TestASmallStreamGetsTheDefaults(t *testing.T) {
	got := parse(t, "streams:\n- name: a\n  topics: [t]\n  rollups:\n  - name: r\n    dimensions: {host: host.name}\n").Streams[0]
	want := Stream{
		Name: "a", Topics: []string{"t"}, Format: "json", Timestamp: Timestamp{Field: "@timestamp", Format: "rfc3339"},
		Lateness: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxAhead: 10 * time.Minute, MaxLateKeys: 500_000,
		Rollups: []Rollup{{
			Name: "r", Window: rollup.Tier(10 * time.Second), Dimensions: map[string]string{"host": "host.name"}, MaxKeys: 100_000, Groupings: [][]string{{}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLiveTopicFollowsTheGroup(t *testing.T) {
	for _, test := range []struct{ topic, group, want string }{
		{"", "tidemark", "tidemark.live"},
		{"a", "tidemark", "a"},
		{"", "tide mark/é", "tide_mark__.61ab41b4.live"},
		{"", strings.Repeat("g", 249), strings.Repeat("g", 200) + ".e668c862.live"},
	} {
		l := Live{Topic: test.topic}
		if got := l.TopicOf(test.group); got != test.want {
			t.Errorf("the live topic of group %q is %q, not %q", test.group, got, test.want)
		}
	}
}

func TestTheExampleIsRead(t *testing.T) {
	c, err := Load(filepath.Join("..", "testdata", "example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Streams[0].Rollups[0]
	want := map[rollup.Tier]time.Duration{
		rollup.Tier(10 * time.Second): 48 * time.Hour, rollup.Tier(time.Minute): 30 * 24 * time.Hour, rollup.Tier(time.Hour): 400 * 24 * time.Hour,
	}
	if diff := cmp.Diff(want, r.Retention); diff != "" {
		t.Error(diff)
	}
	if len(c.Streams[0].Clean) != 4 || r.Conditions["errors"] != `level == "error"` {
		t.Errorf("got %+v", c.Streams[0])
	}
}

func TestValuesAreReadAsTheyAreWritten(t *testing.T) {
	c := parse(t, `
kafka:
  brokers: ["${BROKER}", 'a-${BROKER}']
  start: "2026-01-31T00:00:00Z"
  session_timeout: 1m30s
  group: $${BROKER}
  sasl: {mechanism: plain, username: u, password: "${KAFKA_PASSWORD}"}
live: {topic: live}
streams:
- name: &name a
  topics: [*name]
  timestamp: {field: "", format: unix}
  lateness: 1.5s
  max_ahead: 0
  clean:
  - set: {a: 1, b: 1.5, c: true, f: 010, g: 1_000, h: 1.5e3, i: 1e3, d: "1", e: "${TRICKY}-"}
  - drop: |
      a == 1
      and b == 2
  rollups:
  - {name: r, window: "${WINDOW}", max_keys: "${KEYS}", groupings: []}
`)
	s := c.Streams[0]
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"brokers", c.Kafka.Brokers, []string{"kafka.example:9092", "a-kafka.example:9092"}},
		{"session_timeout", c.Kafka.SessionTimeout, 90 * time.Second},
		{"group", c.Kafka.Group, "${BROKER}"},
		{"password", c.Kafka.SASL.Password, "s3cret"},
		{"topics", s.Topics, []string{"a"}},
		{"timestamp", s.Timestamp, Timestamp{Format: "unix"}},
		{"lateness", s.Lateness, 1500 * time.Millisecond},
		{"max_ahead", s.MaxAhead, time.Duration(0)},
		{"set", s.Clean[0].Set, map[string]any{"a": 1.0, "b": 1.5, "c": true, "f": 10.0, "g": 1000.0, "h": 1500.0, "i": "1e3", "d": "1", "e": "a: b\n${BROKER}-"}},
		{"drop", s.Clean[1].Drop, "a == 1\nand b == 2\n"},
		{"window", s.Rollups[0].Window, rollup.Tier(30 * time.Second)},
		{"max_keys", s.Rollups[0].MaxKeys, 500},
		{"groupings", s.Rollups[0].Groupings, [][]string{}},
	} {
		if diff := cmp.Diff(check.want, check.got); diff != "" {
			t.Errorf("%s: %s", check.name, diff)
		}
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	directory := t.TempDir()
	large := filepath.Join(directory, "large.yaml")
	if err := os.WriteFile(large, make([]byte, MaxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(directory, "missing.yaml"), directory, large} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), directory) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestReadSecret(t *testing.T) {
	directory := t.TempDir()
	for content, want := range map[string]string{"abc": "abc", "abc\n": "abc", "abc\r\n": "abc", "a b \n\n": "a b \n", "": "", "\n": ""} {
		path := filepath.Join(directory, "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret("live.token_file", path)
		if got != want || (err != nil) != (want == "") || err != nil && err.Error() != "read live.token_file: the file "+path+" is empty" {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
	if _, err := ReadSecret("live.token_file", directory); err == nil || !strings.HasPrefix(err.Error(), "read live.token_file: ") {
		t.Errorf("a folder instead of a file: got %v", err)
	}
}

func TestPositionsLeadToTheFile(t *testing.T) {
	c := parse(t, `streams:
- name: a
  topics: [t]
  clean:
  - drop: |
      a == 1
      and b
  - {keep: 'x > 1'}
  - drop: >
      folded
      text
  rollups:
  - name: r
    where: a > 1
    conditions: {e: "b > 1", f: "\x61 > 1"}
`)
	for _, test := range []struct {
		path         string
		line, column int
		place, want  string
	}{
		{"streams[0].clean[0].drop", 2, 5, "7:11", "x"},
		{"streams[0].clean[1].keep", 1, 3, "8:15", "x"},
		{"streams[0].clean[2].drop", 1, 3, "9:11", "x (line 1, column 3 of the text)"},
		{"streams[0].rollups[0].where", 1, 3, "14:14", "x"},
		{"streams[0].rollups[0].conditions.e", 1, 3, "15:24", "x"},
		{"streams[0].rollups[0].conditions.f", 1, 3, "15:33", "x (line 1, column 3 of the text)"},
	} {
		if got := c.ProblemIn(test.path, test.line, test.column, "x").String(); got != "test.yaml:"+test.place+": "+test.path+": "+test.want {
			t.Errorf("%s: got %s, want %s at %s", test.path, got, test.want, test.place)
		}
	}
	for path, want := range map[string]string{
		"streams[0].rollups[0].max_keys": "test.yaml:13:5", // not there: the rollup
		"streams[0]":                     "test.yaml:2:3",
		"http.listen":                    "test.yaml:1:1",
	} {
		if got := c.Position(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestDefinitionsDoNotDependOnTheOrderOfKeys(t *testing.T) {
	const file = `streams:
- name: a
  topics: [t, u]
  clean:
  - rename: {a: b, c: d}
  rollups:
  - name: r
    where: "x == 1"
    dimensions: {host: host.name, path: log.file.path}
    measures: {offset: log.offset, took: took}
    conditions: {e: 'a == 1', f: 'b == 1'}
    distinct: {users: user.id}
    groupings: [[path], [host], []]
    tiers: [1m, 1h]
`
	same := `streams:
- rollups:
  - tiers: [1m, 1h]
    groupings: [[path], [host], [], [path, host], [path]]
    distinct: {users: user.id}
    conditions: {f: 'b == 1', e: 'a == 1'}
    measures: {took: took, offset: log.offset}
    dimensions: {path: log.file.path, host: host.name}
    where: |
      x == 1
    name: r
    window: 10s
    max_keys: 100000
  idle_timeout: 99s
  clean:
  - rename: {c: d, a: b}
  topics: [u, t]
  name: a
`
	want := parse(t, file).Streams[0].Definitions()
	if diff := cmp.Diff(want, parse(t, same).Streams[0].Definitions()); diff != "" {
		t.Error(diff)
	}
	hash := want[0].Hash()
	for range 20 { // maps are in another order each time
		if again := parse(t, file).Streams[0].Definitions(); again[0].Hash() != hash {
			t.Fatal("the hash changes from one time to the next")
		}
	}
	for _, change := range [][2]string{
		{"topics: [t, u]", "topics: [t]"}, {"rename: {a: b, c: d}", "rename: {a: b}"}, {"name: a\n", "name: a\n  lateness: 11s\n"},
		{"name: a\n", "name: a\n  max_ahead: 11s\n"}, {"name: a\n", "name: a\n  dedupe: id\n"}, {"name: a\n", "name: a\n  timestamp: {field: t}\n"}, {"x == 1", "x == 2"}, {"name: r\n", "name: r\n    window: 30s\n"},
		{"name: r\n", "name: r\n    max_keys: 7\n"}, {"users: user.id", "users: user"}, {"took: took", "took: took_ms"}, {"e: 'a == 1'", "e: 'a == 2'"}, {"host: host.name", "host: host"},
	} {
		changed := strings.Replace(file, change[0], change[1], 1)
		if changed == file {
			t.Fatalf("%q is not in the file", change[0])
		}
		if parse(t, changed).Streams[0].Definitions()[0].Hash() == hash {
			t.Errorf("%q changes nothing", change[1])
		}
	}
}

func TestAStreamThatIsWrittenAsYAMLMeansTheSame(t *testing.T) {
	stream := parse(t, `streams:
- name: a
  topics: [t, "on"]
  timestamp: {field: "", format: unix}
  lateness: 1m30s
  max_ahead: 1500ms
  clean:
  - set: {a: 1, b: 1e30, c: true, d: "1", e: "null", f: "a: b # c", g: 0.1, h: "", i: "1e5", j: "multi\nline\n", k: " x"}
  - drop: |
      a == "x: y"
      and b
  - rename: {"a: b": c, "1": d}
  rollups:
  - name: r
    window: 1m
    where: 'a == "#"'
    dimensions: {host: host.name, "y": "true"}
    groupings: []
    tiers: [1h]
    retention: {1m: 1h30m, 1h: 400d}
`).Streams[0]
	text, err := yaml.Marshal(map[string]any{"streams": []Stream{stream}})
	if err != nil {
		t.Fatal(err)
	}
	again := parse(t, string(text)).Streams[0]
	if diff := cmp.Diff(stream, again, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s\n%s", text, diff)
	}
	if got, want := again.Definitions(), stream.Definitions(); got[0].Hash() != want[0].Hash() {
		t.Errorf("the hash changed:\n%s\n%+v\n%+v", text, got, want)
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range allKeys(reflect.TypeFor[Config](), "") {
		if !strings.Contains(string(text), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not mention `%s`", key)
		}
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	if len(blocks) == 0 {
		t.Error("docs/configuration.md has no examples")
	}
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if _, err := Parse("configuration.md", []byte(block), func(string) string { return "x" }); err != nil {
			t.Errorf("the example\n%s\nis refused: %v", block, err)
		}
	}
}

// allKeys are the keys of a type and of those inside it, as the document's headings and tables spell them: with the path from the list or section they are in.
func allKeys(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		inner := prefix + key
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			inner = key // a list's entries have a section of their own
		}
		keys = append(keys, inner)
		next := inner + "."
		if inner == key && f.Type.Kind() == reflect.Slice {
			next = ""
		}
		keys = append(keys, allKeys(f.Type, next)...)
	}
	return keys
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("..", "testdata", "example.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, seed := range []string{"a: &x [*x]", "kafka: {sasl: {password: x}}", "streams:\n- name: a\n  clean:\n  - set: {a: 1e999}\n", "{", "a: |\n  b", "? a\n: b", "<<: {a: b}", "--- a\n--- b", "streams: [~]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz.yaml", text, environment)
		if err == nil {
			for i := range c.Streams {
				for _, d := range c.Streams[i].Definitions() {
					d.Hash()
				}
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("%q: got %v", text, err)
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || strings.ContainsAny(p.Message, "\n\r") || p.Message == "" {
				t.Errorf("%q: got %q", text, p)
			}
		}
	})
}
