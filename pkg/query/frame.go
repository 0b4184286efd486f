package query

import (
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// FrameInfo is what every frame tells about how it was made, as its meta.custom.
type FrameInfo struct {
	// Tier is the coarsest that was read.
	Tier     string `json:"tier"`
	Grouping string `json:"grouping"`
	// Tidemark is RFC 3339 in UTC; null while there is none.
	Tidemark *string `json:"tidemark"`
	// BucketMS is the distance between points; of days it is that of days of 24 hours.
	BucketMS int64 `json:"bucketMs"`
	Read     Read  `json:"read"`
	// Segments are the spans of time, in order, that were read from one tier each. With a shift they are that much earlier than the points.
	Segments []Segment `json:"segments,omitempty"`
	// RelativeError is how far values can be off: 0.01 is 1 %. It is left out for exact ones.
	RelativeError float64 `json:"relativeError,omitempty"`
	// Live is how far a stream has come; only frames of a stream have it.
	Live *LiveInfo `json:"live,omitempty"`
	// Channel is where Grafana has the stream that goes on from the answer, and Data what is to be sent with a subscription of it. Only the first frame of an
	// answer has them.
	Channel string  `json:"channel,omitempty"`
	Data    *Stream `json:"data,omitempty"`
}

// LiveInfo is how far a stream has come; the times are RFC 3339 in UTC, and empty where nothing is known.
type LiveInfo struct {
	// From is since when all events are known, Through up to when.
	From    string `json:"from,omitempty"`
	Through string `json:"through,omitempty"`
	// Source is SourceSidecar or SourcePolling.
	Source Source `json:"source"`
}

// Source is where the values of a stream come from.
type Source string

const (
	// SourceSidecar is the live stream of a sidecar.
	SourceSidecar Source = "sidecar"
	// SourcePolling is Elasticsearch, which is asked again and again.
	SourcePolling Source = "polling"
)

// Segment is a span of time that was read from one tier; the times are RFC 3339 in UTC.
type Segment struct {
	Tier string `json:"tier"`
	From string `json:"from"`
	To   string `json:"to"`
}

// otherLabel is the value of every dimension of the series of what is in no other.
const otherLabel = "(other)"

func (r *run) frames(all []series) data.Frames {
	p := r.plan
	if p.Format == FormatTable {
		return data.Frames{r.tableFrame(all)}
	}
	var info any = p.info()
	frames := make(data.Frames, max(len(all), 1))
	made := make([]data.Frame, len(frames))
	metas := make([]data.FrameMeta, len(frames))
	for i := range made {
		metas[i] = data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}, Custom: info}
		made[i].Meta = &metas[i]
		frames[i] = &made[i]
	}
	if len(all) > 0 {
		p.fill(made, all)
	}
	metas[0].Notices = r.notices
	metas[0].ExecutedQueryString = r.executed()
	return frames
}

// fill gives each frame its series. The time is one field of all, and all values are in one piece of memory.
func (p *plan) fill(frames []data.Frame, all []series) {
	n := p.drawn()
	at := make([]time.Time, n)
	for i, b := range p.buckets[p.lead:] {
		at[i] = time.UnixMilli(b.at).UTC()
	}
	times := data.NewField("time", nil, at)
	c := p.newCurve(p.zeroFrom(all))
	values := make([]float64, n*len(all))
	fields := make([]*data.Field, 2*len(all))
	configs := make([]data.FieldConfig, len(all))
	name := p.fieldName()
	for i := range all {
		c.of(all[i].cells)
		field := data.NewFieldFromFieldType(data.FieldTypeNullableFloat64, n)
		field.Name, field.Labels = name, p.labels(&all[i])
		for j := range n {
			if c.some[p.lead+j] {
				v := &values[i*n+j]
				*v = c.values[p.lead+j]
				field.Set(j, v)
			}
		}
		configs[i] = p.fieldConfig(&all[i])
		field.Config = &configs[i]
		fields[2*i], fields[2*i+1] = times, field
		frames[i].Fields = fields[2*i : 2*i+2 : 2*i+2]
	}
}

func (p *plan) info() FrameInfo {
	info := FrameInfo{
		Tier: p.entry.Spec.Window.String(), Grouping: p.grouping.String(), BucketMS: p.steps.length, Read: p.Read, RelativeError: p.traits.relativeError,
	}
	if p.Format == FormatTable && p.drawn() > 0 {
		info.BucketMS = p.end() - p.start()
	}
	coarsest := p.entry.Spec.Window
	if p.sealed {
		tidemark := instant(p.tidemark)
		info.Tidemark = &tidemark
	}
	for _, s := range joined(p.segments) {
		info.Segments = append(info.Segments, Segment{Tier: s.tier.String(), From: instant(s.from), To: instant(s.to)})
		coarsest = max(coarsest, s.tier)
	}
	info.Tier = coarsest.String()
	return info
}

// joined puts segments of one tier together that follow each other.
func joined(all []segment) []segment {
	var some []segment
	for _, s := range all {
		if n := len(some); n > 0 && some[n-1].tier == s.tier && some[n-1].to == s.from {
			some[n-1].to = s.to
		} else {
			some = append(some, s)
		}
	}
	return some
}

// zeroFrom is the time from which a sealed bucket without documents means that there were no events: a definition holds that counts them, or the answer
// shows that the rollup had begun.
func (p *plan) zeroFrom(all []series) int64 {
	from := p.definitions[0].since
	for _, d := range p.definitions {
		from = min(from, d.since)
	}
	for _, s := range all {
		for i := range s.cells {
			if s.cells[i].found {
				from = min(from, p.buckets[i].from)
				break
			}
		}
	}
	return from
}

func (p *plan) labels(s *series) data.Labels {
	if len(p.GroupBy) == 0 {
		return nil
	}
	labels := make(data.Labels, len(p.GroupBy))
	for i, name := range p.GroupBy {
		if s.other {
			labels[name] = otherLabel
		} else {
			labels[name] = s.key[i]
		}
	}
	return labels
}

func (p *plan) fieldName() string {
	if p.shift.none() {
		return p.traits.name
	}
	return p.traits.name + " " + p.Shift + " before"
}

func (p *plan) fieldConfig(s *series) data.FieldConfig {
	config := data.FieldConfig{Unit: p.traits.unit, Description: p.traits.description, Interval: float64(p.steps.length)}
	switch {
	case p.Alias != "":
		config.DisplayNameFromDS = p.displayName(s)
	case s.other:
		config.DisplayNameFromDS = "other"
	}
	return config
}

func (p *plan) displayName(s *series) string {
	percent := ""
	if p.Stat == StatPercentile {
		percent = strings.TrimPrefix(percentileName(p.Percentile), "p")
	}
	replace := []string{
		"{{rollup}}", p.Rollup, "{{stat}}", string(p.Stat), "{{measure}}", p.Measure, "{{condition}}", p.Condition, "{{percentile}}", percent, "{{shift}}", p.Shift,
	}
	for i, name := range p.GroupBy { // a dimension may have the name of another word
		value := s.key[i]
		if s.other {
			value = otherLabel
		}
		replace = append([]string{"{{" + name + "}}", value}, replace...)
	}
	return strings.NewReplacer(replace...).Replace(p.Alias)
}
