package elastic_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tidemark/tidemark/pkg/elastic"
)

func TestOnlyWhatADocumentCanNeverMendIsPermanent(t *testing.T) {
	cause := func(kind string) []elastic.Cause { return []elastic.Cause{{Type: kind}} }
	for name, tc := range map[string]struct {
		err  elastic.Error
		want bool
	}{
		"a value of the wrong type, before 8.8":    {elastic.Error{Status: 400, Type: "mapper_parsing_exception", Reason: "failed to parse field [count] of type [long]"}, true},
		"a value of the wrong type":                {elastic.Error{Status: 400, Type: "document_parsing_exception"}, true},
		"an unknown field":                         {elastic.Error{Status: 400, Type: "strict_dynamic_mapping_exception"}, true},
		"a term that is too long":                  {elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: `Document contains at least one immense term in field="x"`}, true},
		"a term that is too long, by its cause":    {elastic.Error{Status: 400, Type: "illegal_argument_exception", CausedBy: cause("max_bytes_length_exceeded_exception")}, true},
		"a template that cannot be used":           {elastic.Error{Status: 400, Type: "mapper_parsing_exception", Reason: "Failed to parse mapping: analyzer [x] not found"}, false},
		"another illegal argument":                 {elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: "no write index is defined for alias [x]"}, false},
		"the limit of shards":                      {elastic.Error{Status: 400, Type: "validation_exception", Reason: "this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum shards open"}, false},
		"a full queue":                             {elastic.Error{Status: 429, Type: "es_rejected_execution_exception"}, false},
		"a read-only index":                        {elastic.Error{Status: 403, Type: "cluster_block_exception"}, false},
		"a read-only index, when the disk is full": {elastic.Error{Status: 429, Type: "cluster_block_exception"}, false},
		"a missing right":                          {elastic.Error{Status: 403, Type: "security_exception"}, false},
		"wrong credentials":                        {elastic.Error{Status: 401, Type: "security_exception"}, false},
		"a missing index":                          {elastic.Error{Status: 404, Type: "index_not_found_exception"}, false},
		"a shard that is away":                     {elastic.Error{Status: 503, Type: "unavailable_shards_exception"}, false},
		"a parser's error with another status":     {elastic.Error{Status: 500, Type: "document_parsing_exception"}, false},
		"an older version":                         {elastic.Error{Status: 409, Type: "version_conflict_engine_exception"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.err.Permanent(); got != tc.want {
				t.Errorf("permanent is %t, want %t", got, tc.want)
			}
			if got := tc.err.Superseded(); got != (tc.err.Status == http.StatusConflict) {
				t.Errorf("superseded is %t", got)
			}
		})
	}
}

func TestErrorsOfRequestsAreRead(t *testing.T) {
	for name, tc := range map[string]struct {
		status                            int
		body                              string
		want                              elastic.Error
		text                              string
		unauthorized, notFound, retryable bool
	}{
		"a missing index": {
			status: 404, body: `{"error":{"root_cause":[{"type":"index_not_found_exception","reason":"no such index [a]","index":"a"}],"type":"index_not_found_exception","reason":"no such index [a]","index":"a"},"status":404}`,
			want: elastic.Error{Type: "index_not_found_exception", Index: "a"}, text: "no such index [a]", notFound: true,
		},
		"all shards failed": {
			status: 400, body: `{"error":{"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[{"index":"a","reason":{"type":"query_shard_exception","reason":"failed to create query","caused_by":{"type":"number_format_exception","reason":"For input string"}}}]},"status":400}`,
			want: elastic.Error{Type: "search_phase_execution_exception", Index: "a"}, text: "number_format_exception: For input string",
		},
		"wrong credentials": {
			status: 401, body: `{"error":{"type":"security_exception","reason":"unable to authenticate user [me]"},"status":401}`,
			want: elastic.Error{Type: "security_exception"}, text: "check the user name and password", unauthorized: true,
		},
		"a missing right": {
			status: 403, body: `{"error":{"type":"security_exception","reason":"action [x] is unauthorized"},"status":403}`,
			want: elastic.Error{Type: "security_exception"}, text: "lack a privilege", unauthorized: true,
		},
		"a read-only index": {
			status: 403, body: `{"error":{"type":"cluster_block_exception","reason":"index [a] blocked by: [FORBIDDEN/8/index write (api)]"},"status":403}`,
			want: elastic.Error{Type: "cluster_block_exception"}, text: "blocked by",
		},
		"an error in one sentence": {status: 405, body: `{"error":"Incorrect HTTP method","status":405}`, text: "405: Incorrect HTTP method"},
		"a full queue":             {status: 429, body: `{"error":{"type":"circuit_breaking_exception","reason":"Data too large"},"status":429}`, want: elastic.Error{Type: "circuit_breaking_exception"}, text: "Data too large: the cluster is short of memory", retryable: true},
		"a proxy's page":           {status: 502, body: "<html>\n  <b>Bad   Gateway</b>" + strings.Repeat("x", 1000), text: "502: <html> <b>Bad Gateway</b>xxx", retryable: true},
		"nothing":                  {status: 503, text: "service unavailable: is the cluster up", retryable: true},
		"a body that is too large": {status: 413, text: "request entity too large: raise http.max_content_length"},
		"too many buckets": {
			status: 400, body: `{"error":{"type":"search_phase_execution_exception","reason":"","caused_by":{"type":"too_many_buckets_exception","reason":"Trying to create too many buckets"}},"status":400}`,
			want: elastic.Error{Type: "search_phase_execution_exception"}, text: "too many buckets): choose a longer interval",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := serve(t, tc.status, tc.body)
			_, err := newClient(t, elastic.Config{Addresses: []string{server.URL}}).Health(t.Context())
			var e *elastic.Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v, want an answer's", err)
			}
			if e.Status != tc.status || e.Type != tc.want.Type || e.Index != tc.want.Index {
				t.Errorf("error is %+v, want status %d, %+v", e, tc.status, tc.want)
			}
			if !strings.Contains(err.Error(), tc.text) || len(err.Error()) > 600 {
				t.Errorf("error %q lacks %q", err, tc.text)
			}
			if elastic.IsUnauthorized(err) != tc.unauthorized || elastic.IsNotFound(err) != tc.notFound || elastic.Retryable(err) != tc.retryable {
				t.Errorf("unauthorized %t, not found %t, retryable %t", elastic.IsUnauthorized(err), elastic.IsNotFound(err), elastic.Retryable(err))
			}
		})
	}
}
