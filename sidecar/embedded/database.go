package embedded

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

const schema = `
CREATE TABLE IF NOT EXISTS templates (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS indices (
	number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, uuid TEXT NOT NULL, created INTEGER NOT NULL,
	mapping TEXT NOT NULL, settings TEXT NOT NULL, bytes INTEGER NOT NULL DEFAULT 0);`

// database keeps templates, indices and documents. Each index has a table of its own, so that to delete it is to drop a table.
type database struct {
	write *sql.DB // one connection
	read  *sql.DB // the same where the database is in memory
}

func openDatabase(dir string) (*database, error) {
	if dir == "" {
		db, err := openConnections(":memory:", 1)
		if err != nil {
			return nil, err
		}
		return prepare(&database{write: db, read: db})
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make its folder: %w", err)
	}
	file := "file:" + (&url.URL{Path: filepath.ToSlash(filepath.Join(dir, "store.db"))}).EscapedPath()
	settings := "?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(5000)"
	write, err := openConnections(file+settings+"&_txlock=immediate", 1)
	if err != nil {
		return nil, err
	}
	db, err := prepare(&database{write: write})
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	if db.read, err = openConnections(file+settings+"&_pragma=query_only(1)", 4); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return db, nil
}

func openConnections(address string, n int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", address)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	db.SetConnMaxLifetime(0) // a database in memory lives as long as its connection
	return db, nil
}

func prepare(db *database) (*database, error) {
	if _, err := db.write.ExecContext(context.Background(), schema); err != nil {
		return nil, fmt.Errorf("set up its database: %w", err)
	}
	return db, nil
}

func (db *database) close() error {
	if db.read == db.write {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}

func joinClose(err error, db *database) error { return errors.Join(err, db.close()) }

func (db *database) exec(query string, args ...any) error {
	_, err := db.write.ExecContext(context.Background(), query, args...)
	return err
}

func (db *database) templates() (map[string]object, error) {
	rows, err := db.write.QueryContext(context.Background(), "SELECT name, body FROM templates")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]object{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		var body object
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			return nil, fmt.Errorf("read template %q: %w", name, err)
		}
		found[name] = body
	}
	return found, rows.Err()
}

type indexRow struct {
	number, created, bytes        int64
	name, uuid, mapping, settings string
}

func (db *database) indices() ([]indexRow, error) {
	rows, err := db.write.QueryContext(context.Background(), "SELECT number, name, uuid, created, mapping, settings, bytes FROM indices")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []indexRow
	for rows.Next() {
		var r indexRow
		if err := rows.Scan(&r.number, &r.name, &r.uuid, &r.created, &r.mapping, &r.settings, &r.bytes); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

// createIndex stores a new index and gives its number.
func (db *database) createIndex(ctx context.Context, r indexRow) (int64, error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	result, err := tx.ExecContext(ctx, "INSERT INTO indices (name, uuid, created, mapping, settings) VALUES (?, ?, ?, ?, ?)",
		r.name, r.uuid, r.created, r.mapping, r.settings)
	if err != nil {
		return 0, err
	}
	number, err := result.LastInsertId()
	if err != nil {
		return 0, err
	}
	table := fmt.Sprintf(`CREATE TABLE d%[1]d (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
		grouping TEXT NOT NULL, bucket INTEGER NOT NULL, source BLOB NOT NULL);
		CREATE INDEX d%[1]d_chunk ON d%[1]d (grouping, bucket)`, number)
	if _, err := tx.ExecContext(ctx, table); err != nil {
		return 0, err
	}
	return number, tx.Commit()
}

func (db *database) deleteIndex(number int64) error {
	return db.exec(fmt.Sprintf("DELETE FROM indices WHERE number = %[1]d; DROP TABLE d%[1]d", number))
}

// chunks counts an index's documents by chunk.
func (db *database) chunks(number int64) (map[chunkKey]int, error) {
	rows, err := db.write.QueryContext(context.Background(),
		fmt.Sprintf("SELECT grouping, bucket, COUNT(*) FROM d%d WHERE grouping <> ? GROUP BY grouping, bucket", number), tombstone.grouping)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[chunkKey]int{}
	for rows.Next() {
		var key chunkKey
		var n int
		if err := rows.Scan(&key.grouping, &key.bucket, &n); err != nil {
			return nil, err
		}
		counts[key] = n
	}
	return counts, rows.Err()
}

// documents reads a chunk's documents in the order in which they were first written. The source is valid during the call.
func (db *database) documents(ctx context.Context, number int64, key chunkKey, each func(row int64, source []byte) error) error {
	rows, err := db.read.QueryContext(ctx,
		fmt.Sprintf("SELECT row, source FROM d%d WHERE grouping = ? AND bucket = ? ORDER BY row", number), key.grouping, key.bucket)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var source sql.RawBytes
		if err := rows.Scan(&row, &source); err != nil {
			return err
		}
		if err := each(row, source); err != nil {
			return err
		}
	}
	return rows.Err()
}

type storedDocument struct {
	id      string
	version int64
	source  []byte
}

// fetch reads documents of an index by their keys. One that was deleted meanwhile is absent.
func (db *database) fetch(ctx context.Context, number int64, keys []int64) (map[int64]storedDocument, error) {
	found := make(map[int64]storedDocument, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	statement, err := db.read.PrepareContext(ctx, fmt.Sprintf("SELECT id, version, source FROM d%d WHERE row = ? AND grouping <> ?", number))
	if err != nil {
		return nil, err
	}
	defer statement.Close()
	for _, key := range keys {
		var d storedDocument
		switch err := statement.QueryRowContext(ctx, key, tombstone.grouping).Scan(&d.id, &d.version, &d.source); {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, err
		default:
			found[key] = d
		}
	}
	return found, nil
}

// lookup finds rows of documents by id.
func (db *database) lookup(ctx context.Context, number int64, ids []string) (map[int64]bool, error) {
	found := map[int64]bool{}
	for _, id := range ids {
		var row int64
		err := db.read.QueryRowContext(ctx, fmt.Sprintf("SELECT row FROM d%d WHERE id = ? AND grouping <> ?", number), id, tombstone.grouping).Scan(&row)
		if err == nil {
			found[row] = true
		} else if !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return found, nil
}

func now() int64 { return time.Now().UnixMilli() }
