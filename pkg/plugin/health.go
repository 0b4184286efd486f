package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tidemark/tidemark/pkg/elastic"
	"github.com/tidemark/tidemark/pkg/rollup"
)

const (
	// silentAfter is how long a sidecar may say nothing before the health check mentions it.
	silentAfter = time.Minute
	// healthRollups is how many rollups the message names.
	healthRollups = 10
)

// healthDetails is the machine-readable part of a health check.
type healthDetails struct {
	Version     string         `json:"version,omitempty"`
	IndexPrefix string         `json:"indexPrefix,omitempty"`
	Rollups     []rollupHealth `json:"rollups,omitempty"`
	// Sidecars are those whose live streams are read.
	Sidecars []sidecarHealth `json:"sidecars,omitempty"`
}

type sidecarHealth struct {
	URL string `json:"url"`
	// Version is what the sidecar says it is; empty where it does not.
	Version string `json:"version,omitempty"`
	// Problem is why it has no live stream for the data source; empty where it has.
	Problem string `json:"problem,omitempty"`
}

type rollupHealth struct {
	Name      string  `json:"name"`
	Tidemark  *string `json:"tidemark"`
	UpdatedAt *string `json:"updatedAt,omitempty"`
	// BehindSeconds is how far the tidemark is behind the present; null without a tidemark.
	BehindSeconds *float64 `json:"behindSeconds"`
	// SilentSeconds is how long the sidecar has told nothing, where that is more than silentAfter.
	SilentSeconds float64 `json:"silentSeconds,omitempty"`
}

// CheckHealth connects, and says which rollups there are and how fresh each is; or what is wrong and what to do.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if d.problem != nil {
		return unhealthy(d.problem.Error(), healthDetails{}), nil //nolint:nilerr // the error is the result
	}
	details := healthDetails{IndexPrefix: d.settings.prefix}
	read := make(chan struct{})
	var rollups []string // once the cluster was read
	var group sync.WaitGroup
	group.Go(func() {
		details.Sidecars = d.sidecarsHealth(ctx, func() []string { <-read; return rollups })
	})
	catalog, err := d.examine(ctx, &details)
	if err == nil {
		for i := range catalog.Rollups {
			rollups = append(rollups, catalog.Rollups[i].Rollup)
		}
	}
	close(read)
	group.Wait()
	if err != nil { // which the sidecars cannot make good: they are in the details
		return unhealthy(err.Error(), details), nil
	}
	message := d.message(catalog, &details) + sidecarsMessage(details.Sidecars)
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: message, JSONDetails: encode(details)}, nil
}

// examine asks the cluster for its version, which it notes in the details, and for the rollups, of which there is one at least.
func (d *Datasource) examine(ctx context.Context, details *healthDetails) (*rollup.Catalog, error) {
	version, err := d.client.Version(ctx)
	switch {
	case err == nil:
		details.Version = version.String()
	case errors.Is(err, elastic.ErrIncompatible):
		details.Version = version.String()
		return nil, err
	case !forbidden(err): // a key may be good for the rollups and nothing else
		return nil, err
	}
	catalog, err := d.catalog.fresh(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rollup.ProgressIndex(d.settings.prefix), err)
	}
	if len(catalog.Rollups) == 0 {
		return nil, errors.New(d.noRollups())
	}
	return catalog.Catalog, nil
}

// sidecarsHealth asks each sidecar for its status and for a live stream. rollups waits for those of the cluster; there are none where it does not tell.
func (d *Datasource) sidecarsHealth(ctx context.Context, rollups func() []string) []sidecarHealth {
	all := make([]sidecarHealth, len(d.settings.sidecars))
	var group sync.WaitGroup
	for i, address := range d.settings.sidecars {
		all[i].URL = address
		group.Go(func() {
			status, err := d.streams.sidecars.status(ctx, address)
			if err == nil {
				all[i].Version = status.Version
				err = d.streams.sidecars.try(ctx, address, askedFor(status.rollups(), rollups()))
			}
			if err != nil {
				all[i].Problem = err.Error()
			}
		})
	}
	group.Wait()
	return all
}

// askedFor is the rollup whose live stream a sidecar is asked for: the first of the cluster's that it keeps. Where only one of them tells its rollups, or
// where they have none in common, which the sidecar is to say, it is any; none where neither does.
func askedFor(kept, rollups []string) string {
	for _, name := range rollups {
		if slices.Contains(kept, name) {
			return name
		}
	}
	for _, name := range append(slices.Clone(rollups), kept...) {
		return name
	}
	return ""
}

// sidecarsMessage names those that do not answer. The rollups can be read without them.
func sidecarsMessage(all []sidecarHealth) string {
	if len(all) == 0 {
		return ""
	}
	answering := 0
	var problems []string
	for _, s := range all {
		if s.Problem == "" {
			answering++
		} else {
			problems = append(problems, s.Problem)
		}
	}
	text := fmt.Sprintf("; live streams: %d of %d sidecars answer", answering, len(all))
	if len(problems) > 0 {
		text += " [" + strings.Join(problems, "; ") + "]"
	}
	return text
}

func forbidden(err error) bool {
	var refused *elastic.Error
	return errors.As(err, &refused) && refused.Status == http.StatusForbidden
}

func (d *Datasource) message(catalog *rollup.Catalog, details *healthDetails) string {
	now := d.now()
	var parts []string
	for i := range catalog.Rollups {
		entry := &catalog.Rollups[i]
		health, text := freshness(entry, now)
		details.Rollups = append(details.Rollups, health)
		if i < healthRollups {
			parts = append(parts, text)
		}
	}
	if left := len(catalog.Rollups) - healthRollups; left > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", left))
	}
	head := "Connected"
	if details.Version != "" {
		head += " to " + details.Version
	}
	count := "1 rollup"
	if n := len(catalog.Rollups); n > 1 {
		count = fmt.Sprintf("%d rollups", n)
	}
	return fmt.Sprintf("%s; %s: %s", head, count, strings.Join(parts, ", "))
}

func freshness(entry *rollup.CatalogEntry, now time.Time) (rollupHealth, string) {
	health := rollupHealth{Name: entry.Rollup}
	text := entry.Rollup
	if tidemark, sealed := entry.Tidemark(); sealed {
		behind := now.Sub(time.UnixMilli(tidemark))
		seconds := behind.Seconds()
		health.Tidemark, health.BehindSeconds = instant(tidemark), &seconds
		text += fmt.Sprintf(" (sealed up to %s ago)", max(behind, 0).Round(time.Second))
	} else {
		text += " (nothing sealed yet)"
	}
	if updated := entry.LastUpdate(); updated != 0 {
		health.UpdatedAt = instant(updated)
		if silent := now.Sub(time.UnixMilli(updated)); silent > silentAfter {
			health.SilentSeconds = silent.Seconds()
			text += fmt.Sprintf(" [no news from the sidecar for %s: is it running?]", silent.Round(time.Second))
		}
	}
	return health, text
}

func unhealthy(message string, details healthDetails) *backend.CheckHealthResult {
	return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: message, JSONDetails: encode(details)}
}

func encode(details healthDetails) []byte {
	raw, err := json.Marshal(details)
	if err != nil {
		return []byte("{}") // plain strings and numbers cannot fail to marshal
	}
	return raw
}
