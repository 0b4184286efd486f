package elastic

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"
)

// PutIndexTemplate creates or replaces an index template. It holds for indices that are created from then on.
func (c *Client) PutIndexTemplate(ctx context.Context, name string, body []byte) error {
	if err := checkNames(name); err != nil {
		return fmt.Errorf("put index template: %w", err)
	}
	if err := c.do(ctx, esapi.IndicesPutIndexTemplateRequest{Name: name, Body: bytes.NewReader(body)}, nil); err != nil {
		return fmt.Errorf("put index template %q: %w", name, err)
	}
	return nil
}

// DeleteIndexTemplate deletes one index template. Indices that were made of it stay. One that does not exist is an error that IsNotFound knows.
func (c *Client) DeleteIndexTemplate(ctx context.Context, name string) error {
	if err := checkSingle(name); err != nil {
		return fmt.Errorf("delete index template: %w", err)
	}
	if err := c.do(ctx, esapi.IndicesDeleteIndexTemplateRequest{Name: name}, nil); err != nil {
		return fmt.Errorf("delete index template %q: %w", name, err)
	}
	return nil
}

// CreateIndex creates an index with the settings and mappings of body. One that exists stays as it is, without an error.
func (c *Client) CreateIndex(ctx context.Context, name string, body []byte) error {
	if err := checkSingle(name); err != nil {
		return fmt.Errorf("create index: %w", err)
	}
	err := c.do(ctx, esapi.IndicesCreateRequest{Index: name, Body: bytes.NewReader(body)}, nil)
	var e *Error
	if err == nil || errors.As(err, &e) && e.Type == "resource_already_exists_exception" {
		return nil
	}
	return fmt.Errorf("create index %q: %w", name, err)
}

// PutMapping adds fields to the mappings of the indices that a name or pattern matches. A field's type cannot be changed.
func (c *Client) PutMapping(ctx context.Context, index string, body []byte) error {
	if err := checkNames(index); err != nil {
		return fmt.Errorf("put mapping: %w", err)
	}
	if err := c.do(ctx, esapi.IndicesPutMappingRequest{Index: []string{index}, Body: bytes.NewReader(body)}, nil); err != nil {
		return fmt.Errorf("put mapping of %q: %w", index, err)
	}
	return nil
}

// Mappings reads the mappings of the indices that a name or pattern matches, by index. None is no error.
func (c *Client) Mappings(ctx context.Context, index string) (map[string]Mapping, error) {
	if err := checkNames(index); err != nil {
		return nil, fmt.Errorf("read mappings: %w", err)
	}
	var answer map[string]struct {
		Mappings map[string]any `json:"mappings"`
	}
	yes := true
	request := esapi.IndicesGetMappingRequest{Index: []string{index}, IgnoreUnavailable: &yes, AllowNoIndices: &yes}
	if err := c.do(ctx, request, &answer); err != nil {
		if IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read mappings of %q: %w", index, err)
	}
	mappings := make(map[string]Mapping, len(answer))
	for name, m := range answer {
		mappings[name] = m.Mappings
	}
	return mappings, nil
}

// Refresh makes what was written to the indices visible to searches. Indices that do not exist are passed over.
func (c *Client) Refresh(ctx context.Context, indices ...string) error {
	if err := checkNames(indices...); err != nil {
		return fmt.Errorf("refresh: %w", err)
	}
	yes := true
	if err := c.do(ctx, esapi.IndicesRefreshRequest{Index: indices, IgnoreUnavailable: &yes, AllowNoIndices: &yes}, nil); err != nil {
		return fmt.Errorf("refresh %s: %w", strings.Join(indices, ","), err)
	}
	return nil
}

// ForceMerge has the cluster merge the segments of one index into one, in its own time. An index that does not exist is an error that IsNotFound knows.
func (c *Client) ForceMerge(ctx context.Context, index string) error {
	if err := checkSingle(index); err != nil {
		return fmt.Errorf("merge segments: %w", err)
	}
	one, wait := 1, false
	if err := c.do(ctx, esapi.IndicesForcemergeRequest{Index: []string{index}, MaxNumSegments: &one, WaitForCompletion: &wait}, nil); err != nil {
		return fmt.Errorf("merge the segments of index %q: %w", index, err)
	}
	return nil
}

// DeleteIndex deletes one index. Patterns are refused: what is deleted must be named. An index that does not exist is an error that IsNotFound knows.
func (c *Client) DeleteIndex(ctx context.Context, name string) error {
	if err := checkSingle(name); err != nil {
		return fmt.Errorf("delete index: %w", err)
	}
	if err := c.do(ctx, esapi.IndicesDeleteRequest{Index: []string{name}, ExpandWildcards: "none"}, nil); err != nil {
		return fmt.Errorf("delete index %q: %w", name, err)
	}
	return nil
}

func checkSingle(name string) error {
	if strings.Contains(name, "*") {
		return fmt.Errorf("%q is a pattern: name one index", name)
	}
	return checkNames(name)
}

// IndexInfo is one index as the cluster lists it.
type IndexInfo struct {
	Name  string
	Docs  int64 // documents, without deleted ones; 0 for a closed index
	Bytes int64 // of all copies; 0 for a closed index
}

// ListIndices lists the indices that a pattern matches, sorted by name; none is no error.
func (c *Client) ListIndices(ctx context.Context, pattern string) ([]IndexInfo, error) {
	if err := checkNames(pattern); err != nil {
		return nil, fmt.Errorf("list indices: %w", err)
	}
	var rows []struct {
		Index string `json:"index"`
		Docs  string `json:"docs.count"`
		Bytes string `json:"store.size"`
	}
	request := esapi.CatIndicesRequest{Index: []string{pattern}, Format: "json", Bytes: "b", H: []string{"index", "docs.count", "store.size"}}
	if err := c.do(ctx, request, &rows); err != nil {
		if IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("list indices %q: %w", pattern, err)
	}
	infos := make([]IndexInfo, 0, len(rows))
	for _, row := range rows {
		infos = append(infos, IndexInfo{Name: row.Index, Docs: count(row.Docs), Bytes: count(row.Bytes)})
	}
	slices.SortFunc(infos, func(a, b IndexInfo) int { return cmp.Compare(a.Name, b.Name) })
	return infos, nil
}

// count reads a number of the cat API, which is absent for a closed index.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// FieldCap tells what can be done with a field of one type.
type FieldCap struct {
	Type         string   `json:"type"`
	Searchable   bool     `json:"searchable"`
	Aggregatable bool     `json:"aggregatable"`
	Indices      []string `json:"indices"` // where it has this type; nil for all
}

// FieldCaps are the fields of some indices.
type FieldCaps struct {
	Indices []string                       `json:"indices"`
	Fields  map[string]map[string]FieldCap `json:"fields"` // by name, then type
}

// FieldCaps asks for the fields, all of them where none is named, of the indices that a pattern matches.
func (c *Client) FieldCaps(ctx context.Context, pattern string, fields ...string) (*FieldCaps, error) {
	if err := checkNames(pattern); err != nil {
		return nil, fmt.Errorf("read fields: %w", err)
	}
	if len(fields) == 0 {
		fields = []string{"*"}
	}
	yes := true
	var caps FieldCaps
	request := esapi.FieldCapsRequest{Index: []string{pattern}, Fields: fields, IgnoreUnavailable: &yes, AllowNoIndices: &yes}
	if err := c.do(ctx, request, &caps); err != nil {
		return nil, fmt.Errorf("read fields of %q: %w", pattern, err)
	}
	return &caps, nil
}
