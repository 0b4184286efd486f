package query

import (
	"slices"
	"sync"
	"time"
	"unique"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxFramePoints bounds one frame of a stream; what is more comes in further ones.
const maxFramePoints = 50_000

// Streaming makes the frames of a stream. Its series have the names, labels, units and display names that they have in the answer of Run. It is safe for
// concurrent use.
type Streaming struct {
	plan *plan

	mu     sync.Mutex
	series []series // but for that of everything else
	byKey  map[unique.Handle[key]]int
	most   int // series
	// other is set where there is a series of everything else, otherSeen when something is in it.
	other, otherSeen bool
}

// NewStreaming checks a stream against its rollup, at a time in milliseconds. What is wrong with it is an *InvalidError.
func NewStreaming(s *Stream, entry *rollup.CatalogEntry, prefix string, at int64) (*Streaming, error) {
	if s.Interval <= 0 || s.Interval > maxTime/2 {
		return nil, Invalid("the stream's interval is %d ms: 1 to %d are allowed", s.Interval, int64(maxTime/2))
	}
	from := max(alignDown(at, s.Interval), 0)
	in := Input{Query: s.Query, From: from, To: from + 1, Length: s.Interval, Keys: s.Keys, Rollup: entry, Prefix: prefix}
	// Whether there are windows that divide the interval matters to what is asked of documents alone.
	p, err := planFor(in, &rollup.Span{})
	if err != nil {
		return nil, err
	}
	st := &Streaming{plan: p, byKey: map[unique.Handle[key]]int{}, most: p.limits.Series, other: p.hasOther()}
	switch {
	case len(p.GroupBy) == 0:
		st.add(key{})
	case p.Top > 0:
		st.most = min(st.most, p.Top)
	case p.keys != nil:
		st.most = len(p.keys)
	}
	for _, k := range p.keys {
		st.add(k)
	}
	st.otherSeen = p.keys != nil && len(st.series) >= st.most
	return st, nil
}

func (s *Streaming) add(k key) {
	s.byKey[unique.Make(k)] = len(s.series)
	s.series = append(s.series, series{key: k})
}

// Polled says why the values are to be asked of Elasticsearch again and again, and cannot be made of a live stream; it is empty where they can.
func (s *Streaming) Polled() string { return s.plan.notLive() }

// Request is the live stream that the values are made of.
func (s *Streaming) Request() LiveRequest { return s.plan.liveRequest() }

// Interval is the distance between points in milliseconds.
func (s *Streaming) Interval() int64 { return s.plan.steps.length }

// Frames gives the buckets of a board that changed after a version of it, and those that start at again as they are now: whole values of all series, as wide
// frames in the order of time. The starts of the buckets are the second result. Where nothing changed there are none.
func (s *Streaming) Frames(b *Board, after uint64, again []int64) (data.Frames, []int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	starts := b.changed(after)
	if len(starts) == 0 {
		return nil, nil, nil
	}
	for _, start := range again {
		if b.slots[start] != nil {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	statistic, is := s.plan.statistic.(streamed)
	if !is || len(b.places) != len(s.plan.GroupBy) {
		return nil, nil, nil
	}
	read, err := statistic.ofRows(&b.shape)
	if err != nil {
		return nil, nil, err
	}
	s.welcome(b, starts, read)
	rows := s.rowsOf(b, starts, read)
	var frames data.Frames
	for chunk := range slices.Chunk(rows, max(maxFramePoints/(len(s.series)+1), 1)) {
		frames = append(frames, s.frame(chunk))
	}
	return frames, starts, nil
}

// welcome makes series of keys that are new, as long as there is room: those with the largest values where it is not enough for all.
func (s *Streaming) welcome(b *Board, starts []int64, read func(*live.Row) metrics) {
	room := s.most - len(s.series)
	if room <= 0 {
		return
	}
	totals := map[unique.Handle[key]]*metrics{}
	for _, start := range starts {
		for k, row := range b.slots[start].rows {
			if _, known := s.byKey[k]; known {
				continue
			}
			total := totals[k]
			if total == nil {
				total = &metrics{}
				totals[k] = total
			}
			m := read(&row)
			s.plan.statistic.merge(total, &m)
		}
	}
	seconds := float64(len(starts)) * s.seconds()
	ranked := make([]rankedKey, 0, len(totals))
	for k, m := range totals {
		r := rankedKey{key: k.Value()}
		r.value, r.some = s.plan.statistic.value(m, seconds)
		ranked = append(ranked, r)
	}
	slices.SortFunc(ranked, compareRanks)
	ranked = ranked[:min(room, len(ranked))]
	slices.SortFunc(ranked, func(a, b rankedKey) int { return compareKeys(a.key, b.key) })
	for _, r := range ranked {
		s.add(r.key)
	}
}

func (s *Streaming) seconds() float64 { return float64(s.plan.steps.length) / 1000 }

// wideRow is the values of all series in one bucket, that of everything else last. Nil is none.
type wideRow struct {
	start  int64
	values []*float64
}

func (s *Streaming) rowsOf(b *Board, starts []int64, read func(*live.Row) metrics) []wideRow {
	cells := make([]metrics, len(s.series)+1)
	rows := make([]wideRow, len(starts))
	for i, start := range starts {
		clear(cells)
		for k, row := range b.slots[start].rows {
			m := read(&row)
			at, known := s.byKey[k]
			if !known {
				at = len(s.series)
				s.otherSeen = true
			}
			s.plan.statistic.merge(&cells[at], &m)
		}
		rows[i] = wideRow{start, make([]*float64, len(cells))}
		for at := range cells {
			v, some := s.plan.statistic.value(&cells[at], s.seconds())
			if some || s.plan.traits.additive { // the board knows all there was
				rows[i].values[at] = &v
			}
		}
	}
	return rows
}

// frame makes a frame of rows.
func (s *Streaming) frame(rows []wideRow) *data.Frame {
	times := make([]time.Time, len(rows))
	for i := range rows {
		times[i] = time.UnixMilli(rows[i].start).UTC()
	}
	fields := []*data.Field{data.NewField("time", nil, times)}
	all := s.series
	if s.other && s.otherSeen {
		all = append(slices.Clip(all), series{other: true})
	}
	for at := range all {
		field := s.field(&all[at], len(rows))
		for i := range rows {
			if v := rows[i].values[at]; v != nil {
				field.Set(i, v)
			}
		}
		fields = append(fields, field)
	}
	return s.wide(fields)
}

func (s *Streaming) field(of *series, rows int) *data.Field {
	field := data.NewFieldFromFieldType(data.FieldTypeNullableFloat64, rows)
	field.Name, field.Labels = s.plan.fieldName(), s.plan.labels(of)
	config := s.plan.fieldConfig(of)
	field.Config = &config
	return field
}

func (s *Streaming) wide(fields []*data.Field) *data.Frame {
	frame := data.NewFrame("", fields...)
	info := s.plan.info()
	info.Read, info.Segments, info.Tidemark = ReadStream, nil, nil // which was true when the stream began
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, TypeVersion: data.FrameTypeVersion{0, 1}, Custom: info}
	return frame
}

// Empty is a frame without rows, which tells of what there is to know besides.
func (s *Streaming) Empty() *data.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.frame(nil)
}

// Left reports whether there are values that are in no series.
func (s *Streaming) Left() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.otherSeen && !s.other && s.plan.keys == nil && s.plan.Top == 0
}

// Tell puts into a frame's metadata how far the stream has come, in milliseconds; 0 for what is not known.
func Tell(frame *data.Frame, source Source, from, through int64, notices []data.Notice) {
	info, is := frame.Meta.Custom.(FrameInfo)
	if !is {
		return
	}
	info.Live = &LiveInfo{Source: source}
	if through > 0 {
		info.Live.From, info.Live.Through = instant(from), instant(through)
	}
	frame.Meta.Custom, frame.Meta.Notices = info, notices
}
