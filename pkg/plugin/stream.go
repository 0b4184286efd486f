package plugin

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

var _ backend.StreamHandler = (*Datasource)(nil)

// SubscribeStream lets a viewer have a stream, and gives what it has told so far.
func (d *Datasource) SubscribeStream(_ context.Context, req *backend.SubscribeStreamRequest) (*backend.SubscribeStreamResponse, error) {
	if d.problem != nil {
		return nil, d.problem
	}
	_, status := d.streams.find(req.PluginContext, req.Path, req.Data)
	if status != backend.SubscribeStreamStatusOK {
		return &backend.SubscribeStreamResponse{Status: status}, nil
	}
	answer := &backend.SubscribeStreamResponse{Status: status}
	running, err := d.streams.running(req.Path)
	if err != nil {
		return nil, err
	}
	if running == nil {
		return answer, nil
	}
	if frame := running.initial(); frame != nil {
		if answer.InitialData, err = backend.NewInitialFrame(frame, data.IncludeAll); err != nil {
			return nil, fmt.Errorf("write the first frame: %w", err)
		}
	}
	return answer, nil
}

// PublishStream lets nobody publish.
func (*Datasource) PublishStream(context.Context, *backend.PublishStreamRequest) (*backend.PublishStreamResponse, error) {
	return &backend.PublishStreamResponse{Status: backend.PublishStreamStatusPermissionDenied}, nil
}

// RunStream sends what happens, until nobody looks any more.
func (d *Datasource) RunStream(ctx context.Context, req *backend.RunStreamRequest, sender *backend.StreamSender) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			backend.Logger.FromContext(ctx).Error("stream panicked", "path", req.Path, "cause", cause, "stack", string(debug.Stack()))
			err = backend.PluginErrorf("the stream failed by a fault of the plugin, please report it: %v", cause)
		}
	}()
	if d.problem != nil {
		return d.problem
	}
	stream, status := d.streams.find(req.PluginContext, req.Path, req.Data)
	switch status {
	case backend.SubscribeStreamStatusOK:
	case backend.SubscribeStreamStatusPermissionDenied:
		return backend.DownstreamErrorf("the stream's path does not belong to its data, or to the organization")
	default:
		return backend.DownstreamErrorf("the stream is not known: refresh the panel")
	}
	r := &run{datasource: d, path: req.Path, stream: stream, send: sender.SendFrame}
	if err := d.streams.enter(r); err != nil {
		return err
	}
	defer d.streams.leave(r)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-d.streams.closed:
			cancel(errDisposed)
		case <-ctx.Done():
		}
	}()
	if err := r.run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return context.Cause(ctx)
}

var errDisposed = errors.New("the data source's settings have changed: the stream begins anew")
