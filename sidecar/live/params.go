package live

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	wire "github.com/tidemark/tidemark/pkg/live"
	"github.com/tidemark/tidemark/pkg/rollup"
)

// What one subscription asks for at most.
const (
	maxGroupBy  = 5
	maxFilters  = 20
	minInterval = time.Second
	maxInterval = 5 * time.Minute
)

// Format is how a stream is written.
type Format string

// The formats of a stream.
const (
	FormatArrow Format = "arrow"
	FormatJSON  Format = "json"
)

// Encoding is a format with its compression, which JSON has none of.
type Encoding struct {
	Format      Format
	Compression wire.Compression
}

// Condition is one filter in compiled form.
type Condition struct {
	Dimension string
	// Key is the same for filters that mean the same.
	Key string
	// Match reports whether events with the value of the dimension are counted. It is called by several goroutines at once.
	Match func(value string) bool
}

// Query is what a view shows.
type Query struct {
	Rollup     string
	GroupBy    []string
	Conditions []Condition
	// Interval is the length of the buckets in milliseconds, a multiple of 1000.
	Interval int64
}

// key is the same for queries with the same view.
func (q *Query) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %q", q.Rollup, q.Interval, q.GroupBy)
	for i := range q.Conditions {
		fmt.Fprintf(&b, " %q", q.Conditions[i].Key)
	}
	return b.String()
}

// request is what the parameters of the endpoint ask for.
type request struct {
	Query
	Encoding
	Once bool
}

// errUnknownRollup is for a rollup that the configuration does not have.
var errUnknownRollup = errors.New("unknown rollup")

// parameters are those that exist, and whether they can come again.
var parameters = map[string]bool{"rollup": false, "groupBy": true, "filter": true, "interval": false, "format": false, "compression": false, "once": false}

// parse reads the parameters of a request. Errors say what is wrong and what is allowed.
func (h *Hub) parse(values url.Values) (request, error) {
	r := request{Encoding: Encoding{Format: FormatArrow, Compression: wire.Uncompressed}}
	for name, all := range values {
		again, known := parameters[name]
		if !known {
			return r, fmt.Errorf("unknown parameter %s: rollup, groupBy, filter, interval, format, compression and once are allowed", quote(name))
		}
		if len(all) > 1 && !again {
			return r, fmt.Errorf("the parameter %s is there %d times: once is allowed", name, len(all))
		}
	}
	definition, err := h.rollup(values.Get("rollup"))
	if err != nil {
		return r, err
	}
	r.Rollup = definition.Name
	if r.Interval, err = h.parseInterval(values.Get("interval")); err != nil {
		return r, err
	}
	if err := r.parseEncoding(values.Get("format"), values.Get("compression")); err != nil {
		return r, err
	}
	switch once := values.Get("once"); once {
	case "", "false":
	case "true":
		r.Once = true
	default:
		return r, fmt.Errorf("once is %s: true and false are allowed", quote(once))
	}
	if r.GroupBy, err = parseGroupBy(values["groupBy"], definition); err != nil {
		return r, err
	}
	r.Conditions, err = h.parseFilters(values["filter"], definition)
	return r, err
}

func (h *Hub) rollup(name string) (*rollup.Definition, error) {
	if name == "" {
		return nil, errors.New("the parameter rollup is needed: the name of a rollup")
	}
	if r, known := h.rollups[name]; known {
		return r, nil
	}
	return nil, fmt.Errorf("%w: there is no rollup %s in the configuration", errUnknownRollup, quote(name))
}

// parseInterval takes buckets of which the last one that ended is always within the history.
func (h *Hub) parseInterval(text string) (int64, error) {
	if text == "" {
		return minInterval.Milliseconds(), nil
	}
	most := max(minInterval, min(maxInterval, (h.opts.History/2).Truncate(time.Second)))
	d, err := time.ParseDuration(text)
	if err != nil || len(text) > 20 || d < minInterval || d > most || d%time.Second != 0 {
		why := ""
		if most < maxInterval {
			why = ", which is half of live.history"
		}
		return 0, fmt.Errorf("interval is %s: whole seconds from 1s to %s are allowed%s", quote(text), show(most), why)
	}
	return d.Milliseconds(), nil
}

// show is a duration of whole seconds without parts that are 0.
func show(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

func (e *Encoding) parseEncoding(format, compression string) error {
	if format != "" {
		e.Format = Format(format)
	}
	if compression != "" {
		e.Compression = wire.Compression(compression)
	}
	if !slices.Contains([]Format{FormatArrow, FormatJSON}, e.Format) {
		return fmt.Errorf("format is %s: arrow and json are allowed", quote(format))
	}
	if !slices.Contains([]wire.Compression{wire.Uncompressed, wire.LZ4, wire.Zstd}, e.Compression) {
		return fmt.Errorf("compression is %s: none, lz4 and zstd are allowed", quote(compression))
	}
	if e.Format == FormatJSON && e.Compression != wire.Uncompressed {
		return fmt.Errorf("compression is %s: JSON lines have none, only arrow has", e.Compression)
	}
	return nil
}

// parseGroupBy keeps the order, which is that of the columns.
func parseGroupBy(names []string, d *rollup.Definition) ([]string, error) {
	var groupBy []string
	for _, name := range names {
		if err := checkDimension(name, d); err != nil {
			return nil, fmt.Errorf("groupBy: %w", err)
		}
		if slices.Contains(groupBy, name) {
			continue
		}
		if len(groupBy) == maxGroupBy {
			return nil, fmt.Errorf("groupBy has more than %d dimensions", maxGroupBy)
		}
		groupBy = append(groupBy, name)
	}
	return groupBy, nil
}

func (h *Hub) parseFilters(texts []string, d *rollup.Definition) ([]Condition, error) {
	if len(texts) > maxFilters {
		return nil, fmt.Errorf("there are %d filters: at most %d are allowed", len(texts), maxFilters)
	}
	var conditions []Condition
	for _, text := range texts {
		c, err := h.opts.Filter(text)
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		if err := checkDimension(c.Dimension, d); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		conditions = append(conditions, *c)
	}
	slices.SortFunc(conditions, func(a, b Condition) int { return strings.Compare(a.Key, b.Key) })
	return slices.CompactFunc(conditions, func(a, b Condition) bool { return a.Key == b.Key }), nil
}

func checkDimension(name string, d *rollup.Definition) error {
	if d.Dimension(name) >= 0 {
		return nil
	}
	names := make([]string, len(d.Dimensions))
	for i, f := range d.Dimensions {
		names[i] = f.Name
	}
	allowed := "it has none"
	if len(names) > 0 {
		allowed = strings.Join(names, ", ") + " are there"
	}
	return fmt.Errorf("the rollup %s has no dimension %s: %s", d.Name, quote(name), allowed)
}

// quote shows text from outside within an error, cut to a readable length.
func quote(s string) string {
	const longest = 80
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
