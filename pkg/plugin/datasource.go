// Package plugin is the Grafana data source: it carries Grafana's calls to pkg/query and pkg/elastic, and their answers and errors back.
package plugin

import (
	"context"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"
	"github.com/prometheus/client_golang/prometheus"

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
	// cache is what queries and resource calls search by.
	cache   *cache
	catalog *catalogCache
	streams *streams
	now     func() time.Time
	dispose func()
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)

// Factory makes the instances of data sources, which share their metrics in the registry. Settings that cannot work do not fail an instance's making but
// every call, with what is wrong.
func Factory(registry prometheus.Registerer) (datasource.InstanceFactoryFunc, error) {
	m, err := newMetrics(registry)
	if err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	return func(ctx context.Context, s backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		return newDatasource(ctx, s, m, time.Now), nil
	}, nil
}

func newDatasource(ctx context.Context, s backend.DataSourceInstanceSettings, m *metrics, now func() time.Time) *Datasource {
	d := &Datasource{now: now, dispose: func() {}}
	d.CallResourceHandler = httpadapter.New(d.resources())
	if d.settings, d.problem = parseSettings(s); d.problem != nil {
		return d
	}
	var closeIdle func()
	if d.client, closeIdle, d.problem = d.settings.connect(ctx, s); d.problem != nil {
		return d
	}
	each := search.OverEach(d.client)
	d.cache = newCache(d.settings.cacheBytes, now, m, limited(measured(each, now, m)))
	d.catalog = newCatalogCache(now, func(ctx context.Context) (*rollup.Catalog, error) {
		return query.LoadCatalog(ctx, d.settings.prefix, each.All)
	})
	sidecars, closeSidecars, err := d.settings.connectSidecars(ctx, s)
	if d.problem = err; err != nil {
		return d
	}
	d.streams = newStreams(sidecars, m)
	d.dispose = func() {
		d.streams.close()
		d.cache.clear()
		closeIdle()
		closeSidecars()
	}
	return d
}

// Dispose lets go of the instance's connections and of what it keeps.
func (d *Datasource) Dispose() { d.dispose() }

// rollups is the catalog, at most a few seconds old.
func (d *Datasource) rollups(ctx context.Context) (snapshot, error) {
	if d.problem != nil {
		return snapshot{}, d.problem
	}
	return d.catalog.get(ctx)
}

// rollup finds one in the present catalog.
func (d *Datasource) rollup(ctx context.Context, name string) (*rollup.CatalogEntry, error) {
	entry, _, err := d.find(func() (snapshot, error) { return d.rollups(ctx) }, name)
	return entry, err
}

// find finds a rollup in a catalog, and gives the catalog's number.
func (d *Datasource) find(catalog func() (snapshot, error), name string) (*rollup.CatalogEntry, int64, error) {
	present, err := catalog()
	if err != nil {
		return nil, 0, err
	}
	entry, found := present.Rollup(name)
	if !found {
		return nil, 0, d.noRollup(present.Catalog, name)
	}
	return entry, present.number, nil
}
