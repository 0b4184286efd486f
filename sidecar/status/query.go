package status

import (
	"context"
	"encoding/json"
	"errors"
	"math"
)

// Querier reads the rollups for the page. It is called by several goroutines at once, and its context ends with the request.
type Querier interface {
	// Catalog lists the rollups that there are.
	Catalog(ctx context.Context) ([]CatalogRollup, error)
	// Query gives the frames of one query. The request was checked by Check; whether its query means anything is the Querier's to say.
	Query(ctx context.Context, request QueryRequest) (QueryResult, error)
}

// Errors that a Querier wraps, so that the answer has the right status. Any other error is a 502: the store answered something unexpected.
var (
	// ErrInvalid is for a query that cannot be answered as it is: 400.
	ErrInvalid = errors.New("invalid query")
	// ErrUnavailable is for a store that does not answer: 503.
	ErrUnavailable = errors.New("the store of the rollups is away")
)

// CatalogRollup is one rollup that can be asked for.
type CatalogRollup struct {
	Name       string   `json:"name"`
	Stream     string   `json:"stream"`
	Window     string   `json:"window"`
	Dimensions []string `json:"dimensions"`
	Measures   []string `json:"measures"`
	Tidemark   *int64   `json:"tidemark"` // ms; nil before the first sealed window
}

// QueryRequest is the body of POST /api/v1/query. Times are milliseconds since the Unix epoch.
type QueryRequest struct {
	// Query is the query model of the Grafana data source.
	Query json.RawMessage `json:"query"`
	From  int64           `json:"from"`
	To    int64           `json:"to"`
	// Interval is the wanted distance of points, in milliseconds; MaxDataPoints bounds them.
	Interval      int64 `json:"interval"`
	MaxDataPoints int   `json:"maxDataPoints"`
}

const (
	maxRange      = 366 * 24 * 3600 * 1000 // ms
	maxDataPoints = 5000
)

// Check tells what is wrong with the request, but for its query.
func (r *QueryRequest) Check() error {
	switch {
	case len(r.Query) == 0 || r.Query[0] != '{':
		return errors.New(`"query" must be an object`)
	case r.From < 0 || r.To <= r.From:
		return errors.New(`"from" and "to" must be times in milliseconds since the Unix epoch, "to" after "from"`)
	case r.To-r.From > maxRange:
		return errors.New("the time range must be 366 days or less")
	case r.Interval < 1000 || r.Interval > maxRange:
		return errors.New(`"interval" must be in milliseconds, 1000 or more`)
	case r.MaxDataPoints < 1 || r.MaxDataPoints > maxDataPoints:
		return errors.New(`"maxDataPoints" must be 1 to 5000`)
	case (r.To-r.From)/r.Interval > maxDataPoints:
		return errors.New(`"interval" is too short for the time range: 5000 points or fewer are allowed`)
	}
	return nil
}

// QueryResult is the answer to a query.
type QueryResult struct {
	Frames []Frame `json:"frames"`
	// Notices say what a reader must know about the values: cut-offs, failed shards, windows that are not sealed.
	Notices []string `json:"notices"`
}

// Frame is one series. Times (ms) and Values have the same length; nil and what is not finite is shown as null, a gap.
type Frame struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels"`
	Times  []int64           `json:"times"`
	Values []*float64        `json:"values"`
}

// complete makes every list present and every value one that JSON has.
func (r *QueryResult) complete() {
	if r.Frames == nil {
		r.Frames = []Frame{}
	}
	if r.Notices == nil {
		r.Notices = []string{}
	}
	for i := range r.Frames {
		f := &r.Frames[i]
		if f.Labels == nil {
			f.Labels = map[string]string{}
		}
		if f.Times == nil {
			f.Times = []int64{}
		}
		if f.Values == nil {
			f.Values = []*float64{}
		}
		for j, v := range f.Values {
			if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
				f.Values[j] = nil
			}
		}
	}
}
