// Package embedded is what `tidemark demo` runs instead of servers: a Kafka and an Elasticsearch-compatible store, both in this process.
//
// The store speaks the part of Elasticsearch's HTTP API that Tidemark uses, with the same answers, statuses and error types; the conformance tests run
// the same cases against it and a real Elasticsearch. Anything else is answered with status 501 and says so. It is for trying things out on one machine: it
// has one shard, no replicas and no authentication.
package embedded
