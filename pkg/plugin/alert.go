package plugin

import (
	"encoding/json"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/query"
)

// alertLookback is how long a series stays in the answers to an alert rule that has no events any more: Grafana takes one that vanishes for resolved.
const alertLookback = `"1d"`

// fromAlert reports whether Grafana asks on behalf of an alert rule.
func fromAlert(req *backend.QueryDataRequest) bool {
	return req.Headers[backend.FromAlertHeaderName] == "true" || req.GetHTTPHeader(backend.FromAlertHeaderName) == "true"
}

// parse reads a query. Those of alert rules read sealed windows unless they say otherwise, since one that is still filling looks like a fall, and look back
// for the series of the last day.
func parse(raw []byte, alert bool) (query.Query, error) {
	if !alert {
		return query.Parse(raw, query.ReadLive)
	}
	q, err := query.Parse(withDefault(raw, "lookback", alertLookback), query.ReadSealed)
	if q.Read == query.ReadStream { // which is for those who watch
		q.Read = query.ReadSealed
	}
	return q, err
}

// withDefault adds a field to an object that lacks it, or has null there. What is no object stays as it is: its reader says what is wrong.
func withDefault(raw []byte, name, value string) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return raw
	}
	if given, there := fields[name]; there && string(given) != "null" {
		return raw
	}
	fields[name] = json.RawMessage(value)
	completed, err := json.Marshal(fields)
	if err != nil {
		return raw
	}
	return completed
}
