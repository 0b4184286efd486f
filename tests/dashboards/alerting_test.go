package dashboards

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
)

const (
	// expressions is the data source of what Grafana itself computes in a rule.
	expressions = "__expr__"
	// runbooks is the page whose headings the rules lead to.
	runbooks = "https://github.com/tidemark/tidemark/blob/main/docs/alerting.md#"
)

type ruleGroup struct {
	Name, Folder string
	Interval     string
	Rules        []alertRule
}

type alertRule struct {
	UID, Title, Condition string
	For                   string
	NoDataState           string            `yaml:"noDataState"`
	ExecErrState          string            `yaml:"execErrState"`
	DashboardUID          string            `yaml:"dashboardUid"`
	PanelID               int               `yaml:"panelId"`
	Labels                map[string]string `yaml:"labels"`
	Annotations           map[string]string `yaml:"annotations"`
	Data                  []alertQuery
}

type alertQuery struct {
	RefID             string                   `yaml:"refId"`
	DatasourceUID     string                   `yaml:"datasourceUid"`
	RelativeTimeRange struct{ From, To int64 } `yaml:"relativeTimeRange"`
	Model             map[string]any
}

// readRules gives the groups of all files of alert rules.
func readRules(t *testing.T) []ruleGroup {
	t.Helper()
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Groups     []ruleGroup
	}
	readYAML(t, &file, root, "provisioning", "alerting", "rules.yaml")
	if file.APIVersion != 1 || len(file.Groups) == 0 {
		t.Fatalf("apiVersion %d with %d groups", file.APIVersion, len(file.Groups))
	}
	return file.Groups
}

// eachRule runs a test for every alert rule.
func eachRule(t *testing.T, run func(t *testing.T, g *ruleGroup, r *alertRule)) {
	for _, g := range readRules(t) {
		for _, r := range g.Rules {
			t.Run(r.UID, func(t *testing.T) { run(t, &g, &r) })
		}
	}
}

func TestAlertRulesSayWhatTheyDo(t *testing.T) {
	uids, titles := map[string]bool{}, map[string]bool{}
	states := map[string][]string{"no data": {"NoData", "KeepLast", "OK", "Alerting"}, "error": {"Error", "KeepLast"}}
	eachRule(t, func(t *testing.T, g *ruleGroup, r *alertRule) {
		if !strings.HasPrefix(r.UID, "tidemark-") || len(r.UID) > 40 || uids[r.UID] || titles[r.Title] || r.Title == "" {
			t.Errorf("uid %q and title %q: own ones are wanted, of at most 40 characters that begin with tidemark-", r.UID, r.Title)
		}
		uids[r.UID], titles[r.Title] = true, true
		every, err := time.ParseDuration(g.Interval)
		if err != nil || every < 10*time.Second || every%(10*time.Second) != 0 {
			t.Errorf("group %q is evaluated every %q: a multiple of ten seconds is wanted", g.Name, g.Interval)
		}
		if wait, err := time.ParseDuration(r.For); err != nil || wait <= 0 || wait%every != 0 {
			t.Errorf("for is %q: a multiple of the group's interval is wanted, so that one evaluation does not fire", r.For)
		}
		if !slices.Contains(states["no data"], r.NoDataState) || !slices.Contains(states["error"], r.ExecErrState) {
			t.Errorf("no data is %q and an error %q: both are to be handled", r.NoDataState, r.ExecErrState)
		}
		if r.Labels["team"] == "" || r.Labels["severity"] == "" {
			t.Errorf("labels %v: a team and a severity are wanted", r.Labels)
		}
		if !strings.HasSuffix(r.Annotations["description"], ".") {
			t.Errorf("description %q: sentences are wanted", r.Annotations["description"])
		}
	})
}

func (r *alertRule) refs() map[string]bool {
	all := map[string]bool{}
	for _, q := range r.Data {
		all[q.RefID] = true
	}
	return all
}

// groupBy are the dimensions that tell the alerts of a rule apart.
func (r *alertRule) groupBy() []string {
	dimensions := map[string]bool{}
	for _, q := range r.Data {
		list, _ := q.Model["groupBy"].([]any)
		for _, name := range list {
			if text, ok := name.(string); ok {
				dimensions[text] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(dimensions))
}

func TestAlertsLeadToTheirPanelsAndRunbooks(t *testing.T) {
	dashboards := byUID(t)
	page := string(read(t, root, "docs", "alerting.md"))
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		d := dashboards[r.DashboardUID]
		if d == nil || d.panel(r.PanelID) == nil {
			t.Fatalf("dashboard %q has no panel %d", r.DashboardUID, r.PanelID)
		}
		if r.Annotations["__dashboardUid__"] != r.DashboardUID || r.Annotations["__panelId__"] != strconv.Itoa(r.PanelID) {
			t.Errorf("the annotations name another panel: %v", r.Annotations)
		}
		anchor, ours := strings.CutPrefix(r.Annotations["runbook_url"], runbooks)
		heading := "\n### " + strings.ReplaceAll(strings.ToUpper(anchor[:min(1, len(anchor))])+anchor[min(1, len(anchor)):], "-", " ") + "\n"
		if !ours || !strings.Contains(page, heading) {
			t.Errorf("the runbook %q is no heading of docs/alerting.md", r.Annotations["runbook_url"])
		}
		for _, v := range d.Templating.List {
			if v.Type != "query" || v.decodeQuery(t).Kind != "rollups" {
				continue
			}
			for _, q := range r.Data {
				if name, _ := q.Model["rollup"].(string); name != "" && v.defaultValue(t) != name {
					t.Errorf("the rule reads %s, and the dashboard opens with %s", name, v.defaultValue(t))
				}
			}
		}
	})
}

func TestExpressionsHaveWhatTheyCompute(t *testing.T) {
	operand := regexp.MustCompile(`\$(\w+)`)
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		before := map[string]bool{}
		for _, q := range r.Data {
			if q.Model["refId"] != q.RefID || before[q.RefID] {
				t.Errorf("query %q calls itself %v, or is there twice", q.RefID, q.Model["refId"])
			}
			text, _ := q.Model["expression"].(string)
			names := []string{text}
			if q.Model["type"] == "math" {
				names = nil
				for _, match := range operand.FindAllStringSubmatch(text, -1) {
					names = append(names, match[1])
				}
			}
			for _, name := range names {
				if q.DatasourceUID == expressions && !before[name] {
					t.Errorf("%s computes with %q, which is not before it", q.RefID, name)
				}
			}
			before[q.RefID] = true
		}
		if !before[r.Condition] {
			t.Errorf("the condition %q is no query", r.Condition)
		}
	})
}

func (s *stock) testAlertRules(t *testing.T) {
	uid := readDataSource(t).UID
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		asked := 0
		for _, q := range r.Data {
			switch q.DatasourceUID {
			case expressions:
			case uid:
				asked++
				s.checkAlertQuery(t, &q)
			default:
				t.Errorf("query %s asks %q, and the data source is %q", q.RefID, q.DatasourceUID, uid)
			}
		}
		if asked == 0 {
			t.Error("the rule asks nothing")
		}
	})
}

// checkAlertQuery asks for a range that ends shortly after what is sealed, as rules do.
func (s *stock) checkAlertQuery(t *testing.T, a *alertQuery) {
	t.Helper()
	raw, err := json.Marshal(a.Model)
	if err != nil {
		t.Fatal(err)
	}
	q, err := query.Parse(raw, query.ReadLive)
	if err != nil {
		t.Fatalf("query %s: %v", a.RefID, err)
	}
	if q.Read != query.ReadSealed {
		t.Errorf("query %s reads %s: windows that still fill look like a fall", a.RefID, q.Read)
	}
	var grid struct{ IntervalMS, MaxDataPoints int64 }
	if err := json.Unmarshal(raw, &grid); err != nil || grid.IntervalMS == 0 || grid.MaxDataPoints == 0 || a.RelativeTimeRange.To != 0 {
		t.Fatalf("query %s: intervalMs %d, maxDataPoints %d, to %d (%v)", a.RefID, grid.IntervalMS, grid.MaxDataPoints, a.RelativeTimeRange.To, err)
	}
	spec := s.rollup(t, q.Rollup)
	to := endOf(spec) + time.Second.Milliseconds()
	from := to - 1000*a.RelativeTimeRange.From
	if span := to - from; span < 2*grid.IntervalMS || int64(max(q.MovingAverage, 1))*grid.IntervalMS < time.Minute.Milliseconds() {
		t.Errorf("query %s: a range of %d ms has no whole point for sure", a.RefID, span)
	}
	frames := s.ask(t, map[string]string{backend.FromAlertHeaderName: "true"}, &backend.DataQuery{
		JSON: raw, TimeRange: between(from, to), Interval: time.Duration(grid.IntervalMS) * time.Millisecond, MaxDataPoints: grid.MaxDataPoints,
	})
	sealed := to-to%grid.IntervalMS > start // else the point that has all windows is not over
	if series, _ := expected(spec, &q); len(frames) != max(series, 1) && sealed {
		t.Errorf("query %s has %d series, want %d", a.RefID, len(frames), series)
	}
}

type contactPoint struct {
	Name      string
	Receivers []struct {
		UID, Type string
		Settings  map[string]any
	}
}

func readContactPoints(t *testing.T) map[string]contactPoint {
	t.Helper()
	var file struct {
		ContactPoints []contactPoint `yaml:"contactPoints"`
	}
	readYAML(t, &file, root, "provisioning", "alerting", "contact-points.yaml")
	all := map[string]contactPoint{}
	for _, p := range file.ContactPoints {
		all[p.Name] = p
	}
	return all
}

var (
	defined     = regexp.MustCompile(`{{-? *define "([^"]+)"`)
	used        = regexp.MustCompile(`{{-? *template "([^"]+)"`)
	environment = regexp.MustCompile(`^\$([A-Z_]+)$`)
)

func TestContactPointsTakeAddressesFromTheEnvironmentAndUseTheTemplates(t *testing.T) {
	var templates struct {
		Templates []struct{ Name, Template string }
	}
	readYAML(t, &templates, root, "provisioning", "alerting", "templates.yaml")
	known := map[string]bool{}
	for _, one := range templates.Templates {
		for _, match := range defined.FindAllStringSubmatch(one.Template, -1) {
			known[match[1]] = true
		}
	}
	variables := readCompose(t).Services["grafana"].Environment
	uids, types := map[string]bool{}, map[string]bool{}
	for name, p := range readContactPoints(t) {
		for _, receiver := range p.Receivers {
			if receiver.UID == "" || uids[receiver.UID] {
				t.Errorf("%s: the uid %q is not its own", name, receiver.UID)
			}
			uids[receiver.UID], types[receiver.Type] = true, true
			address, _ := receiver.Settings[map[string]string{"email": "addresses", "webhook": "url"}[receiver.Type]].(string)
			match := environment.FindStringSubmatch(address)
			if match == nil {
				t.Errorf("%s: the address of %s is %q: a variable of the environment is wanted", name, receiver.UID, address)
			} else if set, _ := variables[match[1]].(string); !strings.HasPrefix(set, "${"+match[1]+":-") || strings.HasSuffix(set, ":-}") {
				t.Errorf("%s: docker-compose.yaml sets %s to %q: the shell's with a default is wanted, since Grafana does not start without", name, match[1], set)
			}
			message, _ := receiver.Settings["message"].(string)
			if match := used.FindStringSubmatch(message); len(match) < 2 || !known[match[1]] {
				t.Errorf("%s: the message of %s is %q, which is none of the templates %v", name, receiver.UID, message, known)
			}
		}
	}
	if !types["email"] || !types["webhook"] {
		t.Errorf("there are contact points of the types %v: mail and webhook are wanted", types)
	}
}

func TestEveryTeamIsTold(t *testing.T) {
	var file struct {
		Policies []struct {
			Receiver string
			Routes   []struct {
				Receiver       string
				ObjectMatchers [][]string `yaml:"object_matchers"`
			}
		}
	}
	readYAML(t, &file, root, "provisioning", "alerting", "policies.yaml")
	if len(file.Policies) != 1 {
		t.Fatalf("there are %d trees of policies, and an organization has one", len(file.Policies))
	}
	points, routed := readContactPoints(t), map[string]bool{}
	receivers := []string{file.Policies[0].Receiver}
	for _, route := range file.Policies[0].Routes {
		receivers = append(receivers, route.Receiver)
		for _, m := range route.ObjectMatchers {
			if len(m) == 3 && m[0] == "team" && m[1] == "=" {
				routed[m[2]] = true
			}
		}
	}
	for _, name := range receivers {
		if _, there := points[name]; !there {
			t.Errorf("a policy names the contact point %q, which is not there", name)
		}
	}
	eachRule(t, func(t *testing.T, _ *ruleGroup, r *alertRule) {
		if !routed[r.Labels["team"]] {
			t.Errorf("no policy is for the team %q", r.Labels["team"])
		}
	})
}

func TestTheAlertingFilesAreMountedWhereGrafanaLooksForThem(t *testing.T) {
	if at := readCompose(t).Services["grafana"].mountOf("./provisioning/alerting"); at != "/etc/grafana/provisioning/alerting" {
		t.Errorf("the files are mounted at %q", at)
	}
	paths, err := filepath.Glob(filepath.Join(root, "provisioning", "alerting", "*"))
	if err != nil || len(paths) != 4 {
		t.Errorf("there are the files %v (%v): each needs a test here", paths, err)
	}
}
