package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/meta"
)

// Limits of the column statistics of one call in the Glue API.
const (
	MaxStatisticsUpdate = 25
	MaxStatisticsGet    = 100
)

const maxStatisticsType = 20_000 // TypeString

// ColumnStatistics are what somebody has counted in one column of a table or of one partition.
type ColumnStatistics struct {
	ColumnName, ColumnType string
	AnalyzedTime           time.Time
	// StatisticsData is Glue's ColumnStatisticsData as its API writes it. The catalog doesn't look into it.
	StatisticsData json.RawMessage
}

// ColumnError is one column's failure in a call about column statistics.
type ColumnError struct {
	ColumnName string
	Err        error
}

var errNoStatistics = &Error{ErrNotFound, "Statistics do not exist for this column"}

// GetColumnStatistics returns those of at most MaxStatisticsGet columns of a table, or of the partition with these values, in the
// order of columns, and the columns that have none. values is nil for the table itself.
func (e *Embedded) GetColumnStatistics(ctx context.Context, database, table string, values, columns []string) (found []ColumnStatistics, missing []ColumnError, err error) {
	var c checks
	if c.batch("columnNames", len(columns), MaxStatisticsGet); c.err != nil {
		return nil, nil, c.err
	}
	database, table = strings.ToLower(database), strings.ToLower(table)
	found, missing, err = e.columnStatistics(ctx, database, table, values, columns)
	return found, missing, classed("reading column statistics of catalog table", database+"."+table, err)
}

func (e *Embedded) columnStatistics(ctx context.Context, database, table string, values, columns []string) (found []ColumnStatistics, missing []ColumnError, err error) {
	t, err := readTable(ctx, e.db, database, table)
	if err != nil {
		return nil, nil, err
	}
	key, _, err := statisticsOwner(ctx, e.db, t, values)
	if err != nil {
		return nil, nil, err
	}
	all, err := collect(ctx, e.db, scanStatistics, `SELECT body FROM catalog_column_statistics WHERE table_id = ? AND sort_key = ?`, t.id, key)
	if err != nil {
		return nil, nil, err
	}
	for _, column := range columns {
		i := slices.IndexFunc(all, func(s ColumnStatistics) bool { return strings.EqualFold(s.ColumnName, column) })
		if i < 0 {
			missing = append(missing, ColumnError{column, errNoStatistics})
			continue
		}
		found = append(found, all[i])
	}
	return found, missing, nil
}

// UpdateColumnStatistics creates or replaces the statistics of at most MaxStatisticsUpdate columns of a table, or of the partition
// with these values. Columns that the table, or the partition, doesn't have fail one by one; the others take effect.
func (e *Embedded) UpdateColumnStatistics(ctx context.Context, database, table string, values []string, all []ColumnStatistics) ([]ColumnError, error) {
	var c checks
	c.batch("columnStatisticsList", len(all), MaxStatisticsUpdate)
	for _, s := range all {
		c.line("columnStatisticsList.columnName", s.ColumnName, 1, maxName)
		c.line("columnStatisticsList.columnType", s.ColumnType, 0, maxStatisticsType)
	}
	if c.err != nil {
		return nil, c.err
	}
	var failed []ColumnError
	err := e.withLockedTable(ctx, "updating column statistics of catalog table", database, table, func(tx *meta.Tx, t *storedTable) error {
		key, columns, err := statisticsOwner(ctx, tx, t, values)
		if err != nil {
			return err
		}
		for _, s := range all {
			if !slices.ContainsFunc(columns, func(have Column) bool { return strings.EqualFold(have.Name, s.ColumnName) }) {
				failed = append(failed, ColumnError{s.ColumnName, refuse(ErrNotFound, "Column %s not found.", s.ColumnName)})
				continue
			}
			body, err := encode(s, "the statistics of column", s.ColumnName)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO catalog_column_statistics (table_id, sort_key, column_name, body) VALUES (?, ?, ?, ?)
				ON CONFLICT (table_id, sort_key, column_name) DO UPDATE SET body = excluded.body`,
				t.id, key, strings.ToLower(s.ColumnName), body); err != nil {
				return err
			}
		}
		return nil
	})
	return failed, err
}

// DeleteColumnStatistics deletes those of one column of a table, or of the partition with these values. Statistics that don't
// exist are deleted already.
func (e *Embedded) DeleteColumnStatistics(ctx context.Context, database, table string, values []string, column string) error {
	return e.withLockedTable(ctx, "deleting column statistics of catalog table", database, table, func(tx *meta.Tx, t *storedTable) error {
		key, _, err := statisticsOwner(ctx, tx, t, values)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM catalog_column_statistics WHERE table_id = ? AND sort_key = ? AND column_name = ?`,
			t.id, key, strings.ToLower(column))
		return err
	})
}

// statisticsOwner returns the sort key under which statistics are kept, and the columns that may have some: a partition's, or, with
// nil values, the table's, whose key is empty as no partition's is.
func statisticsOwner(ctx context.Context, q meta.Querier, t *storedTable, values []string) ([]byte, []Column, error) {
	if values == nil {
		return []byte{}, append(slices.Clone(t.StorageDescriptor.Columns), t.PartitionKeys...), nil
	}
	found, err := partitionsOf(ctx, q, t, [][]string{values})
	if err != nil {
		return nil, nil, err
	}
	if len(found) == 0 {
		return nil, nil, errNoPartition
	}
	columns := found[0].StorageDescriptor.Columns
	if len(columns) == 0 { // "only required for Hive compatibility": then the table's are meant
		columns = t.StorageDescriptor.Columns
	}
	return sortKey(values), columns, nil
}

func scanStatistics(row scanner) (ColumnStatistics, error) {
	var s ColumnStatistics
	var body []byte
	if err := row.Scan(&body); err != nil {
		return s, err
	}
	return s, errors.Join(json.Unmarshal(body, &s))
}
