package dashboards

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/tests/servers"
)

// The environment variables that tell the Grafana to test with, and an administrator of it.
const (
	grafanaEnv  = "GRAFANA_URL"
	userEnv     = "GRAFANA_USER"
	passwordEnv = "GRAFANA_PASSWORD"
)

// grafana is a running Grafana that has the plugin. What a test makes in it is removed at its end.
type grafana struct {
	t                   *testing.T
	url, user, password string
}

func openGrafana(t *testing.T) *grafana {
	t.Helper()
	url := os.Getenv(grafanaEnv)
	if url == "" {
		t.Skipf("%s names no Grafana", grafanaEnv)
	}
	return &grafana{t, strings.TrimRight(url, "/"), cmp.Or(os.Getenv(userEnv), "admin"), cmp.Or(os.Getenv(passwordEnv), "admin")}
}

// call asks Grafana's API, and reads the answer into out unless that is nil.
func (g *grafana) call(method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, g.url+path, &body)
	if err != nil {
		return err
	}
	request.SetBasicAuth(g.user, g.password)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Disable-Provenance", "true")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %.500s", method, path, response.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

func (g *grafana) must(method, path string, in, out any) {
	g.t.Helper()
	if err := g.call(method, path, in, out); err != nil {
		g.t.Fatal(err)
	}
}

// add makes something, and removes it when the test ends.
func (g *grafana) add(path string, in any, removal string) {
	g.t.Helper()
	_ = g.call(http.MethodDelete, removal, nil, nil) // what a test left that was interrupted
	g.must(http.MethodPost, path, in, nil)
	g.t.Cleanup(func() {
		if err := g.call(http.MethodDelete, removal, nil, nil); err != nil {
			g.t.Error(err)
		}
	})
}

const (
	testUID       = "tidemark-alert-test" // of the data source and the folder
	testGroup     = "rules"
	testInterval  = 10 * time.Second // the shortest that Grafana evaluates at
	evaluatedSoon = 2 * time.Minute
)

type datasource struct {
	UID      string            `json:"uid"`
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Access   string            `json:"access"`
	URL      string            `json:"url"`
	JSONData map[string]string `json:"jsonData"`
}

// behind is the title of the rule that tells where no other can judge.
const behind = "A sidecar is behind"

// TestGrafanaFiresAndRecovers has Grafana evaluate every provisioned rule over made-up data. The rules are as they are provisioned, but that they ask another
// data source and wait for one evaluation instead of minutes. Without data they keep their state, from the first evaluation of a new installation on.
func TestGrafanaFiresAndRecovers(t *testing.T) {
	g := openGrafana(t)
	store := servers.EmbeddedStore(t, "")
	client, err := elastic.New(elastic.Config{Addresses: []string{store}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	now := time.Now().UnixMilli()
	for _, prefix := range []string{calm, troubled, young, silent} {
		(&story{prefix: prefix, now: now}).write(t, client)
	}
	source := datasource{testUID, testUID, readDataSource(t).Type, "proxy", store, map[string]string{"indexPrefix": silent}}
	g.add("/api/datasources", source, "/api/datasources/uid/"+testUID)
	g.add("/api/folders", map[string]string{"uid": testUID, "title": testUID}, "/api/folders/"+testUID+"?forceDeleteRules=true")
	rules := g.addRules()
	const inactive, firing = "inactive", "firing"
	for _, step := range []struct{ prefix, state, behind string }{
		{silent, inactive, firing}, {young, inactive, inactive}, {calm, inactive, inactive}, {troubled, firing, firing}, {silent, firing, firing},
		{calm, inactive, inactive},
	} {
		source.JSONData["indexPrefix"] = step.prefix
		g.must(http.MethodPut, "/api/datasources/uid/"+testUID, source, nil)
		t.Logf("%s:", step.prefix)
		g.await(rules, func(r *evaluatedRule) bool {
			return r.Name == behind && r.State == step.behind || r.Name != behind && r.State == step.state
		})
	}
}

// addRules gives the titles of the rules that it adds, with the dimensions that tell their alerts apart.
func (g *grafana) addRules() map[string][]string {
	g.t.Helper()
	type ruleQuery struct {
		RefID             string         `json:"refId"`
		DatasourceUID     string         `json:"datasourceUid"`
		RelativeTimeRange map[string]int `json:"relativeTimeRange"`
		Model             map[string]any `json:"model"`
	}
	var rules []map[string]any
	labels := map[string][]string{}
	for _, group := range readRules(g.t) {
		for i := range group.Rules {
			r := &group.Rules[i]
			var queries []ruleQuery
			for _, q := range r.Data {
				uid := q.DatasourceUID
				if uid != expressions {
					uid = testUID
				}
				queries = append(queries, ruleQuery{q.RefID, uid, map[string]int{"from": int(q.RelativeTimeRange.From), "to": 0}, q.Model})
			}
			rules = append(rules, map[string]any{
				"title": r.Title, "ruleGroup": testGroup, "folderUID": testUID, "orgID": 1, "condition": r.Condition, "for": testInterval.String(),
				"noDataState": r.NoDataState, "execErrState": r.ExecErrState, "labels": r.Labels, "annotations": r.Annotations, "data": queries,
			})
			labels[r.Title] = r.groupBy()
		}
	}
	g.must(http.MethodPut, "/api/v1/provisioning/folder/"+testUID+"/rule-groups/"+testGroup,
		map[string]any{"title": testGroup, "folderUid": testUID, "interval": int(testInterval.Seconds()), "rules": rules}, nil)
	return labels
}

type evaluatedRule struct {
	Name, State, Health, LastError string
	LastEvaluation                 time.Time
	Alerts                         []struct {
		State               string
		Labels, Annotations map[string]string
	}
}

// await waits until all rules are evaluated to what is right, and looks at what their alerts tell.
func (g *grafana) await(rules map[string][]string, right func(*evaluatedRule) bool) {
	g.t.Helper()
	ticker := time.NewTicker(2 * time.Second)
	defer ticker.Stop()
	begin := time.Now()
	var evaluated []evaluatedRule
	for {
		evaluated = g.evaluated()
		reached := len(evaluated) == len(rules)
		for i := range evaluated {
			r := &evaluated[i]
			reached = reached && right(r) && r.Health == "ok" && r.LastEvaluation.After(begin)
		}
		if reached {
			break
		}
		if time.Since(begin) > evaluatedSoon {
			g.t.Fatalf("not all rules are as they should be: %+v", evaluated)
		}
		select {
		case <-ticker.C:
		case <-g.t.Context().Done():
			g.t.Fatal(g.t.Context().Err())
		}
	}
	for _, r := range evaluated {
		for _, a := range r.Alerts {
			summary := a.Annotations["summary"]
			if strings.HasPrefix(a.State, "Alerting") {
				g.t.Logf("%s: %s", r.Name, summary)
			}
			groupBy := rules[r.Name]
			if a.Labels["ref_id"] != "" { // Grafana's label of what had no data: there is no series to tell of
				groupBy = nil
			}
			checkSummary(g.t, summary, a.Labels, groupBy)
		}
	}
}

// checkSummary makes sure that a person is told which source it is, and values.
func checkSummary(t *testing.T, summary string, labels map[string]string, groupBy []string) {
	t.Helper()
	if summary == "" || strings.Contains(summary, "no value") || strings.Contains(summary, "{{") || strings.Contains(summary, "NaN") {
		t.Errorf("a summary is %q", summary)
	}
	for _, dimension := range groupBy {
		if labels[dimension] == "" || !strings.Contains(summary, labels[dimension]) {
			t.Errorf("the summary %q does not tell the %s of %v", summary, dimension, labels)
		}
	}
}

func (g *grafana) evaluated() []evaluatedRule {
	g.t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				FolderUID string
				Rules     []evaluatedRule
			}
		}
	}
	g.must(http.MethodGet, "/api/prometheus/grafana/api/v1/rules", nil, &answer)
	var all []evaluatedRule
	for _, group := range answer.Data.Groups {
		if group.FolderUID == testUID {
			all = append(all, group.Rules...)
		}
	}
	return all
}
