package documents

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/plugin"
	"github.com/tidemark/tidemark/sidecar/health"
	"github.com/tidemark/tidemark/sidecar/live"
	"github.com/tidemark/tidemark/sidecar/status"
)

// one is a sidecar with one partition of which everything is known.
type one struct{}

func (one) Snapshot() status.Snapshot {
	at := int64(1000)
	p := status.PartitionStatus{Partition: "topic/0", State: status.Reading, Watermark: &at, SealedThrough: &at, LastEventAt: &at}
	return status.Snapshot{Streams: []status.StreamStatus{{Name: "s", Rollups: []status.RollupStatus{
		{Name: "r", Tidemark: &at, Partitions: []status.PartitionStatus{p}},
	}}}}
}

var (
	sample    = regexp.MustCompile(`(?m)^(tidemark_\w+)(?:\{(.*)\})? `)
	labelName = regexp.MustCompile(`(\w+)="`)
	// labelled is a metric of the command that has labels.
	labelled   = regexp.MustCompile(`(?s)Name: "(tidemark_\w+)",[^}]*\}, \[\]string\{([^}]*)\}`)
	metricName = regexp.MustCompile(`"(tidemark_\w+)"`)
)

// metrics gives the labels of every metric: those of sidecar/status by asking for them, and those that the command registers by its source.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	recorder := httptest.NewRecorder()
	status.NewServer(status.Options{Source: one{}}).Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	all := map[string][]string{}
	for _, match := range sample.FindAllStringSubmatch(recorder.Body.String(), -1) {
		var labels []string
		for _, l := range labelName.FindAllStringSubmatch(match[2], -1) {
			labels = append(labels, l[1])
		}
		slices.Sort(labels)
		all[match[1]] = labels
	}
	maps.Copy(all, liveMetrics(t))
	sources, err := filepath.Glob(filepath.Join(root, "sidecar", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		for _, match := range labelled.FindAllStringSubmatch(read(t, "sidecar/"+filepath.Base(source)), -1) {
			all[match[1]] = strings.Split(strings.ReplaceAll(match[2], `"`, ""), ", ")
		}
		for _, match := range metricName.FindAllStringSubmatch(read(t, "sidecar/"+filepath.Base(source)), -1) {
			if _, known := all[match[1]]; !known { // the benchmark reads some of the others
				all[match[1]] = nil
			}
		}
	}
	return all
}

// liveMetrics gives the metrics of live readers, which have no labels.
func liveMetrics(t *testing.T) map[string][]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	live.NewHub(live.HubOptions{}).Register(registry)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, f := range families {
		all[f.GetName()] = nil
	}
	return all
}

// documentedMetrics gives the metrics, with their labels, that a section of docs/operating.md lists.
func documentedMetrics(t *testing.T, heading string) map[string][]string {
	t.Helper()
	documented := map[string][]string{}
	for _, row := range rows(page(t, "docs/operating.md").section(t, heading)) {
		names := spans(row[0])
		if len(names) == 0 {
			continue
		}
		before, _, _ := strings.Cut(row[1], ":") // what follows are a label's values
		labels := spans(before)
		slices.Sort(labels)
		documented[names[0]] = labels
	}
	return documented
}

func TestMetricsAreThoseThatExist(t *testing.T) {
	if diff := cmp.Diff(metrics(t), documentedMetrics(t, "## Metrics")); diff != "" {
		t.Errorf("docs/operating.md lists other metrics (-exist +listed):\n%s", diff)
	}
}

// dataSourceMetrics gives the labels of every metric that the data source registers.
func dataSourceMetrics(t *testing.T) map[string][]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	if _, err := plugin.Factory(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, f := range families {
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		all[f.GetName()] = labels
	}
	return all
}

func TestMetricsOfTheDataSourceAreThoseThatExist(t *testing.T) {
	documented := documentedMetrics(t, "### Metrics of the data source")
	if diff := cmp.Diff(dataSourceMetrics(t), documented); diff != "" {
		t.Errorf("docs/operating.md lists other metrics of the data source (-exist +listed):\n%s", diff)
	}
}

func TestMetricsThatAreMentionedExist(t *testing.T) {
	all := metrics(t)
	maps.Copy(all, dataSourceMetrics(t))
	for f := range reflect.TypeFor[health.Event]().Fields() { // one of an event's fields begins as metrics do
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all[name] = nil
	}
	mention := regexp.MustCompile(`\btidemark_\w+`)
	for _, d := range documents(t) {
		for _, text := range spans(d.prose) {
			for _, name := range mention.FindAllString(text, -1) {
				if _, exists := all[name]; !exists {
					t.Errorf("%s mentions %s: there is no such metric", d.path, name)
				}
			}
		}
	}
}
