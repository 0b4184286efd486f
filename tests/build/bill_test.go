package build

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBundledPackagesAreThoseOfTheSourceMaps(t *testing.T) {
	dir := t.TempDir()
	for name, sources := range map[string][]string{
		"module.js.map": {
			"webpack://x/../node_modules/@grafana/plugin-ui/dist/a.js", "webpack://x/../node_modules/@grafana/plugin-ui/dist/b.js",
			"webpack://x/./module.ts", `webpack://x/external amd "react"`,
		},
		"1.js.map": {"webpack://x/../node_modules/outer/node_modules/inner/index.js"},
	} {
		text, err := json.Marshal(map[string]any{"sources": sources})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := bundledPackages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"@grafana/plugin-ui", "inner"}, got); diff != "" {
		t.Errorf("packages differ (-want +got):\n%s", diff)
	}
}

const npmWrote = `{
	"bomFormat": "CycloneDX", "serialNumber": "urn:uuid:1", "metadata": {"timestamp": "2026-11-12T13:14:15Z", "tools": [{"name": "npm", "hashes": []}], "component": {"name": "plugin"}},
	"components": [{"name": "plugin-ui", "group": "@grafana", "version": "1"}, {"name": "@grafana/ui", "version": "2"}, {"name": "lodash", "version": "3"}],
	"dependencies": [{"ref": "a", "dependsOn": []}]
}`

func TestBillsOfTheSameSourcesAreTheSame(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	keep := func(names ...string) func(bill) error { return func(b bill) error { return b.keep(names) } }
	cases := []struct {
		name    string
		changes []func(bill) error
		want    string
		fails   string
	}{
		{
			name: "all", want: `{"bomFormat": "CycloneDX", "metadata": {"timestamp": "2026-01-02T03:04:05Z", "tools": [{"name": "npm"}], "component": {"name": "plugin"}},
				"components": [{"name": "plugin-ui", "group": "@grafana", "version": "1"}, {"name": "@grafana/ui", "version": "2"}, {"name": "lodash", "version": "3"}],
				"dependencies": [{"ref": "a", "dependsOn": []}]}`,
		},
		{
			name: "some, of a name", changes: []func(bill) error{keep("@grafana/plugin-ui", "lodash"), func(b bill) error { return b.call("tidemark") }},
			want: `{"bomFormat": "CycloneDX", "metadata": {"timestamp": "2026-01-02T03:04:05Z", "tools": [{"name": "npm"}], "component": {"name": "tidemark"}},
				"components": [{"name": "plugin-ui", "group": "@grafana", "version": "1"}, {"name": "lodash", "version": "3"}]}`,
		},
		{name: "one that is not there", changes: []func(bill) error{keep("moment")}, fails: "moment is in the front end"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bill.json")
			if err := os.WriteFile(path, []byte(npmWrote), 0o600); err != nil {
				t.Fatal(err)
			}
			err := rewriteBill(path, at, c.changes...)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("error %v, want one with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if err := readJSON(path, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the bill differs (-want +got):\n%s", diff)
			}
		})
	}
}
