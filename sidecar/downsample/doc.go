// Package downsample makes a rollup's coarser tiers of the documents of the finer ones, and removes what has outlived its retention.
//
// A window of a coarser tier is made when everything that belongs to it is sealed: its documents are read in the order of their keys, merged over partitions
// and corrections, and written as whole values under ids that follow from the key. What a window holds is a pure function of the sealed documents, the time up
// to which corrections are counted, and the generation of the documents; the last two are its version. So two makers at once, or one that was taken for dead,
// do no harm, and one that dies is followed by another from where the progress document says.
package downsample
