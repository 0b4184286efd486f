package query

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// liveUnit is what the distance between points of a live stream is a multiple of, maxLiveLength what it is at most: ms.
	liveUnit      = 1000
	maxLiveLength = 5 * 60 * 1000
	// maxStreamBytes bounds the JSON of a stream: of its query and its keys.
	maxStreamBytes = 2 * maxQueryBytes
)

// Stream is all that the values of a stream depend on, besides the rollup. It is a part of an answer, and comes back with a subscription.
type Stream struct {
	// Query is the query, with everything in it that can be left out.
	Query Query `json:"query"`
	// Interval is the distance between points in milliseconds.
	Interval int64 `json:"interval"`
	// Keys are the values of the dimensions, in the order of the query's, of the answer's series where it has not all there are: where the query asks for the
	// largest, or there are too many. Others come to them up to the query's top. Without keys each key is a series, up to the top or what an answer holds.
	Keys [][]string `json:"keys,omitempty"`
}

// ParseStream reads a stream's JSON and checks what can be checked without the rollup. What is wrong is an *InvalidError.
func ParseStream(raw []byte) (*Stream, error) {
	if len(raw) > maxStreamBytes {
		return nil, Invalid("the stream's data are %d bytes long: at most %d are allowed", len(raw), maxStreamBytes)
	}
	var text struct {
		Query    json.RawMessage `json:"query"`
		Interval int64           `json:"interval"`
		Keys     [][]string      `json:"keys"`
	}
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, Invalid("read the stream's data: %v", err)
	}
	if len(text.Query) == 0 {
		return nil, Invalid("the stream's data have no query")
	}
	q, err := Parse(text.Query, ReadStream)
	if err != nil {
		return nil, err
	}
	s := &Stream{Query: q, Interval: text.Interval}
	if len(text.Keys) > 0 {
		s.Keys = text.Keys
	}
	if q.Read != ReadStream {
		return nil, Invalid("the stream's query reads %s: stream is allowed", q.Read)
	}
	if s.Interval <= 0 || s.Interval > maxTime {
		return nil, Invalid("the stream's interval is %d ms: 1 and more are allowed", s.Interval)
	}
	_, err = keysOf(s.Keys, &q)
	return s, err
}

// keysOf checks keys that come from outside.
func keysOf(all [][]string, q *Query) ([]key, error) {
	if all == nil {
		return nil, nil
	}
	if most := DefaultLimits().Series; len(all) > most {
		return nil, Invalid("%d keys are given: at most %d are allowed", len(all), most)
	}
	if len(q.GroupBy) == 0 && len(all) > 0 {
		return nil, Invalid("keys are given, but the query groups by nothing")
	}
	keys := make([]key, len(all))
	for i, values := range all {
		if len(values) != len(q.GroupBy) {
			return nil, Invalid("a key has %d values: the query groups by %d dimensions", len(values), len(q.GroupBy))
		}
		for j, v := range values {
			if len(v) > rollup.MaxDimensionBytes {
				return nil, Invalid("a key has a value of %d bytes: at most %d are allowed", len(v), rollup.MaxDimensionBytes)
			}
			keys[i][j] = v
		}
	}
	if sorted := slices.SortedFunc(slices.Values(keys), compareKeys); len(slices.Compact(sorted)) < len(keys) {
		return nil, Invalid("a key is given twice")
	}
	return keys, nil
}

func (p *plan) takeKeys(all [][]string) (err error) {
	p.keys, err = keysOf(all, &p.Query)
	return err
}

// stream is what goes on from an answer.
func (r *run) stream(all []series) *Stream {
	s := &Stream{Query: r.plan.Query, Interval: r.plan.steps.length}
	if r.left == 0 && r.plan.Top == 0 || len(r.plan.GroupBy) == 0 {
		return s
	}
	for i := range all {
		if !all[i].other {
			s.Keys = append(s.Keys, all[i].key[:len(r.plan.GroupBy)])
		}
	}
	return s
}

// notLive says why values cannot be made of a live stream; it is empty where they can.
func (p *plan) notLive() string {
	_, streamed := p.statistic.(streamed)
	switch {
	case p.traits.relativeError > 0:
		return fmt.Sprintf("%s is made of sketches, which the live stream does not have", p.Stat)
	case !streamed:
		return fmt.Sprintf("%s needs the point before, which the live stream does not have", p.Stat)
	case !p.shift.none():
		return "values of an earlier time are not in the live stream"
	case p.MovingAverage > 0:
		return "a moving average needs earlier points, which the live stream does not have"
	case p.steps.days > 0, p.steps.length > maxLiveLength:
		return fmt.Sprintf("points are %s apart, and those of the live stream at most %s", p.explainBucket(), show(maxLiveLength))
	case p.steps.length%liveUnit != 0:
		return fmt.Sprintf("points are %s apart, and those of the live stream whole seconds", p.explainBucket())
	}
	return ""
}

// LiveRequest is what a live stream is asked for.
type LiveRequest struct {
	Rollup  string
	GroupBy []string
	Filters []Filter
	// Interval is the length of its buckets in milliseconds: whole seconds.
	Interval int64
}

func (p *plan) liveRequest() LiveRequest {
	return LiveRequest{Rollup: p.Rollup, GroupBy: p.GroupBy, Filters: p.Filters, Interval: p.steps.length}
}

// LiveInterval is the distance between points, in milliseconds, that a live stream gives where it can be finer than the rollup's windows: no shorter than the
// panel would like, in whole seconds. The second result is false where documents give it as well.
func (in *Input) LiveInterval() (int64, bool) {
	length := max(in.Interval, liveUnit)
	if in.MaxDataPoints > 0 {
		length = max(length, (in.To-in.From+in.MaxDataPoints-1)/in.MaxDataPoints)
	}
	length = alignUp(length, liveUnit)
	window := in.Rollup.Spec.Window
	tierFits := in.Query.Tier == "" || in.Query.Tier == TierAuto || in.Query.Tier == window.String()
	return length, tierFits && length <= maxLiveLength && length < window.Milliseconds()
}
