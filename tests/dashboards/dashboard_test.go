package dashboards

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/query"
)

// root is the repository, as tests see it.
const root = "../.."

const dataSourceVariable = "${datasource}"

// dashboard is the part of Grafana's model that is checked.
type dashboard struct {
	UID           string
	Title         string
	Description   string
	Tags          []string
	SchemaVersion int
	Refresh       string
	Time          struct{ From, To string }
	Templating    struct{ List []variable }
	Links         []struct {
		Type string
		Tags []string
	}
	Panels []panel
}

type variable struct {
	Name, Label, Type string
	Description       string
	Datasource        reference
	Query             json.RawMessage
	Multi, IncludeAll bool
	AllValue          *string
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               reference
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []json.RawMessage
	MaxDataPoints            int64
	Panels                   []json.RawMessage // of a row that is folded
	FieldConfig              struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Value *float64 } }
		}
	}
}

// reference names a data source.
type reference struct{ Type, UID string }

// target is a panel's query as the editor saves it: the query itself and what Grafana keeps with it.
type target struct {
	query.Query
	RefID      string    `json:"refId"`
	Datasource reference `json:"datasource"`
}

func (p *panel) decodeTargets(t *testing.T) []target {
	t.Helper()
	all := make([]target, len(p.Targets))
	for i, raw := range p.Targets {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&all[i]); err != nil {
			t.Fatalf("panel %q, query %d: %v", p.Title, i, err)
		}
	}
	return all
}

// each runs a test for every dashboard of the repository.
func each(t *testing.T, run func(t *testing.T, d *dashboard)) {
	paths, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no dashboards (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			d := &dashboard{}
			readJSON(t, path, d)
			run(t, d)
		})
	}
}

func read(t *testing.T, elements ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	if err := json.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}

// manifest is the part of plugin.json that dashboards depend on.
type manifest struct {
	ID       string
	Includes []struct{ Type, Name, Path string }
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	var m manifest
	readJSON(t, filepath.Join(root, "plugin.json"), &m)
	return m
}
