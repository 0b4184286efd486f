package elastic_test

import (
	"net/http"
	"testing"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// TestLifecyclePoliciesArePutWhereThereAreAny takes the answers of Elasticsearch with and without the module, and of other stores.
func TestLifecyclePoliciesArePutWhereThereAreAny(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		there  bool
		fails  bool
	}{
		"with the module":      {status: http.StatusOK, body: `{"acknowledged":true}`, there: true},
		"without it":           {status: http.StatusBadRequest, body: `{"error":"no handler found for uri [/_ilm/policy/p] and method [PUT]"}`},
		"the embedded store":   {status: http.StatusNotImplemented, body: `{"error":{"type":"unsupported_operation_exception","reason":"no"},"status":501}`},
		"no such page":         {status: http.StatusNotFound, body: `{}`},
		"a policy it rejects":  {status: http.StatusBadRequest, body: `{"error":{"type":"illegal_argument_exception","reason":"no"},"status":400}`, fails: true},
		"a privilege it lacks": {status: http.StatusForbidden, body: `{"error":{"type":"security_exception","reason":"no"},"status":403}`, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			server, last := serve(t, tc.status, tc.body)
			client := newClient(t, elastic.Config{Addresses: []string{server.URL}})
			there, err := client.PutLifecycle(t.Context(), "p", []byte(`{}`))
			if there != tc.there || (err != nil) != tc.fails {
				t.Errorf("there %v, error %v", there, err)
			}
			if last.Method != http.MethodPut || last.URL.Path != "/_ilm/policy/p" {
				t.Errorf("asked for %s %s", last.Method, last.URL.Path)
			}
		})
	}
}
