package plugin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
)

// What the parameters of one resource call hold at most.
const (
	maxParameterBytes = 64 << 10 // together, as they are in the URL
	maxParameters     = 50
)

// resources serves what the editors ask for, as JSON; errors are {"message": ...} with their status.
func (d *Datasource) resources() http.Handler {
	mux := http.NewServeMux()
	for path, handle := range map[string]func(*http.Request, parameters) (any, error){
		"/rollups": d.listRollups,
		"/values":  d.listValues,
		"/explain": d.explain,
	} {
		mux.HandleFunc(path, get(handle))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, http.StatusNotFound, "there is no such resource: GET rollups, values and explain are")
	})
	return mux
}

func get(handle func(*http.Request, parameters) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			writeError(w, r, http.StatusMethodNotAllowed, "only GET is allowed")
			return
		}
		answer, err := answerResource(r.Context(), r, handle)
		if err != nil {
			writeError(w, r, statusOf(err), err.Error())
			return
		}
		write(w, r, http.StatusOK, answer)
	}
}

// answerResource turns what goes wrong, a panic too, into an error.
func answerResource(ctx context.Context, r *http.Request, handle func(*http.Request, parameters) (any, error)) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			backend.Logger.FromContext(ctx).Error("resource call panicked", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			err = backend.PluginErrorf("the call failed by a fault of the plugin, please report it: %v", cause)
		}
	}()
	p, err := readParameters(r.URL)
	if err != nil {
		return nil, err
	}
	return handle(r, p)
}

func writeError(w http.ResponseWriter, r *http.Request, status int, message string) {
	write(w, r, status, map[string]string{"message": message})
}

func write(w http.ResponseWriter, r *http.Request, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		backend.Logger.FromContext(r.Context()).Warn("write the answer to a resource call", "error", err)
	}
}

// parameters are those of a resource call. Ones that a resource does not know are passed over; of one that comes twice, the first counts, but for rollups.
type parameters url.Values

func readParameters(u *url.URL) (parameters, error) {
	if n := len(u.RawQuery); n > maxParameterBytes {
		return nil, query.Invalid("the parameters are %d bytes long: at most %d are allowed", n, maxParameterBytes)
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, query.Invalid("the parameters cannot be read: write them as name=value, joined by &, with other characters escaped")
	}
	if len(values) > maxParameters {
		return nil, query.Invalid("there are %d parameters: at most %d are allowed", len(values), maxParameters)
	}
	return parameters(values), nil
}

func (p parameters) text(name string) string { return url.Values(p).Get(name) }

// number reads a whole number; 0 where it is left out.
func (p parameters) number(name string) (int64, error) {
	text := p.text(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, query.Invalid("%s=%.40q is not a whole number", name, text)
	}
	return n, nil
}

// numbers reads several.
func (p parameters) numbers(places map[string]*int64) error {
	for name, place := range places {
		var err error
		if *place, err = p.number(name); err != nil {
			return err
		}
	}
	return nil
}

// filters reads a JSON array of filters, as queries have them; none where it is left out.
func (p parameters) filters() ([]query.Filter, error) {
	text := p.text("filters")
	if text == "" {
		return nil, nil
	}
	var filters []query.Filter
	if err := json.Unmarshal([]byte(text), &filters); err != nil {
		return nil, query.Invalid(`filters is not an array of filters such as [{"dimension":"host","op":"=","values":["web-1"]}]: %v`, err)
	}
	return filters, nil
}
