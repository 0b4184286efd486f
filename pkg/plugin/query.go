package plugin

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
)

const (
	// queriesAtOnce is how many queries of one request are worked on at the same time. Their searches go together, so it is as many as a panel has; what
	// each needs until its answer is made is held in memory.
	queriesAtOnce = 16
	// maxQueries bounds the queries of one request.
	maxQueries = 100
)

// request is what the queries of one request share. They are planned by the same catalog, so that expressions over several of them compare the same times.
type request struct {
	alert bool
	// calculated is set where Grafana calculates with the answers, which then are all there is.
	calculated bool
	of         backend.PluginContext
	catalog    func() (snapshot, error)
	searches   *batch
}

// limits bound each answer.
func (r *request) limits() query.Limits {
	if r.alert {
		return query.AlertLimits()
	}
	return query.DefaultLimits()
}

const (
	// expressionHeader comes with requests whose answers expressions are made of.
	expressionHeader = "X-Grafana-From-Expr"
	// present is how long ago the end of a range can be whose answer goes on as a stream: clocks differ, and ranges are rounded.
	present = time.Minute
)

// goesOn reports whether the answer to a range that ends at a time (ms) can go on as a stream.
func (r *request) goesOn(to int64, now time.Time) bool {
	return !r.calculated && to >= now.Add(-present).UnixMilli()
}

// QueryData answers each query by itself: one that fails has its error in its own response. Their searches go to Elasticsearch together.
func (d *Datasource) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	if len(req.Queries) > maxQueries {
		return nil, backend.DownstreamErrorf("the request has %d queries: at most %d are allowed", len(req.Queries), maxQueries)
	}
	answers := make([]backend.DataResponse, len(req.Queries))
	workers := min(len(req.Queries), queriesAtOnce)
	r := &request{
		alert:      fromAlert(req),
		calculated: req.GetHTTPHeader(expressionHeader) != "",
		of:         req.PluginContext,
		catalog:    sync.OnceValues(func() (snapshot, error) { return d.rollups(ctx) }),
		searches:   newBatch(workers, func(all []asked) []search.Result { return d.cache.search(ctx, all) }),
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			defer r.searches.leave()
			for i := next.Add(1) - 1; i < int64(len(req.Queries)); i = next.Add(1) - 1 {
				answers[i] = d.answer(ctx, req.Queries[i], r)
			}
		})
	}
	group.Wait()
	r.searches.wait()
	all := backend.NewQueryDataResponse()
	for i, q := range req.Queries {
		all.Responses[q.RefID] = answers[i]
	}
	return all, nil
}

// answer turns what goes wrong with one query, a panic too, into its response.
func (d *Datasource) answer(ctx context.Context, q backend.DataQuery, r *request) (response backend.DataResponse) {
	defer func() {
		if cause := recover(); cause != nil {
			backend.Logger.FromContext(ctx).Error("query panicked", "refId", q.RefID, "cause", cause, "stack", string(debug.Stack()))
			response = errorResponse(backend.PluginErrorf("the query failed by a fault of the plugin, please report it: %v", cause))
		}
	}()
	run := d.series
	if q.QueryType == query.TypeAnnotations {
		run = d.annotations
	}
	frames, err := run(ctx, q, r)
	if err != nil {
		return errorResponse(err)
	}
	return backend.DataResponse{Frames: frames, Status: backend.StatusOK}
}

// series answers a query for values over time.
func (d *Datasource) series(ctx context.Context, q backend.DataQuery, r *request) (data.Frames, error) {
	model, err := parse(q.JSON, r.alert)
	if err != nil {
		return nil, err
	}
	entry, number, err := d.find(r.catalog, model.Rollup)
	if err != nil {
		return nil, err
	}
	in := query.Input{
		Query:         model,
		From:          q.TimeRange.From.UnixMilli(),
		To:            q.TimeRange.To.UnixMilli(),
		Interval:      q.Interval.Milliseconds(),
		MaxDataPoints: q.MaxDataPoints,
		Rollup:        entry,
		Prefix:        d.settings.prefix,
		Limits:        r.limits(),
	}
	if model.Read == query.ReadStream && !r.goesOn(in.To, d.now()) {
		in.Query.Read = query.ReadLive
	}
	if in.Query.Read == query.ReadStream {
		return d.history(ctx, r.of, q.JSON, in, r.searches.search(number))
	}
	return query.Run(ctx, in, r.searches.search(number))
}
