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

const tableColumns = `SELECT t.id, d.name, t.version, t.input, t.created_ms, t.updated_ms
	FROM catalog_table t JOIN catalog_database d ON d.id = t.database_id`

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
	database = strings.ToLower(database)
	stored, err := collect(ctx, e.db, scanTable, tableColumns+` WHERE d.name = ? ORDER BY t.name`, database)
	if err == nil && len(stored) == 0 {
		err = checkDatabase(ctx, e.db, database)
	}
	if err != nil {
		return nil, classed("listing the tables of catalog database", database, err)
	}
	tables := make([]*Table, len(stored))
	for i, t := range stored {
		tables[i] = &t.Table
	}
	return tables, nil
}

// CreateTable implements Catalog.
func (e *Embedded) CreateTable(ctx context.Context, database string, t TableInput) error {
	database = strings.ToLower(database)
	input, err := tableBody(&t)
	if err != nil {
		return err
	}
	err = e.db.InTx(ctx, func(tx *meta.Tx) error {
		// The statement changes nothing. It locks the row, so that the database stays until the transaction ends.
		res, err := tx.Exec(ctx, `UPDATE catalog_database SET name = name WHERE name = ?`, database)
		if err := affected(res, err, noDatabase(database)); err != nil {
			return err
		}
		at := now()
		res, err = tx.Exec(ctx, `INSERT INTO catalog_table (database_id, name, version, input, created_ms, updated_ms)
			SELECT id, ?, 0, ?, ?, ? FROM catalog_database WHERE name = ? ON CONFLICT DO NOTHING`, t.Name, input, at, at, database)
		return affected(res, err, &Error{ErrAlreadyExists, "Table already exists."})
	})
	return classed("creating catalog table", database+"."+t.Name, err)
}

// UpdateTable implements Catalog. Partition keys cannot be added, removed or renamed while the table has partitions, whose values
// belong to the keys they have. A rename is refused, as in Glue.
func (e *Embedded) UpdateTable(ctx context.Context, database string, t TableInput, versionID string, skipArchive bool) error {
	database = strings.ToLower(database)
	input, err := tableBody(&t)
	if err != nil {
		return err
	}
	err = e.db.InTx(ctx, func(tx *meta.Tx) error {
		old, err := lockTable(ctx, tx, database, t.Name)
		if err != nil {
			return err
		}
		if versionID != "" && versionID != old.VersionID {
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
	return classed("updating catalog table", database+"."+t.Name, err)
}

// DeleteTable implements Catalog. The table's versions and partitions go with it.
func (e *Embedded) DeleteTable(ctx context.Context, database, name string) error {
	database, name = strings.ToLower(database), strings.ToLower(name)
	err := e.db.InTx(ctx, func(tx *meta.Tx) error {
		t, err := lockTable(ctx, tx, database, name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM catalog_table WHERE id = ?`, t.id)
		return err
	})
	return classed("deleting catalog table", database+"."+name, err)
}

// GetTableVersions implements Catalog. They are ordered from the current version back.
func (e *Embedded) GetTableVersions(ctx context.Context, database, name string) ([]*Table, error) {
	database, name = strings.ToLower(database), strings.ToLower(name)
	const from = ` FROM catalog_table t JOIN catalog_database d ON d.id = t.database_id`
	stored, err := collect(ctx, e.db, scanTable,
		`SELECT t.id, d.name, t.version AS version, t.input, t.created_ms, t.updated_ms`+from+` WHERE d.name = ? AND t.name = ?
		UNION ALL SELECT t.id, d.name, v.version AS version, v.input, t.created_ms, v.updated_ms`+from+
			` JOIN catalog_table_version v ON v.table_id = t.id WHERE d.name = ? AND t.name = ? ORDER BY version DESC`,
		database, name, database, name)
	if err == nil && len(stored) == 0 {
		err = missingTable(ctx, e.db, database, name)
	}
	if err != nil {
		return nil, classed("reading the versions of catalog table", database+"."+name, err)
	}
	versions := make([]*Table, len(stored))
	for i, t := range stored {
		versions[i] = &t.Table
	}
	return versions, nil
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
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM catalog_partition WHERE table_id = ? LIMIT 1`, t.id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return refuse(ErrInvalidInput, "The partition keys of table %s cannot be changed while it has partitions. Delete its partitions first.", t.Name)
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
	body, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("encoding table %s: %w", t.Name, err)
	}
	return string(body), nil
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
	var t storedTable
	var input []byte
	var created, updated int64
	if err := row.Scan(&t.id, &t.DatabaseName, &t.version, &input, &created, &updated); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(input, &t.TableInput); err != nil {
		return nil, fmt.Errorf("decoding a table: %w", err)
	}
	t.VersionID = strconv.FormatInt(t.version, 10)
	t.CreateTime, t.UpdateTime = instant(created), instant(updated)
	return &t, nil
}
