package plugin

import (
	"net/http"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
)

// rollupInfo is a rollup as the editors see it. Times are RFC 3339.
type rollupInfo struct {
	Name       string     `json:"name"`
	Stream     string     `json:"stream"`
	Window     string     `json:"window"`
	Tiers      []string   `json:"tiers"`
	Dimensions []string   `json:"dimensions"`
	Measures   []string   `json:"measures"`
	Conditions []string   `json:"conditions"`
	Groupings  [][]string `json:"groupings"`
	// Percentiles are the measures that percentiles can be told of, Distinct the fields whose values are counted.
	Percentiles []string        `json:"percentiles"`
	Distinct    []string        `json:"distinct"`
	Retention   []retentionInfo `json:"retention"`
	// TierProgress is empty where nothing is known of the tiers: there is the finest then.
	TierProgress []tierInfo `json:"tierProgress"`
	Definition   string     `json:"definition"`
	Tidemark     *string    `json:"tidemark"`
	// BehindSeconds is how far the tidemark is behind the present; null without one.
	BehindSeconds *float64 `json:"behindSeconds"`
	// UpdatedAt is when a sidecar told of the rollup the last time.
	UpdatedAt *string `json:"updatedAt,omitempty"`
}

// retentionInfo is how long a tier is kept, such as "48h0m0s"; a tier that is not listed is kept for ever.
type retentionInfo struct {
	Tier string `json:"tier"`
	Keep string `json:"keep"`
}

// tierInfo tells which windows of a tier there are. From is absent where the tier begins with the rollup, Through where it reaches to the present.
type tierInfo struct {
	Tier    string  `json:"tier"`
	From    *string `json:"from,omitempty"`
	Through *string `json:"through,omitempty"`
}

func (d *Datasource) listRollups(r *http.Request, _ parameters) (any, error) {
	catalog, err := d.rollups(r.Context())
	if err != nil {
		return nil, err
	}
	all := make([]rollupInfo, len(catalog.Rollups))
	for i := range catalog.Rollups {
		all[i] = describe(&catalog.Rollups[i], d.now())
	}
	return map[string]any{"rollups": all}, nil
}

func describe(entry *rollup.CatalogEntry, now time.Time) rollupInfo {
	spec := &entry.Spec
	info := rollupInfo{
		Name: entry.Rollup, Stream: entry.Stream, Window: spec.Window.String(), Definition: entry.Definition,
		Tiers: []string{spec.Window.String()}, Dimensions: fieldNames(spec.Dimensions), Measures: fieldNames(spec.Measures),
		Conditions: make([]string, len(spec.Conditions)), Groupings: make([][]string, len(spec.Groupings)),
		Percentiles: append([]string{}, spec.Percentiles...), Distinct: fieldNames(spec.Distinct),
		Retention: []retentionInfo{}, TierProgress: []tierInfo{},
	}
	for _, t := range spec.Tiers {
		info.Tiers = append(info.Tiers, t.String())
	}
	for i, c := range spec.Conditions {
		info.Conditions[i] = c.Name
	}
	for i, g := range spec.Groupings {
		info.Groupings[i] = append([]string{}, g...)
	}
	for _, kept := range spec.Retention {
		info.Retention = append(info.Retention, retentionInfo{Tier: kept.Tier.String(), Keep: (time.Duration(kept.Keep) * time.Millisecond).String()})
	}
	for _, t := range entry.Tiers {
		info.TierProgress = append(info.TierProgress, describeTier(t, spec.Window))
	}
	health, _ := freshness(entry, now)
	info.Tidemark, info.BehindSeconds, info.UpdatedAt = health.Tidemark, health.BehindSeconds, health.UpdatedAt
	return info
}

func describeTier(t rollup.TierProgress, finest rollup.Tier) tierInfo {
	info := tierInfo{Tier: t.Tier.String()}
	if t.From > 0 {
		info.From = instant(t.From)
	}
	if t.Tier != finest {
		info.Through = instant(t.Through)
	}
	return info
}

func fieldNames(fields []rollup.Field) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.Name
	}
	return all
}

func instant(ms int64) *string {
	text := time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	return &text
}
