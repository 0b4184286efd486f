// Package alerts asks the data source as Grafana's alert rules do, over its real interface, while a sidecar counts events that arrive, come late and are
// counted again after a crash. An alert must see whole windows only, and values that change by counted corrections only, however soon after a window was sealed it asks.
package alerts
