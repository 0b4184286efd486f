package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/tests/servers"
)

var update = flag.Bool("update", false, "write what the real Elasticsearch answers into testdata")

// backend is a store under test.
type backend struct {
	name  string
	start func(t *testing.T) string // gives its address
}

var backends = []backend{
	{"embedded", func(t *testing.T) string { return servers.EmbeddedStore(t, "") }},
	{"embedded on disk", func(t *testing.T) string { return servers.EmbeddedStore(t, t.TempDir()) }},
	{"elasticsearch", func(t *testing.T) string { return servers.ElasticsearchURL(t) }},
}

// each runs a test against every backend.
func each(t *testing.T, run func(t *testing.T, s *session)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			run(t, newSession(t, b.start(t)))
		})
	}
}

// session is one run of a case: a client and a prefix of its own.
type session struct {
	client  *elastic.Client
	address string
	prefix  string
}

func newSession(t *testing.T, address string) *session {
	t.Helper()
	client, err := elastic.New(elastic.Config{Addresses: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		t.Fatal(err)
	}
	s := &session{client: client, address: address, prefix: "conformance" + hex.EncodeToString(random[:])}
	t.Cleanup(func() { s.clean(t) })
	return s
}

// clean removes what the run left, since a real server is shared.
func (s *session) clean(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer s.client.Close()
	indices, err := s.client.ListIndices(ctx, s.prefix+"*")
	if err != nil {
		t.Error(err)
	}
	for _, index := range indices {
		if err := s.client.DeleteIndex(ctx, index.Name); err != nil {
			t.Error(err)
		}
	}
	for _, suffix := range []string{"", "-a", "-log_writes"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodDelete, s.address+"/_index_template/"+s.prefix+suffix, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStoresAnswerAsWrittenDown(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases are in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := parseSteps(string(text))
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if *update {
				writeDown(t, file, steps)
			}
			each(t, func(t *testing.T, s *session) {
				for _, st := range steps {
					got := s.run(t, st)
					if diff := cmp.Diff(st.want, got); diff != "" {
						t.Errorf("%s:%d: %s\n%s\n(-want +got):\n%s", file, st.line, st.call, st.body, diff)
					}
				}
			})
		})
	}
}

func writeDown(t *testing.T, file string, steps []*step) {
	t.Helper()
	s := newSession(t, servers.ElasticsearchURL(t))
	var text bytes.Buffer
	for _, st := range steps {
		st.want = s.run(t, st)
		st.writeTo(&text)
	}
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
