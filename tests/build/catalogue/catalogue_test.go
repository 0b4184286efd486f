package catalogue

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	goodManifest = `{
	"id": "tidemark-rollups-datasource", "type": "datasource", "name": "Tidemark", "executable": "gpx_tidemark", "backend": true, "alerting": true,
	"info": {
		"version": "1.2.3", "updated": "2026-01-02", "description": "Panels and alerts over rollups", "keywords": ["rollup"],
		"author": {"name": "Tidemark", "url": "https://example.com"}, "links": [{"name": "Website", "url": "https://example.com"}],
		"logos": {"small": "img/logo.svg", "large": "img/logo.svg"}, "screenshots": [{"name": "A dashboard", "path": "img/dashboard.png"}]
	},
	"includes": [{"type": "dashboard", "name": "Writes", "path": "dashboards/writes.json"}],
	"dependencies": {"grafanaDependency": ">=12.2.0"}
}`
	goodMap = `{"version": 3, "sources": ["module.ts"], "sourcesContent": ["export {}"]}`
	host    = runtime.GOOS + "/" + runtime.GOARCH
)

func picture(width, height int) string {
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		panic(err)
	}
	return out.String()
}

// incompressible makes a script of that many bytes, which stays about as large.
func incompressible(size int) string {
	content := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.UintN(256))
	}
	return string(content)
}

// goodPlugin has everything, with this test's own program as the backend.
func goodPlugin(t *testing.T) map[string]string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	license, err := os.ReadFile("../../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"plugin.json": goodManifest, "module.js": "define([])", "module.js.map": goodMap, "go_plugin_build_manifest": "x",
		"img/logo.svg":           `<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0" fill="url(#sea)"/></svg>`,
		"img/dashboard.png":      picture(minScreenshotWidth, minScreenshotHeight),
		"dashboards/writes.json": `{"id": null, "uid": "writes", "title": "Writes"}`,
		"README.md":              "![page](https://example.com/page.png)\n" + strings.Repeat("What it does. ", 100),
		"CHANGELOG.md":           "## [1.2.3]", "LICENSE": string(license),
		ExecutableName("gpx_tidemark", host): string(program),
	}
}

func TestCheckSeesWhatGrafanaOrItsCatalogueWouldRefuse(t *testing.T) {
	cases := []struct {
		name     string
		change   map[string]string // file: content, "" removes it
		replace  [2]string         // in the manifest
		platform string            // "": the one that this test runs on
		want     string            // "": nothing is wrong
	}{
		{name: "good plugin"},
		{name: "good plugin, signed", change: map[string]string{"MANIFEST.txt": "x"}},
		{name: "good plugin, with a chunk", change: map[string]string{"712.js": "define([])", "712.js.map": goodMap}},
		{name: "good plugin, in two languages", change: map[string]string{"locales/zh-Hans/tidemark-rollups-datasource.json": "{}"}},
		{name: "no manifest", change: map[string]string{"plugin.json": ""}, want: "plugin.json"},
		{name: "broken manifest", replace: [2]string{`"type"`, `type`}, want: "invalid character"},
		{name: "placeholder left", replace: [2]string{"1.2.3", "%VERSION%"}, want: `info.version is "%VERSION%"`},
		{name: "other type", replace: [2]string{`"datasource"`, `"panel"`}, want: `type is "panel"`},
		{name: "id without an organization", replace: [2]string{"tidemark-rollups-", "tidemark-"}, want: `id is "tidemark-datasource"`},
		{name: "no author", replace: [2]string{`"name": "Tidemark", "url"`, `"url"`}, want: "info.author.name"},
		{name: "no keywords", replace: [2]string{`["rollup"]`, `[]`}, want: "info.keywords is empty"},
		{name: "link without TLS", replace: [2]string{`"https://example.com"}]`, `"http://example.com"}]`}, want: "http://example.com"},
		{name: "no links", replace: [2]string{`[{"name": "Website", "url": "https://example.com"}]`, `[]`}, want: "info.links is empty"},
		{name: "one Grafana only", replace: [2]string{">=12.2.0", "12.2.0"}, want: "grafanaDependency"},
		{name: "alerts without a backend", replace: [2]string{`"backend": true`, `"backend": false`}, want: "alerting needs a backend"},
		{name: "dashboard missing", change: map[string]string{"dashboards/writes.json": ""}, want: "writes.json"},
		{name: "dashboard broken", change: map[string]string{"dashboards/writes.json": "{"}, want: "not valid JSON"},
		{name: "dashboard of one Grafana", change: map[string]string{"dashboards/writes.json": `{"id": 7, "uid": "a", "title": "b"}`}, want: "no id"},
		{name: "dashboard outside", replace: [2]string{"dashboards/", "../"}, want: "not a path inside"},
		{name: "no logo", change: map[string]string{"img/logo.svg": ""}, want: "logo.svg"},
		{name: "logo with a script", change: map[string]string{"img/logo.svg": "<svg><script/></svg>"}, want: "script can run"},
		{name: "logo with a handler", change: map[string]string{"img/logo.svg": `<svg onload="x"/>`}, want: "onload can run"},
		{name: "logo that loads", change: map[string]string{"img/logo.svg": `<svg><a href="https://example.com"/></svg>`}, want: "href can run"},
		{name: "no screenshot", change: map[string]string{"img/dashboard.png": ""}, want: "dashboard.png"},
		{name: "small screenshot", change: map[string]string{"img/dashboard.png": picture(300, 200)}, want: "300 by 200 pixels"},
		{name: "no front end", change: map[string]string{"module.js": "", "module.js.map": ""}, want: "front end is missing"},
		{name: "no source map", change: map[string]string{"module.js.map": ""}, want: "source map is missing"},
		{name: "source map without sources", change: map[string]string{"module.js.map": `{"sources": ["a"]}`}, want: "the text of 0"},
		{name: "front end too large", change: map[string]string{"module.js": incompressible(MaxSent + 1)}, want: "allowed are 150000"},
		{
			name:   "front end too large in chunks",
			change: map[string]string{"module.js": incompressible(MaxSent / 2), "1.js": incompressible(MaxSent / 2), "1.js.map": goodMap},
			want:   "allowed are 150000",
		},
		{name: "noise", change: map[string]string{"module.js": "define([],()=>{console.log(1)})"}, want: "writes to the console"},
		{name: "warnings are no noise", change: map[string]string{"module.js": "define([],()=>{console.warn(1)})"}},
		{name: "JSX of React 18", change: map[string]string{"module.js": "r.__SECRET_INTERNALS_DO_NOT_USE_OR_YOU_WILL_BE_FIRED"}, want: "React 19 has not"},
		{name: "no license", change: map[string]string{"LICENSE": ""}, want: "LICENSE"},
		{name: "other license", change: map[string]string{"LICENSE": "All rights reserved"}, want: "not the Apache License"},
		{name: "relative link", change: map[string]string{"CHANGELOG.md": "## [1.2.3]\n[docs](docs/a.md)"}, want: "links to docs/a.md"},
		{name: "short page", change: map[string]string{"README.md": "![a](https://example.com)"}, want: "tells users nothing"},
		{name: "page without a picture", change: map[string]string{"README.md": strings.Repeat("word ", 1000)}, want: "no picture"},
		{name: "page for builders", change: map[string]string{"README.md": strings.Repeat("npm install ", 1000)}, want: "for who builds"},
		{name: "version without changes", change: map[string]string{"CHANGELOG.md": "## [1.2.2]"}, want: "nothing on version 1.2.3"},
		{name: "file of a workstation", change: map[string]string{"img/.DS_Store": "x"}, want: ".DS_Store is no part"},
		{name: "sources", change: map[string]string{"module.ts": "x"}, want: "module.ts is no part"},
		{name: "no list of Go files", change: map[string]string{"go_plugin_build_manifest": ""}, want: "go_plugin_build_manifest"},
		{name: "backend missing", platform: "plan9/mips", want: "gpx_tidemark_plan9_mips"},
		{
			name: "backend of another platform", platform: "linux/mips", want: "gpx_tidemark_linux_mips is built for " + host,
			change: map[string]string{"gpx_tidemark_linux_mips": goodPlugin(t)[ExecutableName("gpx_tidemark", host)]},
		},
		{name: "backend is no program", change: map[string]string{ExecutableName("gpx_tidemark", host): "x"}, want: "unrecognized file format"},
	}
	good := goodPlugin(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, good)
			if c.replace[0] != "" {
				manifest := strings.Replace(goodManifest, c.replace[0], c.replace[1], 1)
				if manifest == goodManifest {
					t.Fatalf("the manifest has no %q", c.replace[0])
				}
				write(t, dir, map[string]string{"plugin.json": manifest})
			}
			write(t, dir, c.change)
			platform := host
			if c.platform != "" {
				platform = c.platform
			}
			_, err := Check(dir, platform)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("a good plugin is refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTheSizeIsThatOfAllScriptsCompressed(t *testing.T) {
	dir := t.TempDir()
	good := goodPlugin(t)
	good["module.js"] = strings.Repeat("define([])\n", 10_000)
	good["1.js"], good["1.js.map"] = incompressible(5000), goodMap
	write(t, dir, good)
	sent, err := Check(dir, host)
	if err != nil {
		t.Fatal(err)
	}
	if sent < 5000 || sent > 7000 {
		t.Errorf("the front end has %d bytes, compressed", sent)
	}
}

func TestExecutablesHaveTheNamesThatGrafanaLooksFor(t *testing.T) {
	for platform, want := range map[string]string{"linux/arm64": "gpx_x_linux_arm64", "windows/amd64": "gpx_x_windows_amd64.exe"} {
		if got := ExecutableName("gpx_x", platform); got != want {
			t.Errorf("%s: %s, want %s", platform, got, want)
		}
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if content == "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
