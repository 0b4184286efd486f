package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// maxChangeBytes bounds the words for one change of a definition: expressions can be long.
const maxChangeBytes = 1000

// redefinitions are the moments at which definitions came into force, with what changed. The first one is the beginning of the rollup.
func (in *AnnotationsInput) redefinitions() []annotation {
	var all []annotation
	before := (*rollup.Definition)(nil)
	for _, d := range definitions(in.Rollup) {
		spec := d.Spec
		title, text := "rollup defined", "definition "+d.Definition
		if before != nil {
			title, text = "rollup redefined", strings.Join(changes(before, &spec), "; ")
		}
		if d.Since > 0 && d.Since >= in.From && d.Since < in.To {
			all = append(all, annotation{from: d.Since, title: title, text: cut(text, maxChangeBytes), kind: KindRedefinitions})
		}
		before = &spec
	}
	return all
}

// changes says in words what a definition has changed against the one before it.
func changes(before, after *rollup.Definition) []string {
	var all []string
	value := func(what, a, b string) {
		if a != b {
			all = append(all, fmt.Sprintf("%s %s instead of %s", what, orNone(b), orNone(a)))
		}
	}
	set := func(what string, a, b []string) {
		for _, name := range b {
			if !slices.Contains(a, name) {
				all = append(all, what+" "+name+" added")
			}
		}
		for _, name := range a {
			if !slices.Contains(b, name) {
				all = append(all, what+" "+name+" removed")
			}
		}
	}
	value("window", before.Window.String(), after.Window.String())
	value("where", before.Where, after.Where)
	set("dimension", described(before.Dimensions), described(after.Dimensions))
	set("measure", described(before.Measures), described(after.Measures))
	set("percentiles of", before.Percentiles, after.Percentiles)
	set("condition", expressions(before.Conditions), expressions(after.Conditions))
	set("distinct", described(before.Distinct), described(after.Distinct))
	set("grouping", groupingNames(before.Groupings), groupingNames(after.Groupings))
	value("max_keys", strconv.Itoa(before.MaxKeys), strconv.Itoa(after.MaxKeys))
	if before.StreamHash != after.StreamHash {
		all = append(all, "settings of the stream changed")
	}
	set("tier", tierNames(before.Tiers), tierNames(after.Tiers))
	if len(all) == 0 {
		all = append(all, "nothing that the definition names")
	}
	return all
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// described names fields with their paths where these have other names, so that another path is a change.
func described(fields []rollup.Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
		if f.Path != f.Name && f.Path != "" {
			all[i] += " (" + f.Path + ")"
		}
	}
	return all
}

func expressions(conditions []rollup.Condition) []string {
	all := make([]string, len(conditions))
	for i, c := range conditions {
		all[i] = c.Name + " (" + c.Expr + ")"
	}
	return all
}

func groupingNames(groupings []rollup.Grouping) []string {
	all := make([]string, len(groupings))
	for i, g := range groupings {
		all[i] = g.String()
	}
	return all
}

func tierNames(tiers []rollup.Tier) []string {
	all := make([]string, len(tiers))
	for i, t := range tiers {
		all[i] = t.String()
	}
	return all
}
