// Package aggregate turns the log of one Kafka partition into rollup documents. What a partition contributes is a pure function of its log from an
// offset on and of the state committed for that offset: the package reads no clock, does no I/O, and gives the same bytes when a log is replayed.
package aggregate
