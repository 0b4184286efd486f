package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// points are the values of an answer, by the group and the time of the bucket (ms). A bucket that has no value is not among them.
type points map[string]map[int64]float64

func (p points) set(name string, at int64, v float64) {
	if p[name] == nil {
		p[name] = map[int64]float64{}
	}
	p[name][at] = v
}

// compareAnswers makes sure that the rollup and the raw documents answer all questions of a dashboard alike, over the buckets that are whole.
func (b *bench) compareAnswers(ctx context.Context) error {
	d, err := openDatasource(ctx, b.url, b.own.prefix, false)
	if err != nil {
		return err
	}
	defer d.dispose()
	minute := tierMiddle.Milliseconds()
	r := timeRange{from: alignUp(b.events.from, tierMiddle), to: b.events.to - b.events.to%minute, interval: tierMiddle}
	for _, q := range dashboard {
		text, err := b.server.msearch(ctx, rawIndex, q.raw(timeRange{r.from, r.to - 1, r.interval}))
		if err != nil {
			return err
		}
		want, err := pointsOfRaw(q, text)
		if err != nil {
			return fmt.Errorf("read what the raw documents answer to %s: %w", q.name, err)
		}
		frames, err := d.ask(ctx, r, q)
		if err != nil {
			return err
		}
		if err := same(want, pointsOfFrames(q, frames[0])); err != nil {
			return fmt.Errorf("the rollup and the raw documents answer %s differently: %w", q.name, err)
		}
	}
	b.progress.say("the rollup and the raw documents answer alike")
	return nil
}

type rawBucket struct {
	Key    json.RawMessage `json:"key"`
	Count  int64           `json:"doc_count"`
	Metric *struct {
		Value *float64 `json:"value"`
	} `json:"1"`
	Times struct {
		Buckets []rawBucket `json:"buckets"`
	} `json:"2"`
}

func pointsOfRaw(q question, aggregations json.RawMessage) (points, error) {
	var answer struct {
		rawBucket
		Groups struct {
			Buckets []rawBucket `json:"buckets"`
		} `json:"3"`
	}
	if err := json.Unmarshal(aggregations, &answer); err != nil {
		return nil, err
	}
	groups := answer.Groups.Buckets
	if q.dimension == "" {
		groups = []rawBucket{{Key: json.RawMessage(`""`), Times: answer.Times}}
	}
	all := points{}
	for _, g := range groups {
		var name string
		if err := json.Unmarshal(g.Key, &name); err != nil {
			return nil, err
		}
		for _, t := range g.Times.Buckets {
			var at int64
			if err := json.Unmarshal(t.Key, &at); err != nil {
				return nil, err
			}
			switch {
			case t.Count == 0:
			case q.metric == "":
				all.set(name, at, float64(t.Count))
			case t.Metric != nil && t.Metric.Value != nil:
				all.set(name, at, *t.Metric.Value)
			}
		}
	}
	return all, nil
}

func pointsOfFrames(q question, frames data.Frames) points {
	all := points{}
	for _, f := range frames {
		name := f.Fields[1].Labels["path"]
		for i := range f.Rows() {
			at, _ := f.Fields[0].ConcreteAt(i)
			value, _ := f.Fields[1].NullableFloatAt(i)
			when, _ := at.(interface{ UnixMilli() int64 })
			if value != nil && (*value != 0 || q.metric != "") {
				all.set(name, when.UnixMilli(), *value)
			}
		}
	}
	return all
}

// same compares points up to what the order of adding floating-point numbers changes.
func same(want, got points) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d groups and %d", len(want), len(got))
	}
	for name, times := range want {
		if len(times) != len(got[name]) {
			return fmt.Errorf("%d points and %d of %q", len(times), len(got[name]), name)
		}
		for at, v := range times {
			if g, there := got[name][at]; !there || math.Abs(g-v) > 1e-9*math.Abs(v) {
				return fmt.Errorf("%v and %v (%t) of %q at %d", v, g, there, name, at)
			}
		}
	}
	return nil
}
