package plugin

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"golang.org/x/sync/errgroup"

	"github.com/tidemark/tidemark/pkg/query"
)

const (
	// queriesAtOnce is how many queries of one request are worked on at the same time.
	queriesAtOnce = 4
	// maxQueries bounds the queries of one request.
	maxQueries = 100
)

// QueryData answers each query by itself: one that fails has its error in its own response. Queries of alert rules read sealed windows unless they say
// otherwise, since a bucket that is still filling looks like a fall.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	if len(req.Queries) > maxQueries {
		return nil, backend.DownstreamErrorf("the request has %d queries: at most %d are allowed", len(req.Queries), maxQueries)
	}
	read := query.ReadLive
	if fromAlert(req) {
		read = query.ReadSealed
	}
	responses := make([]backend.DataResponse, len(req.Queries))
	var group errgroup.Group
	group.SetLimit(queriesAtOnce)
	for i, q := range req.Queries {
		group.Go(func() error {
			responses[i] = d.answer(ctx, q, read)
			return nil
		})
	}
	_ = group.Wait() // errors are in the responses
	all := backend.NewQueryDataResponse()
	for i, q := range req.Queries {
		all.Responses[q.RefID] = responses[i]
	}
	return all, nil
}

func fromAlert(req *backend.QueryDataRequest) bool {
	return req.Headers[backend.FromAlertHeaderName] == "true" || req.GetHTTPHeader(backend.FromAlertHeaderName) == "true"
}

// answer turns what goes wrong with one query, a panic too, into its response.
func (d *Datasource) answer(ctx context.Context, q backend.DataQuery, read query.Read) (response backend.DataResponse) {
	defer func() {
		if cause := recover(); cause != nil {
			backend.Logger.FromContext(ctx).Error("query panicked", "refId", q.RefID, "cause", cause, "stack", string(debug.Stack()))
			response = errorResponse(backend.PluginError(fmt.Errorf("the query failed by a fault of the plugin: %v", cause)))
		}
	}()
	response, err := d.run(ctx, q, read)
	if err != nil {
		return errorResponse(err)
	}
	return response
}

func (d *Datasource) run(ctx context.Context, q backend.DataQuery, read query.Read) (backend.DataResponse, error) {
	model, err := query.Parse(q.JSON, read)
	if err != nil {
		return backend.DataResponse{}, err
	}
	catalog, err := d.rollups(ctx)
	if err != nil {
		return backend.DataResponse{}, err
	}
	entry, found := catalog.Rollup(model.Rollup)
	if !found {
		return backend.DataResponse{}, d.noRollup(catalog, model.Rollup)
	}
	frames, err := query.Run(ctx, query.Input{
		Query:         model,
		From:          q.TimeRange.From.UnixMilli(),
		To:            q.TimeRange.To.UnixMilli(),
		Interval:      q.Interval.Milliseconds(),
		MaxDataPoints: q.MaxDataPoints,
		Rollup:        entry,
		Prefix:        d.settings.prefix,
	}, d.search)
	if err != nil {
		return backend.DataResponse{}, err
	}
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}, nil
}
