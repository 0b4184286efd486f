// Package plugin is the Grafana data source: it carries Grafana's calls to pkg/query and pkg/elastic, and their answers and errors back.
package plugin

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/pkg/search"
)

// Datasource is one configured data source. It is safe for concurrent use.
type Datasource struct {
	backend.CallResourceHandler
	// problem is what is wrong with the settings; every call answers with it, so that it reaches whoever can mend it.
	problem  error
	settings settings
	client   *elastic.Client
	search   query.Search
	catalog  *catalogCache
	now      func() time.Time
	dispose  func()
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// NewDatasource makes the instance for one data source's settings. Settings that cannot work do not fail here but in every call, with what is wrong.
func NewDatasource(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	return newDatasource(ctx, s, time.Now), nil
}

func newDatasource(ctx context.Context, s backend.DataSourceInstanceSettings, now func() time.Time) *Datasource {
	d := &Datasource{now: now, dispose: func() {}}
	d.CallResourceHandler = httpadapter.New(d.resources())
	if d.settings, d.problem = parseSettings(s); d.problem != nil {
		return d
	}
	if d.client, d.dispose, d.problem = d.settings.connect(ctx, s); d.problem != nil {
		return d
	}
	d.search = search.Over(d.client)
	d.catalog = newCatalogCache(now, func(ctx context.Context) (*rollup.Catalog, error) {
		return query.LoadCatalog(ctx, d.settings.prefix, d.search)
	})
	return d
}

// Dispose lets go of the instance's connections.
func (d *Datasource) Dispose() { d.dispose() }

// rollups is the catalog, at most a few seconds old.
func (d *Datasource) rollups(ctx context.Context) (*rollup.Catalog, error) {
	if d.problem != nil {
		return nil, d.problem
	}
	return d.catalog.get(ctx)
}
