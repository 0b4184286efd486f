package plugin

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// rollupInfo is a rollup as the editors see it.
type rollupInfo struct {
	Name       string     `json:"name"`
	Stream     string     `json:"stream"`
	Window     string     `json:"window"`
	Tiers      []string   `json:"tiers"`
	Dimensions []string   `json:"dimensions"`
	Measures   []string   `json:"measures"`
	Conditions []string   `json:"conditions"`
	Groupings  [][]string `json:"groupings"`
	Definition string     `json:"definition"`
	Tidemark   *string    `json:"tidemark"`
	UpdatedAt  *string    `json:"updatedAt,omitempty"`
}

// resources serves what the editors ask for, as JSON; errors are {"message": ...} with their status.
func (d *Datasource) resources() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/rollups", get(d.listRollups))
	mux.HandleFunc("/values", get(d.listValues))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, http.StatusNotFound, "there is no such resource: GET rollups and GET values are")
	})
	return mux
}

func get(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.Header().Set("Allow", http.MethodGet)
			writeError(w, r, http.StatusMethodNotAllowed, "only GET is allowed")
			return
		}
		answer, err := handle(r)
		if err != nil {
			writeError(w, r, statusOf(err), err.Error())
			return
		}
		write(w, r, http.StatusOK, answer)
	}
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

func (d *Datasource) listRollups(r *http.Request) (any, error) {
	catalog, err := d.rollups(r.Context())
	if err != nil {
		return nil, err
	}
	all := make([]rollupInfo, len(catalog.Rollups))
	for i := range catalog.Rollups {
		all[i] = describe(&catalog.Rollups[i])
	}
	return map[string]any{"rollups": all}, nil
}

func describe(entry *rollup.CatalogEntry) rollupInfo {
	spec := &entry.Spec
	info := rollupInfo{
		Name: entry.Rollup, Stream: entry.Stream, Window: spec.Window.String(), Definition: entry.Definition,
		Tiers: []string{spec.Window.String()}, Dimensions: fieldNames(spec.Dimensions), Measures: fieldNames(spec.Measures),
		Conditions: make([]string, len(spec.Conditions)), Groupings: make([][]string, len(spec.Groupings)),
	}
	for _, t := range spec.Tiers {
		info.Tiers = append(info.Tiers, t.String())
	}
	for i, c := range spec.Conditions {
		info.Conditions[i] = c.Name
	}
	for i, g := range spec.Groupings {
		info.Groupings[i] = append([]string{}, g...)
	}
	if tidemark, sealed := entry.Tidemark(); sealed {
		info.Tidemark = instant(tidemark)
	}
	if updated := entry.LastUpdate(); updated != 0 {
		info.UpdatedAt = instant(updated)
	}
	return info
}

func fieldNames(fields []rollup.Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return all
}

func instant(ms int64) *string {
	text := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	return &text
}

func (d *Datasource) listValues(r *http.Request) (any, error) {
	catalog, err := d.rollups(r.Context())
	if err != nil {
		return nil, err
	}
	parameters := r.URL.Query()
	in := query.ValuesInput{Dimension: parameters.Get("dimension"), Search: parameters.Get("search"), Prefix: d.settings.prefix}
	for name, place := range map[string]*int64{"from": &in.From, "to": &in.To} {
		if *place, err = number(name, parameters.Get(name)); err != nil {
			return nil, err
		}
	}
	limit, err := number("limit", parameters.Get("limit"))
	if err != nil {
		return nil, err
	}
	in.Limit = int(limit)
	var found bool
	if in.Rollup, found = catalog.Rollup(parameters.Get("rollup")); !found {
		return nil, d.noRollup(catalog, parameters.Get("rollup"))
	}
	values, truncated, err := query.Values(r.Context(), in, d.search)
	if err != nil {
		return nil, err
	}
	return map[string]any{"values": values, "truncated": truncated}, nil
}

// number reads a parameter that may be left out.
func number(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, query.Invalid("%s=%.40q is not a whole number", name, text)
	}
	return n, nil
}
