package embedded

import (
	"cmp"
	"slices"
	"strings"
)

// column holds one field of a chunk's documents. It may be shorter than the chunk: the documents after its end lack the field.
type column struct {
	kind   kind
	values []int64 // the first value; a code of words for keywords
	states []uint8
	more   map[int][]int64 // all values, of documents with several
	words  []string
	codes  map[string]int64
}

const (
	missing uint8 = iota
	single
	several
)

func newColumn(k kind) *column { return &column{kind: k, codes: map[string]int64{}} }

// at gives the first value of a document, and the further ones.
func (c *column) at(row int) (first int64, rest []int64, ok bool) {
	if c == nil || row >= len(c.states) {
		return 0, nil, false
	}
	switch c.states[row] {
	case missing:
		return 0, nil, false
	case single:
		return c.values[row], nil, true
	}
	all := c.more[row]
	return all[0], all[1:], true
}

func (c *column) add(row int, v value) {
	n := v.number
	if c.kind == keywordKind {
		n = c.code(v.text)
	}
	for len(c.states) <= row {
		c.states = append(c.states, missing)
		c.values = append(c.values, 0)
	}
	switch c.states[row] {
	case missing:
		c.states[row], c.values[row] = single, n
	case single:
		if c.kind == keywordKind && c.values[row] == n {
			return
		}
		if c.more == nil {
			c.more = map[int][]int64{}
		}
		c.states[row], c.more[row] = several, []int64{c.values[row], n}
		c.sort(row)
	default:
		if c.kind == keywordKind && slices.Contains(c.more[row], n) {
			return
		}
		c.more[row] = append(c.more[row], n)
		c.sort(row)
	}
}

// sort keeps a document's values in order, as doc values are.
func (c *column) sort(row int) {
	slices.SortFunc(c.more[row], c.compare)
	c.values[row] = c.more[row][0]
}

func (c *column) compare(a, b int64) int {
	switch c.kind {
	case keywordKind:
		return strings.Compare(c.words[a], c.words[b])
	case doubleKind:
		return cmp.Compare(bitsDouble(a), bitsDouble(b))
	default:
		return cmp.Compare(a, b)
	}
}

func (c *column) code(text string) int64 {
	if code, ok := c.codes[text]; ok {
		return code
	}
	code := int64(len(c.words))
	c.words = append(c.words, text)
	c.codes[text] = code
	return code
}

// float is a value of the column as a number.
func (c *column) float(v int64) float64 {
	if c.kind == doubleKind {
		return bitsDouble(v)
	}
	return float64(v)
}

// chunk holds the documents of one index, grouping and span of time by columns, so that a search reads just the fields it names.
type chunk struct {
	key       chunkKey
	rows      []int64 // the documents' keys in the database
	docCounts []int32
	columns   []*column // by the fields' ordinals
	bytes     int       // about
	used      uint64    // when it was last asked for, by the cache's clock
}

func (c *chunk) column(f *field) *column {
	if f == nil || f.ordinal >= len(c.columns) {
		return nil
	}
	return c.columns[f.ordinal]
}

// Sizes for the cache's account: of a value, of a word beside its text, of a column, and of a chunk with its first columns.
const (
	valueBytes  = 9
	wordBytes   = 64
	columnBytes = 160
	chunkBytes  = 512
)

func (c *chunk) add(row int64, doc *document) {
	at := len(c.rows)
	c.rows = append(c.rows, row)
	c.docCounts = append(c.docCounts, doc.docCount)
	for _, v := range doc.values {
		for len(c.columns) <= v.field.ordinal {
			c.columns = append(c.columns, nil)
		}
		col := c.columns[v.field.ordinal]
		if col == nil {
			col = newColumn(v.field.kind)
			c.columns[v.field.ordinal] = col
			c.bytes += columnBytes
		}
		before := len(col.words)
		col.add(at, v)
		c.bytes += valueBytes
		if len(col.words) > before {
			c.bytes += wordBytes + len(v.text)
		}
	}
	c.bytes += 12
}
