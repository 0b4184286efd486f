// Package query turns the queries of panels and alerts into Elasticsearch searches over rollup documents, and the answers into data frames. It does no
// input or output and reads no clock: searches go through a function that the caller gives, so the same code serves the plugin, the sidecar's page and
// tests.
//
// A query is read with Parse and answered with Run. The answer is exact: top series are chosen by their value over the whole range and not by what each
// shard found first, averages are sums over counts, and a bucket without documents is zero only where the rollup is sealed.
//
// Times are milliseconds since the Unix epoch in UTC, unless a name says otherwise.
package query
