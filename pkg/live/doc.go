// Package live is the contract of the live stream: events of the last minutes, in buckets of a second or more, as an Apache Arrow IPC stream.
//
// A stream has one schema, which its first message tells. Every record batch begins with a row that has a note alone, as JSON; the rows after it hold the
// events of a bucket and a key each. Rows are whole values: one that comes again for the same bucket and key replaces the one before.
//
//	column         type                what
//	note           utf8                of the first row: what kind of batch it is, and what it tells besides rows
//	start          timestamp[ms, UTC]  the bucket's start
//	dim.<name>     utf8                a dimension that is grouped by
//	count          int64               events
//	bytes          int64               bytes of their Kafka values
//	m.<name>.count int64               events that carry the measure
//	m.<name>.sum   float64             and their sum, smallest and largest; 0 where there are none
//	m.<name>.min   float64
//	m.<name>.max   float64
//	c.<name>       int64               events that met the condition
//
// The schema's metadata hold the version of all this, the rollup, and the length of the buckets.
package live
