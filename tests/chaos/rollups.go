package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	topic       = "events"
	deadLetters = "events-dead"
	prefix      = "chaos"
	partitions  = 16

	lateness    = 2 * time.Second
	idleTimeout = 3 * time.Second
	// maxAhead is the configuration's default.
	maxAhead = 10 * time.Minute
)

// The paths of what dimensions and measures are made of.
var paths = map[string]string{"host": "host.name", "path": "log.file.path", "offset": "log.offset", "n": "n"}

// tier is a window length that rollups are kept at.
type tier struct {
	name   string // as indices and progress spell it
	length time.Duration
}

// start is the start of the window that holds a time in milliseconds.
func (t tier) start(ms int64) int64 { return ms / t.length.Milliseconds() * t.length.Milliseconds() }

// coarser are the tiers that every rollup has besides its own windows. None is ever removed.
var coarser = []tier{{"1m", time.Minute}, {"1h", time.Hour}}

// rollupSpec is a rollup as this package understands it: what the configuration is written from, and what the truth is counted by.
type rollupSpec struct {
	name       string
	window     time.Duration
	where      string
	passes     func(event) bool // what where says
	dimensions []string         // sorted
	groupings  [][]string       // sorted, without the full one
	maxKeys    int              // 0: more than there can be
	// since is the version of the configuration that the rollup came with.
	since int
	// added are measures that came with later versions; all have the measure offset.
	added []string
}

// change is one step from a configuration to the next.
type change struct {
	what string
	// rolling changes are made to one sidecar after the other, so that two configurations are at work for a while; others to all at once.
	rolling bool
	apply   func(version int, specs []rollupSpec) []rollupSpec
}

func addMeasure(rollup string) change {
	return change{what: "a measure more in " + rollup, rolling: true, apply: func(_ int, specs []rollupSpec) []rollupSpec {
		for i := range specs {
			if specs[i].name == rollup {
				specs[i].added = append(specs[i].added, "n")
			}
		}
		return specs
	}}
}

func addRollup(spec rollupSpec) change {
	return change{what: "rollup " + spec.name + " more", apply: func(version int, specs []rollupSpec) []rollupSpec {
		spec.since = version
		return append(specs, spec)
	}}
}

// changes are made one after the other; further ones make nothing new.
var changes = []change{
	addMeasure("some"),
	addRollup(rollupSpec{name: "extra", window: 5 * time.Second, dimensions: []string{"host"}, groupings: [][]string{{}}}),
	addMeasure("writes"),
	addRollup(rollupSpec{name: "more", window: 10 * time.Second, where: where, passes: notDebug, dimensions: []string{"path"}, groupings: [][]string{{}}, maxKeys: 2}),
	addMeasure("crowded"),
}

const where = `level != "debug"`

func notDebug(e event) bool { return e.Level == nil || *e.Level != "debug" }

// rollupsOf are the rollups of a version of the configuration, from 0.
func rollupsOf(version int) []rollupSpec {
	specs := []rollupSpec{
		{
			name: "writes", window: 5 * time.Second, dimensions: []string{"host", "path"},
			groupings: [][]string{{"host"}, {"path"}, {}},
		},
		{
			name: "some", window: 10 * time.Second, where: where, passes: notDebug, dimensions: []string{"path"},
			groupings: [][]string{{}},
		},
		{
			name: "crowded", window: 5 * time.Second, dimensions: []string{"host", "path"},
			groupings: [][]string{{"host"}, {}}, maxKeys: 4,
		},
	}
	for v := 1; v <= min(version, len(changes)); v++ {
		specs = changes[v-1].apply(v, specs)
	}
	return specs
}

// all are the spec's groupings, the full one first.
func (s *rollupSpec) all() [][]string { return append([][]string{s.dimensions}, s.groupings...) }

// finest is the tier of the spec's own windows, which are of whole seconds below a minute.
func (s *rollupSpec) finest() tier { return tier{s.window.String(), s.window} }

// groupingName is the grouping as documents name it.
func groupingName(dimensions []string) string {
	if len(dimensions) == 0 {
		return "total"
	}
	return strings.Join(dimensions, ",")
}

// overflows reports whether a grouping can have more keys than are kept.
func (s *rollupSpec) overflows(grouping []string) bool { return s.maxKeys > 0 && len(grouping) > 0 }

func (s *rollupSpec) settings() map[string]any {
	fields := func(names []string) map[string]string {
		all := map[string]string{}
		for _, name := range names {
			all[name] = paths[name]
		}
		return all
	}
	var tiers []string
	for _, t := range coarser {
		tiers = append(tiers, t.name)
	}
	settings := map[string]any{
		"name": s.name, "window": s.window.String(), "where": s.where, "dimensions": fields(s.dimensions),
		"measures": fields(append([]string{"offset"}, s.added...)), "conditions": map[string]string{"errors": `level == "error"`}, "groupings": s.groupings,
		"tiers": tiers,
	}
	if s.maxKeys > 0 {
		settings["max_keys"] = s.maxKeys
	}
	return settings
}

// writeConfiguration writes a version of the configuration to a file, in JSON, which is YAML too.
func writeConfiguration(path, kafka, elasticsearch string, version int) error {
	var rollups []map[string]any
	for _, spec := range rollupsOf(version) {
		rollups = append(rollups, spec.settings())
	}
	text, err := json.MarshalIndent(map[string]any{
		"kafka":         map[string]any{"brokers": []string{kafka}, "group": prefix, "session_timeout": SessionTimeout.String(), "dead_letter_topic": deadLetters},
		"elasticsearch": map[string]any{"addresses": []string{elasticsearch}, "index_prefix": prefix, "request_timeout": RequestTimeout.String()},
		"http":          map[string]any{"listen": "127.0.0.1:0"},
		"streams": []map[string]any{{
			"name": "events", "topics": []string{topic}, "lateness": lateness.String(), "idle_timeout": idleTimeout.String(),
			"clean": []map[string]any{{"drop": `level == "noise"`}}, "rollups": rollups,
		}},
	}, "", " ")
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	return os.WriteFile(path, text, 0o600)
}
