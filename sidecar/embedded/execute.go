package embedded

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxResponseBytes bounds the sources that one answer carries.
const maxResponseBytes = 64 << 20

// searchIndices carries out a search over some indices and gives the answer.
func (s *Store) searchIndices(ctx context.Context, req *search, indices []*index, partial bool) (object, *failure) {
	started := time.Now()
	if req.aggs != nil {
		req.aggs.start()
	}
	collector := newHitCollector(req)
	var failures []shardFailure
	for _, ix := range indices {
		if f := s.searchIndex(ctx, req, ix, collector); f != nil {
			if f.status >= http.StatusInternalServerError || req.aggs != nil && req.aggs.failure == f {
				return nil, f
			}
			failures = append(failures, shardFailure{index: ix.name, why: f})
		}
	}
	if len(failures) > 0 && (len(failures) == len(indices) || !partial) {
		return nil, shardsFailed(failures)
	}
	answer := object{"timed_out": false, "_shards": shardsBody(len(indices), failures)}
	hits, f := s.hitsBody(ctx, req, collector)
	if f != nil {
		return nil, f
	}
	answer["hits"] = hits
	if req.aggs != nil && len(indices) > 0 {
		w := &aggregationWriter{}
		w.raw("{")
		w.results(req.aggs.roots, req.aggs.states, false)
		w.raw("}")
		if w.failure != nil {
			return nil, w.failure
		}
		answer["aggregations"] = json.RawMessage(w.text)
	}
	answer["took"] = time.Since(started).Milliseconds()
	return answer, nil
}

func shardsBody(total int, failures []shardFailure) object {
	o := object{"total": total, "successful": total - len(failures), "skipped": 0, "failed": len(failures)}
	if len(failures) > 0 {
		list := make([]object, 0, len(failures))
		for _, f := range failures {
			list = append(list, f.body())
		}
		o["failures"] = list
	}
	return o
}

// searchIndex collects what matches in one index.
func (s *Store) searchIndex(ctx context.Context, req *search, ix *index, collector *hitCollector) *failure {
	s.mu.RLock()
	m := ix.mapping
	keys := slices.Collect(maps.Keys(ix.docs))
	s.mu.RUnlock()
	filter, f := req.query.filter(m)
	if f != nil {
		return f
	}
	sortFields, f := collector.resolve(m)
	if f != nil {
		return f
	}
	if req.aggs != nil {
		if f := req.aggs.check(m); f != nil {
			return f
		}
	}
	if l, ok := filter.(lookUpper); ok {
		if err := l.lookUp(ctx, s, ix); err != nil {
			return internal(err)
		}
	}
	part := everything()
	filter.narrow(part)
	keys = slices.DeleteFunc(keys, func(k chunkKey) bool { return !part.holds(k) })
	slices.SortFunc(keys, func(a, b chunkKey) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.grouping, b.grouping))
	})
	for _, key := range keys {
		if ctx.Err() != nil {
			return fail(http.StatusServiceUnavailable, "task_cancelled_exception", "the request was given up")
		}
		c, err := s.chunk(ctx, ix, key)
		if err != nil {
			return internal(err)
		}
		if c == nil {
			continue
		}
		if f := s.searchChunk(req, ix, m, c, filter, sortFields, collector); f != nil {
			return f
		}
	}
	return nil
}

func (s *Store) searchChunk(req *search, ix *index, m *mapping, c *chunk, f filter, sortFields []*field, collector *hitCollector) *failure {
	s.mu.RLock()
	defer s.mu.RUnlock()
	match := f.bind(c)
	if match.none {
		return nil
	}
	columns := make([]*column, len(sortFields))
	for i, sf := range sortFields {
		columns[i] = c.column(sf)
	}
	var b *binding
	if req.aggs != nil {
		b = req.aggs.bind(m, c)
	}
	for row := range c.rows {
		if match.match != nil && !match.match(row) {
			continue
		}
		collector.total++
		if collector.limit > 0 {
			collector.collect(ix, c, columns, row)
		}
		if b != nil {
			for _, state := range req.aggs.states {
				state.collect(b, row)
			}
		}
	}
	if req.aggs != nil {
		return req.aggs.failure
	}
	return nil
}

func (s *Store) hitsBody(ctx context.Context, req *search, collector *hitCollector) (object, *failure) {
	page := collector.page()
	byIndex := map[*index][]int64{}
	for _, h := range page {
		byIndex[h.ix] = append(byIndex[h.ix], h.row)
	}
	stored := map[*index]map[int64]storedDocument{}
	size := 0
	for ix, rows := range byIndex {
		documents, err := s.fetch(ctx, ix, rows)
		if err != nil {
			return nil, internal(fmt.Errorf("read documents of index %q: %w", ix.name, err))
		}
		stored[ix] = documents
		for _, d := range documents {
			size += len(d.source)
		}
	}
	if size > maxResponseBytes {
		return nil, fail(http.StatusTooManyRequests, "circuit_breaking_exception", "the answer would be larger than %d bytes: ask for fewer documents", maxResponseBytes)
	}
	list := make([]object, 0, len(page))
	for _, h := range page {
		d, ok := stored[h.ix][h.row]
		if !ok {
			continue // deleted since it matched
		}
		list = append(list, req.hitBody(h, d, collector))
	}
	o := object{"hits": list, "max_score": nil}
	if len(req.sort) == 0 && len(list) > 0 {
		o["max_score"] = 1.0
	}
	if req.track != 0 {
		total := object{"value": collector.total, "relation": "eq"}
		if req.track > 0 && collector.total > int64(req.track) {
			total = object{"value": req.track, "relation": "gte"}
		}
		o["total"] = total
	}
	return o, nil
}

// fetch reads documents of an index that may have been deleted since they matched.
func (s *Store) fetch(ctx context.Context, ix *index, rows []int64) (map[int64]storedDocument, error) {
	documents, err := s.db.fetch(ctx, ix.number, rows)
	if err == nil {
		return documents, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.indices[ix.name] != ix {
		return nil, nil
	}
	return nil, err
}

func (s *search) hitBody(h hit, d storedDocument, collector *hitCollector) object {
	o := object{"_index": h.ix.name, "_id": d.id}
	if !s.source.hidden {
		o["_source"] = s.source.apply(d.source)
	}
	if s.showVersion {
		o["_version"] = d.version
	}
	if len(s.sort) > 0 {
		o["_score"], o["sort"] = nil, collector.shown(h.keys)
	} else {
		o["_score"] = 1.0
	}
	return o
}
