package query

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// TypeAnnotations is the type of queries that ask for what changed a rollup's values, as marks on a panel's time axis.
const TypeAnnotations = "annotations"

// AnnotationKind is one sort of marks.
type AnnotationKind string

const (
	// KindCorrections marks the windows that late events have changed.
	KindCorrections AnnotationKind = "corrections"
	// KindRedefinitions marks when a definition of the rollup came into force.
	KindRedefinitions AnnotationKind = "redefinitions"
	// KindRestarts marks when partitions were counted again from Kafka.
	KindRestarts AnnotationKind = "restarts"
	// KindUnsealed marks the time after the tidemark.
	KindUnsealed AnnotationKind = "unsealed"
)

// AnnotationKinds are all kinds, in the order in which they are offered.
func AnnotationKinds() []AnnotationKind {
	return []AnnotationKind{KindCorrections, KindRedefinitions, KindRestarts, KindUnsealed}
}

// maxCorrectionSpans bounds the marks of corrections in one answer: a longer range has longer spans.
const maxCorrectionSpans = 200

// AnnotationsQuery asks for marks of one rollup.
type AnnotationsQuery struct {
	Rollup string `json:"rollup"`
	// Kinds are those that are wanted; none stands for all.
	Kinds []AnnotationKind `json:"kinds,omitempty"`
}

// ParseAnnotations reads a query's JSON. What is wrong with it is an *InvalidError.
func ParseAnnotations(raw []byte) (AnnotationsQuery, error) {
	if len(raw) > maxQueryBytes {
		return AnnotationsQuery{}, Invalid("the query is %d bytes long: at most %d are allowed", len(raw), maxQueryBytes)
	}
	var q AnnotationsQuery
	if err := json.Unmarshal(raw, &q); err != nil {
		return AnnotationsQuery{}, Invalid("read the query: %v", err)
	}
	if !rollup.ValidName(q.Rollup) {
		return AnnotationsQuery{}, Invalid("%s is not a rollup's name: lower-case letters, digits and underscores are allowed, beginning with a letter", quote(q.Rollup))
	}
	for _, k := range q.Kinds {
		if !slices.Contains(AnnotationKinds(), k) {
			return AnnotationsQuery{}, Invalid("unknown kind of annotations %s: %s are allowed", quote(string(k)), list(AnnotationKinds()))
		}
	}
	if len(q.Kinds) == 0 {
		q.Kinds = AnnotationKinds()
	}
	return q, nil
}

// AnnotationsInput is everything that marks depend on, besides the documents.
type AnnotationsInput struct {
	Query AnnotationsQuery
	// From and To bound the time range, in milliseconds since the epoch; Now is the present.
	From, To, Now int64
	// Rollup is what the progress index says about the query's rollup, Prefix the index prefix.
	Rollup *rollup.CatalogEntry
	Prefix string
}

// annotation is one mark. One without an end is a moment.
type annotation struct {
	from, to    int64
	title, text string
	kind        AnnotationKind
}

// Annotations answers with one frame of marks, in the order of their times, in the form that Grafana expects of annotations: time, timeEnd, title, text, tags.
func Annotations(ctx context.Context, in AnnotationsInput, search Search) (data.Frames, error) {
	if in.From < 0 || in.To > maxTime || in.From >= in.To {
		return nil, Invalid("the time range %d to %d (ms) is not one: it begins at 1970 or later and before it ends", in.From, in.To)
	}
	var all []annotation
	var requests []Request
	if slices.Contains(in.Query.Kinds, KindCorrections) {
		corrections, err := in.correctionRequests()
		if err != nil {
			return nil, err
		}
		requests = corrections
	}
	responses, err := ask(ctx, search, requests)
	if err != nil {
		return nil, err
	}
	lacking := false
	for _, r := range responses {
		lacking = lacking || r.TimedOut || r.FailedShards > 0
	}
	corrections, err := in.corrections(responses)
	if err != nil {
		return nil, err
	}
	all = append(all, corrections...)
	if slices.Contains(in.Query.Kinds, KindRedefinitions) {
		all = append(all, in.redefinitions()...)
	}
	if slices.Contains(in.Query.Kinds, KindRestarts) {
		restarts, err := in.restarts(ctx, search)
		if err != nil {
			return nil, err
		}
		all = append(all, restarts...)
	}
	if slices.Contains(in.Query.Kinds, KindUnsealed) {
		all = append(all, in.unsealed()...)
	}
	slices.SortStableFunc(all, func(a, b annotation) int { return cmp.Compare(a.from, b.from) })
	frame := annotationFrame(all)
	if lacking {
		frame.Meta = &data.FrameMeta{Notices: []data.Notice{{Severity: data.NoticeSeverityWarning, Text: "corrections may be missing, since shards failed or timed out: look at Elasticsearch"}}}
	}
	return data.Frames{frame}, nil
}

func annotationFrame(all []annotation) *data.Frame {
	times, ends := make([]time.Time, len(all)), make([]*time.Time, len(all))
	titles, texts, tags := make([]string, len(all)), make([]string, len(all)), make([]string, len(all))
	for i, a := range all {
		times[i] = time.UnixMilli(a.from).UTC()
		if a.to > a.from {
			end := time.UnixMilli(a.to).UTC()
			ends[i] = &end
		}
		titles[i], texts[i], tags[i] = a.title, a.text, "tidemark,"+string(a.kind)
	}
	return data.NewFrame("annotations", data.NewField("time", nil, times), data.NewField("timeEnd", nil, ends),
		data.NewField("title", nil, titles), data.NewField("text", nil, texts), data.NewField("tags", nil, tags))
}

// correctionStep is the length of the spans that corrections are shown by: a multiple of the tiers that are read.
func (in *AnnotationsInput) correctionStep(parts []stretch) int64 {
	length := int64(1)
	for _, s := range parts {
		length = max(length, s.tier.Milliseconds())
	}
	return alignUp(max((in.To-in.From)/maxCorrectionSpans, length), length)
}

// correctionRequests ask for the late events of each span. Corrections are documents of their own, and coarser tiers count what they merged.
func (in *AnnotationsInput) correctionRequests() ([]Request, error) {
	grouped, found := groupedBy(in.Rollup, nil)
	if !found {
		return nil, nil
	}
	parts := stretches(in.Rollup, in.From, in.To)
	late := anyOf([]object{term(rollup.FieldLate, true), {"range": object{rollup.FieldLateCount: object{"gte": 1}}}})
	aggregations := object{"time": object{
		"date_histogram": object{"field": rollup.FieldTime, "fixed_interval": fmt.Sprintf("%dms", in.correctionStep(parts)), "min_doc_count": 1},
		"aggs": object{
			"own":    object{"filter": term(rollup.FieldLate, true), "aggs": object{"total": sumOf(rollup.FieldCount)}},
			"merged": sumOf(rollup.FieldLateCount),
			"last":   object{"max": object{"field": rollup.FieldArrived}},
		},
	}}
	requests := make([]Request, len(parts))
	for i, s := range parts {
		where, must := s.read(in.Rollup, in.Prefix, grouped)
		body, err := encode(aggregate(append(must, late), nil, aggregations))
		if err != nil {
			return nil, err
		}
		requests[i] = Request{Indices: where, Body: body}
	}
	return requests, nil
}

// lateSpan is the late events of one span of time.
type lateSpan struct {
	events float64
	last   float64 // when the last of them that is known came; 0 where none is
}

func (in *AnnotationsInput) corrections(responses []Response) ([]annotation, error) {
	spans := map[int64]lateSpan{}
	type found struct {
		Time struct {
			Buckets []struct {
				Key int64 `json:"key"`
				Own struct {
					Total number `json:"total"`
				} `json:"own"`
				Merged number `json:"merged"`
				Last   number `json:"last"`
			} `json:"buckets"`
		} `json:"time"`
	}
	for _, r := range responses {
		answer, err := read[found](r)
		if err != nil {
			return nil, err
		}
		for _, b := range answer.Time.Buckets {
			s := spans[b.Key]
			s.events += b.Own.Total.value + b.Merged.value
			s.last = max(s.last, b.Last.value)
			spans[b.Key] = s
		}
	}
	step := in.correctionStep(stretches(in.Rollup, in.From, in.To))
	var all []annotation
	for from, s := range spans {
		if s.events == 0 {
			continue
		}
		a := annotation{from: max(from, in.From), to: min(from+step, in.To), title: lateEvents(int64(s.events)), kind: KindCorrections}
		a.text = "of windows from " + instant(from) + " to " + instant(from+step)
		if s.last > 0 {
			a.text += "; the last of them came after " + instant(int64(s.last)) + " of event time"
		}
		all = append(all, a)
	}
	return all, nil
}

func lateEvents(n int64) string {
	if n == 1 {
		return "1 late event"
	}
	return thousands(n) + " late events"
}

// unsealed is the part of the range, up to the present, whose values may still grow.
func (in *AnnotationsInput) unsealed() []annotation {
	tidemark, sealed := in.Rollup.Tidemark()
	a := annotation{from: in.From, to: min(in.To, in.Now), title: "not sealed", text: "nothing of the rollup is sealed yet: values may still grow", kind: KindUnsealed}
	if sealed {
		a.from = max(in.From, tidemark)
		a.text = "values after " + instant(tidemark) + " may still grow"
	}
	if a.from >= a.to {
		return nil
	}
	return []annotation{a}
}

// restarts are the records of replays, which count a time range again. Those of several partitions within a minute are one.
func (in *AnnotationsInput) restarts(ctx context.Context, search Search) ([]annotation, error) {
	records, err := loadReplays(ctx, in.Prefix, in.Rollup.Rollup, search)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(records, func(a, b replay) int {
		return cmp.Or(cmp.Compare(a.UpdatedAt, b.UpdatedAt), strings.Compare(a.Partition, b.Partition))
	})
	var all []annotation
	var partitions []string
	for _, r := range records {
		if r.UpdatedAt < in.From || r.UpdatedAt >= in.To {
			continue
		}
		if n := len(all); n == 0 || r.UpdatedAt-all[n-1].from >= time.Minute.Milliseconds() {
			all = append(all, annotation{from: r.UpdatedAt, title: "rebuilt from Kafka", kind: KindRestarts})
			partitions = nil
		}
		partitions = append(partitions, r.Partition)
		all[len(all)-1].text = "windows were counted again from " + some(partitions)
	}
	return all, nil
}

// some joins the first of many names.
func some(names []string) string {
	const most = 10
	if left := len(names) - most; left > 0 {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", left)
	}
	return list(names)
}
