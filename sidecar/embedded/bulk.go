package embedded

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/http"
)

// change is what a carried out action means for the chunks in memory.
type change struct {
	ix    *index
	key   chunkKey
	row   int64
	doc   *document
	old   chunkKey
	fresh bool // there was no such document
	gone  bool // it was deleted
	same  bool // the source is what it was
	bytes int64
}

// bulk carries out actions in order, in one transaction, and gives an answer for each.
func (s *Store) bulk(ctx context.Context, actions []action) ([]object, *failure) {
	s.writing.Lock()
	defer s.writing.Unlock()
	targets := map[string]*index{}
	refused := map[string]*failure{}
	for _, a := range actions {
		if targets[a.index] == nil && refused[a.index] == nil {
			if ix, f := s.target(ctx, a); f != nil {
				refused[a.index] = f
			} else {
				targets[a.index] = ix
			}
		}
	}
	tx, err := s.db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, internal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	w := bulkWriter{ctx: ctx, tx: tx, statements: map[int64]*statements{}}
	items := make([]object, 0, len(actions))
	for _, a := range actions {
		if f := refused[a.index]; f != nil {
			items = append(items, a.refused(f))
			continue
		}
		item, err := w.apply(a, targets[a.index])
		if err != nil {
			return nil, internal(fmt.Errorf("write to index %q: %w", a.index, err))
		}
		items = append(items, item)
	}
	for ix, n := range w.grown() {
		if _, err := tx.ExecContext(ctx, "UPDATE indices SET bytes = bytes + ? WHERE number = ?", n, ix.number); err != nil {
			return nil, internal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, internal(fmt.Errorf("commit a bulk request: %w", err))
	}
	s.apply(w.changes)
	return items, nil
}

// target finds or creates the index of an action.
func (s *Store) target(ctx context.Context, a action) (*index, *failure) {
	if ix, ok := s.indices[a.index]; ok {
		return ix, nil
	}
	if f := checkIndexName(a.index); f != nil {
		return nil, f
	}
	if a.op == "delete" && a.external == "" {
		return nil, indexNotFound(a.index)
	}
	return s.createIndex(ctx, a.index, nil)
}

func (a action) refused(f *failure) object {
	return object{a.op: object{"_index": a.index, "_id": a.id, "status": f.status, "error": f.short()}}
}

func (a action) done(status int, version int64, result string) object {
	return object{a.op: object{
		"_index": a.index, "_id": a.id, "_version": version, "result": result, "status": status,
		"_shards": object{"total": 1, "successful": 1, "failed": 0}, "_seq_no": 0, "_primary_term": 1,
	}}
}

type statements struct{ find, insert, update, remove *sql.Stmt }

type bulkWriter struct {
	ctx        context.Context
	tx         *sql.Tx
	statements map[int64]*statements
	changes    []change
}

func (w *bulkWriter) prepare(ix *index) (*statements, error) {
	if st, ok := w.statements[ix.number]; ok {
		return st, nil
	}
	st := &statements{}
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&st.find, "SELECT row, version, grouping, bucket, source FROM d%d WHERE id = ?"},
		{&st.insert, "INSERT INTO d%d (id, version, grouping, bucket, source) VALUES (?, ?, ?, ?, ?)"},
		{&st.update, "UPDATE d%d SET version = ?, grouping = ?, bucket = ?, source = ? WHERE row = ?"},
		{&st.remove, "DELETE FROM d%d WHERE row = ?"},
	} {
		var err error
		if *p.to, err = w.tx.PrepareContext(w.ctx, fmt.Sprintf(p.sql, ix.number)); err != nil { //nolint:sqlclosecheck // the transaction's end closes it
			return nil, err
		}
	}
	w.statements[ix.number] = st
	return st, nil
}

// existing is what the database has under an id: a document, or what a deletion left.
type existing struct {
	row, version int64
	key          chunkKey
	source       []byte
}

// tombstone is the chunk of what deletions leave: the versions, for ever, so that an older version of a document that comes later is refused.
var tombstone = chunkKey{grouping: mixed + "deleted", bucket: noBucket}

func (e *existing) deleted() bool { return e.key == tombstone }

// apply carries out one action; the error is the database's.
func (w *bulkWriter) apply(a action, ix *index) (object, error) {
	st, err := w.prepare(ix)
	if err != nil {
		return nil, err
	}
	var doc *document
	if a.op != "delete" {
		var f *failure
		if doc, f = ix.mapping.parseDocument(a.id, a.source); f != nil {
			return a.refused(f), nil
		}
	}
	if a.id == "" {
		a.id = newUUID()
	}
	var old *existing
	var found existing
	switch err := st.find.QueryRowContext(w.ctx, a.id).Scan(&found.row, &found.version, &found.key.grouping, &found.key.bucket, &found.source); {
	case err == nil:
		old = &found
	case !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	version, conflict := a.nextVersion(old)
	switch {
	case conflict != nil:
		conflict.index = a.index
		return a.refused(conflict), nil
	case a.op == "delete":
		return w.remove(a, ix, st, old, version)
	case old == nil:
		return w.insert(a, ix, st, doc, version)
	case old.deleted(): // a new row, since rows are in the order in which documents were written
		if _, err := st.remove.ExecContext(w.ctx, old.row); err != nil {
			return nil, err
		}
		return w.insert(a, ix, st, doc, version)
	}
	return w.update(a, ix, st, doc, version, old)
}

func (a action) nextVersion(old *existing) (int64, *failure) {
	conflict := func(format string, args ...any) *failure {
		return fail(http.StatusConflict, "version_conflict_engine_exception", "[%s]: version conflict, %s", a.id, fmt.Sprintf(format, args...))
	}
	switch {
	case a.op == "create" && old != nil && !old.deleted():
		return 0, conflict("document already exists (current version [%d])", old.version)
	case a.external == "external_gte" && old != nil && old.version > *a.version:
		return 0, conflict("current version [%d] is higher than the one provided [%d]", old.version, *a.version)
	case a.external == "external" && old != nil && old.version >= *a.version:
		return 0, conflict("current version [%d] is higher or equal to the one provided [%d]", old.version, *a.version)
	case a.external != "":
		return *a.version, nil
	case old != nil && old.version < math.MaxInt64:
		return old.version + 1, nil
	}
	return 1, nil
}

func (w *bulkWriter) insert(a action, ix *index, st *statements, doc *document, version int64) (object, error) {
	key := ix.mapping.chunkKey(doc)
	result, err := st.insert.ExecContext(w.ctx, a.id, version, key.grouping, key.bucket, a.source)
	if err != nil {
		return nil, err
	}
	row, err := result.LastInsertId()
	if err != nil {
		return nil, err
	}
	w.changes = append(w.changes, change{ix: ix, key: key, row: row, doc: doc, fresh: true, bytes: int64(len(a.source))})
	return a.done(http.StatusCreated, version, "created"), nil
}

func (w *bulkWriter) update(a action, ix *index, st *statements, doc *document, version int64, old *existing) (object, error) {
	key := ix.mapping.chunkKey(doc)
	if _, err := st.update.ExecContext(w.ctx, version, key.grouping, key.bucket, a.source, old.row); err != nil {
		return nil, err
	}
	w.changes = append(w.changes, change{
		ix: ix, key: key, row: old.row, doc: doc, old: old.key,
		same: bytes.Equal(a.source, old.source), bytes: int64(len(a.source) - len(old.source)),
	})
	return a.done(http.StatusOK, version, "updated"), nil
}

func (w *bulkWriter) remove(a action, ix *index, st *statements, old *existing, version int64) (object, error) {
	if old == nil {
		_, err := st.insert.ExecContext(w.ctx, a.id, version, tombstone.grouping, tombstone.bucket, []byte{})
		return a.done(http.StatusNotFound, version, "not_found"), err
	}
	if _, err := st.update.ExecContext(w.ctx, version, tombstone.grouping, tombstone.bucket, []byte{}, old.row); err != nil {
		return nil, err
	}
	if old.deleted() {
		return a.done(http.StatusNotFound, version, "not_found"), nil
	}
	w.changes = append(w.changes, change{ix: ix, old: old.key, gone: true, bytes: -int64(len(old.source))})
	return a.done(http.StatusOK, version, "deleted"), nil
}

func (w *bulkWriter) grown() map[*index]int64 {
	sum := map[*index]int64{}
	for _, c := range w.changes {
		sum[c.ix] += c.bytes
	}
	return sum
}

// apply brings the chunks in memory up to what was committed: new documents are appended, chunks with changed ones are read again when asked for.
func (s *Store) apply(changes []change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		c.ix.bytes += c.bytes
		switch {
		case c.fresh:
			s.appendFresh(c)
		case c.gone:
			c.ix.forget(c.old)
			s.drop(c.ix, c.old)
		case c.same:
		default:
			c.ix.forget(c.old)
			c.ix.docs[c.key]++
			s.drop(c.ix, c.old)
			s.drop(c.ix, c.key)
		}
	}
	s.evict(nil)
}

func (s *Store) appendFresh(c change) {
	first := c.ix.docs[c.key] == 0
	c.ix.docs[c.key]++
	ch := c.ix.chunks[c.key]
	if ch == nil {
		if !first {
			return // it is in the database only, and is read from there when asked for
		}
		ch = &chunk{key: c.key, bytes: chunkBytes, used: s.clock.Add(1)}
		ch.add(c.row, c.doc)
		s.keep(c.ix, ch)
		return
	}
	before := ch.bytes
	ch.add(c.row, c.doc)
	s.cached += ch.bytes - before
}

func (ix *index) forget(key chunkKey) {
	if ix.docs[key]--; ix.docs[key] <= 0 {
		delete(ix.docs, key)
	}
}
