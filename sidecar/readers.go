package main

import (
	"encoding/json"
	"net/http"

	"github.com/tidemark/tidemark/pkg/query"
	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/live"
	"github.com/tidemark/tidemark/sidecar/status"
)

// serveLive answers GET /api/v1/live with the live values, until close.
func (pl *pipeline) serveLive(s *status.Server) (closeLive func(), err error) {
	const pattern = "GET /api/v1/live"
	if pl.live == nil {
		s.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			status.WriteFailure(w, http.StatusNotFound, "not_found", "live values are switched off: set live.enabled to true")
		}))
		return func() {}, nil
	}
	var token string
	if file := pl.cfg.Live.TokenFile; file != "" {
		if token, err = config.ReadSecret("live.token_file", file); err != nil {
			return nil, err
		}
	}
	var definitions []rollup.Definition
	for _, stream := range pl.streams {
		definitions = append(definitions, stream.definitions...)
	}
	hub := live.NewHub(live.HubOptions{
		Log: pl.live.log, Rollups: definitions, Filter: liveFilter, Partitions: pl.catalog.known, History: pl.cfg.Live.History,
		Unavailable:    func() error { _, err := pl.live.feed.Err(); return err },
		Listen:         pl.live.feed.Listen,
		Listened:       pl.live.feed.Listened,
		MaxSubscribers: pl.cfg.Live.MaxSubscribers, Token: token, Logger: pl.logger,
	})
	hub.Register(s.Registerer())
	pl.live.hub.Store(hub)
	s.Handle(pattern, hub)
	return func() { hub.Close("the sidecar stops") }, nil
}

// liveFilter compiles a filter of the query model.
func liveFilter(text string) (*live.Condition, error) {
	m, err := query.ParseFilter([]byte(text))
	if m == nil || err != nil {
		return nil, err
	}
	key, err := json.Marshal(m.Filter)
	if err != nil {
		return nil, err
	}
	return &live.Condition{Dimension: m.Dimension, Key: string(key), Match: m.Match}, nil
}
