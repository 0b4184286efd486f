package documents

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/status"
)

var ownConfiguration = regexp.MustCompile(`(?m)^(kafka|elasticsearch|http|collect|health|streams):`)

func TestConfigurationsAreValid(t *testing.T) {
	getenv := func(string) string { return "set" }
	found := 0
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			switch {
			case b.language != "yaml":
			case ownConfiguration.MatchString(b.text):
				found++
				if _, err := config.Parse(d.path, []byte(b.text), getenv); err != nil {
					t.Errorf("%s:%d: %v", d.path, b.line, err)
				}
				checkWithCommand(t, d.path, b)
			default:
				var other map[string]any
				if err := yaml.Unmarshal([]byte(b.text), &other); err != nil {
					t.Errorf("%s:%d: %v", d.path, b.line, err)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d configurations were found", found)
	}
}

// checkWithCommand compiles the conditions too.
func checkWithCommand(t *testing.T, path string, b block) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tidemark.yaml")
	if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), tidemark, "validate", file)
	command.Env = append(os.Environ(), "HOSTNAME=sidecar-1", "KAFKA_PASSWORD=secret")
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s", path, b.line, err, output)
	}
}

func TestJSONIsValid(t *testing.T) {
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if b.language == "json" && !json.Valid([]byte(b.text)) {
				t.Errorf("%s:%d: the block is not JSON", d.path, b.line)
			}
		}
	}
}

// TestShownOutputComesOut runs each block of commands that is directly followed by its output.
func TestShownOutputComesOut(t *testing.T) {
	found := 0
	for _, d := range documents(t) {
		for i, b := range d.blocks {
			if b.language != "text" || !b.adjacent || i == 0 || d.blocks[i-1].language != "sh" {
				continue
			}
			found++
			if got := output(t, d.blocks[i-1].text); got != b.text {
				t.Errorf("%s:%d: the output is not\n%s\nbut\n%s", d.path, b.line, b.text, got)
			}
		}
	}
	if found == 0 {
		t.Error("no output is shown")
	}
}

func output(t *testing.T, line string) string {
	t.Helper()
	words := strings.Fields(line)
	if len(words) < 2 || words[0] != "tidemark" || words[1] != "validate" {
		t.Fatalf("output is shown of %q, which this test does not run", line)
	}
	command := exec.CommandContext(t.Context(), tidemark, words[1:]...)
	command.Dir = root
	text, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	return string(text)
}

func TestTheConfigurationOfTheGuideIsTheExample(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(root, "docs", "examples", "filebeat.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ = cutLine(example) // a comment
	for _, b := range page(t, "docs/getting-started.md").blocks {
		if b.language == "yaml" {
			if b.text != string(example) {
				t.Errorf("the first configuration of the guide is not docs/examples/filebeat.yaml")
			}
			return
		}
	}
	t.Error("the guide has no configuration")
}

func cutLine(text []byte) (first, rest []byte, found bool) {
	head, tail, found := strings.Cut(string(text), "\n")
	return []byte(head), []byte(tail), found
}

func TestTheShownDocumentIsOneOfTheSample(t *testing.T) {
	text := output(t, "tidemark validate docs/examples/filebeat.yaml --events docs/examples/filebeat.ndjson")
	for _, b := range page(t, "docs/rollups.md").blocks {
		if b.language != "json" {
			continue
		}
		var shown map[string]any
		if err := json.Unmarshal([]byte(b.text), &shown); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text) {
			var document map[string]any
			if json.Unmarshal([]byte(line), &document) == nil && reflect.DeepEqual(document, shown) {
				return
			}
		}
	}
	t.Error("docs/rollups.md shows no document that the sample gives")
}

func TestTheShownPartitionIsLikeThoseOfTheStatus(t *testing.T) {
	for _, b := range page(t, "docs/operating.md").blocks {
		if b.language != "json" || !strings.Contains(b.text, `"next_offset"`) {
			continue
		}
		var shown, whole map[string]any
		text, err := json.Marshal(status.PartitionStatus{})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal([]byte(b.text), &shown), json.Unmarshal(text, &whole)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(whole)), slices.Sorted(maps.Keys(shown))); diff != "" {
			t.Errorf("the fields of a partition differ (-exist +shown):\n%s", diff)
		}
		return
	}
	t.Error("docs/operating.md shows no partition")
}
