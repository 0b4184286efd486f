package embedded

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	nodeID      = "embedded"
	clusterName = "tidemark-embedded"
	// version is what the store says it is compatible with.
	version = "8.19.0"
	tagline = "Tidemark's embedded store, for demonstrations: it speaks a part of Elasticsearch's API"
	// maxBodyBytes is Elasticsearch's limit for a request, before and after decompression.
	maxBodyBytes = 100 << 20
	// maxFilterPath bounds the filter_path parameter, in bytes.
	maxFilterPath = 1000
)

// call is one request, taken apart.
type call struct {
	*http.Request
	store *Store
	parts []string // of the path
	body  []byte
}

// ServeHTTP answers one request.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, f := readBody(w, r)
	if f != nil {
		f.write(w)
		return
	}
	filters := r.URL.Query().Get("filter_path")
	if strings.Contains(filters, "**") || strings.HasPrefix(filters, "-") || len(filters) > maxFilterPath {
		unsupported("the filter_path %.100q", filters).write(w)
		return
	}
	c := &call{Request: r, store: s, body: body}
	if path := strings.Trim(r.URL.Path, "/"); path != "" {
		c.parts = strings.Split(path, "/")
	}
	answer, f := c.route()
	if f != nil {
		if f.status == http.StatusMethodNotAllowed {
			writeJSON(w, f.status, object{"error": f.reason, "status": f.status})
			return
		}
		f.write(w)
		return
	}
	text, err := json.Marshal(answer)
	if err != nil {
		internal(err).write(w)
		return
	}
	if filters != "" {
		text = filterPath(text, strings.Split(filters, ","))
	}
	writeBytes(w, http.StatusOK, text)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *failure) {
	var reader io.Reader = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(reader)
		if err != nil {
			return nil, illegal("the body is not gzip: %v", err)
		}
		reader = unpacked
	default:
		return nil, unsupported("the content encoding %q", r.Header.Get("Content-Encoding"))
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(io.LimitReader(reader, maxBodyBytes+1)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, tooLarge()
		}
		return nil, illegal("read the body: %v", err)
	}
	if body.Len() > maxBodyBytes {
		return nil, tooLarge()
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); body.Len() > 0 && kind != "application/json" && kind != "application/x-ndjson" {
		return nil, fail(http.StatusNotAcceptable, "media_type_header_exception", "Content-Type header [%s] is not supported", kind)
	}
	return body.Bytes(), nil
}

func tooLarge() *failure {
	return fail(http.StatusRequestEntityTooLarge, "content_too_long_exception", "the body is longer than %d bytes", maxBodyBytes)
}

// notAllowed is the answer to a method that a page does not have.
func (c *call) notAllowed(allowed ...string) *failure {
	return fail(http.StatusMethodNotAllowed, "", "Incorrect HTTP method for uri [%s] and method [%s], allowed: [%s]", c.URL.Path, c.Method, strings.Join(allowed, ", "))
}

// route finds what a request is about.
func (c *call) route() (any, *failure) {
	switch n := len(c.parts); {
	case n == 0:
		return c.methods(map[string]func() (any, *failure){"GET": c.root, "HEAD": c.root})
	case strings.HasPrefix(c.parts[0], "_") && c.parts[0] != "_all":
		return c.routeCluster()
	case n == 1:
		return c.methods(map[string]func() (any, *failure){"GET": c.getIndex, "HEAD": c.getIndex, "PUT": c.putIndex, "DELETE": c.deleteIndex})
	case n == 2:
		both := func(f func() (any, *failure)) map[string]func() (any, *failure) {
			return map[string]func() (any, *failure){"GET": f, "POST": f}
		}
		switch c.parts[1] {
		case "_mapping", "_mappings":
			return c.methods(map[string]func() (any, *failure){"GET": c.getMapping, "PUT": c.putMapping, "POST": c.putMapping})
		case "_search":
			return c.methods(both(c.search))
		case "_msearch":
			return c.methods(both(c.multiSearch))
		case "_refresh":
			return c.methods(both(c.refresh))
		case "_forcemerge":
			return c.methods(map[string]func() (any, *failure){"POST": c.forceMerge})
		case "_field_caps":
			return c.methods(both(c.fieldCaps))
		case "_bulk":
			return c.methods(map[string]func() (any, *failure){"POST": c.bulk, "PUT": c.bulk})
		}
	}
	return nil, unsupported("%s %s", c.Method, c.URL.Path)
}

func (c *call) routeCluster() (any, *failure) {
	path := strings.Join(c.parts, "/")
	get := func(f func() (any, *failure)) map[string]func() (any, *failure) {
		return map[string]func() (any, *failure){"GET": f}
	}
	switch {
	case path == "_bulk":
		return c.methods(map[string]func() (any, *failure){"POST": c.bulk, "PUT": c.bulk})
	case path == "_search":
		return c.methods(map[string]func() (any, *failure){"GET": c.search, "POST": c.search})
	case path == "_msearch":
		return c.methods(map[string]func() (any, *failure){"GET": c.multiSearch, "POST": c.multiSearch})
	case path == "_refresh":
		return c.methods(map[string]func() (any, *failure){"GET": c.refresh, "POST": c.refresh})
	case path == "_cluster/health":
		return c.methods(get(c.health))
	case path == "_nodes":
		return c.methods(get(c.nodes))
	case path == "_cat/indices", strings.HasPrefix(path, "_cat/indices/") && len(c.parts) == 3:
		return c.methods(get(c.catIndices))
	case c.parts[0] == "_index_template" && len(c.parts) <= 2:
		return c.methods(map[string]func() (any, *failure){"GET": c.getTemplate, "PUT": c.putTemplate, "POST": c.putTemplate, "DELETE": c.deleteTemplate})
	}
	return nil, unsupported("%s %s", c.Method, c.URL.Path)
}

func (c *call) methods(handlers map[string]func() (any, *failure)) (any, *failure) {
	if h, ok := handlers[c.Method]; ok {
		return h()
	}
	var allowed []string
	for method := range handlers {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	return nil, c.notAllowed(allowed...)
}

// names are the indices that the path names; all of them where it names none.
func (c *call) names(at int) []string {
	if len(c.parts) <= at || strings.HasPrefix(c.parts[at], "_") {
		return []string{"*"}
	}
	return strings.Split(c.parts[at], ",")
}

func (c *call) flag(name string) bool {
	v := c.URL.Query().Get(name)
	return v == "true" || v == "" && c.URL.Query().Has(name)
}

func (c *call) object() (object, *failure) {
	o := object{}
	if len(bytes.TrimSpace(c.body)) == 0 {
		return o, nil
	}
	if err := json.Unmarshal(c.body, &o); err != nil || o == nil {
		return nil, notJSON(c.body)
	}
	return o, nil
}

func (c *call) root() (any, *failure) {
	return object{
		"name": nodeID, "cluster_name": clusterName, "cluster_uuid": nodeID, "tagline": tagline,
		"version": object{
			"number": version, "build_flavor": "embedded", "build_type": "embedded", "build_hash": "embedded", "build_snapshot": false,
			"minimum_wire_compatibility_version": "7.17.0", "minimum_index_compatibility_version": "7.0.0",
		},
	}, nil
}

func (c *call) health() (any, *failure) {
	c.store.mu.RLock()
	shards := len(c.store.indices)
	c.store.mu.RUnlock()
	return object{
		"cluster_name": clusterName, "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1,
		"active_primary_shards": shards, "active_shards": shards, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": 0,
		"active_shards_percent_as_number": 100.0,
	}, nil
}

func (c *call) nodes() (any, *failure) {
	return object{"cluster_name": clusterName, "nodes": object{nodeID: object{"name": nodeID, "version": version, "roles": []string{"data", "master"}}}}, nil
}

func (c *call) bulk() (any, *failure) {
	started := time.Now()
	defaultIndex := ""
	if len(c.parts) == 2 {
		defaultIndex = c.parts[0]
	}
	actions, f := parseBulk(c.body, defaultIndex)
	if f != nil {
		return nil, f
	}
	items, f := c.store.bulk(c.Context(), actions)
	if f != nil {
		return nil, f
	}
	wrong := slices.ContainsFunc(items, func(item object) bool {
		for _, answer := range item {
			return answer.(object)["error"] != nil
		}
		return false
	})
	return object{"took": time.Since(started).Milliseconds(), "errors": wrong, "items": items}, nil
}

// options are what a search says besides its body.
type options struct {
	names         []string
	lenient       bool // missing indices are passed over
	noneIsFailure bool // a pattern must match something
	partial       bool
}

func (s *Store) answer(c *call, body []byte, o options) (object, *failure) {
	req, f := parseSearch(body)
	if f != nil {
		return nil, f
	}
	indices, f := s.resolve(o.names, o.lenient)
	if f != nil {
		return nil, f
	}
	if len(indices) == 0 && o.noneIsFailure {
		return nil, indexNotFound(strings.Join(o.names, ","))
	}
	return s.searchIndices(c.Context(), req, indices, o.partial)
}

func (c *call) search() (any, *failure) {
	o := options{names: c.names(0), partial: true}
	for key, values := range c.URL.Query() {
		v := values[0]
		switch key {
		case "ignore_unavailable":
			o.lenient = c.flag(key)
		case "allow_no_indices":
			o.noneIsFailure = v == "false"
		case "allow_partial_search_results":
			o.partial = v != "false"
		case "request_cache", "filter_path", "pretty", "human", "error_trace", "preference", "timeout":
		default:
			return nil, unsupported("the parameter [%s] of a search", key)
		}
	}
	return c.store.answer(c, c.body, o)
}

// maxSearches bounds one _msearch.
const maxSearches = 1000

func (c *call) multiSearch() (any, *failure) {
	started := time.Now()
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil, badRequest("parse_exception", "request body or source parameter is required")
	}
	if c.body[len(c.body)-1] != '\n' {
		return nil, illegal("The msearch request must be terminated by a newline [\n]")
	}
	type one struct {
		options
		body []byte
	}
	var searches []one
	rest := c.body
	for len(rest) > 0 {
		var head, body []byte
		head, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if len(searches) == 0 && len(bytes.TrimSpace(head)) == 0 && len(bytes.TrimSpace(rest)) == 0 {
			break
		}
		o, f := c.searchHeader(head)
		if f != nil {
			return nil, f
		}
		body, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if _, f := parseSearch(body); f != nil { // a search that cannot be read fails them all
			if f.kind != "search_phase_execution_exception" && f.status != http.StatusNotImplemented {
				return nil, f
			}
		}
		searches = append(searches, one{o, body})
		if len(searches) > maxSearches {
			return nil, illegal("more than %d searches in one request", maxSearches)
		}
	}
	if len(searches) == 0 {
		return nil, badRequest("action_request_validation_exception", "Validation Failed: 1: no requests added;")
	}
	responses := make([]object, 0, len(searches))
	for _, q := range searches {
		answer, f := c.store.answer(c, q.body, q.options)
		if f != nil {
			answer = object{"error": f.body(), "status": f.status}
		} else {
			answer["status"] = http.StatusOK
		}
		responses = append(responses, answer)
	}
	return object{"took": time.Since(started).Milliseconds(), "responses": responses}, nil
}

func (c *call) searchHeader(head []byte) (options, *failure) {
	o := options{names: c.names(0), partial: true}
	if len(bytes.TrimSpace(head)) == 0 {
		return o, nil
	}
	var settings object
	if err := json.Unmarshal(head, &settings); err != nil {
		return o, badRequest("x_content_parse_exception", "the header of a search is not a JSON object")
	}
	for key, v := range settings {
		switch key {
		case "index", "indices":
			names, ok := stringList(v)
			if !ok || len(names) == 0 {
				return o, illegal("[index] must be a name or a list of names")
			}
			o.names = nil
			for _, name := range names {
				o.names = append(o.names, strings.Split(name, ",")...)
			}
		case "ignore_unavailable":
			o.lenient = truth(v)
		case "allow_no_indices":
			o.noneIsFailure = !truth(v)
		case "allow_partial_search_results":
			o.partial = truth(v)
		case "request_cache", "preference", "expand_wildcards":
		default:
			return o, illegal("key [%s] is not supported in the metadata section", key)
		}
	}
	return o, nil
}

func truth(v any) bool {
	b, err := strconv.ParseBool(fmt.Sprint(v))
	return err == nil && b
}
