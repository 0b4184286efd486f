package dashboards

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

type compose struct {
	Services map[string]*service
	Volumes  map[string]any
}

type service struct {
	Image       string
	Build       struct{ Context, Dockerfile string }
	Command     []string
	Restart     string
	Privileged  bool
	Environment map[string]any
	Ports       []string
	Volumes     []mount
	Healthcheck *struct{ Test []string }
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
}

// mount is written in the long form, or as source:target[:ro].
type mount struct {
	Type, Source, Target string
	ReadOnly             bool `yaml:"read_only"`
	Bind                 struct {
		CreateHostPath *bool `yaml:"create_host_path"`
	}
}

func (m *mount) UnmarshalYAML(text []byte) error {
	var short string
	if err := yaml.Unmarshal(text, &short); err == nil {
		parts := strings.Split(short, ":")
		m.Type, m.Source, m.Target, m.ReadOnly = "volume", parts[0], parts[1], len(parts) == 3 && parts[2] == "ro"
		return nil
	}
	type long mount
	return yaml.Unmarshal(text, (*long)(m))
}

// mountOf gives the path that a file or folder of the repository has in the container; "" where it is not mounted.
func (s *service) mountOf(source string) string {
	for _, m := range s.Volumes {
		if m.Source == source {
			return m.Target
		}
	}
	return ""
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var c compose
	readYAML(t, &c, root, "docker-compose.yaml")
	if len(c.Services) == 0 {
		t.Fatal("docker-compose.yaml has no services")
	}
	return c
}

func TestContainersMountOnlyWhatIsThere(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		for _, m := range s.Volumes {
			switch m.Type {
			case "volume":
				if _, declared := c.Volumes[m.Source]; !declared {
					t.Errorf("%s mounts the volume %s, which is not declared", name, m.Source)
				}
			case "bind":
				if create := m.Bind.CreateHostPath; !m.ReadOnly || create == nil || *create {
					t.Errorf("%s: %s is to be read only, and not made where it is missing", name, m.Source)
				}
				if m.Source == "./dist" { // the build makes it
					continue
				}
				if _, err := os.Stat(filepath.Join(root, m.Source)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s mounts %+v", name, m)
			}
		}
	}
}

func TestContainersAreReachedOnTheLoopbackOnly(t *testing.T) {
	published := map[string]string{}
	for name, s := range readCompose(t).Services {
		if s.Privileged {
			t.Errorf("%s is privileged", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") || strings.Count(p, ":") != 2 {
				t.Errorf("%s publishes %s", name, p)
			}
			if other := published[p]; other != "" {
				t.Errorf("%s and %s both publish %s", name, other, p)
			}
			published[p] = name
		}
	}
}

var (
	pinned = regexp.MustCompile(`^[a-z0-9/]+:\d+\.\d+(\.\d+)?$`)
	// byDefault is a variable, with what it stands for where the environment does not say.
	byDefault = regexp.MustCompile(`\$\{\w+:-([^}]+)\}`)
)

func TestContainersComeUpInOrderAndAgain(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		if s.Build.Dockerfile == "" && !pinned.MatchString(byDefault.ReplaceAllString(s.Image, "$1")) {
			t.Errorf("%s: the image %q is not one version", name, s.Image)
		}
		if s.Restart == "" {
			t.Errorf("%s is not started again when it fails", name)
		}
		for other, needed := range s.DependsOn {
			before := c.Services[other]
			switch {
			case before == nil:
				t.Errorf("%s depends on %s, which is no service", name, other)
			case needed.Condition == "service_healthy" && (before.Healthcheck == nil || len(before.Healthcheck.Test) < 2):
				t.Errorf("%s waits for %s, whose health is not checked", name, other)
			case needed.Condition != "service_healthy" && needed.Condition != "service_completed_successfully":
				t.Errorf("%s waits for %s to be %q", name, other, needed.Condition)
			}
		}
	}
}

func TestTheSidecarConnectsToServicesOfTheStack(t *testing.T) {
	c, sidecar := readCompose(t), readSidecarConfig(t)
	hosts := slices.Clone(sidecar.Kafka.Brokers)
	for _, address := range sidecar.Elasticsearch.Addresses {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, u.Host)
	}
	for _, address := range hosts {
		host, _, err := net.SplitHostPort(address)
		if err != nil || c.Services[host] == nil {
			t.Errorf("%s is none of the services (%v)", address, err)
		}
	}
	if advertised, _ := c.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"].(string); !strings.Contains(advertised, "://"+sidecar.Kafka.Brokers[0]) {
		t.Errorf("Kafka tells its clients to use %s, and the sidecar begins with %s", advertised, sidecar.Kafka.Brokers)
	}
	if s := c.Services["grafana"]; s.Environment["GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS"] != readManifest(t).ID || !strings.HasSuffix(s.mountOf("./dist"), "/"+readManifest(t).ID) {
		t.Error("Grafana is not given the plugin, or not allowed to load it")
	}
}

func TestTheTopicsOfTheStreamsAreMade(t *testing.T) {
	var c struct {
		Services map[string]struct{ Command []string }
	}
	readYAML(t, &c, root, "docker-compose.yaml")
	made := strings.Fields(strings.Join(c.Services["topics"].Command, " "))
	for _, s := range readSidecarConfig(t).Streams {
		for _, topic := range s.Topics {
			if !slices.ContainsFunc(made, func(word string) bool { return strings.TrimSuffix(word, ";") == topic }) {
				t.Errorf("nobody makes the topic %s of stream %s", topic, s.Name)
			}
		}
	}
}

func TestTheImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		if s.Build.Dockerfile == "" {
			continue
		}
		dockerfile := string(read(t, root, s.Build.Context, s.Build.Dockerfile))
		version := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(string(read(t, root, "go.mod")))
		if !strings.Contains(dockerfile, "FROM golang:"+version[1]+"-") {
			t.Errorf("%s: %s is not built with Go %s", name, s.Build.Dockerfile, version[1])
		}
	}
}
