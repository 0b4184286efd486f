// Package live keeps what all members of the group counted in the last minutes, so that any of them can tell it.
//
// Each member writes what it counts of its partitions as batches, by the second, into one topic of one partition, and reads the whole of it. So all
// members see the same batches in the same order, and decide in the same way which of them hold.
package live
