// Package meta keeps Refract's metadata in SQL: SQLite in a file, or PostgreSQL for many machines.
//
// Statements are written once, in the common part of both dialects, with ? for parameters. Upserts use ON CONFLICT, new ids
// come from RETURNING, times are int64 milliseconds since the epoch, and texts that are data (JSON, raw input) are TEXT or BLOB.
// Every commit is durable when it returns.
package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver
	_ "modernc.org/sqlite"             // the "sqlite" driver

	"github.com/refract-io/refract/internal/platform/fault"
)

// DB is the metadata database. It is safe for concurrent use.
type DB struct {
	sql      *sql.DB
	postgres bool
}

// Querier runs statements: a DB, each in a transaction of its own, or a Tx.
type Querier interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Open opens the database that source names, a postgres:// address or the path of a SQLite file, and brings its tables up to
// date.
func Open(ctx context.Context, source string) (*DB, error) {
	db := &DB{postgres: strings.HasPrefix(source, "postgres://") || strings.HasPrefix(source, "postgresql://")}
	var err error
	if db.postgres {
		db.sql, err = sql.Open("pgx", source)
	} else {
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return nil, fault.New(fault.Setup, "creating the folder of the metadata file", source, err, "choose a folder that can be written")
		}
		if err := makePrivate(source); err != nil {
			return nil, fault.New(fault.Setup, "creating the metadata file", source, err, "choose a folder that can be written")
		}
		// Immediate transactions: a deferred one that turns writer late fails at once when another writer is active.
		db.sql, err = sql.Open("sqlite", "file:"+source+
			"?_txlock=immediate&_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)")
	}
	if err != nil {
		return nil, fault.New(fault.Setup, "opening the metadata database", source, err, "")
	}
	if !db.postgres {
		db.sql.SetMaxOpenConns(8)
		db.sql.SetMaxIdleConns(8)
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.sql.Close())
	}
	return db, nil
}

// makePrivate makes the file of a new database one that its owner alone can read: it holds the hashes of passwords, and statements. SQLite would let
// everybody read it, and gives its other files the same mode. A file that is there keeps its mode.
//
// The file is never open here under its own name: closing it would end the locks that another DB of this process has on it.
func makePrivate(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	err = errors.Join(f.Close(), os.Link(f.Name(), path))
	if errors.Is(err, fs.ErrExist) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		err = nil // another process was faster, or the file system has no links and hardly modes
	}
	return errors.Join(err, os.Remove(f.Name()))
}

// Close closes the database.
func (db *DB) Close() error { return db.sql.Close() }

// Exec implements Querier.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return db.sql.ExecContext(ctx, db.rebind(query), args...)
}

// Query implements Querier.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return db.sql.QueryContext(ctx, db.rebind(query), args...)
}

// QueryRow implements Querier.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return db.sql.QueryRowContext(ctx, db.rebind(query), args...)
}

// Tx is a transaction.
type Tx struct {
	db *DB
	tx *sql.Tx
}

// InTx runs fn in a transaction, which commits when fn returns nil and rolls back otherwise. fn must use only tx: on SQLite the
// transaction holds the write lock from its start.
func (db *DB) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	tx, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return fault.New(fault.Transient, "beginning a metadata transaction", "", err, "")
	}
	if err := fn(&Tx{db, tx}); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fault.New(fault.Transient, "committing a metadata transaction", "", err, "")
	}
	return nil
}

// Exec implements Querier.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.ExecContext(ctx, t.db.rebind(query), args...)
}

// Query implements Querier.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.QueryContext(ctx, t.db.rebind(query), args...)
}

// QueryRow implements Querier.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(ctx, t.db.rebind(query), args...)
}

// rebind writes ? parameters as $1, $2 for PostgreSQL. Statements hold no ? inside literals.
func (db *DB) rebind(query string) string {
	if !db.postgres || !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			fmt.Fprintf(&b, "$%d", n)
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
