// Package chaos runs sidecars as processes over a real Kafka and a real Elasticsearch while everything around them goes wrong: they are killed, frozen,
// joined by others and left; Kafka and Elasticsearch crash and come back; answers of Elasticsearch are refused, slow, lost, cut or incomplete. When that is
// over, every document, every ledger and every tidemark is compared with what the topic holds, which is counted by code of its own.
//
// What happens when follows from a seed. Which request meets which fault does not: it depends on the order of requests.
package chaos
