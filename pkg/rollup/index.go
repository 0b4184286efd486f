package rollup

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

const (
	// DefaultPrefix is the index prefix where none is configured.
	DefaultPrefix = "tidemark"
	// MaxPrefixLength bounds an index prefix, in bytes.
	MaxPrefixLength = 100
)

var prefixPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// ValidPrefix reports whether index names can begin with prefix: lower-case letters, digits, underscores and hyphens, beginning with a letter or digit.
func ValidPrefix(prefix string) bool {
	return len(prefix) <= MaxPrefixLength && prefixPattern.MatchString(prefix)
}

// IndexName is the index of the document whose window starts at start (ms): "<prefix>-<rollup>-<tier>-<yyyy.mm.dd>" in UTC, or "<yyyy.mm>" for tiers
// of an hour and longer. A document has the same index every time it is written.
func IndexName(prefix, rollup string, tier Tier, start int64) string {
	return fmt.Sprintf("%s-%s-%s-%s", prefix, rollup, tier, time.UnixMilli(start).UTC().Format(indexLayout(tier)))
}

func indexLayout(tier Tier) string {
	if tier >= monthFrom {
		return "2006.01"
	}
	return "2006.01.02"
}

// IndexSpan is the time whose windows an index holds. The second result is false where the index is none of the rollup's tier.
func IndexSpan(prefix, rollup string, tier Tier, index string) (Span, bool) {
	date, ok := strings.CutPrefix(index, strings.TrimSuffix(IndexPattern(prefix, rollup, tier), "*"))
	if !ok {
		return Span{}, false
	}
	from, err := time.Parse(indexLayout(tier), date)
	if err != nil || IndexName(prefix, rollup, tier, from.UnixMilli()) != index {
		return Span{}, false
	}
	to := from.AddDate(0, 0, 1)
	if tier >= monthFrom {
		to = from.AddDate(0, 1, 0)
	}
	return Span{From: from.UnixMilli(), To: to.UnixMilli()}, true
}

// IndexPattern matches all indices of one tier of a rollup, and no other index: a rollup's name has no hyphen and a tier begins with a digit.
func IndexPattern(prefix, rollup string, tier Tier) string {
	return fmt.Sprintf("%s-%s-%s-*", prefix, rollup, tier)
}

// IndicesOf matches all indices of a rollup, whatever tiers it has had. It matches others too where another prefix begins with this one and the rollup's name.
func IndicesOf(prefix, rollup string) string { return prefix + "-" + rollup + "-*" }

// ProgressIndex holds how far each partition has come, the definitions, and the cursors of the coarser tiers.
func ProgressIndex(prefix string) string { return prefix + "-progress" }

// TemplateName is the name of the index template of a rollup.
func TemplateName(prefix, rollup string) string { return prefix + "-" + rollup }
