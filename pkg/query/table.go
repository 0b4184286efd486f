package query

import (
	"cmp"
	"slices"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Format is the form of an answer.
type Format string

const (
	// FormatSeries answers with a value for each point of time.
	FormatSeries Format = "series"
	// FormatTable answers with one value of the whole time range, in a row for each series.
	FormatTable Format = "table"
)

// checkFormat checks what a table cannot be of.
func (q *Query) checkFormat() error {
	switch q.Format {
	case "":
		q.Format = FormatSeries
	case FormatSeries, FormatTable:
	default:
		return Invalid("unknown format %s: series and table are allowed", quote(string(q.Format)))
	}
	switch {
	case q.Format != FormatTable:
	case q.Stat == StatDelta:
		return Invalid("delta compares points of time, and a table has none: choose another statistic, or series")
	case q.MovingAverage > 0:
		return Invalid("movingAverage is over points of time, and a table has none: leave it out, or choose series")
	case q.Read == ReadStream:
		return Invalid("a table cannot be streamed: read live or sealed, or choose series")
	}
	return nil
}

// join makes one bucket of all.
func (p *plan) join() {
	first, last := p.buckets[p.lead], p.buckets[len(p.buckets)-1]
	p.buckets, p.lead = []bucket{{at: first.at, from: first.from, to: last.to}}, 0
}

// pieceOf is the piece of one bucket.
func pieceOf(b bucket) piece {
	length := b.to - b.from
	return piece{from: b.from, to: b.to, interval: length, offset: b.from - alignDown(b.from, length), end: 1}
}

// inside are the layers with their windows that do not lie across the end of a piece of one bucket. Its beginning is not to be looked at: windows are read
// from their beginning on.
func inside(layers []layer, p piece) []layer {
	some := make([]layer, len(layers))
	for i, l := range layers {
		end := alignDown(p.to, l.tier.Milliseconds())
		some[i].tier = l.tier
		for _, s := range l.spans {
			if s.To = min(s.To, end); s.From < s.To {
				some[i].spans = append(some[i].spans, rollup.Span{From: s.From, To: s.To})
			}
		}
	}
	return some
}

// tableFrame has a column for each dimension and one of the values: the largest first, and everything that is in no series last.
func (r *run) tableFrame(all []series) *data.Frame {
	p := r.plan
	type row struct {
		*series
		value *float64
	}
	rows := make([]row, len(all))
	if len(all) > 0 {
		c := p.newCurve(p.zeroFrom(all))
		for i := range all {
			rows[i].series = &all[i]
			if c.of(all[i].cells); c.some[0] {
				v := c.values[0]
				rows[i].value = &v
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.other || b.other:
			return rank(a.other) - rank(b.other)
		case a.value == nil || b.value == nil:
			return rank(a.value == nil) - rank(b.value == nil)
		}
		return cmp.Compare(*b.value, *a.value)
	})
	frame := data.NewFrame("")
	filterable := true // Explore offers to filter by the values
	for i, name := range p.GroupBy {
		values := make([]string, len(rows))
		for j, row := range rows {
			if values[j] = otherLabel; !row.other {
				values[j] = row.key[i]
			}
		}
		field := data.NewField(name, nil, values)
		field.Config = &data.FieldConfig{Filterable: &filterable}
		frame.Fields = append(frame.Fields, field)
	}
	values := make([]*float64, len(rows))
	for j, row := range rows {
		values[j] = row.value
	}
	field := data.NewField(p.fieldName(), nil, values)
	field.Config = &data.FieldConfig{Unit: p.traits.unit, Description: p.traits.description}
	if p.Alias != "" {
		column := series{}
		copy(column.key[:], p.GroupBy) // a column is of all their values
		field.Config.DisplayNameFromDS = p.displayName(&column)
	}
	frame.Fields = append(frame.Fields, field)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeNumericLong, TypeVersion: data.FrameTypeVersion{0, 1}, Custom: p.info(), Notices: r.notices, ExecutedQueryString: r.executed()}
	return frame
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}
