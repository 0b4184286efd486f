// Package status shows what a sidecar is doing: /healthz and /readyz for whoever runs it, /metrics for Prometheus, /status as JSON, and a page with the
// state of every partition and live charts of the rollups.
//
// The pipeline reports to a State, or is a Source of its own; the charts come from a Querier. The page's files are embedded and refer to no other host.
package status
