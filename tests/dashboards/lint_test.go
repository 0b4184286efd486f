package dashboards

import (
	"encoding/json"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/query"
)

const (
	schemaVersion = 42 // Grafana 12.2's
	columns       = 24
)

func TestDashboardsSayWhatTheyAreAndLeadToEachOther(t *testing.T) {
	uids := map[string]string{}
	each(t, func(t *testing.T, d *dashboard) {
		if other := uids[d.UID]; other != "" || !strings.HasPrefix(d.UID, "tidemark-") {
			t.Errorf("uid is %q: one that begins with tidemark- and that %q does not have is wanted", d.UID, other)
		}
		uids[d.UID] = d.Title
		if d.Title == "" || d.Description == "" {
			t.Errorf("title %q, description %q: both are wanted", d.Title, d.Description)
		}
		if d.SchemaVersion != schemaVersion {
			t.Errorf("schemaVersion is %d, want %d", d.SchemaVersion, schemaVersion)
		}
		if d.Refresh == "" || !strings.HasPrefix(d.Time.From, "now-") || d.Time.To != "now" {
			t.Errorf("refresh %q, from %q to %q: a dashboard of the present is wanted", d.Refresh, d.Time.From, d.Time.To)
		}
		linked := false
		for _, link := range d.Links {
			linked = linked || link.Type == "dashboards" && slices.Contains(link.Tags, "tidemark") && link.KeepTime && link.IncludeVars
		}
		if !linked || !slices.Contains(d.Tags, "tidemark") {
			t.Error("the tag tidemark and the link to all dashboards that have it, with the time and the variables, are wanted")
		}
	})
}

func TestPanelsAreExplainedAndHaveUnits(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		ids, titles := map[int]bool{}, map[string]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID <= 0 {
				t.Errorf("panel %q: id %d is not its own", p.Title, p.ID)
			}
			if titles[p.Title] || p.Title == "" {
				t.Errorf("panel %d: title %q is not its own", p.ID, p.Title)
			}
			ids[p.ID], titles[p.Title] = true, true
			if !strings.HasSuffix(p.Description, ".") || strings.TrimSuffix(p.Description, ".") == p.Title {
				t.Errorf("panel %q: description %q: sentences that say more than the title are wanted", p.Title, p.Description)
			}
			if p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("panel %q has no unit", p.Title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("panel %q has no query", p.Title)
			}
			if len(p.Panels) > 0 {
				t.Errorf("panel %q holds others, which nobody checks", p.Title)
			}
			p.checkThresholds(t)
		}
	})
}

// An alert rule that is made of a panel reads sealed, unless the panel says otherwise.
func TestPanelsLeaveLiveUnsaid(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for _, q := range p.decodeTargets(t) {
				if q.Read == query.ReadLive {
					t.Errorf("panel %q, query %s says that it reads live, as panels do", p.Title, q.RefID)
				}
			}
		}
	})
}

func TestAMarkShowsWhatIsNotSealedYet(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, a := range d.Annotations.List {
			var q query.AnnotationsQuery
			if a.BuiltIn == 0 && json.Unmarshal(a.Target, &q) == nil && a.Enable && !a.Hide && slices.Contains(q.Kinds, query.KindUnsealed) {
				return
			}
		}
		t.Error("no annotation that is enabled, and that can be switched off, shows what is not sealed yet")
	})
}

// checkThresholds wants a colour for every value: the first step has none to begin at, and the others come in their order.
func (p *panel) checkThresholds(t *testing.T) {
	t.Helper()
	steps := p.FieldConfig.Defaults.Thresholds.Steps
	if len(steps) == 0 || steps[0].Value != nil {
		t.Errorf("panel %q has no thresholds, or they do not begin at the least value", p.Title)
		return
	}
	for i, step := range steps[1:] {
		if step.Value == nil || i > 0 && *step.Value <= *steps[i].Value {
			t.Errorf("panel %q: threshold %d is not above the one before", p.Title, i+1)
		}
	}
}

func TestVariablesAreExplained(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, v := range d.Templating.List {
			if v.Label == "" || !strings.HasSuffix(v.Description, ".") {
				t.Errorf("variable %q: label %q, description %q: both are wanted", v.Name, v.Label, v.Description)
			}
		}
	})
}

// A list ends at the first thousand values: who looks for another one types it.
func TestVariablesOfValuesAreSearched(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, v := range d.Templating.List {
			if v.Type != "query" {
				continue
			}
			if q := v.decodeQuery(t); q.Kind == "values" && q.Search != "$__searchFilter" {
				t.Errorf("variable %q does not look for what is typed", v.Name)
			}
		}
	})
}

// The menu takes the variables along, and Grafana keeps values that are none of the options there.
func TestVariablesOfOneNameMeanTheSameInAllDashboards(t *testing.T) {
	meanings := map[string]string{}
	each(t, func(t *testing.T, d *dashboard) {
		for _, v := range d.Templating.List {
			meaning := v.meaning(t)
			if other, known := meanings[v.Name]; known && other != meaning {
				t.Errorf("variable %q means %s, and %s in another dashboard", v.Name, meaning, other)
			}
			meanings[v.Name] = meaning
		}
	})
}

// meaning is what the values of a variable are. Those of a dimension, such as the name of a host, are so in every rollup that has it.
func (v *variable) meaning(t *testing.T) string {
	t.Helper()
	if v.Type != "query" {
		return v.Type + " " + string(v.Query)
	}
	switch q := v.decodeQuery(t); q.Kind {
	case "values":
		return "values of " + q.Dimension
	case "rollups":
		return "rollups like " + v.Regex
	default:
		return q.Kind + " of " + q.Rollup
	}
}

func TestPanelsFillTheGridWithoutOverlap(t *testing.T) {
	type cell struct{ x, y int }
	each(t, func(t *testing.T, d *dashboard) {
		taken := map[cell]string{}
		bottom := 0
		for _, p := range d.Panels {
			g := p.GridPos
			if g.W <= 0 || g.H <= 0 || g.X < 0 || g.Y < 0 || g.X+g.W > columns {
				t.Fatalf("panel %q: %+v is not a place within %d columns", p.Title, g, columns)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[cell{x, y}]; other != "" {
						t.Fatalf("panels %q and %q overlap", p.Title, other)
					}
					taken[cell{x, y}] = p.Title
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != bottom*columns {
			t.Errorf("the panels leave %d cells of the grid empty", bottom*columns-len(taken))
		}
	})
}

// A dashboard that names a data source by its uid works only where it was made.
func TestOnlyTheVariableNamesTheDataSource(t *testing.T) {
	want := reference{Type: readManifest(t).ID, UID: dataSourceVariable}
	each(t, func(t *testing.T, d *dashboard) {
		first := d.Templating.List[0]
		var offered string
		if err := json.Unmarshal(first.Query, &offered); err != nil || first.Type != "datasource" || offered != want.Type || dataSourceVariable != "${"+first.Name+"}" {
			t.Errorf("the first variable is %q of type %q for %s: want the data source", first.Name, first.Type, first.Query)
		}
		for _, v := range d.Templating.List[1:] {
			if v.Type == "query" && v.Datasource != want {
				t.Errorf("variable %q asks %+v", v.Name, v.Datasource)
			}
		}
		for _, a := range d.Annotations.List {
			if a.BuiltIn == 0 && a.Datasource != want {
				t.Errorf("annotation %q asks %+v", a.Name, a.Datasource)
			}
		}
		for _, p := range d.Panels {
			if p.Datasource != want {
				t.Errorf("panel %q asks %+v", p.Title, p.Datasource)
			}
			for _, q := range p.decodeTargets(t) {
				if q.Datasource != want {
					t.Errorf("panel %q, query %s asks %+v", p.Title, q.RefID, q.Datasource)
				}
			}
		}
	})
}

var (
	linkedDashboard = regexp.MustCompile(`^/d/([a-z-]+)\?`)
	setVariable     = regexp.MustCompile(`var-([a-z]+)=|\$\{([a-z]+):queryparam\}`)
)

func TestDataLinksLeadToDashboardsAndTheirVariables(t *testing.T) {
	dashboards := byUID(t)
	found := 0
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for _, link := range p.dataLinks(t) {
				found++
				match := linkedDashboard.FindStringSubmatch(link.URL)
				if len(match) < 2 || dashboards[match[1]] == nil || link.Title == "" {
					t.Errorf("panel %q: the link %q leads to %s, which is no dashboard", p.Title, link.Title, link.URL)
					continue
				}
				times := "${__url_time_range}"
				if p.TimeFrom != "" { // Grafana has no such range for a panel with a time of its own
					times = "from=now-1d&to=now"
				}
				if !strings.Contains(link.URL, times) || !strings.Contains(link.URL, dataSourceVariable[:len(dataSourceVariable)-1]+":queryparam}") {
					t.Errorf("panel %q: the link %q does not keep the time or the data source", p.Title, link.Title)
				}
				for _, set := range setVariable.FindAllStringSubmatch(link.URL, -1) {
					if name := set[1] + set[2]; dashboards[match[1]].variable(name) == nil {
						t.Errorf("panel %q: the link %q sets %q, which %s does not have", p.Title, link.Title, name, match[1])
					}
				}
			}
		}
	})
	if found == 0 {
		t.Error("there are no data links")
	}
}

func TestThePluginBringsEveryDashboard(t *testing.T) {
	var included []string
	for _, include := range readManifest(t).Includes {
		if include.Type != "dashboard" {
			continue
		}
		included = append(included, include.Path)
		var d dashboard
		readJSON(t, filepath.Join(root, filepath.FromSlash(include.Path)), &d)
		if d.Title != include.Name {
			t.Errorf("plugin.json calls %s %q, and the dashboard itself is called %q", include.Path, include.Name, d.Title)
		}
	}
	each(t, func(t *testing.T, _ *dashboard) {
		if file := path.Join("dashboards", path.Base(t.Name())+".json"); !slices.Contains(included, file) {
			t.Errorf("plugin.json does not include %s", file)
		}
	})
}

func TestLiveLogWritesGoesOnByItself(t *testing.T) {
	var d dashboard
	readJSON(t, filepath.Join(root, "dashboards", "log-writes.json"), &d)
	sources := []string{"host", "path"}
	for _, want := range []query.Query{
		{Stat: query.StatCount},
		{Stat: query.StatBytes},
		{Stat: query.StatCount, GroupBy: sources, Top: 10},
		{Stat: query.StatAvg, Measure: "$measure", GroupBy: sources, Top: 10},
		{Stat: query.StatMax, Measure: "$measure", GroupBy: sources, Top: 10},
	} {
		found := false
		for _, p := range d.Panels {
			found = found || p.Type == "timeseries" && slices.ContainsFunc(p.decodeTargets(t), func(q target) bool {
				return q.Read == query.ReadStream && q.Stat == want.Stat && q.Measure == want.Measure && q.Top == want.Top && slices.Equal(q.GroupBy, want.GroupBy)
			})
		}
		if !found {
			t.Errorf("no panel streams %s of %q by %v over time", want.Stat, want.Measure, want.GroupBy)
		}
	}
}

func TestPipelineHealthShowsWhatTheSidecarsTell(t *testing.T) {
	var d dashboard
	readJSON(t, filepath.Join(root, "dashboards", "pipeline-health.json"), &d)
	shown := map[string]bool{}
	for _, p := range d.Panels {
		if p.Type != "timeseries" {
			continue
		}
		var of []string
		for _, q := range p.decodeTargets(t) {
			of = append(of, strings.TrimSpace(strings.Join(append([]string{string(q.Stat), q.Measure, q.Shift}, q.GroupBy...), " ")))
		}
		shown[strings.Join(of, ", ")] = true
	}
	for _, want := range []string{
		"sum entered, sum consumed, sum settled", "sum entered, sum entered 1d, sum entered 1w", "max lag  partition", "max tidemark_age  rollup sidecar",
		"sum late  sidecar", "sum undecodable  sidecar", "sum quarantined  sidecar", "sum rejected  sidecar", "sum retries  sidecar",
	} {
		if !shown[want] {
			t.Errorf("no panel shows %q over time: there are %q", want, slices.Sorted(maps.Keys(shown)))
		}
	}
}
