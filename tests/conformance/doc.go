// Package conformance holds the cases that every store of rollups has to pass: the embedded one and a real Elasticsearch, through pkg/elastic. Where they
// disagree the real one is right: `go test ./tests/conformance -update`, with TIDEMARK_TEST_ELASTICSEARCH set, writes down what it answers.
//
// A case is a file in testdata: steps, each a line that begins with ">" and names a call, the call's body, and lines that begin with "<" with what it
// gives. $P stands for a prefix that no other run has.
package conformance
