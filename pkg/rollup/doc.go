// Package rollup is the contract between the sidecar, which writes rollup documents, and the plugin, which reads them: definitions, documents and
// their identities, index names and templates, tiers, and the progress that tells how far a rollup is complete. It imports nothing else of the project.
//
// Times are milliseconds since the Unix epoch in UTC, unless a name says otherwise.
package rollup
