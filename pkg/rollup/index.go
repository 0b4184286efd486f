package rollup

import (
	"fmt"
	"regexp"
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
	layout := "2006.01.02"
	if tier >= monthFrom {
		layout = "2006.01"
	}
	return fmt.Sprintf("%s-%s-%s-%s", prefix, rollup, tier, time.UnixMilli(start).UTC().Format(layout))
}

// IndexPattern matches all indices of one tier of a rollup, and no other index: a rollup's name has no hyphen and a tier begins with a digit.
func IndexPattern(prefix, rollup string, tier Tier) string {
	return fmt.Sprintf("%s-%s-%s-*", prefix, rollup, tier)
}

// ProgressIndex holds how far each partition has come, the definitions, and the cursors of the coarser tiers.
func ProgressIndex(prefix string) string { return prefix + "-progress" }

// TemplateName is the name of the index template of a rollup.
func TemplateName(prefix, rollup string) string { return prefix + "-" + rollup }
