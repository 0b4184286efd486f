package embedded

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// failure is an error as Elasticsearch's API tells it.
type failure struct {
	status int
	kind   string // "index_not_found_exception"
	reason string
	index  string
	cause  *failure
	// shards is set where the search of every index failed.
	shards []shardFailure
}

type shardFailure struct {
	index string
	why   *failure
}

func (f *failure) Error() string { return f.kind + ": " + f.reason }

func fail(status int, kind, format string, args ...any) *failure {
	return &failure{status: status, kind: kind, reason: fmt.Sprintf(format, args...)}
}

func badRequest(kind, format string, args ...any) *failure {
	return fail(http.StatusBadRequest, kind, format, args...)
}

func illegal(format string, args ...any) *failure {
	return badRequest("illegal_argument_exception", format, args...)
}

func parsing(format string, args ...any) *failure {
	return badRequest("parsing_exception", format, args...)
}

// notJSON is the failure of a body that cannot be read; one that ends too early has a type of its own.
func notJSON(body []byte) *failure {
	var v any
	err := json.Unmarshal(body, &v)
	if err == nil {
		return badRequest("x_content_parse_exception", "the body is not a JSON object")
	}
	if err.Error() == "unexpected end of JSON input" {
		return badRequest("x_content_e_o_f_exception", "Unexpected end of file")
	}
	return badRequest("x_content_parse_exception", "%v", err)
}

// unsupported is the answer to what Elasticsearch can do and the store cannot.
func unsupported(format string, args ...any) *failure {
	return fail(http.StatusNotImplemented, "unsupported_operation_exception",
		"the embedded store does not support "+format+": it knows only what Tidemark uses, run a real Elasticsearch for more", args...)
}

func internal(err error) *failure {
	return fail(http.StatusInternalServerError, "embedded_store_exception", "%v", err)
}

func indexNotFound(name string) *failure {
	f := fail(http.StatusNotFound, "index_not_found_exception", "no such index [%s]", name)
	f.index = name
	return f
}

// shardsFailed is the failure of a search that failed in every index.
func shardsFailed(failures []shardFailure) *failure {
	first := failures[0].why
	return &failure{status: first.status, kind: "search_phase_execution_exception", reason: "all shards failed", shards: failures}
}

type object = map[string]any

// body is the failure's JSON, without its status.
func (f *failure) body() object {
	o := f.short()
	root := object{"type": f.kind, "reason": f.reason}
	if len(f.shards) > 0 {
		root = f.shards[0].why.short()
		delete(root, "caused_by")
		o["phase"], o["grouped"] = "query", true
		list := make([]object, 0, len(f.shards))
		for _, s := range f.shards {
			list = append(list, s.body())
		}
		o["failed_shards"] = list
	}
	if f.index != "" {
		root["index"] = f.index
	}
	o["root_cause"] = []object{root}
	return o
}

func (s shardFailure) body() object {
	return object{"shard": 0, "index": s.index, "node": nodeID, "reason": s.why.short()}
}

// short is the failure without its root cause, as items of a bulk request and causes have it.
func (f *failure) short() object {
	o := object{"type": f.kind, "reason": f.reason}
	if f.index != "" {
		o["index"] = f.index
	}
	if f.cause != nil {
		o["caused_by"] = f.cause.short()
	}
	return o
}

func (f *failure) write(w http.ResponseWriter) {
	writeJSON(w, f.status, object{"error": f.body(), "status": f.status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON","status":500}`)
	}
	writeBytes(w, status, text)
}

func writeBytes(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a reader that went away needs no answer
}
