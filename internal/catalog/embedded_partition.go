package catalog

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	return partitionsOf(ctx, e.db, t, values)
}

// partitionsOf returns those partitions of a table that exist.
func partitionsOf(ctx context.Context, q meta.Querier, t *storedTable, values [][]string) ([]*Partition, error) {
	decoder := partitionDecoder{table: t}
	for _, v := range values {
		var c checks
		if c.values(v, len(t.PartitionKeys)); c.err != nil {
			return nil, c.err
		}
		err := decoder.row(q.QueryRow(ctx, partitionColumns+` WHERE table_id = ? AND sort_key = ?`, t.id, sortKey(v)), nil)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	return decoder.finish(ctx, q)
}

// BatchCreatePartition implements Catalog.
func (e *Embedded) BatchCreatePartition(ctx context.Context, database, table string, ps []PartitionInput) error {
	return e.changePartitions(ctx, "creating", database, table, len(ps), MaxBatchCreate, func(w *partitionWriter) error {
		return w.create(ctx, ps)
	})
}

// BatchUpdatePartition implements Catalog. Missing partitions are reported in a *BatchError with ErrNotFound.
func (e *Embedded) BatchUpdatePartition(ctx context.Context, database, table string, ps []PartitionInput) error {
	updates := make([]PartitionUpdate, len(ps))
	for i, p := range ps {
		updates[i] = PartitionUpdate{p.Values, p}
	}
	return e.ReplacePartitions(ctx, database, table, updates)
}

// PartitionUpdate replaces the partition that has Values by Input, whose values may be others: Hive's clients rename a partition so.
type PartitionUpdate struct {
	Values []string
	Input  PartitionInput
}

// ReplacePartitions replaces at most MaxBatchUpdate partitions. Missing ones are reported in a *BatchError with ErrNotFound, and
// those whose new values another partition has with ErrAlreadyExists.
func (e *Embedded) ReplacePartitions(ctx context.Context, database, table string, updates []PartitionUpdate) error {
	return e.changePartitions(ctx, "updating", database, table, len(updates), MaxBatchUpdate, func(w *partitionWriter) error {
		for i := range updates {
			if err := w.each(updates[i].Values, w.update(ctx, updates[i].Values, &updates[i].Input)); err != nil {
				return err
			}
		}
		return nil
	})
}

// BatchDeletePartition implements Catalog. Missing partitions are reported in a *BatchError with ErrNotFound.
func (e *Embedded) BatchDeletePartition(ctx context.Context, database, table string, values [][]string) error {
	return e.changePartitions(ctx, "deleting", database, table, len(values), MaxBatchDelete, func(w *partitionWriter) error {
		for _, v := range values {
			if err := w.each(v, w.delete(ctx, v)); err != nil {
				return err
			}
		}
		return nil
	})
}

// changePartitions calls change in a transaction with a batch of n partitions. A request that breaks a limit changes nothing; items
// whose partition exists already or doesn't exist fail one by one, and the others take effect.
func (e *Embedded) changePartitions(ctx context.Context, op, database, table string, n, most int, change func(*partitionWriter) error) error {
	var c checks
	if c.batch("partitions", n, most); c.err != nil {
		return c.err
	}
	var failed []PartitionError
	err := e.withLockedTable(ctx, op+" partitions of catalog table", database, table, func(tx *meta.Tx, t *storedTable) error {
		w := &partitionWriter{tx: tx, table: t}
		err := change(w)
		failed = w.failed
		return err
	})
	if err == nil && len(failed) > 0 {
		return &BatchError{failed}
	}
	return err
}

// partitionBody is what a partition's row keeps besides its values and what it shares with others.
type partitionBody struct {
	Location         string            `json:",omitempty"`
	Parameters       map[string]string `json:",omitempty"`
	LastAccessTime   time.Time         `json:",omitzero"`
	LastAnalyzedTime time.Time         `json:",omitzero"`
	// StorageDescriptor is there in rows of earlier versions, which shared the columns alone.
	StorageDescriptor *StorageDescriptor `json:",omitempty"`
}

// partitionWriter changes partitions of one table in one transaction.
type partitionWriter struct {
	tx     *meta.Tx
	table  *storedTable
	failed []PartitionError
	// last is the descriptor met last, without its location: partitions mostly have the same. It is checked and kept under lastID.
	last   *StorageDescriptor
	lastID int64
}

// each notes the failure of one item. Failures of the whole call are returned.
func (w *partitionWriter) each(values []string, err error) error {
	if errors.Is(err, ErrAlreadyExists) || errors.Is(err, ErrNotFound) {
		w.failed = append(w.failed, PartitionError{values, err})
		return nil
	}
	return err
}

// create adds partitions in one statement, which tells which of them are new.
func (w *partitionWriter) create(ctx context.Context, ps []PartitionInput) error {
	if len(ps) == 0 {
		return nil
	}
	at := now()
	keys := make([]string, len(ps))
	rows := make([]string, len(ps))
	var args []any
	for i := range ps {
		list, body, err := w.encode(ctx, &ps[i])
		if err != nil {
			return err
		}
		key := sortKey(ps[i].Values)
		keys[i], rows[i] = string(key), `(?, ?, ?, ?, ?, ?)`
		args = append(args, w.table.id, key, bucketOf(key), list, body, at)
	}
	created, err := collect(ctx, w.tx, func(row scanner) (key []byte, err error) { return key, row.Scan(&key) },
		`INSERT INTO catalog_partition (table_id, sort_key, bucket, column_list_id, body, created_ms) VALUES `+strings.Join(rows, ", ")+
			` ON CONFLICT DO NOTHING RETURNING sort_key`, args...)
	if err != nil {
		return err
	}
	fresh := make(map[string]bool, len(created))
	for _, key := range created {
		fresh[string(key)] = true
	}
	for i, key := range keys {
		if !fresh[key] {
			w.failed = append(w.failed, PartitionError{ps[i].Values, errPartitionExists})
		}
		delete(fresh, key) // a second one in the same batch exists already
	}
	return nil
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
	res, err := w.tx.Exec(ctx, `UPDATE catalog_partition SET sort_key = ?, bucket = ?, column_list_id = ?, body = ? WHERE table_id = ? AND sort_key = ?`,
		to, bucketOf(to), list, body, w.table.id, from)
	if err := affected(res, err, errNoPartition); err != nil || string(from) == string(to) {
		return err
	}
	_, err = w.tx.Exec(ctx, `UPDATE catalog_column_statistics SET sort_key = ? WHERE table_id = ? AND sort_key = ?`, to, w.table.id, from)
	return err
}

func (w *partitionWriter) delete(ctx context.Context, values []string) error {
	var c checks
	if c.values(values, len(w.table.PartitionKeys)); c.err != nil {
		return c.err
	}
	key := sortKey(values)
	res, err := w.tx.Exec(ctx, `DELETE FROM catalog_partition WHERE table_id = ? AND sort_key = ?`, w.table.id, key)
	if err := affected(res, err, errNoPartition); err != nil {
		return err
	}
	_, err = w.tx.Exec(ctx, `DELETE FROM catalog_column_statistics WHERE table_id = ? AND sort_key = ?`, w.table.id, key)
	return err
}

// encode checks a partition and returns the id of its descriptor and the rest of it.
func (w *partitionWriter) encode(ctx context.Context, p *PartitionInput) (descriptor int64, body string, err error) {
	var c checks
	c.values(p.Values, len(w.table.PartitionKeys))
	c.line("storageDescriptor.location", p.StorageDescriptor.Location, 0, maxLocation)
	c.parameters("partitionInput.parameters", p.Parameters)
	if c.err != nil {
		return 0, "", c.err
	}
	d := filled(p.StorageDescriptor)
	d.Location = ""
	if w.last == nil || !sameDescriptor(w.last, &d) {
		if c.descriptor(&d); c.err != nil {
			return 0, "", c.err
		}
		if w.lastID, err = w.keepDescriptor(ctx, &d); err != nil {
			return 0, "", err
		}
		w.last = &d
	}
	text, err := json.Marshal(partitionBody{
		Location: p.StorageDescriptor.Location, Parameters: p.Parameters, LastAccessTime: p.LastAccessTime, LastAnalyzedTime: p.LastAnalyzedTime,
	})
	if err != nil {
		return 0, "", fmt.Errorf("encoding partition %v: %w", p.Values, err)
	}
	return w.lastID, string(text), nil
}

// keepDescriptor returns the id under which the table keeps this descriptor, in the table catalog_column_list, whose rows of earlier
// versions are lists of columns. They are never changed, and go with their table.
func (w *partitionWriter) keepDescriptor(ctx context.Context, d *StorageDescriptor) (id int64, err error) {
	text, err := json.Marshal(d)
	if err != nil {
		return 0, fmt.Errorf("encoding a descriptor: %w", err)
	}
	digest := sha256.Sum256(text)
	if _, err := w.tx.Exec(ctx, `INSERT INTO catalog_column_list (table_id, digest, columns) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		w.table.id, digest[:], string(text)); err != nil {
		return 0, fmt.Errorf("keeping a descriptor: %w", err)
	}
	err = w.tx.QueryRow(ctx, `SELECT id FROM catalog_column_list WHERE table_id = ? AND digest = ?`, w.table.id, digest[:]).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("reading a descriptor: %w", err)
	}
	return id, nil
}

// sameDescriptor compares descriptors. It is faster than their encoding, and most are the same.
func sameDescriptor(a, b *StorageDescriptor) bool {
	return a.Location == b.Location && a.InputFormat == b.InputFormat && a.OutputFormat == b.OutputFormat && a.Compressed == b.Compressed &&
		a.NumberOfBuckets == b.NumberOfBuckets && a.StoredAsSubDirectories == b.StoredAsSubDirectories && maps.Equal(a.Parameters, b.Parameters) &&
		a.SerdeInfo.Name == b.SerdeInfo.Name && a.SerdeInfo.SerializationLibrary == b.SerdeInfo.SerializationLibrary &&
		maps.Equal(a.SerdeInfo.Parameters, b.SerdeInfo.Parameters) &&
		slices.Equal(a.BucketColumns, b.BucketColumns) && slices.Equal(a.SortColumns, b.SortColumns) &&
		slices.EqualFunc(a.Columns, b.Columns, func(a, b Column) bool {
			return a.Name == b.Name && a.Type == b.Type && a.Comment == b.Comment && maps.Equal(a.Parameters, b.Parameters)
		})
}
