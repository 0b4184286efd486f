package build

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// maxBundle bounds dist/module.js, in bytes: it is loaded with every page that shows a panel of ours, and grows by accident
// when a library is bundled that Grafana provides.
const maxBundle = 1 << 20

// pluginManifest is the part of plugin.json that Grafana refuses or misses something by.
type pluginManifest struct {
	ID, Type, Name, Executable string
	Backend                    bool
	Info                       struct {
		Version, Updated string
		Logos            struct{ Small, Large string }
		Screenshots      []struct{ Path string }
	}
	Includes     []struct{ Type, Name, Path string }
	Dependencies struct{ GrafanaDependency string }
}

var (
	pluginID     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*-datasource$`)
	pluginNumber = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	pluginDate   = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
)

// CheckDist looks at a built plugin as Grafana will: the manifest, the files that it names, the backend's executable for a
// platform, the size of the bundle. Its error has a line for each thing wrong.
func CheckDist(dir, system, architecture string) error {
	content, err := os.ReadFile(filepath.Join(dir, "plugin.json"))
	if err != nil {
		return fmt.Errorf("read the plugin's manifest: %w", err)
	}
	var manifest pluginManifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(dir, "plugin.json"), err)
	}
	problems := manifest.check()
	for _, path := range manifest.files() {
		problems = append(problems, checkFile(dir, path))
	}
	problems = append(problems, checkBundle(dir))
	if manifest.Backend {
		name := fmt.Sprintf("%s_%s_%s%s", manifest.Executable, system, architecture, extension(system))
		problems = append(problems, checkExecutable(dir, name, system))
	}
	return errors.Join(problems...)
}

func (m pluginManifest) check() (problems []error) {
	for _, field := range []struct {
		name, value string
		allowed     *regexp.Regexp
	}{
		{"id", m.ID, pluginID},
		{"type", m.Type, regexp.MustCompile(`^datasource$`)},
		{"name", m.Name, regexp.MustCompile(`\S`)},
		{"executable", m.Executable, regexp.MustCompile(`^gpx_\w+$`)},
		{"info.version", m.Info.Version, pluginNumber},
		{"info.updated", m.Info.Updated, pluginDate},
		{"dependencies.grafanaDependency", m.Dependencies.GrafanaDependency, regexp.MustCompile(`\d`)},
	} {
		if !field.allowed.MatchString(field.value) {
			problems = append(problems, fmt.Errorf("plugin.json: %s is %q, which does not match %s", field.name, field.value, field.allowed))
		}
	}
	return problems
}

// files are those that must be there: the ones that the manifest names and the ones that Grafana's catalog shows.
func (m pluginManifest) files() []string {
	paths := []string{"README.md", "CHANGELOG.md", "LICENSE", m.Info.Logos.Small, m.Info.Logos.Large}
	for _, screenshot := range m.Info.Screenshots {
		paths = append(paths, screenshot.Path)
	}
	for _, include := range m.Includes {
		if include.Path != "" {
			paths = append(paths, include.Path)
		}
	}
	return paths
}

func checkFile(dir, path string) error {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
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

func checkBundle(dir string) error {
	info, err := os.Stat(filepath.Join(dir, "module.js"))
	if err != nil {
		return fmt.Errorf("the front end is missing: %w", err)
	}
	if info.Size() == 0 || info.Size() > maxBundle {
		return fmt.Errorf("module.js has %d bytes: allowed are 1 to %d", info.Size(), maxBundle)
	}
	return nil
}

func checkExecutable(dir, name, system string) error {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("the backend is missing: %w", err)
	}
	if system != "windows" && info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("the backend %s is not executable", name)
	}
	return nil
}
