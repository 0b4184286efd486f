package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodManifest = `{
	"id": "tidemark-rollups-datasource", "type": "datasource", "name": "Tidemark", "executable": "gpx_tidemark", "backend": true,
	"info": {"version": "1.2.3", "updated": "2026-01-02", "logos": {"small": "img/logo.svg", "large": "img/logo.svg"}},
	"includes": [{"type": "dashboard", "name": "Writes", "path": "dashboards/writes.json"}],
	"dependencies": {"grafanaDependency": ">=12.2.0"}
}`

func TestCheckDistSeesWhatGrafanaWouldRefuse(t *testing.T) {
	cases := []struct {
		name    string
		change  map[string]string // file: content, "" removes it
		replace [2]string         // in the manifest
		want    string            // "": nothing is wrong
	}{
		{name: "good plugin"},
		{name: "no manifest", change: map[string]string{"plugin.json": ""}, want: "plugin.json"},
		{name: "broken manifest", replace: [2]string{`"type"`, `type`}, want: "invalid character"},
		{name: "placeholder left", replace: [2]string{"1.2.3", "%VERSION%"}, want: `info.version is "%VERSION%"`},
		{name: "other type", replace: [2]string{`"datasource"`, `"panel"`}, want: `type is "panel"`},
		{name: "dashboard missing", change: map[string]string{"dashboards/writes.json": ""}, want: "writes.json"},
		{name: "dashboard broken", change: map[string]string{"dashboards/writes.json": "{"}, want: "not valid JSON"},
		{name: "dashboard outside", replace: [2]string{"dashboards/", "../"}, want: "not a path inside"},
		{name: "no logo", change: map[string]string{"img/logo.svg": ""}, want: "logo.svg"},
		{name: "no front end", change: map[string]string{"module.js": ""}, want: "front end is missing"},
		{name: "bundle too large", change: map[string]string{"module.js": strings.Repeat("x", maxBundle+1)}, want: "module.js has"},
		{name: "no license", change: map[string]string{"LICENSE": ""}, want: "LICENSE"},
		{name: "backend for another platform", replace: [2]string{"gpx_tidemark", "gpx_other"}, want: "backend is missing"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			manifest := goodManifest
			if c.replace[0] != "" {
				manifest = strings.Replace(manifest, c.replace[0], c.replace[1], 1)
			}
			dir := t.TempDir()
			write(t, dir, map[string]string{
				"plugin.json": manifest, "module.js": "define([])", "img/logo.svg": "<svg/>", "dashboards/writes.json": "{}",
				"README.md": "x", "CHANGELOG.md": "x", "LICENSE": "x", "gpx_tidemark_linux_amd64": "x",
			})
			write(t, dir, c.change)
			err := CheckDist(dir, "linux", "amd64")
			switch {
			case c.want == "" && err != nil:
				t.Errorf("a good plugin is refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if content == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
