package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidemark/tidemark/pkg/plugin"
)

// datasource is an instance of the data source, as Grafana has it for one rollup's prefix.
type datasource struct {
	backend.QueryDataHandler
	dispose func()
}

// pluginID is the type of the data source.
const pluginID = "tidemark-rollups-datasource"

// openDatasource makes an instance. One without a cache keeps no answers.
func openDatasource(ctx context.Context, url, prefix string, cached bool) (*datasource, error) {
	settings := map[string]any{"indexPrefix": prefix}
	if !cached {
		settings["cacheMiB"] = 0
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	factory, err := plugin.Factory(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	made, err := factory(ctx, backend.DataSourceInstanceSettings{UID: prefix, Name: prefix, Type: pluginID, URL: url, JSONData: text})
	if err != nil {
		return nil, err
	}
	d, ok := made.(*plugin.Datasource)
	if !ok {
		return nil, fmt.Errorf("the data source is a %T", made)
	}
	return &datasource{QueryDataHandler: d, dispose: d.Dispose}, nil
}

// maxDataPoints is how many points a panel of usual width asks for at most.
const maxDataPoints = 1500

// ask sends questions in one request, as the queries of a panel, and gives their frames in the same order.
func (d *datasource) ask(ctx context.Context, r timeRange, questions ...question) ([]data.Frames, error) {
	request := &backend.QueryDataRequest{}
	for i, q := range questions {
		request.Queries = append(request.Queries, backend.DataQuery{
			RefID: fmt.Sprint(i), JSON: json.RawMessage(q.query), Interval: r.interval, MaxDataPoints: maxDataPoints,
			TimeRange: backend.TimeRange{From: time.UnixMilli(r.from), To: time.UnixMilli(r.to)},
		})
	}
	answer, err := d.QueryData(ctx, request)
	if err != nil {
		return nil, err
	}
	all := make([]data.Frames, len(questions))
	for i, q := range questions {
		one := answer.Responses[fmt.Sprint(i)]
		if one.Error != nil {
			return nil, fmt.Errorf("%s: %w", q.name, one.Error)
		}
		if len(one.Frames) == 0 || len(one.Frames[0].Fields) == 0 {
			return nil, fmt.Errorf("%s: the answer is empty: %w", q.name, errNothing(one.Frames))
		}
		all[i] = one.Frames
	}
	return all, nil
}

// asker asks for the panels of a range.
func (d *datasource) asker(ctx context.Context, r timeRange) asker {
	return func(questions ...question) error {
		_, err := d.ask(ctx, r, questions...)
		return err
	}
}

// errNothing is what an answer says about why it is empty.
func errNothing(frames data.Frames) error {
	if len(frames) == 0 || frames[0].Meta == nil || len(frames[0].Meta.Notices) == 0 {
		return errors.New("it does not say why")
	}
	return errors.New(frames[0].Meta.Notices[0].Text)
}
