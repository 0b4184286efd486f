package catalogue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)`)
	// developerWords are those that the catalogue takes for the building of a plugin, which its users do not do.
	developerWords = regexp.MustCompile(`(?i)\b(yarn|nodejs|npm (ci|install|run)|mage build|git clone)\b`)
	comment        = regexp.MustCompile(`<!--`)
	wholeLicense   = regexp.MustCompile(`(?s)Apache License\s+Version 2\.0, January 2004.*END OF TERMS AND CONDITIONS`)
)

// minPage is the least that a page for users has to say, in bytes.
const minPage = 1000

// checkPages looks at the pages that the catalogue shows: there is no repository around them.
func checkPages(dir string, m manifest) error {
	var problems []error
	complain := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	page := func(name string) string {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return "" // checkFile has said it
		}
		return string(content)
	}
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		for _, link := range pageLink.FindAllStringSubmatch(page(name), -1) {
			if !strings.HasPrefix(link[1], "#") && !strings.HasPrefix(link[1], "https://") {
				complain("%s links to %s, which leads nowhere outside of the repository", name, link[1])
			}
		}
	}
	readme := page("README.md")
	if len(readme) < minPage {
		complain("README.md has %d bytes: that tells users nothing", len(readme))
	}
	if !strings.Contains(readme, "![") {
		complain("README.md has no picture")
	}
	if comment.MatchString(readme) {
		complain("README.md has a comment, which the catalogue takes for a template's")
	}
	if word := developerWords.FindString(readme); word != "" {
		complain("README.md is for users: %q is for who builds the plugin", word)
	}
	if changes := page("CHANGELOG.md"); !strings.Contains(changes, "## ["+m.Info.Version+"]") {
		complain("CHANGELOG.md has nothing on version %s", m.Info.Version)
	}
	if !wholeLicense.MatchString(page("LICENSE")) {
		complain("LICENSE is not the Apache License 2.0")
	}
	return errors.Join(problems...)
}
