package query

import (
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxTime is the end of the year 9999, the last that RFC 3339 can write.
const maxTime = 253402300799999

// Input is everything that an answer depends on, besides the documents.
type Input struct {
	Query Query
	// From and To bound the time range, in milliseconds since the epoch; From is before To.
	From, To int64
	// Interval is the distance between points that the panel would like, in milliseconds; 0 for the shortest there is.
	Interval int64
	// MaxDataPoints is how many points a series should have at most; 0 for no wish.
	MaxDataPoints int64
	// Rollup is what the progress index says about the query's rollup.
	Rollup *rollup.CatalogEntry
	// Prefix is the index prefix.
	Prefix string
	// Limits bound the answer; the zero value stands for DefaultLimits.
	Limits Limits
}

// Limits bound what one query may cost.
type Limits struct {
	// Buckets is how many points a series has at most.
	Buckets int64
	// Series is how many series an answer has at most; the largest are kept.
	Series int
	// Points is how many points an answer has at most, over all series.
	Points int64
	// Keys is how many combinations of dimension values are ranked; more are an error, since an exact answer would cost too much.
	Keys int
	// PageKeys is how many of them one search returns.
	PageKeys int
	// RequestBuckets is how many buckets one search may return: below Elasticsearch's search.max_buckets, 65,536.
	RequestBuckets int64
}

// DefaultLimits suit Elasticsearch's default settings and a browser.
func DefaultLimits() Limits {
	return Limits{Buckets: 11_000, Series: 1000, Points: 1_000_000, Keys: 100_000, PageKeys: 10_000, RequestBuckets: 60_000}
}

// What one search names at most: beyond, a pattern stands for all indices of the tier.
const (
	maxIndices    = 60
	maxIndexBytes = 3000
)

// plan is a query that was checked against its rollup, with everything about it decided but the series.
type plan struct {
	Query
	statistic statistic
	entry     *rollup.CatalogEntry
	limits    Limits
	tier      rollup.Tier
	grouping  rollup.Grouping
	// Buckets of the length bucket (ms) cover [start, end); there are none where nothing is sealed yet.
	start, end, bucket int64
	to                 int64
	tidemark           int64
	sealed             bool // there is a tidemark
	indices            []string
	must, mustNot      []object
}

func newPlan(in Input) (*plan, error) {
	p := &plan{Query: in.Query, entry: in.Rollup, limits: in.Limits, to: in.To}
	if p.limits == (Limits{}) {
		p.limits = DefaultLimits()
	}
	if err := p.normalize(); err != nil {
		return nil, err
	}
	if err := p.checkAgainstRollup(); err != nil {
		return nil, err
	}
	if in.From < 0 || in.To > maxTime || in.From >= in.To {
		return nil, Invalid("the time range %d to %d (ms) is not one: it begins at 1970 or later and before it ends", in.From, in.To)
	}
	p.tidemark, p.sealed = in.Rollup.Tidemark()
	p.bucket = bucketLength(p.tier.Milliseconds(), in.From, in.To, in.Interval, p.points(in.MaxDataPoints))
	p.start, p.end = alignDown(in.From, p.bucket), alignUp(in.To, p.bucket)
	if p.Read == ReadSealed {
		p.end = p.start
		if p.sealed {
			p.end = max(p.start, min(alignUp(in.To, p.bucket), alignDown(p.tidemark, p.bucket)))
		}
	}
	p.indices = indices(in.Prefix, p.Rollup, p.tier, p.start, p.end)
	if err := p.conditions(); err != nil {
		return nil, err
	}
	return p, nil
}

// points is how many points a series may have: what the panel wants, within the limits.
func (p *plan) points(wanted int64) int64 {
	most := min(p.limits.Buckets, p.limits.RequestBuckets/2)
	if wanted > 0 {
		most = min(most, wanted)
	}
	return max(most, 1)
}

func (p *plan) checkAgainstRollup() error {
	spec := &p.entry.Spec
	p.statistic = statistics[p.Stat]
	if p.statistic.ofMeasure && p.Measure == "" {
		return Invalid("%s needs a measure: rollup %q has %s", p.Stat, p.Rollup, list(names(spec.Measures)))
	}
	if p.statistic.ofMeasure && spec.Measure(p.Measure) < 0 {
		return Invalid("rollup %q has no measure %s: it has %s", p.Rollup, quote(p.Measure), list(names(spec.Measures)))
	}
	for _, name := range p.dimensions() {
		if spec.Dimension(name) < 0 {
			return Invalid("rollup %q has no dimension %s: it has %s", p.Rollup, quote(name), list(names(spec.Dimensions)))
		}
	}
	if p.Top > p.limits.Series {
		return Invalid("top is %d: at most %d are allowed", p.Top, p.limits.Series)
	}
	grouping, found := spec.SmallestGrouping(p.dimensions())
	if !found {
		return Invalid("rollup %q is kept by no grouping that holds %s", p.Rollup, list(p.dimensions()))
	}
	p.grouping = grouping
	return p.chooseTier()
}

// chooseTier takes the rollup's own window unless the query names another: only that one is certain to be complete up to the tidemark.
func (p *plan) chooseTier() error {
	spec := &p.entry.Spec
	p.tier = spec.Window
	if p.Tier != TierAuto {
		allowed := []string{TierAuto, spec.Window.String()}
		known := p.Tier == spec.Window.String()
		for _, t := range spec.Tiers {
			allowed = append(allowed, t.String())
			if p.Tier == t.String() {
				p.tier, known = t, true
			}
		}
		if !known {
			return Invalid("rollup %q has no tier %s: %s are allowed", p.Rollup, quote(p.Tier), list(allowed))
		}
	}
	if p.tier <= 0 {
		return Invalid("rollup %q has no window length in its definition", p.Rollup)
	}
	return nil
}

func names(fields []rollup.Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return all
}

// conditions are what every search of the plan filters by. Overflow documents have no dimensions, so they belong to no series and meet no filter.
func (p *plan) conditions() error {
	p.must = []object{term(rollup.FieldGrouping, p.grouping.String()), within(p.start, p.end)}
	for _, f := range p.Filters {
		clause, err := f.clause()
		if err != nil {
			return err
		}
		if f.Op == OpNoneOf || f.Op == OpMatchesNo {
			p.mustNot = append(p.mustNot, clause)
		} else {
			p.must = append(p.must, clause)
		}
	}
	if p.overflowLeftOut() {
		p.mustNot = append(p.mustNot, term(rollup.FieldOverflow, true))
	}
	return nil
}

// overflowLeftOut reports whether events over the rollup's max_keys can be missing from the answer.
func (p *plan) overflowLeftOut() bool {
	return len(p.dimensions()) > 0 && len(p.grouping) == len(p.entry.Spec.Dimensions)
}

func (p *plan) buckets() int64 { return (p.end - p.start) / p.bucket }

// request is a search of the plan's indices for aggregations over the plan's documents that meet further conditions.
func (p *plan) request(aggregations object, further ...object) (Request, error) {
	body, err := encode(aggregate(append(p.must[:len(p.must):len(p.must)], further...), p.mustNot, aggregations))
	return Request{Indices: p.indices, Body: body, Complete: p.Read == ReadSealed}, err
}

// bucketLength is the smallest multiple of the tier that is no shorter than the interval and gives at most points buckets. Buckets are aligned to the
// epoch, so a range has up to one more of them than fit into it; with a single point wanted it can have two.
func bucketLength(tier, from, to, interval, points int64) int64 {
	bucket := alignUp(max(min(interval, maxTime), tier), tier)
	if (alignUp(to, bucket)-alignDown(from, bucket))/bucket <= points {
		return bucket
	}
	parts := max(points-1, 1)
	return max(bucket, alignUp((to-from+parts-1)/parts, tier))
}

func alignDown(ms, length int64) int64 { return ms - ms%length }

func alignUp(ms, length int64) int64 { return alignDown(ms+length-1, length) }

// indices names what holds the windows that start in [start, end): the indices themselves, or their pattern where they would be too many.
func indices(prefix, name string, tier rollup.Tier, start, end int64) []string {
	pattern := []string{rollup.IndexPattern(prefix, name, tier)}
	day := 24 * time.Hour.Milliseconds()
	var all []string
	length := 0
	for ms := alignDown(start, day); ms < end; ms += day {
		index := rollup.IndexName(prefix, name, tier, ms)
		if n := len(all); n > 0 && all[n-1] == index {
			continue
		}
		length += len(index) + len(",")
		if len(all) == maxIndices || length > maxIndexBytes {
			return pattern
		}
		all = append(all, index)
	}
	if len(all) == 0 {
		return pattern
	}
	return all
}

// instant shows a time in text for people.
func instant(ms int64) string {
	return strings.Replace(time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z"), ".000Z", "Z", 1)
}
