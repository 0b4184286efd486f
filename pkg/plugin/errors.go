package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// notFoundError is a rollup that the catalog does not have.
type notFoundError struct{ problem string }

func (e *notFoundError) Error() string { return e.problem }

func (d *Datasource) noRollup(catalog *rollup.Catalog, name string) error {
	if len(catalog.Rollups) == 0 {
		return &notFoundError{problem: d.noRollups()}
	}
	const most = 20
	var names []string
	for _, r := range catalog.Rollups {
		if len(names) == most {
			names = append(names, "...")
			break
		}
		names = append(names, r.Rollup)
	}
	return &notFoundError{problem: fmt.Sprintf("there is no rollup %.80q under the index prefix %q: there are %s", name, d.settings.prefix, strings.Join(names, ", "))}
}

// noRollups says what to do where the progress index is missing or empty.
func (d *Datasource) noRollups() string {
	return fmt.Sprintf("there are no rollups: the index %s is missing or empty. Start the sidecar with the same index_prefix (tidemark run --config tidemark.yaml), or change the prefix in the data source's settings",
		rollup.ProgressIndex(d.settings.prefix))
}

// statusOf is the HTTP status that stands for an error.
func statusOf(err error) int {
	var invalid *query.InvalidError
	var notFound *notFoundError
	var refused *elastic.Error
	var long *elastic.TooLongError
	switch {
	case errors.As(err, &invalid), errors.As(err, &long), isSettingsError(err):
		return http.StatusBadRequest
	case errors.As(err, &notFound):
		return http.StatusNotFound
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests:
		return http.StatusTooManyRequests
	case backend.IsPluginError(err):
		return http.StatusInternalServerError
	default:
		return http.StatusBadGateway
	}
}

// errorResponse tells Grafana whose fault an error is: only the plugin's own faults count against the plugin.
func errorResponse(err error) backend.DataResponse {
	source := backend.ErrorSourceDownstream
	if backend.IsPluginError(err) {
		source = backend.ErrorSourcePlugin
	}
	return backend.DataResponse{Error: err, ErrorSource: source, Status: backend.Status(statusOf(err))}
}
