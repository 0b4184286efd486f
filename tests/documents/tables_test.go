package documents

import (
	"regexp"
	"strings"
	"testing"
)

// underHead is the line between the head of a table and its rows.
var underHead = regexp.MustCompile(`^\|( *:?-+:? *\|)+$`)

// Rows without a head, such as those after a blank line, are shown as text.
func TestTablesHaveHeads(t *testing.T) {
	for _, d := range documents(t) {
		before := ""
		lines := strings.Split(d.prose, "\n")
		for i, line := range lines {
			isFirst := strings.HasPrefix(line, "|") && !strings.HasPrefix(before, "|")
			if isFirst && (i+1 == len(lines) || !underHead.MatchString(lines[i+1])) {
				t.Errorf("%s: %s: a row without a head", d.path, line)
			}
			before = line
		}
	}
}
