package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"
)

// The names of the steps that write bills of materials: of the modules that the backend is linked of, and of the npm packages that are in the front end.
const (
	goBill  = "bill of Go modules"
	npmBill = "bill of npm packages"
)

// goBillStep lists the modules that are linked into the plugin's backend, as the executable itself says.
func (r release) goBillStep() Step {
	return Step{Name: goBill, Needs: []string{"check dist"}, Run: func(ctx context.Context, out io.Writer) error {
		path := filepath.Join(releaseDir, r.pluginName()+"-go.cdx.json")
		backends, err := filepath.Glob(filepath.Join("dist", "gpx_*_linux_amd64"))
		if err != nil || len(backends) != 1 {
			return errors.Join(err, fmt.Errorf("dist has %d backends for linux/amd64", len(backends)))
		}
		err = execute(ctx, out, nil, "go", "tool", "-modfile=tools/release/go.mod", "cyclonedx-gomod", "bin",
			"-json", "-licenses", "-std", "-noserial", "-version", "v"+r.version, "-output", path, backends[0])
		if err != nil {
			return err
		}
		return rewriteBill(path, r.at)
	}}
}

// npmBillStep lists the packages that webpack took something of. What Grafana brings along, or only a build needs, is not in the plugin.
func (r release) npmBillStep() Step {
	return Step{Name: npmBill, Needs: []string{"build front end"}, Run: func(ctx context.Context, _ io.Writer) error {
		bundled, err := bundledPackages("dist")
		if err != nil {
			return err
		}
		var answer bytes.Buffer
		if err := execute(ctx, &answer, nil, "npm", "sbom", "--sbom-format", "cyclonedx", "--omit", "dev", "--package-lock-only"); err != nil {
			return fmt.Errorf("%w\n%s", err, &answer)
		}
		path := filepath.Join(releaseDir, r.pluginName()+"-npm.cdx.json")
		if err := os.WriteFile(path, answer.Bytes(), 0o644); err != nil {
			return err
		}
		return rewriteBill(path, r.at, func(b bill) error { return b.keep(bundled) }, func(b bill) error { return b.call(r.id) })
	}}
}

// inModules finds the package that a source belongs to, the innermost where they are nested.
var inModules = regexp.MustCompile(`.*/node_modules/((?:@[^/]+/)?[^/]+)/`)

// bundledPackages gives the names of the npm packages that the source maps name.
func bundledPackages(dir string) (names []string, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.js.map"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		var sourceMap struct {
			Sources []string `json:"sources"`
		}
		if err := readJSON(path, &sourceMap); err != nil {
			return nil, err
		}
		for _, source := range sourceMap.Sources {
			if match := inModules.FindStringSubmatch(source); match != nil {
				names = append(names, match[1])
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// bill is a CycloneDX document, or a part of one. What is not changed passes through.
type bill map[string]json.RawMessage

// rewriteBill takes what changes from run to run out of a bill: its serial number, the time, and how the program was built that made it. Then it makes further
// changes.
func rewriteBill(path string, at time.Time, changes ...func(bill) error) error {
	var b bill
	if err := readJSON(path, &b); err != nil {
		return err
	}
	fix := func(b bill) error { return b.fix(at) }
	for _, change := range append([]func(bill) error{fix}, changes...) {
		if err := change(b); err != nil {
			return fmt.Errorf("rewrite %s: %w", path, err)
		}
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

func (b bill) fix(at time.Time) error {
	delete(b, "serialNumber")
	return b.change("metadata", func(metadata bill) error {
		metadata["timestamp"], _ = json.Marshal(at.Format(time.RFC3339))
		var tools []bill // of CycloneDX 1.4: from 1.5 on they may be an object
		if json.Unmarshal(metadata["tools"], &tools) == nil {
			for _, tool := range tools {
				delete(tool, "hashes")
			}
			metadata["tools"], _ = json.Marshal(tools)
		}
		return nil
	})
}

// call gives what the bill is of its name, which npm takes from the folder.
func (b bill) call(name string) error {
	return b.change("metadata", func(metadata bill) error {
		return metadata.change("component", func(component bill) error {
			component["name"], _ = json.Marshal(name)
			return nil
		})
	})
}

// change makes a change in a part of the document.
func (b bill) change(part string, change func(bill) error) error {
	var inner bill
	if err := json.Unmarshal(b[part], &inner); err != nil {
		return fmt.Errorf("read %s: %w", part, err)
	}
	if err := change(inner); err != nil {
		return err
	}
	b[part], _ = json.Marshal(inner)
	return nil
}

// keep removes the components of other names, and what the bill says they depend on.
func (b bill) keep(names []string) error {
	var components, kept []bill
	if err := json.Unmarshal(b["components"], &components); err != nil {
		return fmt.Errorf("read the components: %w", err)
	}
	found := map[string]bool{}
	for _, component := range components {
		name := text(component["name"])
		if group := text(component["group"]); group != "" {
			name = group + "/" + name
		}
		if slices.Contains(names, name) {
			kept = append(kept, component)
			found[name] = true
		}
	}
	for _, name := range names {
		if !found[name] {
			return fmt.Errorf("%s is in the front end, and not among the production dependencies of package-lock.json", name)
		}
	}
	b["components"], _ = json.Marshal(kept)
	delete(b, "dependencies") // most lead through packages that are not in the plugin
	return nil
}

func text(raw json.RawMessage) (value string) {
	_ = json.Unmarshal(raw, &value) // what is no text is nobody's name
	return value
}
