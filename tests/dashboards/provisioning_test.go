package dashboards

import (
	"bytes"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tidemark/tidemark/pkg/rollup"
)

func readYAML(t *testing.T, into any, elements ...string) {
	t.Helper()
	if err := yaml.NewDecoder(bytes.NewReader(read(t, elements...))).Decode(into); err != nil {
		t.Fatalf("read %s: %v", filepath.Join(elements...), err)
	}
}

// dataSource is the provisioned one.
type dataSource struct {
	Name, UID, Type, Access, URL string
	JSONData                     struct {
		IndexPrefix string   `yaml:"indexPrefix"`
		SidecarURLs []string `yaml:"sidecarUrls"`
	} `yaml:"jsonData"`
}

func readDataSource(t *testing.T) dataSource {
	t.Helper()
	var file struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []dataSource
	}
	readYAML(t, &file, root, "provisioning", "datasources", "tidemark.yaml")
	if file.APIVersion != 1 || len(file.Datasources) != 1 {
		t.Fatalf("apiVersion %d with %d data sources", file.APIVersion, len(file.Datasources))
	}
	return file.Datasources[0]
}

func TestTheProvisionedDataSourceReadsWhatTheSidecarWrites(t *testing.T) {
	c, s := readSidecarConfig(t), readDataSource(t)
	if s.Name == "" || s.UID == "" || s.Type != readManifest(t).ID || s.Access != "proxy" {
		t.Errorf("the data source is %+v", s)
	}
	if !slices.Contains(c.Elasticsearch.Addresses, s.URL) || s.JSONData.IndexPrefix != c.Elasticsearch.IndexPrefix {
		t.Errorf("it reads %s, prefix %s, and the sidecar writes to %s, prefix %s", s.URL, s.JSONData.IndexPrefix, c.Elasticsearch.Addresses, c.Elasticsearch.IndexPrefix)
	}
}

func TestTheProvisionedDataSourceReachesTheSidecarsLiveStream(t *testing.T) {
	c, urls := readSidecarConfig(t), readDataSource(t).JSONData.SidecarURLs
	if len(urls) != 1 || !c.Live.Enabled {
		t.Fatalf("the sidecars %s, live: %t", urls, c.Live.Enabled)
	}
	u, err := url.Parse(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(c.HTTP.Listen)
	if err != nil || !net.ParseIP(host).IsUnspecified() || u.Scheme != "http" || u.Port() != port {
		t.Errorf("the sidecar listens on %s, and the data source asks %s (%v)", c.HTTP.Listen, u, err)
	}
	if s := readCompose(t).Services[u.Hostname()]; s == nil || len(s.Command) == 0 || s.Command[0] != "run" {
		t.Errorf("%s is no sidecar of the stack", u.Hostname())
	}
}

func TestTheDashboardsAreMountedWhereGrafanaLooksForThem(t *testing.T) {
	var file struct {
		APIVersion int `yaml:"apiVersion"`
		Providers  []struct {
			Name, Type string
			Options    struct{ Path string }
		}
	}
	readYAML(t, &file, root, "provisioning", "dashboards", "tidemark.yaml")
	if file.APIVersion != 1 || len(file.Providers) != 1 || file.Providers[0].Type != "file" {
		t.Fatalf("read %+v", file)
	}
	grafana := readCompose(t).Services["grafana"]
	if at := grafana.mountOf("./dashboards"); at == "" || file.Providers[0].Options.Path != at {
		t.Errorf("the provider reads %s, and the dashboards are mounted at %q", file.Providers[0].Options.Path, at)
	}
}

func TestFilebeatFillsTheTopicsThatTheSidecarReads(t *testing.T) {
	var file struct {
		Output struct {
			Hosts  []string
			Topic  string
			Topics []struct{ Topic string }
		} `yaml:"output.kafka"`
	}
	readYAML(t, &file, root, "provisioning", "filebeat", "filebeat.yml")
	c := readSidecarConfig(t)
	if !slices.Equal(file.Output.Hosts, c.Kafka.Brokers) {
		t.Errorf("Filebeat writes to %s, and the sidecar reads from %s", file.Output.Hosts, c.Kafka.Brokers)
	}
	if !slices.Contains(c.Streams[0].Topics, file.Output.Topic) {
		t.Errorf("Filebeat writes to topic %s, and the sidecar reads %s", file.Output.Topic, c.Streams[0].Topics)
	}
	for _, other := range file.Output.Topics {
		if !slices.Contains(c.Streams[3].Topics, other.Topic) {
			t.Errorf("Filebeat writes calls to topic %s, and the sidecar reads %s", other.Topic, c.Streams[3].Topics)
		}
	}
	if !slices.Contains(c.Streams[1].Topics, c.Collect.Topic) {
		t.Errorf("the collector writes to topic %s, and the sidecar reads %s", c.Collect.Topic, c.Streams[1].Topics)
	}
	if !slices.Contains(c.Streams[2].Topics, c.Health.Topic) {
		t.Errorf("the sidecar tells of its work in topic %q, and reads %s", c.Health.Topic, c.Streams[2].Topics)
	}
}

// readDefinitions gives the rollups that the provisioned sidecar keeps, by their names.
func readDefinitions(t *testing.T) map[string]*rollup.Definition {
	t.Helper()
	all := map[string]*rollup.Definition{}
	c := readSidecarConfig(t)
	for i := range c.Streams {
		for _, d := range c.Streams[i].Definitions() {
			all[d.Name] = &d
		}
	}
	return all
}

func TestTheProvisionedRollupsHaveTiersThatAreNotKeptForEver(t *testing.T) {
	for name, d := range readDefinitions(t) {
		if len(d.Tiers) == 0 || len(d.Retention) != 1+len(d.Tiers) {
			t.Errorf("%s has the tiers %v and the retention %v", name, d.Tiers, d.Retention)
		}
	}
}

// Points of last week are as long as those of today only where windows as fine are still there.
func TestWhatPanelsCompareWithIsKeptInAllTiers(t *testing.T) {
	definitions := readDefinitions(t)
	before := map[string]time.Duration{"1d": day, "1w": 7 * day}
	each(t, func(t *testing.T, d *dashboard) {
		for _, p := range d.Panels {
			for _, q := range p.decodeTargets(t) {
				if q.Shift == "" {
					continue
				}
				if name, isVariable := strings.CutPrefix(q.Rollup, "$"); isVariable {
					q.Rollup = d.variable(name).defaultValue(t)
				}
				for _, tier := range definitions[q.Rollup].Retention {
					if kept := time.Duration(tier.Keep) * time.Millisecond; before[q.Shift] == 0 || kept < before[q.Shift]+day {
						t.Errorf("panel %q compares with %s before, and %s keeps %s windows for %s", p.Title, q.Shift, q.Rollup, tier.Tier, kept)
					}
				}
			}
		}
	})
}
