package plugin

import (
	"context"
	"net/http"

	"github.com/tidemark/tidemark/pkg/query"
)

// explain tells in words how a query would be read, and the searches that it begins with. Nothing is searched.
func (d *Datasource) explain(r *http.Request, p parameters) (any, error) {
	model, err := parse([]byte(p.text("query")), p.text("alert") == "true")
	if err != nil {
		return nil, err
	}
	entry, err := d.rollup(r.Context(), model.Rollup)
	if err != nil {
		return nil, err
	}
	in := query.Input{Query: model, Rollup: entry, Prefix: d.settings.prefix}
	if err := p.numbers(map[string]*int64{"from": &in.From, "to": &in.To, "interval": &in.Interval, "maxDataPoints": &in.MaxDataPoints}); err != nil {
		return nil, err
	}
	nothing := func(_ context.Context, requests []query.Request) ([]query.Response, error) {
		return make([]query.Response, len(requests)), nil
	}
	frames, err := query.Run(r.Context(), in, nothing)
	if err != nil {
		return nil, err
	}
	plan := ""
	if len(frames) > 0 && frames[0].Meta != nil {
		plan = frames[0].Meta.ExecutedQueryString
	}
	return map[string]any{"plan": plan}, nil
}
