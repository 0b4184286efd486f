package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/search"
	"github.com/tidemark/tidemark/sidecar/status"
)

// querier answers the page with what the Grafana data source would answer.
type querier struct {
	search query.Search
	prefix string
}

var _ status.Querier = querier{}

func newQuerier(client *elastic.Client, prefix string) querier {
	return querier{search: search.Over(client), prefix: prefix}
}

// Catalog lists the rollups.
func (q querier) Catalog(ctx context.Context) ([]status.CatalogRollup, error) {
	catalog, err := query.LoadCatalog(ctx, q.prefix, q.search)
	if err != nil {
		return nil, unavailable(err)
	}
	rollups := []status.CatalogRollup{}
	for i := range catalog.Rollups {
		entry := &catalog.Rollups[i]
		r := status.CatalogRollup{Name: entry.Rollup, Stream: entry.Stream, Window: entry.Spec.Window.String(), Dimensions: []string{}, Measures: []string{}}
		for _, d := range entry.Spec.Dimensions {
			r.Dimensions = append(r.Dimensions, d.Name)
		}
		for _, m := range entry.Spec.Measures {
			r.Measures = append(r.Measures, m.Name)
		}
		if t, ok := entry.Tidemark(); ok {
			r.Tidemark = &t
		}
		rollups = append(rollups, r)
	}
	return rollups, nil
}

// Query answers one query.
func (q querier) Query(ctx context.Context, r status.QueryRequest) (status.QueryResult, error) {
	parsed, err := query.Parse(r.Query, query.ReadLive)
	if err != nil {
		return status.QueryResult{}, fmt.Errorf("%w: %w", status.ErrInvalid, err)
	}
	catalog, err := query.LoadCatalog(ctx, q.prefix, q.search)
	if err != nil {
		return status.QueryResult{}, unavailable(err)
	}
	entry, ok := catalog.Rollup(parsed.Rollup)
	if !ok {
		return status.QueryResult{}, fmt.Errorf("%w: there is no rollup %q", status.ErrInvalid, parsed.Rollup)
	}
	frames, err := query.Run(ctx, query.Input{
		Query: parsed, From: r.From, To: r.To, Interval: r.Interval, MaxDataPoints: int64(r.MaxDataPoints), Rollup: entry, Prefix: q.prefix,
	}, q.search)
	var invalid *query.InvalidError
	switch {
	case errors.As(err, &invalid):
		return status.QueryResult{}, fmt.Errorf("%w: %w", status.ErrInvalid, err)
	case err != nil:
		return status.QueryResult{}, unavailable(err)
	}
	return result(frames), nil
}

func unavailable(err error) error {
	if elastic.Retryable(err) {
		return fmt.Errorf("%w: %w", status.ErrUnavailable, err)
	}
	return err
}

// result puts frames of one time and one value field into the page's form.
func result(frames data.Frames) status.QueryResult {
	var r status.QueryResult
	for _, f := range frames {
		if f.Meta != nil {
			for _, n := range f.Meta.Notices {
				if n.Severity >= data.NoticeSeverityWarning { // what is not sealed yet, the page draws
					r.Notices = append(r.Notices, n.Text)
				}
			}
		}
		if len(f.Fields) != 2 {
			continue
		}
		value := f.Fields[1]
		series := status.Frame{Name: value.Name, Labels: value.Labels}
		if value.Config != nil && value.Config.DisplayNameFromDS != "" {
			series.Name = value.Config.DisplayNameFromDS
		}
		for i := range value.Len() {
			t, _ := f.Fields[0].ConcreteAt(i)
			at, isTime := t.(time.Time)
			if !isTime {
				continue
			}
			var v *float64
			if number, err := value.NullableFloatAt(i); err == nil {
				v = number
			}
			series.Times, series.Values = append(series.Times, at.UnixMilli()), append(series.Values, v)
		}
		r.Frames = append(r.Frames, series)
	}
	return r
}
