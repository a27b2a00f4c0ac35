package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// storedTable is a table with its row's id.
type storedTable struct {
	Table
	id      int64
	version int64
}

const (
	fromTables   = ` FROM catalog_table t JOIN catalog_database d ON d.id = t.database_id`
	tableColumns = `SELECT t.id, d.name, t.name, t.version, t.input, t.created_ms, t.updated_ms` + fromTables
)

// GetTable implements Catalog.
func (e *Embedded) GetTable(ctx context.Context, database, name string) (*Table, error) {
	database, name = strings.ToLower(database), strings.ToLower(name)
	t, err := readTable(ctx, e.db, database, name)
	if err != nil {
		return nil, classed("reading catalog table", database+"."+name, err)
	}
	return &t.Table, nil
}

// GetTables implements Catalog. They are ordered by name.
func (e *Embedded) GetTables(ctx context.Context, database string) ([]*Table, error) {
	all, _, err := e.ScanTables(ctx, database, nil, "", 0)
	return all, err
}

// ScanTables returns the tables whose names matches, which may be nil, is true for and follow after in byte order, at most limit of
// them unless limit is 0, and whether there are more.
func (e *Embedded) ScanTables(ctx context.Context, database string, matches func(name string) bool, after string, limit int) (tables []*Table, more bool, err error) {
	database = strings.ToLower(database)
	tables, more, err = e.scanTables(ctx, database, matches, after, limit)
	if err == nil && len(tables) == 0 {
		err = checkDatabase(ctx, e.db, database)
	}
	return tables, more, classed("listing the tables of catalog database", database, err)
}

func (e *Embedded) scanTables(ctx context.Context, database string, matches func(name string) bool, after string, limit int) (tables []*Table, more bool, err error) {
	rows, err := e.db.Query(ctx, tableColumns+` WHERE d.name = ? AND t.name > ? ORDER BY t.name`, database, after)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanTableRow(rows)
		if err != nil {
			return nil, false, err
		}
		if matches != nil && !matches(row.table.Name) {
			continue
		}
		if limit > 0 && len(tables) == limit {
			return tables, true, rows.Close()
		}
		t, err := row.decode()
		if err != nil {
			return nil, false, err
		}
		tables = append(tables, &t.Table)
	}
	return tables, false, rows.Err()
}

// CreateTable implements Catalog.
func (e *Embedded) CreateTable(ctx context.Context, database string, t TableInput) error {
	return e.CreateIndexedTable(ctx, database, t, nil)
}

// CreateIndexedTable creates a table with partition indexes.
func (e *Embedded) CreateIndexedTable(ctx context.Context, database string, t TableInput, indexes []PartitionIndex) error {
	database = strings.ToLower(database)
	input, err := tableBody(&t)
	if err != nil {
		return err
	}
	err = e.db.InTx(ctx, func(tx *meta.Tx) error {
		if err := lockDatabase(ctx, tx, database); err != nil {
			return err
		}
		at := now()
		res, err := tx.Exec(ctx, `INSERT INTO catalog_table (database_id, name, version, input, created_ms, updated_ms)
			SELECT id, ?, 0, ?, ?, ? FROM catalog_database WHERE name = ? ON CONFLICT DO NOTHING`, t.Name, input, at, at, database)
		if err := affected(res, err, &Error{ErrAlreadyExists, "Table already exists."}); err != nil || len(indexes) == 0 {
			return err
		}
		created, err := readTable(ctx, tx, database, t.Name)
		for i := 0; err == nil && i < len(indexes); i++ {
			err = addIndex(ctx, tx, created, indexes[:i], indexes[i])
		}
		return err
	})
	return classed("creating catalog table", database+"."+t.Name, err)
}

// UpdateTable implements Catalog. Partition keys cannot be added, removed or renamed while the table has partitions, whose values
// belong to the keys they have, or partition indexes. A rename is refused, as in Glue.
func (e *Embedded) UpdateTable(ctx context.Context, database string, t TableInput, versionID string, skipArchive bool) error {
	input, err := tableBody(&t)
	if err != nil {
		return err
	}
	return e.withLockedTable(ctx, "updating catalog table", database, t.Name, func(tx *meta.Tx, old *storedTable) error {
		if versionID != "" && versionID != old.VersionID {
			if _, err := versionNumber(versionID); err != nil {
				return err
			}
			return refuse(ErrConcurrentModification, "Update table failed due to concurrent modifications.")
		}
		if !sameKeys(old.PartitionKeys, t.PartitionKeys) {
			if err := refuseWithPartitions(ctx, tx, old); err != nil {
				return err
			}
		}
		if !skipArchive {
			if _, err := tx.Exec(ctx, `INSERT INTO catalog_table_version (table_id, version, input, updated_ms)
				SELECT id, version, input, updated_ms FROM catalog_table WHERE id = ?`, old.id); err != nil {
				return fmt.Errorf("archiving version %d: %w", old.version, err)
			}
		}
		_, err = tx.Exec(ctx, `UPDATE catalog_table SET version = version + 1, input = ?, updated_ms = ? WHERE id = ?`, input, now(), old.id)
		return err
	})
}

// DeleteTable implements Catalog. The table's versions and partitions go with it.
func (e *Embedded) DeleteTable(ctx context.Context, database, name string) error {
	return e.withLockedTable(ctx, "deleting catalog table", database, name, func(tx *meta.Tx, t *storedTable) error {
		_, err := tx.Exec(ctx, `DELETE FROM catalog_table WHERE id = ?`, t.id)
		return err
	})
}

func readTable(ctx context.Context, q meta.Querier, database, name string) (*storedTable, error) {
	t, err := scanTable(q.QueryRow(ctx, tableColumns+` WHERE d.name = ? AND t.name = ?`, database, name))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, missingTable(ctx, q, database, name)
	}
	return t, err
}

// lockTable reads a table and keeps other writers from it until the transaction ends.
func lockTable(ctx context.Context, tx *meta.Tx, database, name string) (*storedTable, error) {
	if _, err := tx.Exec(ctx, `UPDATE catalog_table SET name = name
		WHERE name = ? AND database_id = (SELECT id FROM catalog_database WHERE name = ?)`, name, database); err != nil {
		return nil, fmt.Errorf("locking the table: %w", err)
	}
	return readTable(ctx, tx, database, name)
}

// withLockedTable calls fn in a transaction in which nobody else changes the table.
func (e *Embedded) withLockedTable(ctx context.Context, op, database, table string, fn func(tx *meta.Tx, t *storedTable) error) error {
	database, table = strings.ToLower(database), strings.ToLower(table)
	err := e.db.InTx(ctx, func(tx *meta.Tx) error {
		t, err := lockTable(ctx, tx, database, table)
		if err != nil {
			return err
		}
		return fn(tx, t)
	})
	return classed(op, database+"."+table, err)
}

// missingTable returns the refusal for a table that is not there, which depends on whether its database is.
func missingTable(ctx context.Context, q meta.Querier, database, name string) error {
	if err := checkDatabase(ctx, q, database); err != nil {
		return err
	}
	return noTable(name)
}

func checkDatabase(ctx context.Context, q meta.Querier, name string) error {
	var one int
	err := q.QueryRow(ctx, `SELECT 1 FROM catalog_database WHERE name = ?`, name).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return noDatabase(name)
	}
	return err
}

func sameKeys(a, b []Column) bool {
	return slices.EqualFunc(a, b, func(x, y Column) bool { return strings.EqualFold(x.Name, y.Name) })
}

func refuseWithPartitions(ctx context.Context, tx *meta.Tx, t *storedTable) error {
	for _, holds := range []struct{ table, what string }{{"catalog_partition", "partitions"}, {"catalog_partition_index", "partition indexes"}} {
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 FROM `+holds.table+` WHERE table_id = ? LIMIT 1`, t.id).Scan(&one)
		if err == nil {
			return refuse(ErrInvalidInput, "The partition keys of table %s cannot be changed while it has %s. Delete its %[2]s first.", t.Name, holds.what)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// tableBody folds the name, checks the limits and encodes what is kept.
func tableBody(t *TableInput) (string, error) {
	t.Name = strings.ToLower(t.Name)
	t.PartitionKeys = present(t.PartitionKeys)
	t.StorageDescriptor = filled(t.StorageDescriptor)
	var c checks
	if c.table(t); c.err != nil {
		return "", c.err
	}
	return encode(t, "table", t.Name)
}

// filled returns d with empty lists for missing ones: readers such as Athena fail on null.
func filled(d StorageDescriptor) StorageDescriptor {
	d.Columns, d.BucketColumns, d.SortColumns = present(d.Columns), present(d.BucketColumns), present(d.SortColumns)
	return d
}

func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func scanTable(row scanner) (*storedTable, error) {
	r, err := scanTableRow(row)
	if err != nil {
		return nil, err
	}
	return r.decode()
}

// tableRow is a table of which the definition is not decoded yet.
type tableRow struct {
	table storedTable
	input []byte
}

func scanTableRow(row scanner) (*tableRow, error) {
	var r tableRow
	var created, updated int64
	t := &r.table
	if err := row.Scan(&t.id, &t.DatabaseName, &t.Name, &t.version, &r.input, &created, &updated); err != nil {
		return nil, err
	}
	t.VersionID = strconv.FormatInt(t.version, 10)
	t.CreateTime, t.UpdateTime = instant(created), instant(updated)
	return &r, nil
}

func (r *tableRow) decode() (*storedTable, error) {
	if err := json.Unmarshal(r.input, &r.table.TableInput); err != nil {
		return nil, fmt.Errorf("decoding table %s: %w", r.table.Name, err)
	}
	return &r.table, nil
}
