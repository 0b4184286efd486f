package plugin

import (
	"context"
	"encoding/json"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/query"
)

// snapshotWithin is how long one sidecar may take to tell what it knows, before documents answer a query instead.
const snapshotWithin = 3 * time.Second

// edge is how much of the beginning of a range a sidecar may lack that answers a query: clocks differ, and the end of its memory moves.
const edge = 5 * time.Second

// history answers a query whose values go on as a stream, and tells the stream's channel.
func (d *Datasource) history(ctx context.Context, of backend.PluginContext, raw []byte, in query.Input, search query.Search) (data.Frames, error) {
	frames, stream, err := d.finer(ctx, in)
	if err != nil || stream == nil {
		if frames, stream, err = query.RunStream(ctx, in, search); err != nil {
			return nil, err
		}
	}
	return frames, d.announce(of, raw, frames, stream)
}

// finer answers a query by what a sidecar knows, where its points are to be closer to each other than the rollup's windows. It gives no stream where documents
// have to answer, for what reason ever.
func (d *Datasource) finer(ctx context.Context, in query.Input) (data.Frames, *query.Stream, error) {
	length, finer := in.LiveInterval()
	if !finer || len(d.settings.sidecars) == 0 || in.From < d.now().Add(-liveHistory).UnixMilli() {
		return nil, nil, nil
	}
	in.Length = length
	request, err := query.LiveRequestOf(in)
	if err != nil {
		return nil, nil, err
	}
	board, err := d.streams.sidecars.snapshot(ctx, request, snapshotWithin)
	if err != nil {
		return nil, nil, err
	}
	if from, _ := board.Span(); from > in.From+edge.Milliseconds() {
		return nil, nil, nil
	}
	return query.RunBoard(in, board)
}

// announce puts the channel into the first frame. Our own front end subscribes by itself, and wants the channel where Grafana does not see it.
func (d *Datasource) announce(of backend.PluginContext, raw []byte, frames data.Frames, s *query.Stream) error {
	path, err := pathOf(orgOf(of), of.DataSourceInstanceSettings.UID, s)
	if err != nil {
		return err
	}
	name := channel(of.DataSourceInstanceSettings.UID, path)
	if name == "" || len(frames) == 0 {
		return nil
	}
	d.streams.remembered.Add(path, s)
	var asked struct {
		Overlay bool `json:"overlay"`
	}
	if err := json.Unmarshal(raw, &asked); err != nil {
		return query.Invalid("read the query: %v", err)
	}
	meta := frames[0].Meta
	if !asked.Overlay {
		meta.Channel = name
		return nil
	}
	info, _ := meta.Custom.(query.FrameInfo)
	info.Channel = name
	if text, err := json.Marshal(s); err == nil && len(text) <= maxChannelData {
		info.Data = s
	}
	meta.Custom = info
	return nil
}
