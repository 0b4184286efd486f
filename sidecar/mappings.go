package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidemark/tidemark/pkg/elastic"
)

// mappingError is an index that cannot hold what is to be written to it, since one of its fields has another type. Nothing but its users can mend that.
type mappingError struct {
	index    string
	conflict elastic.Conflict
	more     int // fields with the same trouble, in this index and others
}

// kinds are the settings of a rollup that make fields, by the first part of the field's name.
var kinds = map[string]string{"dim": "dimension", "m": "measure", "c": "condition", "d": "distinct"}

func (e *mappingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "index %s: field %s is mapped as %s, where %s is needed", e.index, e.conflict.Field, e.conflict.Has, e.conflict.Needs)
	if e.more > 0 {
		fmt.Fprintf(&b, ", and %d more fields are wrong", e.more)
	}
	b.WriteString(": ")
	if parts := strings.Split(e.conflict.Field, "."); len(parts) > 1 && kinds[parts[0]] != "" {
		fmt.Fprintf(&b, "rename the %s %q in the configuration, ", kinds[parts[0]], parts[1])
	}
	b.WriteString("set elasticsearch.index_prefix to a new name, or reindex or delete that index")
	return b.String()
}

// checkMappings compares the indices that a name or pattern matches with the mapping that is to be put, and counts them. The error is a mappingError where
// a field has another type.
func (c *catalog) checkMappings(ctx context.Context, pattern string, mapping []byte) (indices int, err error) {
	var needed elastic.Mapping
	if err := json.Unmarshal(mapping, &needed); err != nil {
		return 0, fmt.Errorf("describe the mapping: %w", err)
	}
	mappings, err := c.client.Mappings(ctx, pattern)
	if err != nil {
		return 0, err
	}
	var first *mappingError
	for _, index := range slices.Sorted(maps.Keys(mappings)) {
		conflicts := mappings[index].Conflicts(needed)
		switch {
		case len(conflicts) == 0:
		case first == nil:
			first = &mappingError{index: index, conflict: conflicts[0], more: len(conflicts) - 1}
		default:
			first.more += len(conflicts)
		}
	}
	if first != nil {
		return len(mappings), first
	}
	return len(mappings), nil
}
