package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// Definitions are the stream's rollups in the order of the file, normalized. Two files that mean the same give the same definitions, however they order keys
// and topics.
func (s *Stream) Definitions() []rollup.Definition {
	hash := s.hash()
	definitions := make([]rollup.Definition, 0, len(s.Rollups))
	for i := range s.Rollups {
		r := &s.Rollups[i]
		d := rollup.Definition{
			Name:        r.Name,
			Stream:      s.Name,
			Where:       strings.TrimSpace(r.Where),
			Window:      r.Window,
			Dimensions:  fields(r.Dimensions),
			Measures:    fields(r.Measures),
			Distinct:    fields(r.Distinct),
			Percentiles: slices.Clone(r.Percentiles),
			Conditions:  make([]rollup.Condition, 0, len(r.Conditions)),
			MaxKeys:     r.MaxKeys,
			Tiers:       slices.Clone(r.Tiers),
			StreamHash:  hash,
		}
		if r.Retention[r.Window] > 0 {
			for tier, kept := range r.Retention {
				d.Retention = append(d.Retention, rollup.Retention{Tier: tier, Keep: kept.Milliseconds()})
			}
		}
		for name, source := range r.Conditions {
			d.Conditions = append(d.Conditions, rollup.Condition{Name: name, Expr: strings.TrimSpace(source)})
		}
		for _, grouping := range r.Groupings {
			d.Groupings = append(d.Groupings, slices.Clone(grouping))
		}
		d.Normalize()
		definitions = append(definitions, d)
	}
	return definitions
}

func fields(paths map[string]string) []rollup.Field {
	all := make([]rollup.Field, 0, len(paths))
	for name, path := range paths {
		all = append(all, rollup.Field{Name: name, Path: path})
	}
	return all
}

// hash stands for all of the stream's settings that decide about documents; the idle timeout does not.
func (s *Stream) hash() string {
	topics := slices.Sorted(slices.Values(s.Topics))
	settings := struct {
		Topics    []string
		Format    string
		Timestamp Timestamp
		Lateness  time.Duration
		MaxAhead  time.Duration
		Clean     []Step
		Dedupe    string `json:",omitempty"`
	}{topics, s.Format, s.Timestamp, s.Lateness, s.MaxAhead, s.Clean, s.Dedupe}
	if len(settings.Clean) == 0 {
		settings.Clean = nil
	}
	text, err := json.Marshal(settings) // maps are written in the order of their keys
	if err != nil {
		panic(fmt.Sprintf("hash the settings of stream %q: %v", s.Name, err)) // strings, finite numbers and booleans cannot fail to marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
