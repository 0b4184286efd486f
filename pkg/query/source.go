package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// smallRange is how many buckets a range has at least that is asked for in blocks.
const smallRange = 16

// source is a span of documents that is searched by itself.
type source struct {
	tier             rollup.Tier
	from, to         int64
	interval, offset int64
	first, end       int // the buckets that have a part in it
	indices          []string
	clauses          []object
	valid            string // see Request.Valid
}

// sources are where the documents of the buckets from the first on are. Those of sealed blocks are apart: their answers can be kept.
func (p *plan) sources(first int) ([]source, error) {
	all := p.cut(first, p.blockSize())
	if len(all) > maxSources {
		all = p.cut(first, 0)
	}
	if len(all) > maxSources {
		return nil, Invalid("the range consists of more than %d parts of different tiers and definitions: choose a shorter one", maxSources)
	}
	return all, nil
}

// blockSize is how many buckets a block has: a power of two of them, of which the range has about 4 to 8. It is 0 where the range is not divided.
func (p *plan) blockSize() int64 {
	if p.token == "" || p.drawn() < smallRange {
		return 0
	}
	return 1 << (bits.Len(uint(p.drawn())) - 3)
}

func (p *plan) cut(first int, block int64) []source {
	var all []source
	for _, s := range p.segments {
		piece := p.pieces[s.piece]
		if piece.end <= first {
			continue
		}
		begin := max(piece.first, first)
		s.from = max(s.from, p.buckets[begin].from)
		if s.from >= s.to {
			continue
		}
		buckets := p.buckets[begin:piece.end]
		shares := p.shares(s.tier)
		for _, part := range parts(buckets, s.from, s.to, block, p.tidemark) {
			for _, share := range shares {
				src := source{
					tier: share.tier, from: part.From, to: part.To, interval: piece.interval, offset: piece.offset,
					first: begin + bucketAt(buckets, part.From), end: begin + bucketAt(buckets, part.To-1) + 1,
					indices: indices(p.prefix, p.Rollup, share.tier, part.From, part.To), clauses: share.clauses,
				}
				if part.To <= p.tidemark && p.token != "" {
					src.valid = p.tierToken(share.tier)
				}
				all = append(all, src)
			}
		}
	}
	return all
}

// parts cuts [from, to) into the blocks that are sealed and what is between them.
func parts(buckets []bucket, from, to, block, sealed int64) []rollup.Span {
	var all []rollup.Span
	rest := from
	for i := 0; block > 0 && i < len(buckets); i++ {
		b := buckets[i]
		last := i + int(block) - 1
		if b.from < from || b.number != alignDown(b.number, block) || last >= len(buckets) || buckets[last].number != b.number+block-1 {
			continue
		}
		if end := buckets[last].to; end <= min(to, sealed) {
			if rest < b.from {
				all = append(all, rollup.Span{From: rest, To: b.from})
			}
			all = append(all, rollup.Span{From: b.from, To: end})
			rest = end
		}
	}
	if rest < to {
		all = append(all, rollup.Span{From: rest, To: to})
	}
	return all
}

// lookbackSources are where the documents are that had to come so long before the range.
func (p *plan) lookbackSources() []source {
	if p.lookback.none() {
		return nil
	}
	first := p.steps.number(p.from)
	count := (p.lookback.length() + p.steps.length - 1) / p.steps.length
	before := p.steps.lay(first-count, first-count+1, p.shift, p.zone, p.least)
	if len(before) == 0 || before[0].from >= p.dataStart() {
		return nil
	}
	span := piece{from: before[0].from, to: p.dataStart(), interval: p.steps.length}
	some, _ := cover(span.from, span.to, dividing(p.layers(false), span))
	var all []source
	for _, s := range some {
		for _, share := range p.shares(s.tier) {
			all = append(all, source{
				tier: share.tier, from: s.from, to: s.to, indices: indices(p.prefix, p.Rollup, share.tier, s.from, s.to), clauses: share.clauses,
			})
		}
	}
	return all
}

// sealedToken stands for all that the values of sealed windows follow from, apart from the tier: it changes whenever they can have changed.
func (p *plan) sealedToken() string {
	if !p.sealed {
		return ""
	}
	type partition struct {
		ID            string
		Lineage, Late int64
		Behind        int64 // how far one has come that the tidemark does not wait for
	}
	state := struct {
		Definitions []string
		Partitions  []partition
		Generation  int64
	}{Generation: p.entry.Generation}
	for _, d := range p.definitions {
		state.Definitions = append(state.Definitions, d.hash)
	}
	for i := range p.entry.Progress {
		g := &p.entry.Progress[i]
		one := partition{ID: g.ID(), Lineage: g.Lineage, Late: g.Ledger.Late}
		if g.SealedThrough == nil || *g.SealedThrough < p.tidemark {
			one.Behind = g.Commit + 1
		}
		state.Partitions = append(state.Partitions, one)
	}
	slices.SortFunc(state.Partitions, func(a, b partition) int { return strings.Compare(a.ID, b.ID) })
	return digest(state)
}

// tierToken is sealedToken for what is read from one tier: corrections come into the windows of a coarser one later.
func (p *plan) tierToken(t rollup.Tier) string {
	for i := range p.entry.Tiers {
		if state := p.entry.Tiers[i]; state.Tier == t {
			// They grow all the time, and what is read from the tier follows from From and Through, and from how often its windows were made anew.
			state.From, state.Removed, state.Through, state.Made, state.Arrived, state.Merged = 0, 0, 0, 0, 0, 0
			return digest([]any{p.token, state})
		}
	}
	return p.token
}

func digest(state any) string {
	text, err := json.Marshal(state)
	if err != nil {
		return "" // which stands for what is not to be kept
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// clausesAt are the conditions of every search of a source, without the filters.
func (p *plan) clausesAt(s *source) []object {
	return append(slices.Clone(s.clauses), during(s.from, s.to))
}

// request is a search of a source for aggregations over the documents that meet the filters and further conditions.
func (p *plan) request(s *source, aggregations object, mustNot []object, further ...object) (Request, error) {
	must := append(append(p.clausesAt(s), p.must...), further...)
	body, err := encode(aggregate(must, append(slices.Clone(p.mustNot), mustNot...), aggregations))
	return p.requestOf(s, body), err
}

func (p *plan) requestOf(s *source, body json.RawMessage) Request {
	return Request{Indices: s.indices, Body: body, Complete: p.Read == ReadSealed, Valid: s.valid}
}
