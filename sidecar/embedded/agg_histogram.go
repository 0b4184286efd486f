package embedded

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// histogramKind is a bucket for each interval of time.
type histogramKind struct {
	interval, offset int64 // ms
	minDocCount      int64
	bounded          bool
	first, last      int64 // the extended bounds
	descending       bool
}

func (a *aggregation) parseHistogram(o map[string]json.RawMessage) *failure {
	if f := a.takeField(o); f != nil {
		return f
	}
	k := &histogramKind{}
	a.kind = k
	var f *failure
	if k.interval, k.offset, f = a.takeInterval(o); f != nil {
		return f
	}
	if k.minDocCount, f = a.takeNumber(o, "min_doc_count", 0, 0); f != nil {
		return f
	}
	if raw, ok := o["extended_bounds"]; ok {
		delete(o, "extended_bounds")
		if f := k.parseBounds(a.name, gjson.ParseBytes(raw)); f != nil {
			return f
		}
	}
	if raw, ok := o["order"]; ok {
		delete(o, "order")
		order := gjson.ParseBytes(raw).Get("_key").Str
		if order != "asc" && order != "desc" {
			return unsupported("an order of [date_histogram] other than by _key")
		}
		k.descending = order == "desc"
	}
	if raw, ok := o["keyed"]; ok && string(raw) == "false" {
		delete(o, "keyed")
	}
	return a.rest(o, "keyed", "hard_bounds", "missing", "calendar_interval", "interval", "params")
}

// takeInterval reads the interval and offset of a histogram.
func (a *aggregation) takeInterval(o map[string]json.RawMessage) (interval, offset int64, f *failure) {
	if raw, ok := o["fixed_interval"]; ok {
		delete(o, "fixed_interval")
		n, ok := parseInterval(gjson.ParseBytes(raw).Str)
		if !ok {
			return 0, 0, badRequest("x_content_parse_exception", "[%s] failed to parse field [fixed_interval]", a.typ)
		}
		interval = n
	} else if _, ok := o["calendar_interval"]; ok {
		return 0, 0, unsupported("calendar intervals")
	} else {
		return 0, 0, shardFailed("Invalid interval specified, must be non-null and non-empty")
	}
	if interval <= 0 {
		return 0, 0, shardFailed("Zero or negative time interval not supported")
	}
	if raw, ok := o["offset"]; ok {
		delete(o, "offset")
		v := gjson.ParseBytes(raw)
		text := strings.TrimPrefix(v.Str, "+")
		negative := strings.HasPrefix(text, "-")
		n, ok := parseInterval(strings.TrimPrefix(text, "-"))
		if v.Type == gjson.Number {
			n, ok = v.Int(), true
		}
		if !ok {
			return 0, 0, badRequest("x_content_parse_exception", "[%s] failed to parse field [offset]", a.typ)
		}
		if negative {
			n = -n
		}
		offset = n
	}
	if raw, ok := o["format"]; ok {
		delete(o, "format")
		if format := gjson.ParseBytes(raw).Str; format != epochMillis {
			return 0, 0, unsupported("the date format %q", format)
		}
	}
	if raw, ok := o["time_zone"]; ok {
		delete(o, "time_zone")
		if zone := gjson.ParseBytes(raw).Str; zone != "UTC" && zone != "Z" && zone != "+00:00" {
			return 0, 0, unsupported("time zones other than UTC")
		}
	}
	return interval, offset, nil
}

// shardFailed is a failure that Elasticsearch finds only when it searches a shard. The index is not known to it.
func shardFailed(format string, args ...any) *failure {
	return shardsFailed([]shardFailure{{why: illegal(format, args...)}})
}

var intervalUnits = []struct {
	suffix string
	ms     int64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}}

// maxIntervalMillis keeps sums of intervals and times far from overflow: ten thousand years.
const maxIntervalMillis = 366 * 10_000 * 86_400_000

func parseInterval(text string) (int64, bool) {
	for _, unit := range intervalUnits {
		if digits, ok := strings.CutSuffix(text, unit.suffix); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			n, err := strconv.ParseInt(digits, 10, 64)
			if err != nil || n > maxIntervalMillis/unit.ms {
				return 0, false
			}
			return n * unit.ms, true
		}
	}
	return 0, false
}

func (k *histogramKind) parseBounds(name string, bounds gjson.Result) *failure {
	low, high := bounds.Get("min"), bounds.Get("max")
	first, err1 := parseLong(low)
	last, err2 := parseLong(high)
	if err1 != nil || err2 != nil {
		return unsupported("[extended_bounds] other than a min and max in ms")
	}
	if first > last {
		return shardFailed("[extended_bounds.min][%d] cannot be greater than [extended_bounds.max][%d] for histogram aggregation [%s]", first, last, name)
	}
	k.bounded, k.first, k.last = true, first, last
	return nil
}

func (k *histogramKind) key(ms int64) int64 {
	return floorDivide(ms-k.offset, k.interval)*k.interval + k.offset
}

func (*histogramKind) supports(k kind) bool                  { return k == dateKind }
func (*histogramKind) check(*aggregation, *mapping) *failure { return nil }
func (*histogramKind) bind(*bound, *mapping, *chunk)         {}

func (k *histogramKind) state(r *aggregationRun, a *aggregation) aggregationState {
	return &histogramState{r: r, a: a, k: k, buckets: map[int64]*bucket{}}
}

type histogramState struct {
	r       *aggregationRun
	a       *aggregation
	k       *histogramKind
	buckets map[int64]*bucket
}

func (s *histogramState) collect(b *binding, row int) {
	first, rest, ok := b.slots[s.a.slot].column.at(row)
	if !ok {
		return
	}
	key := s.k.key(first)
	s.bucket(key).collect(b, row)
	for _, v := range rest {
		if next := s.k.key(v); next != key {
			key = next
			s.bucket(key).collect(b, row)
		}
	}
}

func (s *histogramState) bucket(key int64) *bucket {
	b := s.buckets[key]
	if b == nil {
		b = s.r.newBucket(s.a)
		s.buckets[key] = b
	}
	return b
}

func (*histogramState) value() float64 { return math.NaN() }

func (s *histogramState) write(w *aggregationWriter) {
	keys := slices.Sorted(maps.Keys(s.buckets))
	if s.k.minDocCount == 0 {
		if keys = s.allKeys(keys); keys == nil {
			w.failure = tooManyBuckets(maxBuckets)
			return
		}
	}
	if s.k.descending {
		slices.Reverse(keys)
	}
	w.raw(`{"buckets":[`)
	written := false
	for _, key := range keys {
		b := s.buckets[key]
		if b == nil {
			b = &bucket{subs: s.r.subStates(s.a.subs)}
		}
		if b.docs < s.k.minDocCount {
			continue
		}
		if written {
			w.raw(",")
		}
		written = true
		w.raw(`{"key":`)
		w.int(key)
		w.raw(`,"key_as_string":`)
		if s.a.mapped != nil {
			w.string(s.a.mapped.showDate(key))
		} else {
			w.string(strconv.FormatInt(key, 10))
		}
		w.raw(",")
		w.bucketBody(s.a, b)
		w.raw("}")
		if w.failure != nil {
			return
		}
	}
	w.raw("]}")
}

// allKeys adds the intervals without documents to sorted keys; nil where they are too many.
func (s *histogramState) allKeys(keys []int64) []int64 {
	var first, last int64
	switch {
	case len(keys) > 0 && s.k.bounded:
		first, last = min(keys[0], s.k.key(s.k.first)), max(keys[len(keys)-1], s.k.key(s.k.last))
	case len(keys) > 0:
		first, last = keys[0], keys[len(keys)-1]
	case s.k.bounded:
		first, last = s.k.key(s.k.first), s.k.key(s.k.last)
	default:
		return []int64{}
	}
	if float64(last)-float64(first) > float64(maxBuckets)*float64(s.k.interval) {
		return nil
	}
	all := make([]int64, (last-first)/s.k.interval+1)
	for i := range all {
		all[i] = first + int64(i)*s.k.interval
	}
	return all
}
