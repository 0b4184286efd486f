package plugin

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func TestHealthSaysWhichRollupsThereAreOrWhatIsWrong(t *testing.T) {
	refuse := func(status int, path string) func(*http.Request) int {
		return func(r *http.Request) int {
			if path == "" || r.URL.Path == path {
				return status
			}
			return http.StatusOK
		}
	}
	for _, h := range []struct {
		name     string
		edit     func(*cluster)
		settings backend.DataSourceInstanceSettings
		healthy  bool
		want     []string
	}{
		{"all is well", nil, backend.DataSourceInstanceSettings{}, true, []string{"Connected to elasticsearch 8.19.0", "1 rollup: log_writes (sealed up to 20s ago)"}},
		{"a sidecar that is gone", func(c *cluster) {
			c.progress[1] = []byte(`{"kind":"partition","rollup":"log_writes","partition":"t/0","updated_at":1}`)
		},
			backend.DataSourceInstanceSettings{}, true, []string{"nothing sealed yet", "is it running?"}},
		{"no rollups", func(c *cluster) { c.progress = nil }, backend.DataSourceInstanceSettings{}, false, []string{"tidemark-progress is missing or empty", "tidemark run --config"}},
		{"an old cluster", func(c *cluster) { c.version = "7.10.2" }, backend.DataSourceInstanceSettings{}, false, []string{"7.10.2", "7.17 or later"}},
		{"no credentials", func(c *cluster) { c.check = refuse(http.StatusUnauthorized, "") }, backend.DataSourceInstanceSettings{}, false, []string{"401", "check the user name and password"}},
		{"a key for the rollups only", func(c *cluster) { c.check = refuse(http.StatusForbidden, "/") }, backend.DataSourceInstanceSettings{}, true, []string{"Connected; 1 rollup"}},
		{"a key without the rollups", func(c *cluster) { c.check = refuse(http.StatusForbidden, "/_msearch") }, backend.DataSourceInstanceSettings{}, false,
			[]string{"read tidemark-progress", "lack a privilege"}},
		{"a bad prefix", nil, backend.DataSourceInstanceSettings{JSONData: []byte(`{"indexPrefix":"A*"}`)}, false, []string{`the index prefix "A*"`, "lower-case letters"}},
		{"jsonData of another type", nil, backend.DataSourceInstanceSettings{JSONData: []byte(`{"serverName":5}`)}, false, []string{"serverName"}},
	} {
		t.Run(h.name, func(t *testing.T) {
			c := newCluster(t)
			if h.edit != nil {
				h.edit(c)
			}
			h.settings.URL = c.start(t)
			expectHealth(t, connect(t, h.settings).health(t), h.healthy, h.want...)
		})
	}
}

func expectHealth(t *testing.T, got *backend.CheckHealthResult, healthy bool, want ...string) {
	t.Helper()
	if (got.Status == backend.HealthStatusOk) != healthy {
		t.Errorf("status %s: %s", got.Status, got.Message)
	}
	for _, text := range want {
		if !strings.Contains(got.Message, text) {
			t.Errorf("%q is not in %q", text, got.Message)
		}
	}
	if !json.Valid(got.JSONDetails) {
		t.Errorf("details %q", got.JSONDetails)
	}
}

func expectDetails(t *testing.T, of *backend.CheckHealthResult, right func(healthDetails) bool) {
	t.Helper()
	var details healthDetails
	if err := json.Unmarshal(of.JSONDetails, &details); err != nil || !right(details) {
		t.Errorf("details %s, %v", of.JSONDetails, err)
	}
}

func TestHealthDetailsTellTheTidemarkAndHowLongASidecarIsSilent(t *testing.T) {
	c := newCluster(t)
	url := c.start(t)
	g := connect(t, backend.DataSourceInstanceSettings{URL: url})
	expectDetails(t, g.health(t), func(d healthDetails) bool {
		r := d.Rollups
		return len(r) == 1 && *r[0].Tidemark == "2026-01-01T00:59:40Z" && *r[0].BehindSeconds == 20 && r[0].SilentSeconds == 0 && d.IndexPrefix == rollup.DefaultPrefix
	})
	c.progress[1] = []byte(`{"kind":"partition","rollup":"log_writes","partition":"t/0","updated_at":1}`)
	expectDetails(t, connect(t, backend.DataSourceInstanceSettings{URL: url}).health(t), func(d healthDetails) bool {
		return d.Rollups[0].Tidemark == nil && d.Rollups[0].SilentSeconds > silentAfter.Seconds()
	})
}

func TestHealthOfAnAddressWithoutAServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	expectHealth(t, connect(t, backend.DataSourceInstanceSettings{URL: url}).health(t), false, "connect to Elasticsearch at "+url, "is it running")
}

func TestHealthOfAServerThatDoesNotAnswer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	g := connect(t, backend.DataSourceInstanceSettings{URL: server.URL, JSONData: []byte(`{"timeout":1}`)})
	expectHealth(t, g.health(t), false, "connect to Elasticsearch")
}

func TestTLSIsVerifiedAgainstTheConfiguredAuthority(t *testing.T) {
	server := httptest.NewTLSServer(newCluster(t))
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, c := range []struct {
		name     string
		settings backend.DataSourceInstanceSettings
		healthy  bool
		want     string
	}{
		{"an unknown authority", backend.DataSourceInstanceSettings{}, false, "certificate authority"},
		{"its authority", backend.DataSourceInstanceSettings{JSONData: []byte(`{"tlsAuthWithCACert":true}`), DecryptedSecureJSONData: map[string]string{"tlsCACert": authority}}, true, "log_writes"},
		{"another name", backend.DataSourceInstanceSettings{JSONData: []byte(`{"tlsAuthWithCACert":true,"serverName":"es.invalid"}`), DecryptedSecureJSONData: map[string]string{"tlsCACert": authority}}, false, "es.invalid"},
		{"no verification", backend.DataSourceInstanceSettings{JSONData: []byte(`{"tlsSkipVerify":true}`)}, true, "log_writes"},
		{"an authority that is none", backend.DataSourceInstanceSettings{JSONData: []byte(`{"tlsAuthWithCACert":true}`), DecryptedSecureJSONData: map[string]string{"tlsCACert": "x"}}, false, "data source settings"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.settings.URL = server.URL
			expectHealth(t, connect(t, c.settings).health(t), c.healthy, c.want)
		})
	}
	plain := strings.Replace(server.URL, "https:", "http:", 1)
	expectHealth(t, connect(t, backend.DataSourceInstanceSettings{URL: plain}).health(t), false, "")
}

func TestManyRollupsAreCut(t *testing.T) {
	c := newCluster(t)
	for i := range 15 {
		c.add(t, rollup.DefinitionProgress{Kind: rollup.KindDefinition, Rollup: "r" + string(rune('a'+i)), Spec: rollup.Definition{Window: rollup.Tier(time.Second)}})
	}
	expectHealth(t, connect(t, backend.DataSourceInstanceSettings{URL: c.start(t)}).health(t), true, "16 rollups", "and 6 more")
}
