package rollup

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// MaxNameLength bounds the names of rollups, dimensions, measures and conditions, in bytes.
const MaxNameLength = 64

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// ValidName reports whether a rollup, dimension, measure or condition can be called name. Names are parts of index and field names, so they are kept
// to lower-case letters, digits and underscores, and begin with a letter.
func ValidName(name string) bool {
	return len(name) <= MaxNameLength && namePattern.MatchString(name)
}

// Field is a named path into an event: a dimension, a measure or a distinct count.
type Field struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// Condition is a named expression; the events that meet it are counted separately.
type Condition struct {
	Name string `json:"name"`
	Expr string `json:"expr"`
}

// Definition says what one rollup holds. Two definitions with the same Hash give the same documents for the same log.
type Definition struct {
	Name       string  `json:"name"`
	Stream     string  `json:"stream"`
	Where      string  `json:"where,omitempty"`
	Window     Tier    `json:"window"`
	Dimensions []Field `json:"dimensions"`
	Measures   []Field `json:"measures"`
	// Percentiles are the names of the measures that keep a Sketch.
	Percentiles []string    `json:"percentiles,omitempty"`
	Conditions  []Condition `json:"conditions"`
	Distinct    []Field     `json:"distinct,omitempty"`
	MaxKeys     int         `json:"max_keys"`
	Groupings   []Grouping  `json:"groupings"`
	Tiers       []Tier      `json:"tiers,omitempty"`
	// Retention is how long each tier with a limit is kept, from fine to coarse. It is empty where the finest is kept for ever.
	Retention []Retention `json:"retention,omitempty"`
	// StreamHash stands for the stream's settings, since they decide about documents too.
	StreamHash string `json:"stream_hash"`
}

// Retention is how long one tier is kept.
type Retention struct {
	Tier Tier  `json:"tier"`
	Keep int64 `json:"keep"` // ms
}

// Kept is how long the documents of a tier are kept, in milliseconds. The second result is false where that is for ever.
func (d *Definition) Kept(t Tier) (int64, bool) {
	for _, r := range d.Retention {
		if r.Tier == t {
			return r.Keep, true
		}
	}
	return 0, false
}

// Chain is the tiers that documents of the definition are kept at, from fine to coarse: its own window first.
func (d *Definition) Chain() []Tier { return append([]Tier{d.Window}, d.Tiers...) }

// TierOf is the tier that a correction belongs to, for a window that starts at start (ms): the finest whose documents were not due to be removed when the
// watermark was in the window that starts at arrived. It follows from the log, so a replay writes to the same place.
func (d *Definition) TierOf(start, arrived int64) Tier {
	chain := d.Chain()
	for _, t := range chain {
		if keep, limited := d.Kept(t); !limited || arrived-t.Start(start) < keep {
			return t
		}
	}
	return chain[len(chain)-1]
}

// Normalize sorts everything that has no order of its own and completes the groupings: the full set of dimensions first, duplicates removed.
func (d *Definition) Normalize() {
	byName := func(a, b Field) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(d.Dimensions, byName)
	slices.SortFunc(d.Measures, byName)
	slices.SortFunc(d.Distinct, byName)
	slices.Sort(d.Percentiles)
	d.Percentiles = slices.Compact(d.Percentiles)
	slices.SortFunc(d.Conditions, func(a, b Condition) int { return strings.Compare(a.Name, b.Name) })
	slices.Sort(d.Tiers)
	d.Tiers = slices.Compact(d.Tiers)
	slices.SortFunc(d.Retention, func(a, b Retention) int { return cmp.Compare(a.Tier, b.Tier) })

	full := make(Grouping, 0, len(d.Dimensions))
	for _, f := range d.Dimensions {
		full = append(full, f.Name)
	}
	groupings := []Grouping{full}
	seen := map[string]bool{full.String(): true}
	for _, g := range d.Groupings {
		g = g.sorted()
		if name := g.String(); !seen[name] {
			seen[name] = true
			groupings = append(groupings, g)
		}
	}
	d.Groupings = groupings
}

// Hash identifies the definition: 16 hexadecimal digits. It covers every setting that decides about a document.
func (d *Definition) Hash() string {
	c := *d
	if len(c.Retention) == 0 {
		c.Tiers = nil // coarser tiers are made of the documents, they do not decide about them
	}
	text, err := json.Marshal(&c)
	if err != nil {
		panic(fmt.Sprintf("hash definition of rollup %q: %v", d.Name, err)) // plain strings and numbers cannot fail to marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Union is the definition with all fields, windows and tiers that the others have besides, for a template and a mapping that hold the documents of all.
func (d *Definition) Union(others []Definition) *Definition {
	u := *d
	for i := range others {
		o := &others[i]
		u.Dimensions = addFields(u.Dimensions, o.Dimensions)
		u.Measures = addFields(u.Measures, o.Measures)
		u.Distinct = addFields(u.Distinct, o.Distinct)
		for _, name := range o.Percentiles {
			if !slices.Contains(u.Percentiles, name) {
				u.Percentiles = append(slices.Clip(u.Percentiles), name)
			}
		}
		for _, c := range o.Conditions {
			if !slices.ContainsFunc(u.Conditions, func(known Condition) bool { return known.Name == c.Name }) {
				u.Conditions = append(slices.Clip(u.Conditions), c)
			}
		}
		for _, t := range o.Chain() {
			if t != u.Window && !slices.Contains(u.Tiers, t) {
				u.Tiers = append(slices.Clip(u.Tiers), t)
			}
		}
	}
	return &u
}

func addFields(fields, others []Field) []Field {
	for _, f := range others {
		if !slices.ContainsFunc(fields, func(known Field) bool { return known.Name == f.Name }) {
			fields = append(slices.Clip(fields), f)
		}
	}
	return fields
}

// Measure gives the position of the measure called name, or -1.
func (d *Definition) Measure(name string) int {
	return slices.IndexFunc(d.Measures, func(f Field) bool { return f.Name == name })
}

// Dimension gives the position of the dimension called name, or -1.
func (d *Definition) Dimension(name string) int {
	return slices.IndexFunc(d.Dimensions, func(f Field) bool { return f.Name == name })
}

// SmallestGrouping is the grouping with the fewest dimensions that holds all the given ones. The second result is false where a name is no dimension
// of the rollup.
func (d *Definition) SmallestGrouping(dimensions []string) (Grouping, bool) {
	var best Grouping
	found := false
	for _, g := range d.Groupings {
		if g.Contains(dimensions) && (!found || len(g) < len(best)) {
			best, found = g, true
		}
	}
	return best, found
}

// Grouping is a set of dimension names, sorted, that a rollup is kept by. The empty one is the total.
type Grouping []string

// Total is the name of the grouping without dimensions.
const Total = "total"

// String is the grouping as documents name it: the dimensions joined by commas, or Total.
func (g Grouping) String() string { return string(g.appendTo(nil)) }

func (g Grouping) appendTo(b []byte) []byte {
	if len(g) == 0 {
		return append(b, Total...)
	}
	for i, name := range g {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, name...)
	}
	return b
}

// Contains reports whether every one of the dimensions is in the grouping.
func (g Grouping) Contains(dimensions []string) bool {
	for _, d := range dimensions {
		if !slices.Contains(g, d) {
			return false
		}
	}
	return true
}

func (g Grouping) sorted() Grouping {
	s := slices.Clone(g)
	slices.Sort(s)
	return slices.Compact(s)
}
