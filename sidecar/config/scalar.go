package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	durationPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseDuration reads numbers with units, such as 500ms, 10s, 1h30m or 2d; a day has 24 hours.
func parseDuration(text string) (time.Duration, error) {
	if text == "0" {
		return 0, nil
	}
	total, rest := 0.0, text
	for rest != "" {
		part := durationPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, fmt.Errorf("%q is no duration: a number and a unit are allowed, such as 500ms, 10s, 5m, 1h30m or 2d", text)
		}
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration: %w", text, err)
		}
		total += n * float64(durationUnits[part[2]])
		rest = rest[len(part[0]):]
	}
	if text == "" {
		return 0, errors.New("the duration is empty: a number and a unit are allowed, such as 10s")
	}
	if total > math.MaxInt64/2 {
		return 0, fmt.Errorf("the duration %q is too long: 100 years at most are possible", text)
	}
	return time.Duration(math.Round(total)), nil
}

const literalSecret = "a secret cannot be written here: name an environment variable, ${NAME}, or use the key that names a file"

// isReference reports whether a text is the name of one environment variable and nothing else.
func isReference(text string) bool {
	name, ok := strings.CutPrefix(text, "${")
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, "}")
	return ok && variableName.MatchString(name)
}

// expand replaces ${NAME} by the environment's value, and $${ by ${ itself. The values are not expanded again.
func expand(text string, getenv func(string) string) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		name, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed || !variableName.MatchString(name) {
			return "", errors.New("${ begins the name of an environment variable, ${NAME}: write $${ for the two characters themselves")
		}
		value := getenv(name)
		if value == "" {
			return "", fmt.Errorf("the environment variable %s is not set, or empty", name)
		}
		b.WriteString(value)
		text = rest
	}
}
