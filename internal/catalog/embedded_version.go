package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// MaxBatchDeleteVersion is the greatest number of versions that one call of the Glue API deletes.
const MaxBatchDeleteVersion = 100

// versionColumns selects the current and the archived versions of a table.
const versionColumns = `SELECT id, database_name, name, version, input, created_ms, updated_ms FROM (
	SELECT t.id AS id, d.name AS database_name, t.name AS name, t.version AS version, t.input AS input, t.created_ms AS created_ms, t.updated_ms AS updated_ms` + fromTables + `
	UNION ALL SELECT t.id, d.name, t.name, v.version, v.input, t.created_ms, v.updated_ms` + fromTables + ` JOIN catalog_table_version v ON v.table_id = t.id) AS versions
	WHERE database_name = ? AND name = ?`

// GetTableVersions implements Catalog. They are ordered from the current version back.
func (e *Embedded) GetTableVersions(ctx context.Context, database, name string) ([]*Table, error) {
	all, _, err := e.ScanTableVersions(ctx, database, name, "", 0)
	return all, err
}

// ScanTableVersions returns the versions of a table that are older than the version before, or all for "", from the newest back, at
// most limit of them unless limit is 0, and whether there are more.
func (e *Embedded) ScanTableVersions(ctx context.Context, database, name, before string, limit int) (versions []*Table, more bool, err error) {
	database, name = strings.ToLower(database), strings.ToLower(name)
	versions, more, err = e.scanVersions(ctx, database, name, before, limit)
	return versions, more, classed("reading the versions of catalog table", database+"."+name, err)
}

func (e *Embedded) scanVersions(ctx context.Context, database, name, before string, limit int) (versions []*Table, more bool, err error) {
	query, args := versionColumns, []any{database, name}
	if before != "" {
		number, err := versionNumber(before)
		if err != nil {
			return nil, false, err
		}
		query, args = query+` AND version < ?`, append(args, number)
	}
	query += ` ORDER BY version DESC`
	if limit > 0 {
		query, args = query+` LIMIT ?`, append(args, limit+1)
	}
	stored, err := collect(ctx, e.db, scanTable, query, args...)
	if err == nil && len(stored) == 0 {
		_, err = readTable(ctx, e.db, database, name)
	}
	if err != nil {
		return nil, false, err
	}
	if more = limit > 0 && len(stored) > limit; more {
		stored = stored[:limit]
	}
	versions = make([]*Table, len(stored))
	for i, t := range stored {
		versions[i] = &t.Table
	}
	return versions, more, nil
}

// GetTableVersion returns one version of a table, the current one for "".
func (e *Embedded) GetTableVersion(ctx context.Context, database, name, versionID string) (*Table, error) {
	if versionID == "" {
		return e.GetTable(ctx, database, name)
	}
	database, name = strings.ToLower(database), strings.ToLower(name)
	number, err := versionNumber(versionID)
	if err != nil {
		return nil, err
	}
	t, err := scanTable(e.db.QueryRow(ctx, versionColumns+` AND version = ?`, database, name, number))
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = readTable(ctx, e.db, database, name); err == nil {
			err = noVersion(name, versionID)
		}
	}
	if err != nil {
		return nil, classed("reading a version of catalog table", database+"."+name, err)
	}
	return &t.Table, nil
}

// VersionError is one version's failure in a batch call.
type VersionError struct {
	VersionID string
	Err       error
}

// BatchDeleteTableVersion deletes at most MaxBatchDeleteVersion archived versions of a table. The current version, which goes with
// its table only, versions that are not there and texts that are no version fail one by one; the others take effect.
func (e *Embedded) BatchDeleteTableVersion(ctx context.Context, database, name string, versionIDs []string) (failed []VersionError, err error) {
	var c checks
	if c.batch("versionIds", len(versionIDs), MaxBatchDeleteVersion); c.err != nil {
		return nil, c.err
	}
	err = e.withLockedTable(ctx, "deleting versions of catalog table", database, name, func(tx *meta.Tx, t *storedTable) error {
		for _, id := range versionIDs {
			err := deleteVersion(ctx, tx, t, id)
			switch {
			case errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalidInput):
				failed = append(failed, VersionError{id, err})
			case err != nil:
				return fmt.Errorf("deleting version %s: %w", id, err)
			}
		}
		return nil
	})
	return failed, err
}

func deleteVersion(ctx context.Context, tx *meta.Tx, t *storedTable, id string) error {
	number, err := versionNumber(id)
	if err != nil {
		return err
	}
	if number == t.version {
		return refuse(ErrInvalidInput, "Version %s of table %s is the current one and cannot be deleted. Delete the table instead.", id, t.Name)
	}
	res, err := tx.Exec(ctx, `DELETE FROM catalog_table_version WHERE table_id = ? AND version = ?`, t.id, number)
	return affected(res, err, noVersion(t.Name, id))
}

func noVersion(table, id string) error {
	return refuse(ErrNotFound, "Version %s of table %s not found.", id, table)
}

// versionNumber reads a version id, "a string representation of an integer".
func versionNumber(id string) (int64, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0, refuse(ErrInvalidInput, "Version '%s' is not an integer.", id)
	}
	return n, nil
}
