// Package generate makes events for benchmarks: JSON as Filebeat 8 writes it to Kafka, the same for the same options, at any size and number of keys.
//
// Filebeat encodes Go maps, whose iteration begins at a random entry, so that two events of one host hardly ever have their fields in the same order. The
// events are like that too, unless Options.FixedOrder asks for what other producers do.
package generate
