package elastic

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mapping is an index's mapping as JSON: "properties" with its fields, and settings such as "dynamic".
type Mapping map[string]any

// Conflict is a field that an index has in another way than is needed. PutMapping cannot change that.
type Conflict struct {
	Field string
	// Has and Needs are types, with the parameter that differs where the types do not, such as "date with format strict_date".
	Has, Needs string
}

// fixed are the parameters of a field that cannot be changed, with what holds where they are absent.
var fixed = []struct{ name, absent string }{{"format", ""}, {"index", "true"}, {"doc_values", "true"}}

// Conflicts finds the fields of a mapping that is needed which m has in another way, sorted by name. What m lacks, and what it has besides, is no conflict.
func (m Mapping) Conflicts(needed Mapping) []Conflict {
	has, needs := map[string]property{}, map[string]property{}
	collect(has, "", m)
	collect(needs, "", needed)
	var conflicts []Conflict
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		if existing, ok := has[name]; ok {
			if c, differs := existing.differs(needs[name]); differs {
				c.Field = name
				conflicts = append(conflicts, c)
			}
		}
	}
	return conflicts
}

type property map[string]any

// collect gives every field and object its full name: a field "a.b" may be written with its dot, or as b within a.
func collect(into map[string]property, path string, body map[string]any) {
	properties, _ := body["properties"].(map[string]any)
	for name, value := range properties {
		p, ok := value.(map[string]any)
		if !ok {
			continue
		}
		full := path + name
		for i := range len(name) {
			if name[i] == '.' {
				if parent := path + name[:i]; into[parent] == nil {
					into[parent] = property{}
				}
			}
		}
		into[full] = p
		collect(into, full+".", p)
	}
}

func (p property) kind() string {
	if kind, ok := p["type"].(string); ok {
		return kind
	}
	return "object"
}

func (p property) differs(needs property) (Conflict, bool) {
	if a, b := p.kind(), needs.kind(); a != b {
		return Conflict{Has: a, Needs: b}, true
	} else if a == "object" {
		has, needed := p.text("enabled", "true"), needs.text("enabled", "true")
		return Conflict{Has: p.describe("enabled", has), Needs: needs.describe("enabled", needed)}, has != needed
	}
	for _, f := range fixed {
		if a, b := p.text(f.name, f.absent), needs.text(f.name, f.absent); a != b {
			return Conflict{Has: p.describe(f.name, a), Needs: needs.describe(f.name, b)}, true
		}
	}
	return Conflict{}, false
}

func (p property) text(name, absent string) string {
	if v, ok := p[name]; ok {
		return strings.ToLower(fmt.Sprint(v))
	}
	return absent
}

func (p property) describe(name, value string) string {
	if value == "" {
		return fmt.Sprintf("%s without %s", p.kind(), name)
	}
	return fmt.Sprintf("%s with %s %s", p.kind(), name, value)
}
