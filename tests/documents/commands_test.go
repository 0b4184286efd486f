package documents

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	commandLine = regexp.MustCompile(`(?m)^ *(?:tidemark|go run \./sidecar)((?: +\S+)*)`)
	listed      = regexp.MustCompile(`(?m)^  ([a-z]+) +[A-Z]`)
	flag        = regexp.MustCompile(`(?m)^ +(?:(-[a-z]), )? *(--[a-z-]+)`)
	mageTarget  = regexp.MustCompile(`(?m)\bgo tool mage ([a-zA-Z0-9:]+)`)
	npmScript   = regexp.MustCompile(`(?m)\bnpm run ([a-zA-Z0-9:]+)`)
	exported    = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?([A-Z]\w*)\(`)
)

func help(t *testing.T, command ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), tidemark, append(command, "--help")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q --help: %v\n%s", command, err, text)
	}
	return string(text)
}

// commands gives the flags of each subcommand, by its name; those of the command itself are under "".
func commands(t *testing.T) map[string][]string {
	t.Helper()
	top := help(t)
	all := map[string][]string{"": flags(top)}
	for _, match := range listed.FindAllStringSubmatch(top, -1) {
		all[match[1]] = flags(help(t, match[1]))
	}
	if len(all) < 7 {
		t.Fatalf("the help lists only %d commands:\n%s", len(all)-1, top)
	}
	return all
}

func flags(help string) []string {
	var all []string
	for _, match := range flag.FindAllStringSubmatch(help, -1) {
		all = append(all, match[2])
		if match[1] != "" {
			all = append(all, match[1])
		}
	}
	return all
}

// code gives the texts of a document that can be commands: those in backquotes, and the blocks for a shell.
func (d document) code() []string {
	all := spans(d.prose)
	for _, b := range d.blocks {
		if b.language == "sh" {
			all = append(all, b.text)
		}
	}
	return all
}

func TestCommandsAndFlagsExist(t *testing.T) {
	known := commands(t)
	found := 0
	for _, d := range documents(t) {
		for _, text := range d.code() {
			for _, match := range commandLine.FindAllStringSubmatch(text, -1) {
				words := strings.Fields(match[1])
				name := ""
				if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
					name = words[0]
				}
				allowed, exists := known[name]
				if !exists {
					t.Errorf("%s: %q: there is no command %q", d.path, text, name)
				}
				found++
				for _, word := range words {
					if word, _, _ = strings.Cut(word, "="); strings.HasPrefix(word, "--") && !slices.Contains(allowed, word) {
						t.Errorf("%s: %q: %q has no flag %s", d.path, text, name, word)
					}
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands were found", found)
	}
}

func TestEveryCommandAndFlagIsDocumented(t *testing.T) {
	text := page(t, "docs/operating.md").section(t, "## The command")
	documented := map[string]bool{}
	for _, row := range rows(text) {
		switch names := spans(row[0]); {
		case len(names) == 0:
		case strings.HasPrefix(names[0], "tidemark "):
			documented[strings.Fields(names[0])[1]] = true
		case strings.HasPrefix(names[0], "--"):
			of := spans(row[1])
			if row[1] == "all" {
				of = []string{"tidemark", "tidemark run", "tidemark demo", "tidemark collect", "tidemark validate", "tidemark setup", "tidemark replay", "tidemark verify", "tidemark downsample", "tidemark bench", "tidemark version"}
			}
			for _, command := range of {
				for _, name := range names {
					documented[strings.TrimPrefix(strings.TrimPrefix(command, "tidemark"), " ")+" "+name] = true
				}
			}
		}
	}
	known := commands(t)
	for name, allowed := range known {
		if name != "" && !documented[name] {
			t.Errorf("docs/operating.md does not list the command %s", name)
		}
		if name == "completion" || name == "help" {
			continue
		}
		for _, f := range allowed {
			if f != "--help" && f != "-h" && !documented[name+" "+f] {
				t.Errorf("docs/operating.md does not list %q of the command %q", f, name)
			}
		}
	}
	for entry := range documented {
		name, f, isFlag := strings.Cut(entry, " ")
		if isFlag && !slices.Contains(known[name], f) {
			t.Errorf("docs/operating.md lists %s of the command %q, which has no such flag", f, name)
		}
	}
}

func TestTargetsAndScriptsExist(t *testing.T) {
	targets := map[string]bool{}
	for prefix, file := range map[string]string{"": "Magefile.go", "build:": "tests/build/platform/platform.go"} {
		for _, match := range exported.FindAllStringSubmatch(read(t, file), -1) {
			targets[prefix+lowerFirst(match[1])] = true
		}
	}
	var manifest struct {
		Scripts map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal([]byte(read(t, "package.json")), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, d := range documents(t) {
		for _, text := range d.code() {
			for _, match := range mageTarget.FindAllStringSubmatch(text, -1) {
				if !targets[match[1]] {
					t.Errorf("%s: %q: mage has no target %s", d.path, text, match[1])
				}
			}
			for _, match := range npmScript.FindAllStringSubmatch(text, -1) {
				if manifest.Scripts[match[1]] == "" {
					t.Errorf("%s: %q: package.json has no script %s", d.path, text, match[1])
				}
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lowerFirst is how mage spells the target of a function.
func lowerFirst(name string) string {
	return string(unicode.ToLower(rune(name[0]))) + name[1:]
}
