package plugin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

func TestCredentialsAreSentByTheChosenMethod(t *testing.T) {
	secrets := map[string]string{"apiKey": "a2V5", "basicAuthPassword": "open sesame"}
	for _, c := range []struct {
		name, json string
		basic      bool
		want       string
	}{
		{"API key", `{"authMethod":"apiKey"}`, false, "ApiKey a2V5"},
		{"API key wins over a left-over user", `{"authMethod":"apiKey"}`, true, "ApiKey a2V5"},
		{"basic", `{"authMethod":"basic"}`, true, "Basic YW5uOm9wZW4gc2VzYW1l"},
		{"basic, provisioned without a method", `{}`, true, "Basic YW5uOm9wZW4gc2VzYW1l"},
		{"API key, provisioned without a method", `{}`, false, "ApiKey a2V5"},
		{"none", `{"authMethod":"none"}`, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := newCluster(t)
			cluster.check = func(r *http.Request) int {
				if r.Header.Get("Authorization") != c.want {
					t.Errorf("sent %q", r.Header.Get("Authorization"))
				}
				return http.StatusOK
			}
			g := connect(t, backend.DataSourceInstanceSettings{
				URL: cluster.start(t), JSONData: []byte(c.json), BasicAuthEnabled: c.basic, BasicAuthUser: "ann", DecryptedSecureJSONData: secrets,
			})
			expectHealth(t, g.health(t), true)
		})
	}
}

func TestHeadersThatAreSetAreSentAndRemovedOnesAreNot(t *testing.T) {
	cluster := newCluster(t)
	cluster.check = func(r *http.Request) int {
		if r.Header.Get("X-Two") != "2" {
			t.Errorf("sent %v", r.Header)
		}
		return http.StatusOK
	}
	g := connect(t, backend.DataSourceInstanceSettings{
		URL: cluster.start(t), JSONData: []byte(`{"httpHeaderName1":"","httpHeaderName2":"X-Two"}`),
		DecryptedSecureJSONData: map[string]string{"httpHeaderValue1": "", "httpHeaderValue2": "2"},
	})
	expectHealth(t, g.health(t), true)
}

func TestSettingsThatCannotWorkAreExplainedAndRepeatNoSecret(t *testing.T) {
	for _, c := range []struct{ name, url, json, want string }{
		{"no URL", "", "", "is missing"},
		{"another scheme", "ftp://es:9200", "", "http and https are allowed"},
		{"no host", "http://", "", "no host"},
		{"no URL at all", "http://ann:sesame%zz@es", "", "is not valid"},
		{"credentials in the URL", "http://ann:sesame@es:9200", "", "choose basic authentication"},
		{"a query in the URL", "http://es:9200/?key=sesame", "", "leave it out"},
		{"a method without its key", "http://es:9200", `{"authMethod":"apiKey"}`, "no key is saved"},
		{"basic without a user", "http://es:9200", `{"authMethod":"basic"}`, "not enabled"},
		{"another method", "http://es:9200", `{"authMethod":"kerberos"}`, "none, basic and apiKey are allowed"},
		{"a cache below nothing", "http://es:9200", `{"cacheMiB":-1}`, "0 (nothing is kept) to 1024 are allowed"},
		{"a cache that is too large", "http://es:9200", `{"cacheMiB":1025}`, "0 (nothing is kept) to 1024 are allowed"},
		{"a cache of text", "http://es:9200", `{"cacheMiB":"64"}`, "jsonData"},
		{"no JSON", "http://es:9200", `{`, "jsonData"},
		{"a long prefix", "http://es:9200", `{"indexPrefix":"` + strings.Repeat("a", 101) + `"}`, "at most 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseSettings(backend.DataSourceInstanceSettings{URL: c.url, JSONData: []byte(c.json)})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sesame") {
				t.Fatalf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	g := connect(t, backend.DataSourceInstanceSettings{URL: "ftp://es"})
	if r := g.query(t, nil, countQuery)["A"]; r.Status != backend.StatusBadRequest || !strings.Contains(r.Error.Error(), "http and https") {
		t.Errorf("a query is answered with %d %v", r.Status, r.Error)
	}
	if status, body := g.resource(t, http.MethodGet, "rollups"); status != http.StatusBadRequest || !strings.Contains(body, "http and https") {
		t.Errorf("a resource call is answered with %d %s", status, body)
	}
}

func TestTheCacheHasTheSizeThatIsSet(t *testing.T) {
	for json, want := range map[string]int64{`{}`: 64 << 20, `{"cacheMiB":0}`: 0, `{"cacheMiB":1024}`: 1 << 30} {
		if s, err := parseSettings(backend.DataSourceInstanceSettings{URL: "http://es:9200", JSONData: []byte(json)}); err != nil || s.cacheBytes != want {
			t.Errorf("%s: %d bytes, %v", json, s.cacheBytes, err)
		}
	}
}
