package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxPathBytes    = 512
	maxPathSegments = 32 // as many as a rank has bits
)

// Slot is the place of one field in an Event.
type Slot int

// Schema collects the field paths that a stream uses; each gets a slot. It is complete before a Decoder is made of it.
//
// A path is the keys from the outside in, joined by dots. Events spell the same path in several ways, and all are found: "host.name" is the inner value
// of {"host":{"name":"a"}} and of {"host.name":"a"}. Where an event has several, nesting wins: at every level the shortest key that leads to a value (which may be null) is
// taken, so {"host":{"name":"a"},"host.name":"b"} gives "a" and {"host":{},"host.name":"b"} gives "b". Of keys that an object has more than once the last
// counts. A path goes through an array by its first element.
type Schema struct {
	paths      []string
	slots      map[string]Slot
	conditions int
}

// NewSchema gives an empty schema.
func NewSchema() *Schema { return &Schema{slots: map[string]Slot{}} }

// Slot gives the slot of a path, and registers the path where it is new. It fails for a path that is empty, has an empty segment ("a..b"), is longer
// than 512 bytes or 32 segments, or is not UTF-8.
func (s *Schema) Slot(path string) (Slot, error) {
	if slot, known := s.slots[path]; known {
		return slot, nil
	}
	if err := CheckPath(path); err != nil {
		return 0, err
	}
	slot := Slot(len(s.paths))
	s.paths = append(s.paths, path)
	s.slots[path] = slot
	return slot, nil
}

// Paths are the registered paths in the order of their slots. The caller must not change them.
func (s *Schema) Paths() []string { return s.paths }

// NewEvent gives an event without values for the schema as it is.
func (s *Schema) NewEvent() *Event {
	e := &Event{}
	e.reset(len(s.paths))
	return e
}

// CheckPath says what is wrong with a field path, or nil.
func CheckPath(path string) error {
	switch {
	case path == "":
		return errors.New("the field path is empty")
	case len(path) > maxPathBytes:
		return fmt.Errorf("the field path %.20q... is longer than %d bytes", path, maxPathBytes)
	case !utf8.ValidString(path):
		return fmt.Errorf("the field path %q is not UTF-8", path)
	}
	segments := strings.Split(path, ".")
	if len(segments) > maxPathSegments {
		return fmt.Errorf("the field path %q has more than %d segments", path, maxPathSegments)
	}
	for _, segment := range segments {
		if segment == "" {
			return fmt.Errorf("the field path %q has an empty segment: segments are joined by single dots, such as host.name", path)
		}
	}
	return nil
}

// node is a position in the paths of a schema: what can still come after the segments that were read.
//
// A key matches one or several segments. The rank of a value tells which spelling of its path it was found under: bit 31-i is set where the segments i
// and i+1 were joined in one key. Thus the smaller of two ranks is the one with the shorter key at the first level at which they differ.
type node struct {
	slot    Slot // -1: none ends here
	edges   map[string]*edge
	lengths uint64 // the lengths of the keys, modulo 64, as bits
}

// edge finds where a key leads to; nil where it is of no path.
func (n *node) edge(key []byte) *edge {
	if n.lengths>>(len(key)%64)&1 == 0 {
		return nil
	}
	return n.edges[string(key)]
}

// walk calls visit with the slot of each path that ends below the node, once or several times.
func (n *node) walk(visit func(Slot)) {
	for _, e := range n.edges {
		if e.node.slot >= 0 {
			visit(e.node.slot)
		}
		e.node.walk(visit)
	}
}

type edge struct {
	node   *node
	joined uint32 // bits of the rank
	seen   uint64 // bit by which an object remembers that it had this key; 0 where a repetition needs no care
}

// compile makes the tree of the schema's paths.
func (s *Schema) compile() *node {
	root := &node{slot: -1}
	nodes := map[string]*node{"": root}
	for i, path := range s.paths {
		addPath(nodes, strings.Split(path, ".")).slot = Slot(i)
	}
	for _, n := range nodes {
		next := 0
		for key, e := range n.edges {
			n.lengths |= 1 << (len(key) % 64)
			if len(e.node.edges) > 0 {
				e.seen = 1 << (next % 64) // a shared bit makes a needless second reading, not a wrong one
				next++
			}
		}
	}
	return root
}

// addPath adds the nodes of a path, each with an edge from everything above it, and gives the last.
func addPath(nodes map[string]*node, segments []string) *node {
	for to := 1; to <= len(segments); to++ {
		path := strings.Join(segments[:to], ".")
		if nodes[path] != nil {
			continue
		}
		n := &node{slot: -1}
		nodes[path] = n
		joined := uint32(0)
		for from := to - 1; from >= 0; from-- {
			parent := nodes[strings.Join(segments[:from], ".")]
			if parent.edges == nil {
				parent.edges = map[string]*edge{}
			}
			parent.edges[strings.Join(segments[from:to], ".")] = &edge{node: n, joined: joined}
			if from > 0 {
				joined |= 1 << (31 - (from - 1))
			}
		}
	}
	return nodes[strings.Join(segments, ".")]
}
