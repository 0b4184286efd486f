package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// defaultCacheBytes bounds the columns that are kept in memory; a demo's last hours fit.
const defaultCacheBytes = 256 << 20

// Store is an Elasticsearch-compatible document store over SQLite. It is an http.Handler and safe for concurrent use.
type Store struct {
	db *database

	// writing is held by whatever changes documents, indices or templates, and by what reads chunks from the database, so that a chunk and the
	// database do not drift apart. It is taken before mu.
	writing sync.Mutex
	// mu guards everything below; searches hold it for reading while they evaluate a chunk.
	mu        sync.RWMutex
	indices   map[string]*index
	templates map[string]*template

	cacheBytes int
	cached     int
	clock      atomic.Uint64
}

// index is one index. Its mapping is replaced, never changed.
type index struct {
	number   int64 // its key in the database
	name     string
	uuid     string
	created  int64 // ms
	settings object
	mapping  *mapping
	bytes    int64
	docs     map[chunkKey]int // documents by chunk
	chunks   map[chunkKey]*chunk
}

func (ix *index) count() int {
	n := 0
	for _, c := range ix.docs {
		n += c
	}
	return n
}

// OpenStore opens the store whose files are in dir, or begins one there; an empty dir keeps everything in memory. One process at a time may use dir.
func OpenStore(dir string) (*Store, error) {
	db, err := openDatabase(dir)
	if err != nil {
		return nil, fmt.Errorf("open the embedded store: %w", err)
	}
	s := &Store{db: db, indices: map[string]*index{}, templates: map[string]*template{}, cacheBytes: defaultCacheBytes}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open the embedded store: %w", joinClose(err, db))
	}
	return s, nil
}

// Close ends the store. Requests that still come are answered with an error.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.db.close(); err != nil {
		return fmt.Errorf("close the embedded store: %w", err)
	}
	return nil
}

func (s *Store) load() error {
	templates, err := s.db.templates()
	if err != nil {
		return err
	}
	for name, body := range templates {
		t, f := parseTemplate(name, body)
		if f != nil {
			return fmt.Errorf("read template %q: %w", name, f)
		}
		s.templates[name] = t
	}
	rows, err := s.db.indices()
	if err != nil {
		return err
	}
	for _, row := range rows {
		ix, err := s.loadIndex(row)
		if err != nil {
			return fmt.Errorf("read index %q: %w", row.name, err)
		}
		s.indices[ix.name] = ix
	}
	return nil
}

func (s *Store) loadIndex(row indexRow) (*index, error) {
	ix := &index{number: row.number, name: row.name, uuid: row.uuid, created: row.created, bytes: row.bytes, chunks: map[chunkKey]*chunk{}}
	var body object
	if err := json.Unmarshal([]byte(row.mapping), &body); err != nil {
		return nil, err
	}
	var f *failure
	if ix.mapping, f = parseMapping(body, nil); f != nil {
		return nil, f
	}
	if err := json.Unmarshal([]byte(row.settings), &ix.settings); err != nil {
		return nil, err
	}
	var err error
	ix.docs, err = s.db.chunks(row.number)
	return ix, err
}

// resolve finds the indices that names and patterns mean, sorted. A name that does not exist is a failure unless lenient.
func (s *Store) resolve(names []string, lenient bool) ([]*index, *failure) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := map[string]*index{}
	for _, name := range names {
		if name == "_all" {
			name = "*"
		}
		if !strings.Contains(name, "*") {
			ix, ok := s.indices[name]
			if ok {
				found[name] = ix
			} else if !lenient {
				return nil, indexNotFound(name)
			}
			continue
		}
		for candidate, ix := range s.indices {
			if wildcard(name, candidate) {
				found[candidate] = ix
			}
		}
	}
	list := make([]*index, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[name])
	}
	return list, nil
}

// wildcard reports whether a pattern, in which * stands for any characters, matches a name.
func wildcard(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, last)
}

// chunk gives a chunk of an index, from memory or the database; nil where it has no documents.
func (s *Store) chunk(ctx context.Context, ix *index, key chunkKey) (*chunk, error) {
	now := s.clock.Add(1)
	s.mu.RLock()
	c := ix.chunks[key]
	s.mu.RUnlock()
	if c != nil {
		atomic.StoreUint64(&c.used, now)
		return c, nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if loaded := ix.chunks[key]; loaded != nil { // another search read it meanwhile; only holders of writing change the map
		return loaded, nil
	}
	if s.indices[ix.name] != ix || ix.docs[key] == 0 {
		return nil, nil
	}
	c = &chunk{key: key, bytes: chunkBytes, used: now}
	err := s.db.documents(ctx, ix.number, key, func(row int64, source []byte) error {
		doc, f := ix.mapping.parseDocument("", source)
		if f != nil {
			return f
		}
		c.add(row, doc)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read documents of index %q: %w", ix.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(ix, c)
	return c, nil
}

// keep puts a chunk into the cache. It needs writing and mu.
func (s *Store) keep(ix *index, c *chunk) {
	ix.chunks[c.key] = c
	s.cached += c.bytes
	s.evict(c)
}

// evict removes, where the cache is over its bound, the chunks that were not asked for the longest, but not the given one. It needs writing and mu.
func (s *Store) evict(except *chunk) {
	if s.cached <= s.cacheBytes {
		return
	}
	type place struct {
		ix *index
		c  *chunk
	}
	var all []place
	for _, ix := range s.indices {
		for _, c := range ix.chunks {
			if c != except {
				all = append(all, place{ix, c})
			}
		}
	}
	slices.SortFunc(all, func(a, b place) int { return compareUsed(a.c, b.c) })
	for _, p := range all {
		if s.cached <= s.cacheBytes/10*9 { // some room, so that not every chunk that comes has to look for it
			break
		}
		s.drop(p.ix, p.c.key)
	}
}

func compareUsed(a, b *chunk) int {
	return int(int64(atomic.LoadUint64(&a.used)) - int64(atomic.LoadUint64(&b.used)))
}

func (s *Store) drop(ix *index, key chunkKey) {
	if c := ix.chunks[key]; c != nil {
		s.cached -= c.bytes
		delete(ix.chunks, key)
	}
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return wildcard(p, name) })
}
