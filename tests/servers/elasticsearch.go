package servers

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ElasticsearchVersion is the version of Elasticsearch that is fetched and started. It comes without its extra modules: the
// core and security only, so GET / answers 405, and there are no scripts, ILM, data streams or ingest pipelines.
const ElasticsearchVersion = "8.19.21"

// ElasticsearchOptions says how to start an Elasticsearch. The zero value is what most tests want.
type ElasticsearchOptions struct {
	// Secure turns on TLS, with a certificate of an authority made for this server, and passwords: see the fields of
	// Elasticsearch for what a client needs.
	Secure bool
	// Settings are added to elasticsearch.yml, and replace those with the same name.
	Settings map[string]string
	// Heap is the size of the heap of a server that is to be measured, such as 4g: it has the compiler and the garbage collector that it has in operation.
	// Default: a JVM for tests, which starts fast.
	Heap string
	// Progress gets a line when something takes long. nil: nowhere.
	Progress io.Writer
}

// Elasticsearch is a running cluster of one node.
type Elasticsearch struct {
	*node
	// URL is the address for clients, without a slash at its end. It stays the same over Restart.
	URL string
	// Username, Password and CAFile, a path to a PEM file, are set where the server is secure, and empty otherwise.
	Username, Password, CAFile string

	probe *http.Client
}

// FetchElasticsearch makes sure that Elasticsearch is in the cache, and returns its folder. It writes lines of progress.
func FetchElasticsearch(ctx context.Context, progress io.Writer) (string, error) {
	return cached(ctx, "elasticsearch-"+ElasticsearchVersion, func(ctx context.Context, dir string) (err error) {
		archive := artifact{
			Group: "org.elasticsearch.distribution.integ-test-zip", Name: "elasticsearch", Version: ElasticsearchVersion, Type: "zip",
		}
		scratch, err := os.MkdirTemp("", "tidemark-elasticsearch-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
		if err := archive.copyTo(ctx, scratch, progress); err != nil {
			return err
		}
		return unzip(filepath.Join(scratch, "elasticsearch-"+ElasticsearchVersion+".zip"), dir)
	})
}

// StartElasticsearch fetches Elasticsearch where the cache lacks it, starts one and waits until it answers. ctx bounds the
// start only: the caller ends the server by Close.
func StartElasticsearch(ctx context.Context, options ElasticsearchOptions) (*Elasticsearch, error) {
	progress := options.Progress
	if progress == nil {
		progress = io.Discard
	}
	home, err := FetchElasticsearch(ctx, progress)
	if err != nil {
		return nil, err
	}
	java, err := JavaHome(ctx)
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	user, err := unprivileged(home)
	if err != nil {
		return nil, err
	}
	dir, err := newDir("elasticsearch")
	if err != nil {
		return nil, err
	}
	server := &Elasticsearch{URL: "http://" + loopback(ports[0]), probe: &http.Client{Timeout: 5 * time.Second}}
	server.node = &node{
		name: "Elasticsearch", dir: dir, user: user, ready: server.ready,
		command: func() *exec.Cmd { return elasticsearchCommand(java, home, dir, "elasticsearch") },
	}
	if err := server.prepare(ctx, java, home, ports, options); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	if err := server.start(ctx); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

// elasticsearchCommand runs one of the scripts in Elasticsearch's bin folder.
func elasticsearchCommand(java, home, dir, script string, args ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(home, "bin", script), args...)
	command.Dir = dir
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir,
		"ES_JAVA_HOME=" + java,
		"ES_PATH_CONF=" + filepath.Join(dir, "config"),
		"ES_TMPDIR=" + filepath.Join(dir, "tmp"),
		"CLI_JAVA_OPTS=-XX:TieredStopAtLevel=1 -Xshare:auto",
	}
	return command
}

// elasticsearchJVM is a JVM for tests: a gigabyte, and no compiler that pays only after minutes.
const elasticsearchJVM = `-Xms1g
-Xmx1g
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:+ExitOnOutOfMemoryError
-Djava.io.tmpdir=${ES_TMPDIR}
`

// measuredJVM is one whose speed is that of a server in operation.
const measuredJVM = `-Xms%[1]s
-Xmx%[1]s
-XX:+UseG1GC
-XX:+AlwaysPreTouch
-XX:+ExitOnOutOfMemoryError
-Djava.io.tmpdir=${ES_TMPDIR}
`

func (e *Elasticsearch) prepare(ctx context.Context, java, home string, ports []int, options ElasticsearchOptions) error {
	for _, name := range []string{"config", "config/jvm.options.d", "data", "logs", "tmp"} {
		if err := os.Mkdir(filepath.Join(e.dir, name), 0o700); err != nil {
			return err
		}
	}
	config := filepath.Join(e.dir, "config")
	settings := map[string]string{
		"cluster.name":           "tidemark-tests",
		"discovery.type":         "single-node",
		"network.host":           "127.0.0.1",
		"http.port":              fmt.Sprint(ports[0]),
		"transport.port":         fmt.Sprint(ports[1]),
		"path.data":              filepath.Join(e.dir, "data"),
		"path.logs":              filepath.Join(e.dir, "logs"),
		"xpack.security.enabled": "false",
		"cluster.routing.allocation.disk.threshold_enabled": "false",
	}
	if options.Secure {
		if err := e.secure(config, settings); err != nil {
			return err
		}
	}
	maps.Copy(settings, options.Settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s: %q\n", name, settings[name])
	}
	jvm := elasticsearchJVM
	if options.Heap != "" {
		jvm = fmt.Sprintf(measuredJVM, options.Heap)
	}
	for name, content := range map[string]string{"elasticsearch.yml": text.String(), "jvm.options": jvm} {
		if err := os.WriteFile(filepath.Join(config, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"log4j2.properties", "roles.yml", "role_mapping.yml", "users", "users_roles"} {
		if err := copyFile(filepath.Join(home, "config", name), filepath.Join(config, name)); err != nil {
			return fmt.Errorf("copy Elasticsearch's own configuration: %w", err)
		}
	}
	if err := giveTo(e.user, e.dir); err != nil {
		return fmt.Errorf("hand %s over to Elasticsearch's user: %w", e.dir, err)
	}
	if options.Secure {
		return e.setPassword(ctx, java, home)
	}
	return nil
}

// secure adds what TLS and passwords need to the configuration.
func (e *Elasticsearch) secure(config string, settings map[string]string) error {
	authority, certificate, key, err := certificates(time.Now())
	if err != nil {
		return fmt.Errorf("make certificates: %w", err)
	}
	for name, content := range map[string][]byte{"ca.pem": authority, "http.pem": certificate, "http.key": key} {
		if err := os.WriteFile(filepath.Join(config, name), content, 0o600); err != nil {
			return err
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	e.probe.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	e.URL = strings.Replace(e.URL, "http:", "https:", 1)
	e.CAFile = filepath.Join(config, "ca.pem")
	e.Username, e.Password = "elastic", rand.Text()
	maps.Copy(settings, map[string]string{
		"xpack.security.enabled":               "true",
		"xpack.security.enrollment.enabled":    "false",
		"xpack.security.http.ssl.enabled":      "true",
		"xpack.security.http.ssl.key":          "http.key",
		"xpack.security.http.ssl.certificate":  "http.pem",
		"xpack.security.authc.api_key.enabled": "true",
	})
	return nil
}

func (e *Elasticsearch) setPassword(ctx context.Context, java, home string) error {
	command := elasticsearchCommand(java, home, e.dir, "elasticsearch-keystore", "add", "--force", "--stdin", "bootstrap.password")
	command.Stdin = strings.NewReader(e.Password)
	if output, err := runBounded(ctx, command, e.user); err != nil {
		return fmt.Errorf("set Elasticsearch's password: %w\n%s", err, output)
	}
	return nil
}

// Request is a request to the server at path, with the right to make it.
func (e *Elasticsearch) Request(ctx context.Context, method, path string, body io.Reader) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, e.URL+path, body)
	if err != nil {
		return nil, err
	}
	if e.Username != "" {
		request.SetBasicAuth(e.Username, e.Password)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// Client returns an HTTP client that trusts the server's certificate and gives up after 5 s.
func (e *Elasticsearch) Client() *http.Client { return e.probe }

func (e *Elasticsearch) ready(ctx context.Context) error {
	request, err := e.Request(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=1s", nil)
	if err != nil {
		return err
	}
	response, err := e.probe.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", request.URL, response.Status)
	}
	return nil
}

func copyFile(source, target string) error {
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	return os.WriteFile(target, content, 0o600)
}
