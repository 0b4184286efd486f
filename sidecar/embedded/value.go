package embedded

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// maxTermBytes is Lucene's limit for a term.
const maxTermBytes = 32766

// value is one value of a document's field. Numbers, dates (ms) and booleans (0 or 1) are in number: of doubles, the bits.
type value struct {
	field  *field
	number int64
	text   string // of keywords
}

func doubleBits(v float64) int64 { return int64(math.Float64bits(v)) }
func bitsDouble(v int64) float64 { return math.Float64frombits(uint64(v)) }

// coerce reads a field's value as Elasticsearch does. ok is false for a value that counts as none.
func (f *field) coerce(raw gjson.Result) (v value, ok bool, why *failure) {
	v.field = f
	if raw.Type == gjson.JSON {
		return v, false, badRequest("illegal_argument_exception", "Cannot parse object as %s", f.kind)
	}
	var err error
	switch f.kind {
	case keywordKind:
		v.text = raw.Str
		if raw.Type != gjson.String {
			v.text = raw.Raw
		}
		if len(v.text) > maxTermBytes {
			return v, false, badRequest("illegal_argument_exception", "Document contains at least one immense term in field=%q (whose UTF8 encoding is longer than the max length %d)", f.name, maxTermBytes)
		}
		return v, true, nil
	case binaryKind: // it is neither indexed nor decoded
	case longKind:
		if raw.Type == gjson.String && raw.Str == "" {
			return v, false, nil
		}
		v.number, err = parseLong(raw)
	case doubleKind:
		if raw.Type == gjson.String && raw.Str == "" {
			return v, false, nil
		}
		v.number, err = parseDouble(raw)
	case dateKind:
		v.number, err = f.parseDate(literal(raw))
	case booleanKind:
		v.number, err = parseBoolean(raw)
	}
	if err != nil {
		return v, false, illegal("%v", err)
	}
	return v, true, nil
}

func literal(raw gjson.Result) string {
	if raw.Type == gjson.String {
		return raw.Str
	}
	return raw.Raw
}

func parseLong(raw gjson.Result) (int64, error) {
	text := literal(raw)
	if raw.Type != gjson.Number && raw.Type != gjson.String {
		return 0, fmt.Errorf("for input %s: not numeric", text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || strings.ContainsAny(text, "xX_") {
		return 0, fmt.Errorf("for input string: %q", text)
	}
	if v < math.MinInt64 || v >= math.MaxInt64 {
		return 0, fmt.Errorf("value [%s] is out of range for a long", text)
	}
	return int64(v), nil
}

func parseDouble(raw gjson.Result) (int64, error) {
	text := literal(raw)
	if raw.Type != gjson.Number && raw.Type != gjson.String {
		return 0, fmt.Errorf("for input %s: not numeric", text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("[double] supports only finite values, but got [%s]", text)
	}
	if err != nil || strings.ContainsAny(text, "xX_") {
		return 0, fmt.Errorf("for input string: %q", text)
	}
	return doubleBits(v), nil
}

func parseBoolean(raw gjson.Result) (int64, error) {
	switch {
	case raw.Type == gjson.True, raw.Type == gjson.String && raw.Str == "true":
		return 1, nil
	case raw.Type == gjson.False, raw.Type == gjson.String && (raw.Str == "false" || raw.Str == ""):
		return 0, nil
	}
	return 0, fmt.Errorf("failed to parse value [%s] as only [true] or [false] are allowed", literal(raw))
}

// isoLayouts are the forms that the default date format is read in.
var isoLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02", "2006-01", "2006"}

func (f *field) parseDate(text string) (int64, error) {
	format := f.format
	if format == "" {
		format = "strict_date_optional_time||epoch_millis"
		for _, layout := range isoLayouts {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UnixMilli(), nil
			}
		}
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.HasPrefix(whole, "+") || dotted && (fraction == "" || strings.Trim(fraction, "0123456789") != "") {
		return 0, fmt.Errorf("failed to parse date field [%s] with format [%s]", text, format)
	}
	return n, nil
}

// showDate is a date in its field's format.
func (f *field) showDate(ms int64) string {
	if f.format == epochMillis {
		return strconv.FormatInt(ms, 10)
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
