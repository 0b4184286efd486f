// Package health writes what a sidecar is doing to Kafka, so that it can be kept and shown as any other stream is: a Meter compares what was counted by now
// with what it told last, and Run turns that into events every period.
//
// # Events
//
// Every event is one JSON object with its keys in a fixed order. All events have
//
//	timestamp   seconds since the Unix epoch, with milliseconds
//	kind        "partition" or "sidecar"
//	sidecar     the sidecar's name, as the progress index has it in owner: the host's and the process's number
//
// so that a rollup says which it means with `where: kind == "partition"`. Each period makes an event of kind "partition" for each rollup and partition that
// the sidecar owns. Its key in Kafka is the partition. It has
//
//	stream, rollup
//	partition              "topic/3"
//	entered                records that came into the partition: how far the end of its log went
//	consumed               events read
//	settled                events that nothing can happen to any more: their documents are acknowledged and their offset is committed, or they are in none
//	written                those of them that are in documents
//	filtered, undecodable, quarantined, late, rejected
//	                       events read, by outcome; rejected ones when Elasticsearch refused their documents
//	lag                    events between the next one to read and the end of the log, at present
//	tidemark_age_seconds   now less the time up to which the partition is sealed, at present
//
// What enters is consumed, and what is consumed is settled once its windows are sealed: over a while entered, consumed and settled are the same, where the
// partition holds nothing but events. A transaction's markers have entered, too, and so have records that Kafka deletes unread; and who takes a partition over
// consumes again what was not settled. Settled and written tell of no event twice.
//
// One event of kind "sidecar", with the sidecar as its key, has
//
//	retries       documents sent again
//	cpu_seconds   the CPU time of the process
//	memory        bytes of memory that the process has at present
//
// All but what is said to be at present is of the time since the sidecar's event before. Where there is none, as in the first one after the sidecar started
// or took the partition over, these are left out: missing is not zero. So are values that are not known, such as the age before anything was sealed.
package health
