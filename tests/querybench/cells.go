package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"github.com/tidemark/tidemark/pkg/rollup"
	"github.com/tidemark/tidemark/sidecar/generate"
)

// The tiers of the benchmark's rollup.
const (
	tierFine   = 10 * time.Second
	tierMiddle = time.Minute
	tierCoarse = time.Hour
)

// cell is what one source wrote in one window.
type cell struct {
	count, bytes int64
	offset       rollup.Measure
}

func (c *cell) add(o *cell) {
	c.count += o.count
	c.bytes += o.bytes
	c.offset.Merge(o.offset)
}

// times has as much in it as if each event had come factor times; a window that has events keeps at least one.
func (c *cell) times(factor float64) cell {
	if factor == 1 || c.count == 0 {
		return *c
	}
	scaled := *c
	scaled.count = max(1, int64(float64(c.count)*factor+0.5))
	scaled.bytes = int64(float64(c.bytes) / float64(c.count) * float64(scaled.count))
	scaled.offset.Count = scaled.count
	scaled.offset.Sum = c.offset.Sum / float64(c.offset.Count) * float64(scaled.count)
	return scaled
}

// table has the cells of all sources in windows of one length, from a time on (ms).
type table struct {
	from, length int64
	sources      int
	cells        []cell
}

func newTable(from, to int64, tier time.Duration, sources int) *table {
	t := &table{length: tier.Milliseconds(), sources: sources}
	t.from = from - from%t.length
	t.cells = make([]cell, ((to-t.from+t.length-1)/t.length)*int64(sources))
	return t
}

// windows is how many there are.
func (t *table) windows() int { return len(t.cells) / t.sources }

// start is the time of a window.
func (t *table) start(window int) int64 { return t.from + int64(window)*t.length }

// row is the cells of one window.
func (t *table) row(window int) []cell { return t.cells[window*t.sources : (window+1)*t.sources] }

// at is the window of a time, and whether the table has it.
func (t *table) at(ms int64) (int, bool) {
	w := (ms - t.from) / t.length
	return int(w), ms >= t.from && int(w) < t.windows()
}

// coarser merges the windows into longer ones.
func (t *table) coarser(tier time.Duration) *table {
	c := newTable(t.from, t.start(t.windows()), tier, t.sources)
	for w := range t.windows() {
		i, _ := c.at(t.start(w))
		for s, row := 0, c.row(i); s < t.sources; s++ {
			row[s].add(&t.row(w)[s])
		}
	}
	return c
}

// source is a file of a host; all its events are in one partition.
type source struct {
	host, path string
	partition  int
}

// partitions is how many the topic of the benchmark has.
const partitions = 16

// events are those of the benchmark: as many as are wanted, evenly over the span.
type events struct {
	*generate.Filebeat
	count, from, to int64
	sources         []source
	index           map[[2]string]int

	mu     sync.Mutex
	fine   *table
	minute *table
}

// newEvents has events in [to-span, to), without counting them yet.
func newEvents(o *options, to int64) (*events, error) {
	beat, err := generate.NewFilebeat(generate.Options{Hosts: o.hosts, Paths: o.paths, ANSI: 0.1})
	if err != nil {
		return nil, err
	}
	e := &events{Filebeat: beat, count: o.events, from: to - o.span.Milliseconds(), to: to, index: map[[2]string]int{}}
	for i := range int64(beat.Keys()) {
		host, path := beat.Key(i)
		hash := fnv.New32a()
		_, _ = fmt.Fprintf(hash, "%s %s", host, path)
		e.index[[2]string{host, path}] = len(e.sources)
		e.sources = append(e.sources, source{host: host, path: path, partition: int(hash.Sum32() % partitions)})
	}
	e.minute = newTable(e.from, e.to, tierMiddle, len(e.sources))
	e.fine = newTable(to-o.fine.Milliseconds(), e.to, tierFine, len(e.sources))
	return e, nil
}

// at is the time of an event.
func (e *events) at(i int64) int64 {
	// The quotient first, since the product of large numbers of events and a month does not fit.
	span := e.to - e.from
	return e.from + i/e.count*span + int64(float64(i%e.count)/float64(e.count)*float64(span))
}

// counted is one event as the cells need it.
type counted struct {
	at     int64
	source int
	offset int64
}

var offsetKey = []byte(`"offset":`)

// read finds in an event what is counted of it.
func (e *events) read(i int64, event []byte) (counted, error) {
	host, path := e.Key(i)
	c := counted{at: e.at(i), source: e.index[[2]string{host, path}]}
	begin := bytes.Index(event, offsetKey)
	if begin < 0 {
		return c, fmt.Errorf("event %d has no offset: %s", i, event)
	}
	begin += len(offsetKey)
	end := begin
	for end < len(event) && event[end] >= '0' && event[end] <= '9' {
		end++
	}
	var err error
	c.offset, err = strconv.ParseInt(string(event[begin:end]), 10, 64)
	return c, err
}

// add counts events.
func (e *events) add(all []counted) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range all {
		for _, t := range []*table{e.minute, e.fine} {
			if w, there := t.at(c.at); there {
				one := &t.row(w)[c.source]
				one.count++
				one.bytes += int64(e.Bytes())
				one.offset.Add(float64(c.offset))
			}
		}
	}
}
