// Package catalogue looks at a built plugin as Grafana and its catalogue will. It holds those rules of Grafana's plugin validator that need neither a network nor
// another program, and this project's own: how large the front end may be, and what runs under React 18 and 19 alike.
package catalogue

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Check looks at the plugin that was built into dir, with executables for platforms such as "linux/amd64". It gives the size of the front end, in bytes as
// they are sent. Its error has a line for each thing wrong.
func Check(dir string, platforms ...string) (sent int, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return 0, err
	}
	problems := m.check()
	for _, path := range m.files() {
		problems = append(problems, checkFile(dir, path))
	}
	problems = append(problems, checkNames(dir), checkPages(dir, m), checkPictures(dir, m), checkDashboards(dir, m))
	if m.Backend {
		problems = append(problems, checkExecutables(dir, m.Executable, platforms))
	}
	sent, err = checkFrontEnd(dir)
	return sent, errors.Join(append(problems, err)...)
}

func readManifest(dir string) (m manifest, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "plugin.json"))
	if err != nil {
		return m, fmt.Errorf("read the plugin's manifest: %w", err)
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return m, fmt.Errorf("read %s: %w", filepath.Join(dir, "plugin.json"), err)
	}
	return m, nil
}

// files are those that must be there: the ones that the manifest names and the ones that the catalogue shows.
func (m manifest) files() []string {
	paths := []string{"README.md", "CHANGELOG.md", "LICENSE", m.Info.Logos.Small, m.Info.Logos.Large}
	for _, screenshot := range m.Info.Screenshots {
		paths = append(paths, screenshot.Path)
	}
	for _, include := range m.Includes {
		if include.Path != "" {
			paths = append(paths, include.Path)
		}
	}
	if m.Backend {
		paths = append(paths, "go_plugin_build_manifest")
	}
	return paths
}

func checkFile(dir, path string) error {
	if !filepath.IsLocal(filepath.FromSlash(path)) || strings.HasPrefix(path, ".") {
		return fmt.Errorf("plugin.json names %q, which is not a path inside of the plugin", path)
	}
	content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	switch {
	case err != nil:
		return fmt.Errorf("a file is missing: %w", err)
	case len(content) == 0:
		return fmt.Errorf("%s is empty", path)
	case strings.HasSuffix(path, ".json") && !json.Valid(content):
		return fmt.Errorf("%s is not valid JSON", path)
	}
	return nil
}

// checkDashboards looks for what Grafana's import page asks people about, and the plugin's own page does not.
func checkDashboards(dir string, m manifest) error {
	var problems []error
	for _, include := range m.Includes {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(include.Path)))
		if include.Type != "dashboard" || err != nil {
			continue // checkFile has said it
		}
		var dashboard struct {
			ID         *int64 `json:"id"`
			UID, Title string
		}
		if err := json.Unmarshal(content, &dashboard); err == nil && (dashboard.ID != nil || dashboard.UID == "" || dashboard.Title == "") {
			problems = append(problems, fmt.Errorf("%s: a dashboard has a uid and a title, and no id of the Grafana that it was made in", include.Path))
		}
	}
	return errors.Join(problems...)
}
