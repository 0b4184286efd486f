package rollup

import (
	"strings"
)

// TiersProgress tells how far the tiers of one rollup are made and kept. Whoever changes it has read it before, and writes it with the next version, which
// only one of two can.
type TiersProgress struct {
	Kind      string    `json:"kind"`
	Rollup    string    `json:"rollup"`
	UpdatedAt int64     `json:"updated_at"`
	Spec      TiersSpec `json:"spec"`
}

// ID is the identity of the progress document.
func (p *TiersProgress) ID() string { return strings.Join([]string{KindTiers, p.Rollup}, ":") }

// TiersSpec is the part of TiersProgress that is not searched by.
type TiersSpec struct {
	// Generation grows whenever documents of the finest tier were changed otherwise than by corrections. What is made of them later replaces what was made before.
	Generation int64 `json:"generation"`
	// Tiers are the rollup's tiers from fine to coarse, beginning with its own window.
	Tiers []TierProgress `json:"tiers"`
	// Covered are the partitions, by name and topic id, that the coarser tiers hold, with the lineage of each.
	Covered map[string]int64 `json:"covered,omitempty"`
}

// TierProgress tells which windows of one tier there are. All times are in milliseconds.
type TierProgress struct {
	Tier Tier `json:"tier"`
	// From is where the tier begins: windows that start before were removed with their index, or never made. It is a multiple of the tier.
	From int64 `json:"from"`
	// Through is the time up to which the windows of a coarser tier are made. The finest tier has none: it reaches up to the present.
	Through int64 `json:"through,omitempty"`
	// Arrived is the time up to which corrections are in the windows of a coarser tier: those that arrived before it.
	Arrived int64 `json:"arrived,omitempty"`
	// Made is the largest Through there ever was: documents of earlier windows can exist, and be out of date.
	Made int64 `json:"made,omitempty"`
	// Again are the spans of windows to be made anew, sorted and apart.
	Again []Span `json:"again,omitempty"`
}

// Span is the time from From up to, and without, To, in milliseconds.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Tier finds the progress of one tier.
func (s *TiersSpec) Tier(t Tier) (*TierProgress, bool) {
	for i := range s.Tiers {
		if s.Tiers[i].Tier == t {
			return &s.Tiers[i], true
		}
	}
	return nil, false
}
