package query

import (
	"context"
	"slices"
	"time"
	"unique"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxPolledBuckets bounds the points that are asked for at once.
const maxPolledBuckets = 120

// Poll asks Elasticsearch for the buckets of a stream that have a part in from to to, the newest 120 of them at most, as one wide frame without those that keep
// does not want; there is none where nothing is left. With each bucket, keep is told whether it has a value.
func (s *Streaming) Poll(ctx context.Context, entry *rollup.CatalogEntry, from, to int64, search Search, keep func(start, end int64, some bool) bool) (*data.Frame, error) {
	p := s.plan
	length := p.steps.length
	to = min(to, maxTime)
	from = max(from, to-maxPolledBuckets*length, 0)
	if from >= to {
		return nil, nil
	}
	in := Input{Query: p.Query, From: from, To: to, Length: length, Rollup: entry, Prefix: p.prefix, Limits: p.limits}
	keys, full := s.keys()
	if full {
		in.Keys = keys
	}
	r, all, err := seriesOf(ctx, in, search)
	if err != nil {
		return nil, err
	}
	if keys, complete := s.learn(all); !complete { // each row has all series of the stream, those without events too
		in.Keys = keys
		if r, all, err = seriesOf(ctx, in, search); err != nil {
			return nil, err
		}
	}
	return s.polled(r.frames(all), keep), nil
}

// keys are those of the series, and whether there can be no others.
func (s *Streaming) keys() ([][]string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keysOfSeries(), len(s.plan.GroupBy) > 0 && len(s.series) >= s.most
}

func (s *Streaming) keysOfSeries() [][]string {
	keys := make([][]string, len(s.series))
	for i := range s.series {
		keys[i] = s.series[i].key[:len(s.plan.GroupBy)]
	}
	return keys
}

// learn makes series of those that were found, as long as there is room. It gives the keys of all series, and whether they are those that were found.
func (s *Streaming) learn(found []series) (keys [][]string, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found = slices.Clone(found)
	found = slices.DeleteFunc(found, func(f series) bool { return f.other })
	complete = true
	for i := range found {
		if _, known := s.byKey[unique.Make(found[i].key)]; known {
			continue
		}
		if len(s.series) < s.most {
			s.add(found[i].key)
		} else {
			complete = false
		}
	}
	return s.keysOfSeries(), complete && len(found) == len(s.series)
}

// polled puts series that have the same times into one frame.
func (s *Streaming) polled(frames data.Frames, keep func(start, end int64, some bool) bool) *data.Frame {
	if len(frames[0].Fields) == 0 {
		return nil
	}
	times := frames[0].Fields[0]
	var rows []int
	var at []time.Time
	for i := range times.Len() {
		start, _ := times.At(i).(time.Time)
		some := false
		for _, f := range frames {
			some = some || !f.Fields[1].NilAt(i)
		}
		if keep(start.UnixMilli(), start.UnixMilli()+s.plan.steps.length, some) {
			rows, at = append(rows, i), append(at, start)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fields := []*data.Field{data.NewField("time", nil, at)}
	for _, f := range frames {
		from := f.Fields[1]
		field := data.NewFieldFromFieldType(data.FieldTypeNullableFloat64, len(rows))
		field.Name, field.Labels, field.Config = from.Name, from.Labels, from.Config
		for i, row := range rows {
			field.Set(i, from.At(row))
		}
		fields = append(fields, field)
	}
	frame := s.wide(fields)
	frame.Meta.Notices = frames[0].Meta.Notices
	return frame
}
