package embedded

import (
	"encoding/json"
	"math"
)

// metricKind is an aggregation that makes one number of a field's values.
type metricKind struct {
	typ string
	any bool // values of any type count
}

func (a *aggregation) parseMetric(o map[string]json.RawMessage) *failure {
	if f := a.takeField(o); f != nil {
		return f
	}
	delete(o, "precision_threshold") // the count is exact
	a.kind = metricKind{typ: a.typ, any: a.typ == "value_count" || a.typ == "cardinality"}
	return a.rest(o, "missing", "format", "value_type", "rehash", "execution_hint")
}

func (m metricKind) supports(k kind) bool { return k.numeric() || m.any && k == keywordKind }

func (metricKind) check(*aggregation, *mapping) *failure { return nil }

func (metricKind) bind(*bound, *mapping, *chunk) {}

func (m metricKind) state(_ *aggregationRun, a *aggregation) aggregationState {
	switch m.typ {
	case "sum", "avg":
		return &sumState{a: a, average: m.typ == "avg"}
	case "min":
		return &extremeState{a: a, sign: -1}
	case "max":
		return &extremeState{a: a, sign: 1}
	case "value_count":
		return &countState{a: a}
	default:
		return &distinctState{a: a, seen: map[any]struct{}{}}
	}
}

// sumState adds with Kahan's compensation, as Elasticsearch does.
type sumState struct {
	a                 *aggregation
	sum, compensation float64
	n                 int64
	average           bool
}

func (s *sumState) collect(b *binding, row int) {
	col := b.slots[s.a.slot].column
	first, rest, ok := col.at(row)
	if !ok {
		return
	}
	s.add(col.float(first))
	for _, v := range rest {
		s.add(col.float(v))
	}
}

func (s *sumState) add(v float64) {
	s.n++
	corrected := v - s.compensation
	sum := s.sum + corrected
	s.compensation = (sum - s.sum) - corrected
	s.sum = sum
}

func (s *sumState) value() float64 {
	if !s.average {
		return s.sum
	}
	if s.n == 0 {
		return math.NaN()
	}
	return s.sum / float64(s.n)
}

func (s *sumState) write(w *aggregationWriter) { w.metric(s.a, s.value(), !s.average || s.n > 0) }

// extremeState keeps the largest value, or with a negative sign the smallest.
type extremeState struct {
	a    *aggregation
	sign float64
	best float64
	some bool
}

func (s *extremeState) collect(b *binding, row int) {
	col := b.slots[s.a.slot].column
	first, rest, ok := col.at(row)
	if !ok {
		return
	}
	last := first
	if len(rest) > 0 {
		last = rest[len(rest)-1] // they are sorted
	}
	v := col.float(last)
	if s.sign < 0 {
		v = col.float(first)
	}
	if !s.some || v*s.sign > s.best*s.sign {
		s.best, s.some = v, true
	}
}

func (s *extremeState) value() float64 {
	if !s.some {
		return math.Inf(int(-s.sign))
	}
	return s.best
}

func (s *extremeState) write(w *aggregationWriter) { w.metric(s.a, s.best, s.some) }

// metric writes a number; dates have their text beside it.
func (w *aggregationWriter) metric(a *aggregation, v float64, some bool) {
	if !some || math.IsNaN(v) || math.IsInf(v, 0) {
		w.raw(`{"value":null}`)
		return
	}
	w.raw(`{"value":`)
	w.float(v)
	if a.mapped != nil && a.mapped.kind == dateKind {
		w.raw(`,"value_as_string":`)
		w.string(a.mapped.showDate(int64(v)))
	}
	w.raw("}")
}

// countState counts values.
type countState struct {
	a *aggregation
	n int64
}

func (s *countState) collect(b *binding, row int) {
	if _, rest, ok := b.slots[s.a.slot].column.at(row); ok {
		s.n += int64(1 + len(rest))
	}
}

func (s *countState) value() float64 { return float64(s.n) }

func (s *countState) write(w *aggregationWriter) {
	w.raw(`{"value":`)
	w.int(s.n)
	w.raw("}")
}

// distinctState counts distinct values, exactly.
type distinctState struct {
	a    *aggregation
	seen map[any]struct{}
}

func (s *distinctState) collect(b *binding, row int) {
	col := b.slots[s.a.slot].column
	first, rest, ok := col.at(row)
	if !ok {
		return
	}
	s.see(col, first)
	for _, v := range rest {
		s.see(col, v)
	}
}

func (s *distinctState) see(col *column, v int64) {
	var key any = v
	if col.kind == keywordKind {
		key = col.words[v]
	}
	s.seen[key] = struct{}{}
}

func (s *distinctState) value() float64 { return float64(len(s.seen)) }

func (s *distinctState) write(w *aggregationWriter) {
	w.raw(`{"value":`)
	w.int(int64(len(s.seen)))
	w.raw("}")
}
