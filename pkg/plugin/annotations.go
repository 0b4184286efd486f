package plugin

import (
	"context"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/query"
)

// annotations answers a query for what changed a rollup's values.
func (d *Datasource) annotations(ctx context.Context, q backend.DataQuery, r *request) (data.Frames, error) {
	model, err := query.ParseAnnotations(q.JSON)
	if err != nil {
		return nil, err
	}
	entry, number, err := d.find(r.catalog, model.Rollup)
	if err != nil {
		return nil, err
	}
	return query.Annotations(ctx, query.AnnotationsInput{
		Query: model, From: q.TimeRange.From.UnixMilli(), To: q.TimeRange.To.UnixMilli(), Now: d.now().UnixMilli(), Rollup: entry, Prefix: d.settings.prefix,
	}, r.searches.search(number))
}
