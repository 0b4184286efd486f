package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// TestThePluginAnswers asks the plugin's own program everything that the dashboards, their variables and the alert rules ask.
func TestThePluginAnswers(t *testing.T) {
	s := openStock(t)
	t.Run("every query", s.testQueries)
	t.Run("every annotation", s.testAnnotations)
	t.Run("every variable", s.testVariables)
	t.Run("every query of an alert rule", s.testAlertRules)
	t.Run("the health check", s.testHealth)
}

func (s *stock) testQueries(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for i, q := range p.decodeTargets(t) {
				for name, chosen := range s.selections(t, d) {
					t.Run(fmt.Sprintf("%s/%s/%s", p.Title, q.RefID, name), func(t *testing.T) {
						raw := chosen.fillIn(p.Targets[i])
						if q.QueryType == query.TypeAnnotations {
							s.checkAnnotations(t, raw)
							return
						}
						s.check(t, d, &p, raw)
					})
				}
			}
		}
	})
}

func (s *stock) testAnnotations(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		for _, a := range d.Annotations.List {
			for _, chosen := range s.selections(t, d) {
				if a.BuiltIn == 0 {
					s.checkAnnotations(t, chosen.fillIn(a.Target))
				}
			}
		}
	})
}

func (s *stock) testHealth(t *testing.T) {
	health := s.health(t)
	if health.Status != backend.HealthStatusOk || !strings.Contains(health.Message, fmt.Sprintf("%d rollups: ", len(s.rollups))) {
		t.Errorf("the data source is %s: %s", health.Status, health.Message)
	}
}

// selection has the values of variables by their names; one that stands for All is missing.
type selection map[string]string

// fillIn puts the values into a query, as the plugin's front end does.
func (s selection) fillIn(raw json.RawMessage) json.RawMessage {
	text := string(raw)
	for name, value := range s {
		text = strings.ReplaceAll(text, "$"+name, value)
	}
	return json.RawMessage(text)
}

// selections are All and one source, with each value of the variables that list their values.
func (s *stock) selections(t *testing.T, d *dashboard) map[string]selection {
	t.Helper()
	all := map[string]selection{"All": {}, "one source": {}}
	for name, chosen := range all {
		for _, v := range d.Templating.List[1:] {
			if v.Type == "query" && (!v.IncludeAll || name != "All") {
				chosen[v.Name] = s.first(t, chosen, &v)
			}
		}
	}
	for _, v := range d.Templating.List[1:] {
		if v.Type != "custom" {
			continue
		}
		more := map[string]selection{}
		for _, option := range v.Options {
			for name, chosen := range all {
				one := maps.Clone(chosen)
				one[v.Name] = option.Value
				more[name+" by "+option.Value] = one
			}
		}
		all = more
	}
	return all
}

// first is what a variable stands for that nobody has touched; of sources it is the second one, which has more events.
func (s *stock) first(t *testing.T, chosen selection, v *variable) string {
	t.Helper()
	var q variableQuery
	if err := json.Unmarshal(chosen.fillIn(v.Query), &q); err != nil {
		t.Fatal(err)
	}
	if q.Kind == "rollups" {
		return v.defaultValue(t)
	}
	spec := s.rollup(t, q.Rollup)
	switch q.Kind {
	case "values":
		return keys[1].values[q.Dimension]
	case "measures":
		return spec.Measures[0].Name
	case "distinct":
		return spec.Distinct[0].Name
	}
	t.Fatalf("variable %q asks for %s", v.Name, q.Kind)
	return ""
}

func (s *stock) rollup(t *testing.T, name string) *rollup.Definition {
	t.Helper()
	spec := s.rollups[name]
	if spec == nil {
		t.Fatalf("the sidecar keeps no rollup %q", name)
	}
	return spec
}

func (s *stock) checkAnnotations(t *testing.T, raw json.RawMessage) {
	t.Helper()
	q, err := query.ParseAnnotations(raw)
	if err != nil {
		t.Fatal(err)
	}
	s.ask(t, nil, &backend.DataQuery{QueryType: query.TypeAnnotations, JSON: raw, TimeRange: between(start, endOf(s.rollup(t, q.Rollup)))})
}

// check asks one query, and compares points and counts with the events.
func (s *stock) check(t *testing.T, d *dashboard, p *panel, raw json.RawMessage) {
	t.Helper()
	raw = leaveOutAll(t, d, raw)
	q, err := query.Parse(raw, query.ReadLive)
	if err != nil {
		t.Fatal(err)
	}
	spec := s.rollup(t, q.Rollup)
	frames := s.ask(t, nil, &backend.DataQuery{
		JSON: raw, TimeRange: between(start, endOf(spec)), Interval: time.Second, MaxDataPoints: max(p.MaxDataPoints, windows),
	})
	series, events := expected(spec, &q)
	sum, points := total(t, frames)
	wanted := series * windows
	if q.Format == query.FormatTable {
		wanted = series
	}
	if points != wanted {
		t.Errorf("%d points in %d frames, want %d", points, len(frames), wanted)
	}
	if q.Stat == query.StatCount && q.Condition == "" && sum != float64(windows*events) {
		t.Errorf("the answer counts %g events, want %d", sum, windows*events)
	}
}

// total adds up the values of an answer, and says how many there are.
func total(t *testing.T, frames data.Frames) (sum float64, points int) {
	t.Helper()
	for _, frame := range frames {
		if len(frame.Fields) == 0 { // nothing is in the answer
			continue
		}
		values := frame.Fields[len(frame.Fields)-1]
		if config := values.Config; config == nil || config.DisplayNameFromDS == "" || strings.Contains(config.DisplayNameFromDS, "{{") {
			t.Errorf("a series has no name: %+v", config)
		}
		for row := range frame.Rows() {
			if v, _ := values.At(row).(*float64); v != nil {
				sum += *v
				points++
			}
		}
	}
	return sum, points
}

// expected is how many series an answer has, and how many events a window.
func expected(spec *rollup.Definition, q *query.Query) (series int, events int64) {
	groups := map[string]bool{}
	for _, k := range keysOf(spec) {
		kept := true
		for _, f := range q.Filters {
			kept = kept && f.Op != query.OpExistsNo && slices.Contains(f.Values, k.values[f.Dimension]) == (f.Op == query.OpOneOf)
		}
		if !kept {
			continue
		}
		values := make([]string, len(q.GroupBy))
		for i, dimension := range q.GroupBy {
			values[i] = k.values[dimension]
		}
		groups[strings.Join(values, "\x00")] = true
		events += k.events
	}
	return len(groups), events
}

// leaveOutAll narrows a query as the plugin's front end does where variables stand for All. Every query is to be narrowed by a variable or a value.
func leaveOutAll(t *testing.T, d *dashboard, raw json.RawMessage) json.RawMessage {
	t.Helper()
	fields, filters := map[string]any{}, struct{ Filters []query.Filter }{}
	if err := errors.Join(json.Unmarshal(raw, &fields), json.Unmarshal(raw, &filters)); err != nil {
		t.Fatal(err)
	}
	if len(filters.Filters) == 0 {
		t.Error("no variable narrows the query")
	}
	var kept []query.Filter
	for _, f := range filters.Filters {
		name, isVariable := strings.CutPrefix(f.Values[0], "$")
		if v := d.variable(name); isVariable && (v == nil || name != f.Dimension || len(f.Values) != 1) {
			t.Fatalf("the filter on %s has %q, which is not the variable of that dimension", f.Dimension, f.Values)
		}
		switch {
		case !isVariable:
			kept = append(kept, f)
		case f.Op == query.OpNoneOf: // all values are excluded
			kept = append(kept, query.Filter{Dimension: f.Dimension, Op: query.OpExistsNo})
		}
	}
	fields["filters"] = kept
	narrowed, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return narrowed
}

func (s *stock) testVariables(t *testing.T) {
	each(t, func(t *testing.T, d *dashboard) {
		chosen := s.selections(t, d)
		for _, v := range d.Templating.List[1:] {
			if v.Label == "" || v.Description == "" || v.Multi && !v.IncludeAll || v.AllValue != nil {
				t.Errorf("variable %q: a labelled and explained one is wanted, with All where it has several values, and no other value for it", v.Name)
			}
			if v.Type != "query" {
				continue
			}
			for _, one := range chosen {
				var q variableQuery
				if err := json.Unmarshal(one.fillIn(v.Query), &q); err != nil {
					t.Fatal(err)
				}
				q.Filters = slices.DeleteFunc(q.Filters, func(f query.Filter) bool { return strings.HasPrefix(f.Values[0], "$") }) // by All
				s.checkVariable(t, &v, q)
			}
		}
	})
}

func (s *stock) checkVariable(t *testing.T, v *variable, q variableQuery) {
	t.Helper()
	var listed struct {
		Rollups []struct {
			Name               string
			Measures, Distinct []string
		}
	}
	s.resource(t, "rollups", nil, &listed)
	offered := map[string]map[string][]string{}
	for _, r := range listed.Rollups {
		offered[r.Name] = map[string][]string{"measures": r.Measures, "distinct": r.Distinct}
	}
	switch q.Kind {
	case "rollups":
		pattern := regexp.MustCompile(strings.Trim(v.Regex, "/"))
		if name := v.defaultValue(t); offered[name] == nil || !pattern.MatchString(name) || pattern.MatchString("host_activity") {
			t.Errorf("variable %q offers %s, and begins with %q", v.Name, v.Regex, name)
		}
	case "values":
		s.checkValues(t, v, q)
	case "measures", "distinct":
		if len(offered[q.Rollup][q.Kind]) == 0 {
			t.Errorf("variable %q offers none of the %s of %q", v.Name, q.Kind, q.Rollup)
		}
	default:
		t.Errorf("variable %q asks for %s", v.Name, q.Kind)
	}
}

func (s *stock) checkValues(t *testing.T, v *variable, q variableQuery) {
	t.Helper()
	wanted := len(keys)
	if len(q.Filters) > 0 {
		wanted = 1
	}
	filters, err := json.Marshal(q.Filters)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Values    []query.Value
		Truncated bool
	}
	s.resource(t, "values", url.Values{"rollup": {q.Rollup}, "dimension": {q.Dimension}, "filters": {string(filters)}}, &answer)
	if values := answer.Values; answer.Truncated || len(values) != wanted || values[0].Value != keys[1].values[v.Name] {
		t.Errorf("variable %q offers %v", v.Name, values)
	}
}
