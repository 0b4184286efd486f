package query

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// maxExecutedBytes bounds the text of the searches that a frame carries for Grafana's inspector.
const maxExecutedBytes = 16 << 10

// FrameInfo is what every frame tells about how it was made, as its meta.custom.
type FrameInfo struct {
	Tier     string `json:"tier"`
	Grouping string `json:"grouping"`
	// Tidemark is RFC 3339 in UTC; null while there is none.
	Tidemark *string `json:"tidemark"`
	BucketMS int64   `json:"bucketMs"`
	Read     Read    `json:"read"`
}

func (r *run) frames(all []series) data.Frames {
	p := r.plan
	info := FrameInfo{Tier: p.tier.String(), Grouping: p.grouping.String(), BucketMS: p.bucket, Read: p.Read}
	if p.sealed {
		tidemark := instant(p.tidemark)
		info.Tidemark = &tidemark
	}
	times := make([]time.Time, p.buckets())
	for i := range times {
		times[i] = time.UnixMilli(p.start + int64(i)*p.bucket).UTC()
	}
	zeroFrom := p.zeroFrom(all)
	frames := make(data.Frames, 0, max(len(all), 1))
	for _, s := range all {
		frames = append(frames, data.NewFrame("",
			data.NewField("time", nil, times),
			data.NewField(p.fieldName(), p.labels(s.key), p.values(s, zeroFrom)).SetConfig(p.fieldConfig(s.key)),
		))
	}
	if len(frames) == 0 {
		frames = append(frames, data.NewFrame(""))
	}
	for _, f := range frames {
		f.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}, Custom: info}
	}
	frames[0].Meta.Notices = r.notices
	frames[0].Meta.ExecutedQueryString = r.executed()
	return frames
}

// zeroFrom is the time from which a sealed bucket without documents means that there were no events: the definition holds, or the answer shows that the
// rollup had begun. The tidemark is the rollup's own window's: of a coarser tier it is not known which buckets are yet to be made.
func (p *plan) zeroFrom(all []series) int64 {
	if p.tier != p.entry.Spec.Window {
		return math.MaxInt64
	}
	from := p.entry.Since
	for _, s := range all {
		for start := range s.buckets {
			from = min(from, start)
		}
	}
	return from
}

func (p *plan) values(s series, zeroFrom int64) []*float64 {
	values := make([]*float64, p.buckets())
	for i := range values {
		start := p.start + int64(i)*p.bucket
		if m, found := s.buckets[start]; found {
			values[i] = p.statistic.value(m, float64(p.bucket)/1000)
		} else if p.statistic.additive && p.sealed && start >= zeroFrom && start+p.bucket <= p.tidemark {
			values[i] = new(float64)
		}
	}
	return values
}

func (p *plan) labels(k key) data.Labels {
	if len(p.GroupBy) == 0 {
		return nil
	}
	labels := make(data.Labels, len(p.GroupBy))
	for i, name := range p.GroupBy {
		labels[name] = k[i]
	}
	return labels
}

func (p *plan) fieldName() string {
	if p.statistic.ofMeasure {
		return string(p.Stat) + " " + p.Measure
	}
	return string(p.Stat)
}

func (p *plan) fieldConfig(k key) *data.FieldConfig {
	config := &data.FieldConfig{Unit: p.statistic.unit, Interval: float64(p.bucket)}
	if p.Alias != "" {
		replace := []string{"{{rollup}}", p.Rollup, "{{stat}}", string(p.Stat), "{{measure}}", p.Measure}
		for i, name := range p.GroupBy {
			replace = append([]string{"{{" + name + "}}", k[i]}, replace...) // a dimension may have the name of another word
		}
		config.DisplayNameFromDS = strings.NewReplacer(replace...).Replace(p.Alias)
	}
	return config
}

// executed is the plan in words and the searches, for Grafana's query inspector.
func (r *run) executed() string {
	p := r.plan
	var b strings.Builder
	fmt.Fprintf(&b, "%s of rollup %s, tier %s, grouping %s, %d buckets of %s from %s to %s, read %s\n",
		p.fieldName(), p.Rollup, p.tier, p.grouping, p.buckets(), seconds(p.bucket), instant(p.start), instant(p.end), p.Read)
	for _, request := range r.asked {
		fmt.Fprintf(&b, "\nGET %s/_search\n%s\n", strings.Join(request.Indices, ","), request.Body)
		if b.Len() > maxExecutedBytes {
			return cut(b.String(), maxExecutedBytes)
		}
	}
	return b.String()
}

// cut shortens text at the border of a character.
func cut(s string, bytes int) string {
	if len(s) <= bytes {
		return s
	}
	return strings.ToValidUTF8(s[:bytes], "") + "…"
}
