package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/meta"
)

// Embedded is a catalog in Refract's own metadata database. It gives Glue's answers without Glue: its limits, its folding of
// database and table names to lower case, its versions, and its messages. Column names keep their case.
//
// Partitions are kept in the byte order of their values, and a partition's descriptor, but for its location, once for all partitions
// of a table that have the same, so that a table of 100,000 partitions with hundreds of columns stays small.
type Embedded struct{ db *meta.DB }

var _ Catalog = (*Embedded)(nil)

// Open returns the catalog in db.
func Open(db *meta.DB) *Embedded { return &Embedded{db} }

func now() int64 { return time.Now().UnixMilli() }

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

const databaseColumns = `SELECT body, created_ms FROM catalog_database`

// GetDatabase implements Catalog.
func (e *Embedded) GetDatabase(ctx context.Context, name string) (*Database, error) {
	name = strings.ToLower(name)
	d, err := scanDatabase(e.db.QueryRow(ctx, databaseColumns+` WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = noDatabase(name)
	}
	return d, classed("reading catalog database", name, err)
}

// GetDatabases implements Catalog. They are ordered by name.
func (e *Embedded) GetDatabases(ctx context.Context) ([]*Database, error) {
	all, err := collect(ctx, e.db, scanDatabase, databaseColumns+` ORDER BY name`)
	return all, classed("listing catalog databases", "", err)
}

// CreateDatabase implements Catalog. The create time is the catalog's own.
func (e *Embedded) CreateDatabase(ctx context.Context, d Database) error {
	return e.CreateTaggedDatabase(ctx, d, nil)
}

// CreateTaggedDatabase creates a database that has tags.
func (e *Embedded) CreateTaggedDatabase(ctx context.Context, d Database, tags map[string]string) error {
	body, err := databaseBody(&d)
	if err != nil {
		return err
	}
	var c checks
	if c.tags("tags", tags); c.err != nil {
		return c.err
	}
	res, err := e.db.Exec(ctx, `INSERT INTO catalog_database (name, body, created_ms, tags) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		d.Name, body, now(), tagText(tags))
	return classed("creating catalog database", d.Name, affected(res, err, &Error{ErrAlreadyExists, "Database already exists."}))
}

// UpdateDatabase replaces the description, location and parameters of the database.
func (e *Embedded) UpdateDatabase(ctx context.Context, name string, d Database) error {
	name = strings.ToLower(name)
	body, err := databaseBody(&d)
	if err != nil {
		return err
	}
	if d.Name != name {
		return refuse(ErrInvalidInput, "Database %s cannot be renamed to %s.", name, d.Name)
	}
	res, err := e.db.Exec(ctx, `UPDATE catalog_database SET body = ? WHERE name = ?`, body, name)
	return classed("updating catalog database", name, affected(res, err, noDatabase(name)))
}

// DeleteDatabase implements Catalog. As in Glue, its tables and their partitions go with it.
func (e *Embedded) DeleteDatabase(ctx context.Context, name string) error {
	name = strings.ToLower(name)
	res, err := e.db.Exec(ctx, `DELETE FROM catalog_database WHERE name = ?`, name)
	return classed("deleting catalog database", name, affected(res, err, noDatabase(name)))
}

// databaseBody folds the name, checks the limits and encodes what is kept.
func databaseBody(d *Database) (string, error) {
	d.Name, d.CreateTime = strings.ToLower(d.Name), time.Time{}
	var c checks
	if c.database(d); c.err != nil {
		return "", c.err
	}
	return encode(d, "database", d.Name)
}

// encode returns the body that is kept of a thing.
func encode(v any, what, name string) (string, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding %s %s: %w", what, name, err)
	}
	return string(body), nil
}

// lockDatabase keeps a database from being deleted until the transaction ends. The statement changes nothing.
func lockDatabase(ctx context.Context, tx *meta.Tx, name string) error {
	res, err := tx.Exec(ctx, `UPDATE catalog_database SET name = name WHERE name = ?`, name)
	return affected(res, err, noDatabase(name))
}

func scanDatabase(row scanner) (*Database, error) {
	var d Database
	var body []byte
	var created int64
	if err := row.Scan(&body, &created); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return nil, fmt.Errorf("decoding a database: %w", err)
	}
	d.CreateTime = instant(created)
	return &d, nil
}

// scanner is a row of a query.
type scanner interface{ Scan(dest ...any) error }

// collect runs a query and decodes its rows.
func collect[T any](ctx context.Context, q meta.Querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}

// affected returns none when a statement succeeded without changing a row.
func affected(res sql.Result, err error, none error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return none
	}
	return err
}
