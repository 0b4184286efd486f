// Package documents checks that what the documents say is so: links lead somewhere, configurations are valid, commands, flags and metrics exist, and
// output that is shown is what comes out.
package documents

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../.."

// tidemark is the path of the command, built once for all tests.
var tidemark string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidemark-documents-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	tidemark = filepath.Join(dir, "tidemark")
	if runtime.GOOS == "windows" {
		tidemark += ".exe"
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-o", tidemark, "./sidecar")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// document is a page of the documentation.
type document struct {
	path   string // below root, with slashes
	prose  string // without the blocks of code
	blocks []block
}

// block is a fenced block of code.
type block struct {
	language string
	text     string
	line     int  // of its opening fence, from 1
	adjacent bool // only blank lines between it and the block before
}

// documents reads all pages.
func documents(t *testing.T) []document {
	t.Helper()
	paths := []string{"README.md", "src/README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("there are no documents: %v", err)
	}
	for _, p := range pages {
		paths = append(paths, "docs/"+filepath.Base(p))
	}
	var all []document
	for _, p := range paths {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := parse(p, string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

var fence = regexp.MustCompile("^( *)```([a-z]*)$")

func parse(path, text string) (document, error) {
	d := document{path: path}
	var prose, code strings.Builder
	indent, open, adjacent := "", false, false
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		match := fence.FindStringSubmatch(line)
		switch {
		case open && match != nil && match[2] == "":
			d.blocks[len(d.blocks)-1].text = code.String()
			open, adjacent = false, true
		case open:
			code.WriteString(strings.TrimPrefix(line, indent) + "\n")
		case match != nil:
			indent, open = match[1], true
			code.Reset()
			d.blocks = append(d.blocks, block{language: match[2], line: i + 1, adjacent: adjacent})
		default:
			adjacent = adjacent && strings.TrimSpace(line) == ""
			prose.WriteString(line + "\n")
		}
	}
	if open {
		return d, fmt.Errorf("%s: the last block of code does not end", path)
	}
	d.prose = prose.String()
	return d, nil
}

func page(t *testing.T, path string) document {
	t.Helper()
	all := documents(t)
	i := slices.IndexFunc(all, func(d document) bool { return d.path == path })
	if i < 0 {
		t.Fatalf("there is no document %s", path)
	}
	return all[i]
}

// section gives the prose under a heading, up to the next one.
func (d document) section(t *testing.T, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(d.prose, "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no heading %q", d.path, heading)
	}
	if end := strings.Index(after, "\n#"); end >= 0 {
		after = after[:end]
	}
	return after
}

var span = regexp.MustCompile("`([^`\n]+)`")

// spans gives the texts in backquotes.
func spans(text string) []string {
	var all []string
	for _, match := range span.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// rows gives the cells of all tables in a text.
func rows(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	return all
}
