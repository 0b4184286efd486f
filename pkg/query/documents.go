package query

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// pagesAtOnce is how many pages of documents one step asks for: they are held in memory together.
const pagesAtOnce = 4

// fromDocuments makes the series of a statistic of sketches: all documents are read in the order of time, so that of each series the sketches of one bucket
// are held at a time, and that of the whole range for the ranking.
func (r *run) fromDocuments(ctx context.Context, s sketched) (*table, error) {
	sources, err := r.plan.sources(0)
	if err != nil {
		return nil, err
	}
	if err := r.countDocuments(ctx, sources); err != nil {
		return nil, err
	}
	totals := map[key]*metrics{}
	if len(r.plan.GroupBy) > 0 && !r.plan.lookback.none() {
		if totals, err = r.totals(ctx, nil); err != nil {
			return nil, err
		}
	}
	g := r.gather(s, sources, len(r.plan.GroupBy))
	g.totals = totals
	if err := g.read(ctx, r.plan.mustNotOverflow()); err != nil {
		return nil, err
	}
	var keys []key
	if len(r.plan.GroupBy) > 0 {
		if keys, err = r.chosen(totals); err != nil {
			return nil, err
		}
	}
	t := r.plan.newTable(keys)
	for k, cells := range g.settled {
		if i, chosen := t.byKey[k]; chosen {
			for at, m := range cells {
				t.series[i].cells[at] = m
			}
		}
	}
	if !r.plan.hasOther() {
		return t, nil
	}
	rest := r.gather(s, sources, 0)
	if err := rest.read(ctx, r.plan.mustNotKeys(keys)); err != nil {
		return nil, err
	}
	for at, m := range rest.settled[key{}] {
		t.series[len(t.series)-1].cells[at] = m
	}
	r.otherEvents = rest.events
	return t, nil
}

// countDocuments finds how many documents are to be read, before any is, and what the notices tell of them.
func (r *run) countDocuments(ctx context.Context, sources []source) error {
	var requests []Request
	for i := range sources {
		s := &sources[i]
		aggregations := object{"documents": object{"value_count": object{"field": rollup.FieldTime}}}
		r.countAlong(aggregations)
		request, err := r.plan.request(s, aggregations, r.plan.mustNotOverflow())
		if err != nil {
			return err
		}
		requests = append(requests, request)
	}
	overflow, err := r.overflowRequests()
	if err != nil {
		return err
	}
	requests = append(requests, overflow...)
	responses, err := r.ask(ctx, requests)
	if err != nil {
		return err
	}
	documents := int64(0)
	type found struct {
		Documents number `json:"documents"`
		counted
	}
	for _, response := range responses {
		answer, err := read[found](response)
		if err != nil {
			return err
		}
		r.count(&answer.counted, false)
		documents += int64(answer.Documents.value)
	}
	return r.plan.checkDocuments(documents)
}

func (p *plan) checkDocuments(n int64) error {
	if n <= p.limits.Documents {
		return nil
	}
	return Invalid("%s would have to read %s documents: at most %s are read. Choose a longer interval, so that a coarser tier is read, a shorter range, fewer groups, or filter",
		p.Stat, thousands(n), thousands(p.limits.Documents))
}

// gathering is documents on their way into the buckets of series.
type gathering struct {
	run       *run
	statistic sketched
	depth     int // how many of the dimensions make a series
	units     []unit
	shared    []int // of each bucket, how many sources have a part in it
	// common are the buckets that several sources have a part in, until all are read; settled is what became of the others.
	common  map[place]*metrics
	settled map[key]map[int]metrics
	totals  map[key]*metrics // over the range; nil where nothing is ranked

	documents int64
	events    float64
	held      int // sketches
	encoded   []byte
}

type place struct {
	bucket int
	key    key
}

// unit is one source on its way.
type unit struct {
	source *source
	after  json.RawMessage
	done   bool
	bucket int
	open   map[key]*metrics // of that bucket
}

func (r *run) gather(s sketched, sources []source, depth int) *gathering {
	g := &gathering{run: r, statistic: s, depth: depth, common: map[place]*metrics{}, settled: map[key]map[int]metrics{}, shared: make([]int, len(r.plan.buckets))}
	for i := range sources {
		g.units = append(g.units, unit{source: &sources[i], bucket: sources[i].first, open: map[key]*metrics{}})
		for at := sources[i].first; at < sources[i].end; at++ {
			g.shared[at]++
		}
	}
	return g
}

// read goes through the documents of all sources, page by page.
func (g *gathering) read(ctx context.Context, mustNot []object) error {
	for {
		var open []*unit
		var requests []Request
		for i := range g.units {
			u := &g.units[i]
			if u.done || len(open) == pagesAtOnce {
				continue
			}
			request, err := g.request(u, mustNot)
			if err != nil {
				return err
			}
			open, requests = append(open, u), append(requests, request)
		}
		if len(open) == 0 {
			break
		}
		responses, err := g.run.ask(ctx, requests)
		if err != nil {
			return err
		}
		for i, response := range responses {
			if err := g.take(open[i], response); err != nil {
				return err
			}
		}
	}
	for at, m := range g.common {
		g.settle(at.bucket, at.key, m)
	}
	return nil
}

func (g *gathering) request(u *unit, mustNot []object) (Request, error) {
	p := g.run.plan
	fields := []string{rollup.FieldTime, rollup.FieldCount, g.statistic.field()}
	for _, name := range p.GroupBy[:g.depth] {
		fields = append(fields, rollup.DimensionField(name))
	}
	conditions := object{"filter": append(p.clausesAt(u.source), p.must...)}
	if not := append(slices.Clone(p.mustNot), mustNot...); len(not) > 0 {
		conditions["must_not"] = not
	}
	body := object{
		"size": g.statistic.page(), "track_total_hits": false, "_source": fields, "query": object{"bool": conditions},
		// Documents of one time are in one index of one shard, where each has a sequence number of its own.
		"sort": []object{{rollup.FieldTime: "asc"}, {"_seq_no": "asc"}},
	}
	if len(u.after) > 0 {
		body["search_after"] = u.after
	}
	raw, err := encode(body)
	return p.requestOf(u.source, raw), err
}

func (g *gathering) take(u *unit, response Response) error {
	for _, hit := range response.Hits {
		if err := g.document(u, hit); err != nil {
			return err
		}
	}
	if g.documents += int64(len(response.Hits)); g.documents > g.run.plan.limits.Documents {
		return g.run.plan.checkDocuments(g.documents)
	}
	u.done = len(response.Hits) < g.statistic.page() || len(response.After) == 0
	u.after = response.After
	if u.done {
		g.close(u)
	}
	return nil
}

func (g *gathering) document(u *unit, source json.RawMessage) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(source, &fields); err != nil {
		return fmt.Errorf("read a rollup document: %w", err)
	}
	var at, count int64
	var k key
	if err := json.Unmarshal(fields[rollup.FieldTime], &at); err != nil {
		return fmt.Errorf("read the field %s of a rollup document: %w", rollup.FieldTime, err)
	}
	if err := json.Unmarshal(fields[rollup.FieldCount], &count); err != nil {
		return fmt.Errorf("read the field %s of a rollup document: %w", rollup.FieldCount, err)
	}
	for i, name := range g.run.plan.GroupBy[:g.depth] {
		if err := json.Unmarshal(fields[rollup.DimensionField(name)], &k[i]); err != nil {
			return fmt.Errorf("read the field %s of a rollup document: %w", rollup.DimensionField(name), err)
		}
	}
	g.events += float64(count)
	if u.bucket < u.source.end-1 && g.run.plan.buckets[u.bucket].to <= at {
		g.close(u)
		for u.bucket < u.source.end-1 && g.run.plan.buckets[u.bucket].to <= at {
			u.bucket++
		}
	}
	m := u.open[k]
	if m == nil {
		if err := g.hold(); err != nil {
			return err
		}
		m = &metrics{}
		u.open[k] = m
	}
	m.found = true
	return g.sketch(fields[g.statistic.field()], m)
}

func (g *gathering) sketch(field json.RawMessage, m *metrics) error {
	if len(field) == 0 {
		return nil // no event of the document has the value
	}
	var text string
	if err := json.Unmarshal(field, &text); err != nil {
		return fmt.Errorf("read the field %s of a rollup document: %w", g.statistic.field(), err)
	}
	encoded, err := base64.StdEncoding.AppendDecode(g.encoded[:0], []byte(text))
	if err != nil {
		return fmt.Errorf("read the field %s of a rollup document: %w", g.statistic.field(), err)
	}
	g.encoded = encoded
	return g.statistic.read(encoded, m)
}

// hold counts a sketch that is held from now on.
func (g *gathering) hold() error {
	if g.held++; g.held > g.run.plan.limits.Sketches {
		return Invalid("%s of so many series needs more than %s sketches in memory: filter, or group by fewer dimensions", g.run.plan.Stat, thousands(int64(g.run.plan.limits.Sketches)))
	}
	return nil
}

// close ends the bucket that a source has open.
func (g *gathering) close(u *unit) {
	for k, m := range u.open {
		if g.shared[u.bucket] == 1 {
			g.settle(u.bucket, k, m)
			g.held--
			continue
		}
		at := place{u.bucket, k}
		if before := g.common[at]; before == nil {
			g.common[at] = m
		} else {
			g.statistic.merge(before, m)
			g.held--
		}
	}
	clear(u.open)
}

// settle keeps a bucket's value and lets go of its sketches.
func (g *gathering) settle(at int, k key, m *metrics) {
	if g.totals != nil && at >= g.run.plan.lead {
		total := g.totals[k]
		if total == nil {
			total = &metrics{}
			g.totals[k] = total
			g.held++ // it is checked with the next one
		}
		g.statistic.merge(total, m)
	}
	settle(g.statistic, m)
	if g.settled[k] == nil {
		g.settled[k] = map[int]metrics{}
	}
	g.settled[k][at] = *m
}
