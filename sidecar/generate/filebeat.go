package generate

import (
	"fmt"
	"strconv"
	"time"
)

// MinBytes and MaxBytes bound the size of an event.
const (
	MinBytes = 200
	MaxBytes = 64 << 10
)

// Limits of the other options.
const (
	MaxHosts  = 100_000
	MaxKeys   = 10_000_000
	MaxFields = 500
)

const (
	// minMessage is the least that a message has, in bytes.
	minMessage = 20
	// lineBytes is by how much the offset in a file grows from one event to the next.
	lineBytes = 187
)

// Options say what events are made. Zero values take the defaults.
type Options struct {
	// Hosts and Paths are how many there are; every host writes every path, so that there are Hosts x Paths keys. Defaults: 20 and 10.
	Hosts, Paths int
	// Bytes is the length of each event, MinBytes to MaxBytes. From about 830 bytes on an event has the 25 fields that Filebeat writes, below only those
	// of the log, the message and the host's name. Default: 900.
	Bytes int
	// Fields is how many fields an event has besides, as labels.field_0 and so on, up to MaxFields. They are part of its size.
	Fields int
	// ANSI is the share of messages with escape sequences of a terminal, 0 to 1.
	ANSI float64
	// Batch is how many events a host writes before another one does, since a Filebeat sends the events of its host in batches: a multiple of Paths, or 1
	// for hosts that write in turn. Default: Paths.
	Batch int
	// FixedOrder gives the fields of all events in the same order.
	FixedOrder bool
	// Seed makes other events.
	Seed uint64
	// Start is the time of event 0, and Rate how many events a second of their time has. Defaults: the year 2026, and 10,000.
	Start time.Time
	Rate  int64
}

// Filebeat makes events. It does not change, so several goroutines can use it.
type Filebeat struct {
	options Options
	start   int64
	keys    uint64
	ansi    uint64 // a message has escape sequences where 32 random bits are below it
	hosts   []host
	paths   []string
	labels  [][]byte // the members of labels, each as it is in every event
	full    bool     // with all 25 fields
}

// host has what events of one host share.
type host struct {
	name string
	// members of the objects host, host.os and agent, as JSON without commas. The nil member of host is its os.
	host, os, agent [][]byte
	bytes           int // of host and agent, with their keys
}

// NewFilebeat checks the options.
func NewFilebeat(o Options) (*Filebeat, error) {
	o = o.Defaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	f := &Filebeat{options: o, start: o.Start.UnixMilli(), keys: uint64(o.Hosts) * uint64(o.Paths), ansi: uint64(o.ANSI * (1 << 32))}
	for n := range o.Fields {
		f.labels = append(f.labels, fmt.Appendf(nil, `"field_%d":"value-%d"`, n, mix(o.Seed+uint64(n))%1000))
	}
	for n := range o.Paths {
		f.paths = append(f.paths, path(n))
	}
	largest := line{host: &host{}, path: f.paths[o.Paths-1], offset: 1 << 40, level: &levels[0]}
	for n := range o.Hosts {
		f.hosts = append(f.hosts, newHost(n, o.Seed))
		if h := &f.hosts[n]; h.bytes > largest.host.bytes {
			largest.host = h
		}
	}
	for _, f.full = range []bool{true, false} {
		if o.Bytes >= f.without(&largest)+minMessage {
			return f, nil
		}
	}
	return nil, fmt.Errorf("%d additional fields do not fit into events of %d bytes", o.Fields, o.Bytes)
}

// Defaults gives the options with those that are zero filled in.
func (o Options) Defaults() Options {
	for _, d := range []struct {
		value *int
		to    int
	}{{&o.Hosts, 20}, {&o.Paths, 10}, {&o.Bytes, 900}} {
		if *d.value == 0 {
			*d.value = d.to
		}
	}
	if o.Batch == 0 {
		o.Batch = o.Paths
	}
	if o.Rate == 0 {
		o.Rate = 10_000
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return o
}

func (o *Options) check() error {
	switch {
	case o.Hosts < 1 || o.Hosts > MaxHosts:
		return fmt.Errorf("%d hosts are not possible: 1 to %d are allowed", o.Hosts, MaxHosts)
	case o.Paths < 1 || o.Paths > MaxKeys/o.Hosts:
		return fmt.Errorf("%d paths on %d hosts are not possible: 1 to %d keys are allowed", o.Paths, o.Hosts, MaxKeys)
	case o.Bytes < MinBytes || o.Bytes > MaxBytes:
		return fmt.Errorf("events of %d bytes are not possible: %d to %d are allowed", o.Bytes, MinBytes, MaxBytes)
	case o.Fields < 0 || o.Fields > MaxFields:
		return fmt.Errorf("%d additional fields are not possible: 0 to %d are allowed", o.Fields, MaxFields)
	case !(o.ANSI >= 0 && o.ANSI <= 1):
		return fmt.Errorf("a share of %v is not possible: 0 to 1 are allowed", o.ANSI)
	case o.Batch != 1 && (o.Batch < 1 || o.Batch%o.Paths != 0):
		return fmt.Errorf("batches of %d events are not possible: 1, or a multiple of the %d paths of a host, is allowed", o.Batch, o.Paths)
	case o.Rate < 1:
		return fmt.Errorf("a rate of %d events a second is not possible: 1 or more are allowed", o.Rate)
	}
	return nil
}

// Keys is how many pairs of host and path there are. As many events in a row, counted from event 0, have each pair once, where a batch has at most one event
// for each path; with larger batches as many times more events have each as often.
func (f *Filebeat) Keys() int { return int(f.keys) }

// Bytes is the length of each event.
func (f *Filebeat) Bytes() int { return f.options.Bytes }

// Time is the time of event i in milliseconds since 1970.
func (f *Filebeat) Time(i int64) int64 {
	return f.start + i/f.options.Rate*1000 + i%f.options.Rate*1000/f.options.Rate
}

// Key gives the host and the path of event i.
func (f *Filebeat) Key(i int64) (hostName, path string) {
	k := f.key(i)
	return f.hosts[k/uint64(len(f.paths))].name, f.paths[k%uint64(len(f.paths))]
}

func (f *Filebeat) key(i int64) uint64 {
	batch, paths, hosts := uint64(f.options.Batch), uint64(len(f.paths)), uint64(len(f.hosts))
	if batch == 1 {
		round := uint64(i) / f.keys
		return permute(uint64(i)%f.keys, f.keys, mix(f.options.Seed^round*golden))
	}
	turn := uint64(i) / batch
	host := permute(turn%hosts, hosts, mix(f.options.Seed^turn/hosts*golden))
	return host*paths + permute(uint64(i)%paths, paths, mix(f.options.Seed^uint64(i)/paths*golden))
}

// Append appends event i, from 0 on.
func (f *Filebeat) Append(dst []byte, i int64) []byte { return f.AppendAt(dst, i, f.Time(i)) }

// AppendAt appends event i with another time, in milliseconds since 1970.
func (f *Filebeat) AppendAt(dst []byte, i, at int64) []byte {
	d := newDraw(f.options.Seed, uint64(i))
	k := f.key(i)
	r := d.next()
	l := line{
		host: &f.hosts[k/uint64(len(f.paths))], path: f.paths[k%uint64(len(f.paths))], level: &levels[r&15], coloured: r>>32 < f.ansi,
		offset: int64(mix(k)&0xffffff) + int64(uint64(i)/f.keys)*lineBytes,
	}
	turn := order(d.next())
	if f.options.FixedOrder {
		turn = 0
	}
	dst = append(dst, `{"@timestamp":"`...)
	dst = time.UnixMilli(at).UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, '"')
	if f.full {
		dst = append(dst, metadata...)
	}
	for p, begin := 0, turn.take(parts); p < parts; p++ {
		dst = f.appendPart(dst, (begin+p)%parts, &l, &d, &turn)
	}
	return append(dst, '}')
}

// line is what differs between the events of a producer, besides the message.
type line struct {
	host     *host
	path     string
	offset   int64
	level    *level
	coloured bool
}

// parts is how many members an event has whose order differs.
const parts = 7

func (f *Filebeat) appendPart(dst []byte, part int, l *line, d *draw, turn *order) []byte {
	switch part {
	case 0:
		return appendLog(dst, l, turn.take(3))
	case 1:
		dst = append(dst, `,"message":"`...)
		dst = appendMessage(dst, f.options.Bytes-f.without(l), l, d)
		return append(dst, '"')
	case 2:
		return l.host.appendHost(dst, f.full, turn)
	case 3:
		if len(f.labels) > 0 {
			return appendObject(dst, `,"labels":{`, f.labels, turn.take(len(f.labels)))
		}
	}
	if !f.full {
		return dst
	}
	switch part {
	case 4:
		return append(dst, input...)
	case 5:
		return appendObject(dst, `,"agent":{`, l.host.agent, turn.take(len(l.host.agent)))
	case 6:
		return append(dst, ecs...)
	}
	return dst
}

const (
	timeLayout = "2006-01-02T15:04:05.000Z"
	metadata   = `,"@metadata":{"beat":"filebeat","type":"_doc","version":"8.17.3"}`
	input      = `,"input":{"type":"filestream"}`
	ecs        = `,"ecs":{"version":"8.0.0"}`
)

// without is the length of an event without its message.
func (f *Filebeat) without(l *line) int {
	n := len(`{"@timestamp":"","message":""}`) + len(timeLayout)
	n += len(`,"log":{"offset":,"file":{"path":""},"level":""}`) + digits(l.offset) + len(l.path) + len(l.level.name)
	if len(f.labels) > 0 {
		n += objectBytes(`,"labels":{`, f.labels)
	}
	if f.full {
		return n + len(metadata) + len(input) + len(ecs) + l.host.bytes
	}
	return n + len(`,"host":{"name":""}`) + len(l.host.name)
}

func digits(n int64) int {
	count := 1
	for ; n >= 10; n /= 10 {
		count++
	}
	return count
}

// order is where each object of an event begins: a random number that is used up.
type order uint64

// take gives a place from 0 to n-1.
func (o *order) take(n int) int {
	place := uint64(*o) % uint64(n)
	*o /= order(n)
	return int(place)
}

func appendLog(dst []byte, l *line, begin int) []byte {
	dst = append(dst, `,"log":{`...)
	for m := range 3 {
		if m > 0 {
			dst = append(dst, ',')
		}
		switch (begin + m) % 3 {
		case 0:
			dst = append(dst, `"offset":`...)
			dst = strconv.AppendInt(dst, l.offset, 10)
		case 1:
			dst = append(dst, `"file":{"path":"`...)
			dst = append(dst, l.path...)
			dst = append(dst, `"}`...)
		case 2:
			dst = append(dst, `"level":"`...)
			dst = append(dst, l.level.name...)
			dst = append(dst, '"')
		}
	}
	return append(dst, '}')
}

// appendObject appends an object that begins with one of its members, and has them in the order of the slice from there on.
func appendObject(dst []byte, opening string, members [][]byte, begin int) []byte {
	dst = append(dst, opening...)
	for m := range members {
		if m > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, members[(begin+m)%len(members)]...)
	}
	return append(dst, '}')
}

func objectBytes(opening string, members [][]byte) int {
	n := len(opening) + len(members) // commas, and the bracket at the end
	for _, m := range members {
		n += len(m)
	}
	return n
}

// SetTime gives an event that Append made another time, in milliseconds since 1970.
func SetTime(event []byte, at int64) {
	var room [2 * len(timeLayout)]byte // formatting may write more than it leaves there
	copy(event[len(`{"@timestamp":"`):], time.UnixMilli(at).UTC().AppendFormat(room[:0], timeLayout))
}
