package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidemark/tidemark/pkg/rollup"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A folder of testdata/cases is a case: query.json with the input, catalog.json with the documents of the progress index and responses.json with what
// Elasticsearch answers, in order, give requests.json and frames.json.
func TestCases(t *testing.T) {
	folders, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			var input struct {
				Query                             json.RawMessage
				From, To, Interval, MaxDataPoints int64
			}
			readJSON(t, filepath.Join(folder, "query.json"), &input)
			var documents []json.RawMessage
			readJSON(t, filepath.Join(folder, "catalog.json"), &documents)
			var responses []Response
			readJSON(t, filepath.Join(folder, "responses.json"), &responses)
			q, err := Parse(input.Query, "")
			if err != nil {
				t.Fatal(err)
			}
			catalog, err := rollup.ParseCatalog(documents)
			if err != nil {
				t.Fatal(err)
			}
			entry, _ := catalog.Rollup(q.Rollup)
			var asked []Request
			frames, err := Run(t.Context(), Input{
				Query: q, From: input.From, To: input.To, Interval: input.Interval, MaxDataPoints: input.MaxDataPoints, Rollup: entry, Prefix: rollup.DefaultPrefix,
			}, func(_ context.Context, requests []Request) ([]Response, error) {
				asked = append(asked, requests...)
				if len(asked) > len(responses) {
					return nil, errors.New("the case has no more responses")
				}
				return responses[len(asked)-len(requests) : len(asked)], nil
			})
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, filepath.Join(folder, "requests.json"), asked)
			checkGolden(t, filepath.Join(folder, "frames.json"), frames)
		})
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func checkGolden(t *testing.T, path string, got any) {
	t.Helper()
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	if *update {
		if err := os.WriteFile(path, indented.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), indented.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
