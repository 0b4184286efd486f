package servers

import (
	"net/http/httptest"
	"os"
	"testing"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/embedded"
)

// The environment variables that tell tests where the shared servers are. `go tool mage test` sets them.
const (
	KafkaEnv         = "TIDEMARK_TEST_KAFKA"
	ElasticsearchEnv = "TIDEMARK_TEST_ELASTICSEARCH"
)

// KafkaAddr returns the address, host:port, of the real Kafka that all tests of a run share: take topics and groups with
// names of your own. It skips the test where there is none.
func KafkaAddr(t testing.TB) string {
	t.Helper()
	return shared(t, KafkaEnv, "Kafka")
}

// ElasticsearchURL returns the address, without a slash at its end, of the real Elasticsearch that all tests of a run share:
// take indices with a prefix of your own. It skips the test where there is none.
func ElasticsearchURL(t testing.TB) string {
	t.Helper()
	return shared(t, ElasticsearchEnv, "Elasticsearch")
}

// EmbeddedStore starts an embedded store for this test alone, which keeps its documents in a folder, or in memory where that is empty. It returns the address,
// and ends the store with the test.
func EmbeddedStore(t testing.TB, dir string) string {
	t.Helper()
	store, err := embedded.OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(store)
	t.Cleanup(func() {
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// NewKafka starts a real Kafka for this test alone, to be stopped, killed or paused, and ends it with the test. It skips the
// test where KafkaAddr does. A start takes seconds: prefer KafkaAddr.
func NewKafka(t testing.TB, options KafkaOptions) *Kafka {
	t.Helper()
	shared(t, KafkaEnv, "Kafka")
	kafka, err := StartKafka(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	closeWith(t, kafka.node)
	return kafka
}

// NewElasticsearch starts a real Elasticsearch for this test alone, to be stopped, killed or paused, and ends it with the
// test. It skips the test where ElasticsearchURL does. A start takes many seconds and a gigabyte: prefer ElasticsearchURL.
func NewElasticsearch(t testing.TB, options ElasticsearchOptions) *Elasticsearch {
	t.Helper()
	shared(t, ElasticsearchEnv, "Elasticsearch")
	server, err := StartElasticsearch(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	closeWith(t, server.node)
	return server
}

func shared(t testing.TB, name, server string) string {
	t.Helper()
	address := os.Getenv(name)
	if address == "" {
		t.Skipf("needs a real %s: run go tool mage test", server)
	}
	return address
}

func closeWith(t testing.TB, server *node) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", server.name, server.LogTail())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

// PutTemplate installs the index template of a rollup, which is to be there before its first document.
func PutTemplate(t testing.TB, client *elastic.Client, prefix string, d *rollup.Definition) {
	t.Helper()
	template, err := rollup.Template(prefix, d, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.PutIndexTemplate(t.Context(), rollup.TemplateName(prefix, d.Name), template); err != nil {
		t.Fatal(err)
	}
}
