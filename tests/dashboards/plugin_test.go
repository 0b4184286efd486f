package dashboards

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental/datasourcetest"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tidemark/tidemark/tests/process"
)

// startsWithin is how long the plugin has to say where it serves.
const startsWithin = time.Minute

// plugin is the plugin's backend in a process of its own, which is asked as Grafana asks it for one data source.
type plugin struct {
	client *datasourcetest.TestPluginClient
	source backend.PluginContext
}

// startPlugin builds the plugin's program and runs it until the test ends.
func startPlugin(t *testing.T, store, prefix string) *plugin {
	t.Helper()
	settings, err := json.Marshal(map[string]string{"indexPrefix": prefix})
	if err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(servePlugin(t), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32))) // Grafana's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	id := readManifest(t).ID
	return &plugin{
		client: &datasourcetest.TestPluginClient{
			DataClient: pluginv2.NewDataClient(connection), DiagnosticsClient: pluginv2.NewDiagnosticsClient(connection), ResourceClient: pluginv2.NewResourceClient(connection),
		},
		source: backend.PluginContext{
			PluginID: id, DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{ID: 1, UID: "tidemark", Type: id, URL: store, JSONData: settings},
		},
	}
}

// servePlugin gives the address that the program serves at.
func servePlugin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "gpx_tidemark")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./pkg")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, output)
	}
	var log bytes.Buffer
	said, out := io.Pipe()
	command := exec.Command(program)
	command.Env = append(os.Environ(), grpcplugin.MagicCookieKey+"="+grpcplugin.MagicCookieValue,
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", grpcplugin.ProtocolVersion), "PLUGIN_UNIX_SOCKET_DIR="+dir)
	command.Stdout, command.Stderr = out, &log
	run, err := process.Start(command, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run.Kill(); err != nil {
			t.Error(err)
		}
		_ = out.Close()
		if t.Failed() {
			t.Logf("the plugin's log:\n%s", log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	first := make(chan string, 1)
	go func() {
		lines := bufio.NewReader(said)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines) // what it goes on to say does not hold it up
	}()
	select {
	case line := <-first:
		return addressOf(t, line)
	case <-run.Done():
		t.Fatalf("the plugin ended: %v", run.Wait())
	case <-time.After(startsWithin):
		t.Fatal("the plugin does not say where it serves")
	}
	return ""
}

// addressOf reads the line by which a plugin of github.com/hashicorp/go-plugin says where it serves: versions, network, address, protocol.
func addressOf(t *testing.T, line string) string {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 5 || parts[4] != "grpc" {
		t.Fatalf("the plugin says %q", line)
	}
	if parts[2] == "unix" {
		return "unix:" + parts[3]
	}
	return parts[3]
}

func between(from, to int64) backend.TimeRange {
	return backend.TimeRange{From: time.UnixMilli(from), To: time.UnixMilli(to)}
}

// ask gives the answer to a query.
func (p *plugin) ask(t *testing.T, headers map[string]string, q *backend.DataQuery) data.Frames {
	t.Helper()
	q.RefID = "A"
	response, err := p.client.QueryData(t.Context(), &backend.QueryDataRequest{PluginContext: p.source, Headers: headers, Queries: []backend.DataQuery{*q}})
	if err != nil {
		t.Fatal(err)
	}
	answer := response.Responses[q.RefID]
	if answer.Error != nil {
		t.Fatalf("%s: %v", q.JSON, answer.Error)
	}
	return answer.Frames
}

// resource reads what a resource answers into out.
func (p *plugin) resource(t *testing.T, path string, parameters url.Values, out any) {
	t.Helper()
	var body []byte
	status := 0
	request := &backend.CallResourceRequest{PluginContext: p.source, Method: http.MethodGet, Path: path, URL: path + "?" + parameters.Encode()}
	err := p.client.CallResource(t.Context(), request, backend.CallResourceResponseSenderFunc(func(r *backend.CallResourceResponse) error {
		status = max(status, r.Status)
		body = append(body, r.Body...)
		return nil
	}))
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s (%v)", request.URL, status, body, err)
	}
	if err := json.Unmarshal(body, out); err != nil {
		t.Fatal(err)
	}
}

func (p *plugin) health(t *testing.T) *backend.CheckHealthResult {
	t.Helper()
	result, err := p.client.CheckHealth(t.Context(), &backend.CheckHealthRequest{PluginContext: p.source})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
