package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// GetPartition implements Catalog.
func (e *Embedded) GetPartition(ctx context.Context, database, table string, values []string) (*Partition, error) {
	found, err := e.BatchGetPartition(ctx, database, table, [][]string{values})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNoPartition
	}
	return found[0], nil
}

// BatchGetPartition returns those of at most MaxBatchGet partitions that exist, in the order of values.
func (e *Embedded) BatchGetPartition(ctx context.Context, database, table string, values [][]string) ([]*Partition, error) {
	database, table = strings.ToLower(database), strings.ToLower(table)
	var c checks
	if c.batch("partitionsToGet", len(values), MaxBatchGet); c.err != nil {
		return nil, c.err
	}
	found, err := e.batchGet(ctx, database, table, values)
	return found, classed("reading partitions of catalog table", database+"."+table, err)
}

func (e *Embedded) batchGet(ctx context.Context, database, table string, values [][]string) ([]*Partition, error) {
	t, err := readTable(ctx, e.db, database, table)
	if err != nil {
		return nil, err
	}
	decoder := partitionDecoder{table: t}
	for _, v := range values {
		var c checks
		if c.values(v, len(t.PartitionKeys)); c.err != nil {
			return nil, c.err
		}
		err := decoder.row(e.db.QueryRow(ctx, partitionColumns+` WHERE table_id = ? AND sort_key = ?`, t.id, sortKey(v)), nil)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return decoder.finish(ctx, e.db)
}

// BatchCreatePartition implements Catalog.
func (e *Embedded) BatchCreatePartition(ctx context.Context, database, table string, ps []PartitionInput) error {
	return e.changePartitions(ctx, "creating", database, table, len(ps), MaxBatchCreate, func(w *partitionWriter, i int) ([]string, error) {
		return ps[i].Values, w.create(ctx, &ps[i])
	})
}

// BatchUpdatePartition implements Catalog. Missing partitions are reported in a *BatchError with ErrNotFound.
func (e *Embedded) BatchUpdatePartition(ctx context.Context, database, table string, ps []PartitionInput) error {
	return e.changePartitions(ctx, "updating", database, table, len(ps), MaxBatchUpdate, func(w *partitionWriter, i int) ([]string, error) {
		return ps[i].Values, w.update(ctx, ps[i].Values, &ps[i])
	})
}

// BatchDeletePartition implements Catalog. Missing partitions are reported in a *BatchError with ErrNotFound.
func (e *Embedded) BatchDeletePartition(ctx context.Context, database, table string, values [][]string) error {
	return e.changePartitions(ctx, "deleting", database, table, len(values), MaxBatchDelete, func(w *partitionWriter, i int) ([]string, error) {
		return values[i], w.delete(ctx, values[i])
	})
}

// UpdatePartition replaces one partition, whose values may change: they were values and are p.Values afterwards.
func (e *Embedded) UpdatePartition(ctx context.Context, database, table string, values []string, p PartitionInput) error {
	err := e.changePartitions(ctx, "updating", database, table, 1, 1, func(w *partitionWriter, _ int) ([]string, error) {
		return values, w.update(ctx, values, &p)
	})
	if batch, ok := errors.AsType[*BatchError](err); ok {
		return batch.Failed[0].Err
	}
	return err
}

// changePartitions calls change for each of n items in one transaction. A request that breaks a limit changes nothing; items
// whose partition exists already or doesn't exist fail one by one, and the others take effect.
func (e *Embedded) changePartitions(ctx context.Context, op, database, table string, n, most int,
	change func(w *partitionWriter, i int) (values []string, err error)) error {
	database, table = strings.ToLower(database), strings.ToLower(table)
	var c checks
	if c.batch("partitions", n, most); c.err != nil {
		return c.err
	}
	var failed []PartitionError
	err := e.db.InTx(ctx, func(tx *meta.Tx) error {
		t, err := lockTable(ctx, tx, database, table)
		if err != nil {
			return err
		}
		w := &partitionWriter{tx: tx, table: t, lists: map[[sha256.Size]byte]int64{}}
		for i := range n {
			values, err := change(w, i)
			switch {
			case errors.Is(err, ErrAlreadyExists), errors.Is(err, ErrNotFound):
				failed = append(failed, PartitionError{values, err})
			case err != nil:
				return err
			}
		}
		return nil
	})
	if err == nil && len(failed) > 0 {
		return &BatchError{failed}
	}
	return classed(op+" partitions of catalog table", database+"."+table, err)
}

// partitionBody is what a partition's row keeps besides its values and columns.
type partitionBody struct {
	StorageDescriptor StorageDescriptor
	Parameters        map[string]string `json:",omitempty"`
}

// partitionWriter changes partitions of one table in one transaction.
type partitionWriter struct {
	tx    *meta.Tx
	table *storedTable
	// lists holds the ids of the column lists met so far, by digest.
	lists map[[sha256.Size]byte]int64
}

func (w *partitionWriter) create(ctx context.Context, p *PartitionInput) error {
	list, body, err := w.encode(ctx, p)
	if err != nil {
		return err
	}
	res, err := w.tx.Exec(ctx, `INSERT INTO catalog_partition (table_id, sort_key, column_list_id, body, created_ms)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, w.table.id, sortKey(p.Values), list, body, now())
	return affected(res, err, errPartitionExists)
}

func (w *partitionWriter) update(ctx context.Context, values []string, p *PartitionInput) error {
	var c checks
	if c.values(values, len(w.table.PartitionKeys)); c.err != nil {
		return c.err
	}
	list, body, err := w.encode(ctx, p)
	if err != nil {
		return err
	}
	from, to := sortKey(values), sortKey(p.Values)
	if string(from) != string(to) {
		var one int
		err := w.tx.QueryRow(ctx, `SELECT 1 FROM catalog_partition WHERE table_id = ? AND sort_key = ?`, w.table.id, to).Scan(&one)
		if err == nil {
			return errPartitionExists
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	res, err := w.tx.Exec(ctx, `UPDATE catalog_partition SET sort_key = ?, column_list_id = ?, body = ? WHERE table_id = ? AND sort_key = ?`,
		to, list, body, w.table.id, from)
	return affected(res, err, errNoPartition)
}

func (w *partitionWriter) delete(ctx context.Context, values []string) error {
	var c checks
	if c.values(values, len(w.table.PartitionKeys)); c.err != nil {
		return c.err
	}
	res, err := w.tx.Exec(ctx, `DELETE FROM catalog_partition WHERE table_id = ? AND sort_key = ?`, w.table.id, sortKey(values))
	return affected(res, err, errNoPartition)
}

// encode checks a partition and returns the id of its column list and the rest of it.
func (w *partitionWriter) encode(ctx context.Context, p *PartitionInput) (list int64, body string, err error) {
	var c checks
	if c.partition(p, len(w.table.PartitionKeys)); c.err != nil {
		return 0, "", c.err
	}
	d := filled(p.StorageDescriptor)
	if list, err = w.columnList(ctx, d.Columns); err != nil {
		return 0, "", err
	}
	d.Columns = nil
	text, err := json.Marshal(partitionBody{d, p.Parameters})
	if err != nil {
		return 0, "", fmt.Errorf("encoding partition %v: %w", p.Values, err)
	}
	return list, string(text), nil
}

// columnList returns the id of the table's list of these columns. Lists are never changed; they go with their table.
func (w *partitionWriter) columnList(ctx context.Context, columns []Column) (int64, error) {
	text, err := json.Marshal(columns)
	if err != nil {
		return 0, fmt.Errorf("encoding columns: %w", err)
	}
	digest := sha256.Sum256(text)
	if id, ok := w.lists[digest]; ok {
		return id, nil
	}
	if _, err := w.tx.Exec(ctx, `INSERT INTO catalog_column_list (table_id, digest, columns) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		w.table.id, digest[:], string(text)); err != nil {
		return 0, fmt.Errorf("keeping a column list: %w", err)
	}
	var id int64
	err = w.tx.QueryRow(ctx, `SELECT id FROM catalog_column_list WHERE table_id = ? AND digest = ?`, w.table.id, digest[:]).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("reading a column list: %w", err)
	}
	w.lists[digest] = id
	return id, nil
}
