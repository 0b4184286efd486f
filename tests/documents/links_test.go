package documents

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`!?\[[^\]]*\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	// ours are absolute links to the repository's own files.
	ours = regexp.MustCompile(`^https://github\.com/tidemark/tidemark/(?:blob|raw|tree)/main/(.+)$`)
)

func TestLinksLeadToFilesAndHeadings(t *testing.T) {
	all := documents(t)
	anchors := map[string]map[string]bool{}
	for _, d := range all {
		anchors[d.path] = map[string]bool{}
		for _, match := range heading.FindAllStringSubmatch(d.prose, -1) {
			anchors[d.path][anchor(match[1])] = true
		}
	}
	links := 0
	for _, d := range all {
		for _, match := range link.FindAllStringSubmatch(span.ReplaceAllString(d.prose, ""), -1) {
			target, fragment, _ := strings.Cut(match[1], "#")
			switch own := ours.FindStringSubmatch(target); {
			case own != nil:
				target = own[1]
			case strings.Contains(target, ":"):
				continue
			case target == "":
				target = d.path
			default:
				target = path.Join(path.Dir(d.path), target)
			}
			links++
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which is not there", d.path, target)
			}
			if fragment != "" && !anchors[target][fragment] {
				t.Errorf("%s links to %s#%s: there is no such heading", d.path, target, fragment)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// anchor is the name that a heading gets where Markdown is shown.
func anchor(text string) string {
	return strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), ""), " ", "-")
}

func TestEveryDocumentIsReachedFromTheReadme(t *testing.T) {
	readme := page(t, "README.md").prose
	for _, d := range documents(t) {
		if path.Base(d.path) != "README.md" && !strings.Contains(readme, "]("+d.path+")") {
			t.Errorf("README.md does not link to %s", d.path)
		}
	}
}
