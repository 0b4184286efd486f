package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Newest checks the types of the front end, and runs its tests, with the newest packages of Grafana's and the newest React instead of those that package.json
// names: what is coming, and what users of later Grafanas have. It works in a copy, and leaves package-lock.json alone.
func Newest(ctx context.Context, out io.Writer) (err error) {
	if err := checkTools(ctx, false, nodeTool, npmTool); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tidemark-newest-")
	if err != nil {
		return err
	}
	defer func() {
		if failure := os.RemoveAll(dir); err == nil {
			err = failure
		}
	}()
	if err := copyFrontEnd(dir); err != nil {
		return err
	}
	in := func(name string, args ...string) func(context.Context, io.Writer) error {
		return func(ctx context.Context, out io.Writer) error { return executeIn(ctx, out, dir, nil, name, args...) }
	}
	const install = "npm install"
	return Run(ctx, out, Lane{
		{Name: install, Run: in("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")},
		{Name: "versions", Needs: []string{install}, Run: in("npm", append([]string{"ls", "--depth=0"}, ofGrafana...)...)},
		{Name: "tsc", Needs: []string{install}, Run: in("npx", "tsc", "--noEmit")},
		{Name: "jest", Needs: []string{install}, Run: in("npx", "jest", "--ci")},
		{Name: "build front end", Needs: []string{install}, Run: in("npm", "run", "--silent", "build")},
	})
}

// copyFrontEnd copies what the front end is checked, tested and built by, with a package.json of the newest versions.
func copyFrontEnd(dir string) error {
	for _, name := range []string{"src", "dashboards"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
			return err
		}
	}
	for _, name := range []string{
		"plugin.json", "tsconfig.json", "jest.config.js", "webpack.config.mjs", ".npmrc", "CHANGELOG.md", "LICENSE",
	} {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	content, err := os.ReadFile("package.json")
	if err != nil {
		return err
	}
	content, err = newest(content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "package.json"), content, 0o644)
}

// ofGrafana are the packages that Grafana brings along. Each Grafana has its own versions, whatever package.json says.
var ofGrafana = []string{
	"@grafana/data", "@grafana/i18n", "@grafana/runtime", "@grafana/schema", "@grafana/ui", "react", "react-dom", "@types/react", "@types/react-dom",
}

// newest asks for the newest of what Grafana brings along, also on behalf of the libraries that the bundle holds.
func newest(content []byte) ([]byte, error) {
	var manifest map[string]any
	if err := json.Unmarshal(content, &manifest); err != nil {
		return nil, fmt.Errorf("read package.json: %w", err)
	}
	overrides, ok := manifest["overrides"].(map[string]any)
	if !ok {
		return nil, errors.New("package.json has no overrides")
	}
	for _, section := range []string{"dependencies", "devDependencies"} {
		packages, ok := manifest[section].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("package.json has no %s", section)
		}
		for _, name := range ofGrafana {
			if packages[name] != nil {
				packages[name] = "*"
				overrides[name] = "$" + name // that of this file
			}
		}
	}
	return json.MarshalIndent(manifest, "", "  ")
}
