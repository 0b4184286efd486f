package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// step is one call of a case.
type step struct {
	line    int
	comment string
	call    string
	body    string
	want    []string
}

func parseSteps(text string) ([]*step, error) {
	var steps []*step
	var comment strings.Builder
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			comment.WriteString(line + "\n")
		case strings.HasPrefix(line, "> "):
			steps = append(steps, &step{line: i + 1, call: line[2:], comment: comment.String()})
			comment.Reset()
		case len(steps) == 0 && line != "":
			return nil, fmt.Errorf("line %d: a case begins with a call", i+1)
		case strings.HasPrefix(line, "< "):
			last := steps[len(steps)-1]
			last.want = append(last.want, line[2:])
		case line != "":
			last := steps[len(steps)-1]
			if last.want != nil {
				return nil, fmt.Errorf("line %d: a body comes before the answers", i+1)
			}
			last.body += line + "\n"
		}
	}
	return steps, nil
}

func (st *step) writeTo(w *bytes.Buffer) {
	if w.Len() > 0 {
		w.WriteByte('\n')
	}
	fmt.Fprintf(w, "%s> %s\n%s", st.comment, st.call, st.body)
	for _, line := range st.want {
		fmt.Fprintf(w, "< %s\n", line)
	}
}

// run carries out a step and gives what came of it.
func (s *session) run(t *testing.T, st *step) []string {
	t.Helper()
	words := strings.Fields(strings.ReplaceAll(st.call, "$P", s.prefix))
	body := []byte(strings.ReplaceAll(st.body, "$P", s.prefix))
	call, known := calls[words[0]]
	if !known {
		t.Fatalf("line %d: there is no call %q", st.line, words[0])
	}
	lines, err := call(t, s, words[1:], body)
	if err != nil {
		lines = []string{describeError(err)}
	} else if len(lines) == 0 {
		lines = []string{"ok"}
	}
	for i := range lines {
		lines[i] = strings.ReplaceAll(lines[i], s.prefix, "$P")
	}
	return lines
}

func describeError(err error) string {
	var e *elastic.Error
	if !errors.As(err, &e) {
		return "error " + err.Error()
	}
	kind := e.Type
	if kind == "search_phase_execution_exception" && len(e.CausedBy) > 0 {
		kind += "/" + e.CausedBy[0].Type
	}
	return fmt.Sprintf("error %d %s", e.Status, kind)
}

type call func(t *testing.T, s *session, words []string, body []byte) ([]string, error)

var calls = map[string]call{
	"template": func(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
		return nil, s.client.PutIndexTemplate(t.Context(), words[0], body)
	},
	"create": func(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
		return nil, s.client.CreateIndex(t.Context(), words[0], body)
	},
	"mapping": func(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
		return nil, s.client.PutMapping(t.Context(), words[0], body)
	},
	"refresh": func(t *testing.T, s *session, words []string, _ []byte) ([]string, error) {
		return nil, s.client.Refresh(t.Context(), words...)
	},
	"delete": func(t *testing.T, s *session, words []string, _ []byte) ([]string, error) {
		return nil, s.client.DeleteIndex(t.Context(), words[0])
	},
	"untemplate": func(t *testing.T, s *session, words []string, _ []byte) ([]string, error) {
		return nil, s.client.DeleteIndexTemplate(t.Context(), words[0])
	},
	"bulk":      runBulk,
	"search":    runSearch,
	"msearch":   runMultiSearch,
	"list":      runList,
	"fields":    runFields,
	"conflicts": runConflicts,
	"raw":       runRaw,
}

func runBulk(t *testing.T, s *session, _ []string, body []byte) ([]string, error) {
	response, err := s.client.Bulk(t.Context(), body)
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(response.Items))
	for _, item := range response.Items {
		line := fmt.Sprintf("%s %s %d", item.Index, item.ID, item.Status)
		if e := item.Err; e != nil {
			line += " " + cmp.Or(e.Type, "failed")
			if e.Permanent() {
				line += " permanent"
			}
			if e.Superseded() {
				line += " superseded"
			}
			if e.UnknownField() {
				line += " unknown-field"
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func runSearch(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
	response, err := s.client.Search(t.Context(), elastic.SearchRequest{Indices: words, Body: body})
	if err != nil {
		return nil, err
	}
	return describeSearch(response), nil
}

func describeSearch(r *elastic.SearchResponse) []string {
	if r.Err != nil {
		return []string{describeError(r.Err)}
	}
	total := fmt.Sprintf("total %d", r.Hits.Total)
	if r.Hits.TotalIsLowerBound {
		total += "+"
	}
	lines := []string{total}
	if s := r.Shards; s.Failed > 0 || s.Total == 0 {
		lines[0] += fmt.Sprintf(" shards %d failed %d", s.Total, s.Failed)
		for _, f := range s.Failures {
			lines[0] += " " + f.Index + "/" + f.Type
		}
	}
	for _, hit := range r.Hits.Hits {
		line := fmt.Sprintf("hit %s %s", hit.Index, hit.ID)
		if hit.Version != 0 {
			line += fmt.Sprintf(" version %d", hit.Version)
		}
		if hit.Sort != nil {
			line += " sort " + canonical(hit.Sort)
		}
		if hit.Source != nil {
			line += " " + canonical(hit.Source)
		}
		lines = append(lines, line)
	}
	if r.Aggregations != nil {
		lines = append(lines, describeAggregations(r.Aggregations)...)
	}
	return lines
}

// describeAggregations gives each aggregation a line, and each bucket of a list one.
func describeAggregations(raw json.RawMessage) []string {
	var results map[string]map[string]any
	if err := json.Unmarshal(raw, &results); err != nil {
		return []string{"error " + err.Error()}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(results)) {
		buckets, isList := results[name]["buckets"].([]any)
		if !isList {
			lines = append(lines, name+" "+canonical(results[name]))
			continue
		}
		delete(results[name], "buckets")
		lines = append(lines, name+" "+canonical(results[name]))
		for _, b := range buckets {
			lines = append(lines, "  "+canonical(b))
		}
	}
	return lines
}

// canonical is JSON with sorted keys and one form of numbers.
func canonical(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var decoded any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return err.Error()
	}
	if text, err = json.Marshal(decoded); err != nil {
		return err.Error()
	}
	return string(text)
}

// runMultiSearch takes a line of index names and a line with the body for each search.
func runMultiSearch(t *testing.T, s *session, _ []string, body []byte) ([]string, error) {
	var requests []elastic.SearchRequest
	lines := strings.Split(strings.TrimSpace(string(body)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		requests = append(requests, elastic.SearchRequest{Indices: strings.Fields(lines[i]), Body: json.RawMessage(lines[i+1])})
	}
	responses, err := s.client.MultiSearch(t.Context(), requests)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range responses {
		out = append(out, fmt.Sprintf("answer %d status %d", i+1, responses[i].Status))
		out = append(out, describeSearch(&responses[i])...)
	}
	return out, nil
}

func runList(t *testing.T, s *session, words []string, _ []byte) ([]string, error) {
	indices, err := s.client.ListIndices(t.Context(), words[0])
	if err != nil {
		return nil, err
	}
	lines := []string{}
	for _, index := range indices {
		lines = append(lines, fmt.Sprintf("%s %d", index.Name, index.Docs))
	}
	if len(lines) == 0 {
		lines = append(lines, "none")
	}
	return lines, nil
}

func runFields(t *testing.T, s *session, words []string, _ []byte) ([]string, error) {
	caps, err := s.client.FieldCaps(t.Context(), words[0], words[1:]...)
	if err != nil {
		return nil, err
	}
	lines := []string{"indices " + strings.Join(caps.Indices, " ")}
	for _, name := range slices.Sorted(maps.Keys(caps.Fields)) {
		for _, kind := range slices.Sorted(maps.Keys(caps.Fields[name])) {
			if strings.HasPrefix(name, "_") {
				continue // every server has metadata fields of its own
			}
			c := caps.Fields[name][kind]
			line := fmt.Sprintf("%s %s searchable=%t aggregatable=%t", name, kind, c.Searchable, c.Aggregatable)
			if c.Indices != nil {
				line += " in " + strings.Join(c.Indices, " ")
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// runConflicts says what keeps indices from getting a mapping.
func runConflicts(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
	var needed elastic.Mapping
	if err := json.Unmarshal(body, &needed); err != nil {
		return nil, err
	}
	mappings, err := s.client.Mappings(t.Context(), words[0])
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("%d indices", len(mappings))}
	for _, index := range slices.Sorted(maps.Keys(mappings)) {
		for _, c := range mappings[index].Conflicts(needed) {
			lines = append(lines, fmt.Sprintf("%s %s is %s, not %s", index, c.Field, c.Has, c.Needs))
		}
	}
	return lines, nil
}

// runRaw sends what the client would not.
func runRaw(t *testing.T, s *session, words []string, body []byte) ([]string, error) {
	if len(words) > 2 && words[2] == "unended" {
		body = bytes.TrimRight(body, "\n")
	}
	request, err := http.NewRequestWithContext(t.Context(), words[0], s.address+words[1], bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Error json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil && len(text) > 0 && text[0] == '{' {
		return nil, err
	}
	line := fmt.Sprintf("status %d", response.StatusCode)
	var e struct{ Type string }
	if json.Unmarshal(answer.Error, &e) == nil && e.Type != "" {
		line += " " + e.Type
	}
	return []string{line}, nil
}
