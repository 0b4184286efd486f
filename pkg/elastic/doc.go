// Package elastic is the one Elasticsearch client of Tidemark. It speaks the core of the HTTP API, which Elasticsearch 7.17 and later, OpenSearch 2 and
// later and the embedded store have in common: no licensed feature, no compatibility headers, no product check.
//
// A call is one request: nothing is retried here, since only the caller knows what may be sent again and until when. Errors are of three kinds: *Error is
// what the cluster answered, *ConnectionError says that no answer came, and anything else is a mistake in the call or its context's end. No error holds
// a credential.
package elastic
