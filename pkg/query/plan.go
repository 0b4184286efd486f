package query

import (
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

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
	// Length is the distance between points where it is known already, in milliseconds; 0 has it chosen. It is a multiple of the windows' length.
	Length int64
	// Keys are the values of the query's dimensions of each series where these are known already; nil has them chosen.
	Keys [][]string
	// Rollup is what the progress index says about the query's rollup.
	Rollup *rollup.CatalogEntry
	// Prefix is the index prefix.
	Prefix string
	// Limits bound the answer; what is zero stands for DefaultLimits.
	Limits Limits
}

// plan is a query that was checked against its rollup, with everything about it decided but the series.
type plan struct {
	Query
	statistic statistic
	traits    traits
	entry     *rollup.CatalogEntry
	prefix    string
	limits    Limits
	// from and to are the range that is asked for, shift is how much earlier the documents are, zone whose days are meant.
	from, to int64
	shift    duration
	lookback duration
	zone     zone
	forced   rollup.Tier // the tier that the query names; 0 for none
	length   int64       // Input.Length
	keys     []key       // Input.Keys
	// told is the span of time that a live stream told everything of; nil where documents are read.
	told *rollup.Span
	// definitions are those whose documents are read, grouping the newest one's.
	definitions []contributor
	lacking     []lack
	selective   bool // there are definitions that lack what the statistic needs
	grouping    rollup.Grouping

	steps steps
	least int64 // what the buckets' length is a multiple of, ms
	why   string
	// buckets are in the order of time. The first lead of them are not drawn, but needed for those that are. There are none where nothing is sealed yet.
	buckets  []bucket
	lead     int
	firstEnd int64 // of the first bucket, before those that are not sealed were left out
	pieces   []piece
	segments []segment
	gaps     []rollup.Span // of the buckets' documents, where no tier is kept

	tidemark      int64
	sealed        bool // there is a tidemark
	token         string
	must, mustNot []object
	notes         []data.Notice
}

func newPlan(in Input) (*plan, error) { return planFor(in, nil) }

// planFor plans for documents; or for what a live stream told, whose buckets need no windows.
func planFor(in Input, told *rollup.Span) (*plan, error) {
	p := &plan{Query: in.Query, entry: in.Rollup, prefix: in.Prefix, limits: in.Limits.completed(), from: in.From, to: in.To, length: in.Length, told: told}
	if err := p.normalize(); err != nil {
		return nil, err
	}
	if in.From < 0 || in.To > maxTime || in.From >= in.To {
		return nil, Invalid("the time range %d to %d (ms) is not one: it begins at 1970 or later and before it ends", in.From, in.To)
	}
	for _, step := range []func() error{p.readTimes, p.checkAgainstRollup, p.conditions, func() error { return p.takeKeys(in.Keys) }} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.tidemark, p.sealed = in.Rollup.Tidemark()
	if p.Format == FormatTable { // the ends of what it is of are to be near to those of the range
		in.Interval, in.MaxDataPoints = 0, 0
	}
	if err := p.divideFor(in.Interval, p.points(in.MaxDataPoints)); err != nil {
		return nil, err
	}
	p.cutUnsealed()
	if p.drawn() == 0 || told != nil {
		return p, nil
	}
	if p.Format == FormatTable {
		p.join()
	}
	if err := p.locate(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *plan) readTimes() (err error) {
	if p.zone, err = parseZone(p.Timezone); err != nil {
		return err
	}
	if p.shift, err = parseDuration("shift", p.Shift); err != nil {
		return err
	}
	p.lookback, err = parseDuration("lookback", p.Lookback)
	return err
}

// points is how many points a series may have: what the panel wants, within the limits.
func (p *plan) points(wanted int64) int64 {
	most := min(p.limits.Buckets, p.limits.RequestBuckets/2)
	if wanted > 0 {
		most = min(most, wanted)
	}
	return max(most, 1)
}

func (p *plan) checkAgainstRollup() (err error) {
	spec := &p.entry.Spec
	if spec.Window <= 0 {
		return Invalid("rollup %q has no window length in its definition", p.Rollup)
	}
	if p.statistic, err = statistics[p.Stat](&p.Query, spec); err != nil {
		return err
	}
	p.traits = p.statistic.about()
	for _, name := range p.dimensions() {
		if spec.Dimension(name) < 0 {
			return Invalid("rollup %q has no dimension %s: it has %s", p.Rollup, quote(name), list(names(spec.Dimensions)))
		}
	}
	if p.Top > p.limits.Series {
		return Invalid("top is %d: at most %d are allowed", p.Top, p.limits.Series)
	}
	if most := p.mostNamed(); p.Other && p.Top > most {
		return Invalid("top is %d with other: at most %d are allowed with %d dimensions", p.Top, most, len(p.GroupBy))
	}
	grouping, found := spec.SmallestGrouping(p.dimensions())
	if !found {
		return Invalid("rollup %q is kept by no grouping that holds %s", p.Rollup, list(p.dimensions()))
	}
	p.grouping = grouping
	return p.readTier()
}

// mostNamed is how many keys one search can name.
func (p *plan) mostNamed() int {
	if len(p.GroupBy) > 1 {
		return maxKeyClauses / len(p.GroupBy)
	}
	return maxKeysNamed
}

func (p *plan) readTier() error {
	if p.Tier == TierAuto {
		return nil
	}
	allowed := []string{TierAuto}
	tiers := p.entry.Spec.Chain()
	for _, t := range p.entry.Tiers {
		if t.Tier > p.entry.Spec.Window && !slices.Contains(tiers, t.Tier) {
			tiers = append(tiers, t.Tier)
		}
	}
	slices.Sort(tiers)
	for _, t := range tiers {
		if p.Tier == t.String() {
			p.forced = t
			return nil
		}
		allowed = append(allowed, t.String())
	}
	return Invalid("rollup %q has no tier %s: %s are allowed", p.Rollup, quote(p.Tier), list(allowed))
}

// conditions are the filters. Overflow documents have no dimensions, so they belong to no series and meet no filter.
func (p *plan) conditions() (err error) {
	p.must, p.mustNot, err = conditionsOf(p.Filters)
	return err
}

// overflowLeftOut reports whether events over the rollup's max_keys can be missing from the series.
func (p *plan) overflowLeftOut() bool { return len(p.dimensions()) > 0 }

// cutUnsealed has a sealed read end at the tidemark, with whole buckets.
func (p *plan) cutUnsealed() {
	if p.Read != ReadSealed {
		return
	}
	end := len(p.buckets)
	for end > p.lead && (!p.sealed || p.buckets[end-1].to > p.tidemark) {
		end--
	}
	p.buckets = p.buckets[:end]
	if end == p.lead {
		p.buckets = nil
	}
}

// locate finds where the documents of the buckets are.
func (p *plan) locate() error {
	if p.Format == FormatTable {
		p.pieces = []piece{pieceOf(p.buckets[0])}
	} else {
		pieces, err := p.steps.pieces(p.buckets, p.shift)
		if err != nil {
			return err
		}
		p.pieces = pieces
	}
	p.segments, p.gaps = p.segmentsOf(true)
	if len(p.segments) > maxSegments+maxPieces {
		p.segments, p.gaps = p.segmentsOf(false)
	}
	p.token = p.sealedToken()
	p.noteTiers()
	return nil
}

// drawn is how many points a series has.
func (p *plan) drawn() int { return max(len(p.buckets)-p.lead, 0) }

// start and end bound the time that is drawn.
func (p *plan) start() int64 { return p.buckets[p.lead].at }

func (p *plan) end() int64 {
	last := p.buckets[len(p.buckets)-1]
	return last.at + last.to - last.from
}

// dataStart and dataEnd bound the documents of what is drawn.
func (p *plan) dataStart() int64 { return p.buckets[p.lead].from }
func (p *plan) dataEnd() int64   { return p.buckets[len(p.buckets)-1].to }

func (p *plan) note(severity data.NoticeSeverity, text string) {
	p.notes = append(p.notes, data.Notice{Severity: severity, Text: text})
}

// indices names what holds the windows that start in [start, end): the indices themselves, or their pattern where they would be too many.
func indices(prefix, name string, tier rollup.Tier, start, end int64) []string {
	pattern := []string{rollup.IndexPattern(prefix, name, tier)}
	var all []string
	length := 0
	for ms := alignDown(start, dayLength); ms < end; ms += dayLength {
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
