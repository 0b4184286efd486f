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
	Annotations   struct{ List []annotation }
	Links         []struct {
		Type                  string
		Tags                  []string
		KeepTime, IncludeVars bool
	}
	Panels []panel
}

// annotation is a query for marks in all graphs of a dashboard.
type annotation struct {
	Name         string
	BuiltIn      int
	Enable, Hide bool
	Datasource   reference
	Target       json.RawMessage
}

type variable struct {
	Name, Label, Description, Type string
	Datasource                     reference
	Query                          json.RawMessage
	Regex                          string
	Multi, IncludeAll              bool
	AllValue                       *string
	Current                        json.RawMessage
	Options                        []struct{ Value string }
}

// variableQuery is what a variable asks the data source for.
type variableQuery struct {
	Kind, Rollup, Dimension, Search string
	Filters                         []query.Filter
}

func (v *variable) decodeQuery(t *testing.T) variableQuery {
	t.Helper()
	var q variableQuery
	if err := json.Unmarshal(v.Query, &q); err != nil {
		t.Fatalf("variable %q: %v", v.Name, err)
	}
	return q
}

// defaultValue is what a variable of a single value stands for in the file.
func (v *variable) defaultValue(t *testing.T) string {
	t.Helper()
	var current struct{ Value string }
	if err := json.Unmarshal(v.Current, &current); err != nil {
		t.Fatalf("variable %q: %v", v.Name, err)
	}
	return current.Value
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               reference
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []json.RawMessage
	MaxDataPoints            int64
	TimeFrom                 string
	Panels                   []json.RawMessage // of a row that is folded
	FieldConfig              fieldConfig
}

type fieldConfig struct {
	Defaults struct {
		Unit       string
		Thresholds struct{ Steps []struct{ Value *float64 } }
		Links      []dataLink
	}
	Overrides []struct {
		Properties []struct {
			ID    string
			Value json.RawMessage
		}
	}
}

// dataLink leads from a value to where there is more of it.
type dataLink struct{ Title, URL string }

// dataLinks are those of all fields and those of some.
func (p *panel) dataLinks(t *testing.T) []dataLink {
	t.Helper()
	all := p.FieldConfig.Defaults.Links
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			var some []dataLink
			if property.ID != "links" {
				continue
			}
			if err := json.Unmarshal(property.Value, &some); err != nil {
				t.Fatalf("panel %q: %v", p.Title, err)
			}
			all = append(all, some...)
		}
	}
	return all
}

// reference names a data source.
type reference struct{ Type, UID string }

// target is a panel's query as the editor saves it: the query itself and what Grafana keeps with it.
type target struct {
	query.Query
	RefID      string                 `json:"refId"`
	Datasource reference              `json:"datasource"`
	QueryType  string                 `json:"queryType"`
	Kinds      []query.AnnotationKind `json:"kinds"`
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
	for name, d := range readDashboards(t) {
		t.Run(name, func(t *testing.T) { run(t, d) })
	}
}

// readDashboards gives all dashboards by the names of their files, without the ending.
func readDashboards(t *testing.T) map[string]*dashboard {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "dashboards", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no dashboards (%v)", err)
	}
	all := map[string]*dashboard{}
	for _, path := range paths {
		d := &dashboard{}
		readJSON(t, path, d)
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = d
	}
	return all
}

// byUID gives all dashboards by their uids.
func byUID(t *testing.T) map[string]*dashboard {
	t.Helper()
	all := map[string]*dashboard{}
	for _, d := range readDashboards(t) {
		all[d.UID] = d
	}
	return all
}

func (d *dashboard) panel(id int) *panel {
	for i := range d.Panels {
		if d.Panels[i].ID == id {
			return &d.Panels[i]
		}
	}
	return nil
}

func (d *dashboard) variable(name string) *variable {
	for i := range d.Templating.List {
		if d.Templating.List[i].Name == name {
			return &d.Templating.List[i]
		}
	}
	return nil
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
