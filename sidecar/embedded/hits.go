package embedded

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// hit is a document that may be on the page.
type hit struct {
	ix   *index
	row  int64
	keys []sortKey
}

// sortKey is one value that hits are ordered by.
type sortKey struct {
	number  int64
	word    string
	missing bool
}

// hitCollector keeps the first hits in the order of a search.
type hitCollector struct {
	search *search
	kinds  []kind // of the sort fields, once an index has them
	known  []bool
	limit  int
	hits   []hit
	worst  *hit // hits behind it are not on the page; nil while there is room
	after  []sortKey
	total  int64
	// scratch is the keys of the document in hand.
	scratch []sortKey
}

func newHitCollector(s *search) *hitCollector {
	return &hitCollector{
		search: s, limit: s.from + s.size, kinds: make([]kind, len(s.sort)), known: make([]bool, len(s.sort)), scratch: make([]sortKey, len(s.sort)),
	}
}

// resolve finds the sort fields in one index, and reads the values to search after.
func (h *hitCollector) resolve(m *mapping) ([]*field, *failure) {
	fields := make([]*field, len(h.search.sort))
	for i, s := range h.search.sort {
		k := longKind
		if s.name == "_id" {
			return nil, illegal("Fielddata access on the _id field is disallowed, you can re-enable it by updating the dynamic cluster setting: indices.id_field_data.enabled")
		}
		if !s.byRow() {
			f := m.byName[s.name]
			switch {
			case f == nil && !s.allowAbsent:
				return nil, badRequest("query_shard_exception", "No mapping found for [%s] in order to sort on", s.name)
			case f == nil:
				k = s.unmapped
			case f.kind == binaryKind:
				return nil, illegal("Fielddata is not supported on field [%s] of type [binary]", s.name)
			default:
				fields[i], k = f, f.kind
			}
		}
		if h.known[i] && h.kinds[i] != k {
			return nil, illegal("Can't sort on field [%s]; the field has incompatible sort types", s.name)
		}
		h.kinds[i], h.known[i] = k, true
	}
	return fields, h.readAfter()
}

func (h *hitCollector) readAfter() *failure {
	if !h.search.hasAfter || h.after != nil {
		return nil
	}
	after := make([]sortKey, len(h.search.after))
	for i, v := range h.search.after {
		var f *failure
		if after[i], f = h.readKey(i, v); f != nil {
			return f
		}
	}
	h.after = after
	return nil
}

func (h *hitCollector) readKey(i int, v gjson.Result) (sortKey, *failure) {
	if v.Type == gjson.Null {
		return h.missing(i), nil
	}
	if h.kinds[i] == keywordKind {
		if v.Type != gjson.String {
			return sortKey{}, illegal("Failed to parse search_after value for field [%s].", h.search.sort[i].name)
		}
		return sortKey{word: v.Str}, nil
	}
	if h.kinds[i] == doubleKind {
		switch v.Str {
		case "Infinity":
			return sortKey{number: doubleBits(math.Inf(1))}, nil
		case "-Infinity":
			return sortKey{number: doubleBits(math.Inf(-1))}, nil
		}
		bits, err := parseDouble(v)
		if err != nil {
			return sortKey{}, illegal("Failed to parse search_after value for field [%s].", h.search.sort[i].name)
		}
		return sortKey{number: bits}, nil
	}
	if n, err := parseLong(v); err == nil {
		return sortKey{number: n}, nil
	}
	if n, err := parseBoolean(v); err == nil && h.kinds[i] == booleanKind {
		return sortKey{number: n}, nil
	}
	return sortKey{}, illegal("Failed to parse search_after value for field [%s].", h.search.sort[i].name)
}

// missing is the key of a document without a value: an extreme number, or no word.
func (h *hitCollector) missing(i int) sortKey {
	s := h.search.sort[i]
	largest := s.missingFirst == s.descending
	switch {
	case h.kinds[i] == keywordKind:
		return sortKey{missing: true}
	case h.kinds[i] == doubleKind && largest:
		return sortKey{number: doubleBits(math.Inf(1))}
	case h.kinds[i] == doubleKind:
		return sortKey{number: doubleBits(math.Inf(-1))}
	case largest:
		return sortKey{number: math.MaxInt64}
	}
	return sortKey{number: math.MinInt64}
}

// collect takes a matching document of a chunk.
func (h *hitCollector) collect(ix *index, c *chunk, columns []*column, row int) {
	if h.limit == 0 || len(h.search.sort) == 0 && len(h.hits) >= h.limit && h.worst != nil && h.worst.ix == ix && c.rows[row] >= h.worst.row {
		return
	}
	for i, s := range h.search.sort {
		h.scratch[i] = h.key(i, s, c, columns[i], row)
	}
	if h.after != nil && h.compareKeys(h.scratch, h.after) <= 0 {
		return
	}
	candidate := hit{ix: ix, row: c.rows[row], keys: h.scratch}
	if h.worst != nil && h.compare(candidate, *h.worst) > 0 {
		return
	}
	candidate.keys = slices.Clone(h.scratch)
	h.hits = append(h.hits, candidate)
	if len(h.hits) >= 2*h.limit+64 {
		h.cut()
	}
}

func (h *hitCollector) key(i int, s sortField, c *chunk, col *column, row int) sortKey {
	if s.byRow() {
		return sortKey{number: c.rows[row] - 1}
	}
	first, rest, ok := col.at(row)
	if !ok {
		return h.missing(i)
	}
	if s.descending && len(rest) > 0 {
		first = rest[len(rest)-1] // the largest
	}
	if col.kind == keywordKind {
		return sortKey{word: col.words[first]}
	}
	return sortKey{number: first}
}

// cut sorts the hits and lets go of those behind the page.
func (h *hitCollector) cut() {
	slices.SortFunc(h.hits, h.compare)
	if len(h.hits) >= h.limit {
		h.hits = h.hits[:h.limit]
		h.worst = &hit{}
		*h.worst = h.hits[h.limit-1]
	}
}

// page is the hits to show.
func (h *hitCollector) page() []hit {
	if h.limit == 0 {
		return nil
	}
	h.cut()
	return h.hits[min(h.search.from, len(h.hits)):]
}

func (h *hitCollector) compare(a, b hit) int {
	if order := h.compareKeys(a.keys, b.keys); order != 0 {
		return order
	}
	if order := strings.Compare(a.ix.name, b.ix.name); order != 0 {
		return order
	}
	return cmp.Compare(a.row, b.row)
}

func (h *hitCollector) compareKeys(a, b []sortKey) int {
	for i, s := range h.search.sort {
		var order int
		switch {
		case a[i].missing || b[i].missing:
			if a[i].missing == b[i].missing {
				continue
			}
			if a[i].missing == s.missingFirst { // wherever the direction leads
				return -1
			}
			return 1
		case h.kinds[i] == keywordKind:
			order = strings.Compare(a[i].word, b[i].word)
		case h.kinds[i] == doubleKind:
			order = cmp.Compare(bitsDouble(a[i].number), bitsDouble(b[i].number))
		default:
			order = cmp.Compare(a[i].number, b[i].number)
		}
		if s.descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func (h *hitCollector) shown(keys []sortKey) []any {
	values := make([]any, len(keys))
	for i, k := range keys {
		switch {
		case k.missing:
			values[i] = nil
		case h.kinds[i] == keywordKind:
			values[i] = k.word
		case h.kinds[i] == doubleKind:
			switch v := bitsDouble(k.number); {
			case math.IsInf(v, 1):
				values[i] = "Infinity"
			case math.IsInf(v, -1):
				values[i] = "-Infinity"
			default:
				values[i] = v
			}
		default:
			values[i] = json.RawMessage(appendInt(k.number))
		}
	}
	return values
}
