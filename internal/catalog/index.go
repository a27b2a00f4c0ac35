package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// MaxPartitionIndexes is the greatest number of partition indexes of a table.
const MaxPartitionIndexes = 3

// PartitionIndex is a partition index of a table: its name and some of the table's partition keys in an order of its own.
type PartitionIndex struct {
	IndexName string
	Keys      []string
}

// CreatePartitionIndex adds an index to a table. It is active at once. It changes nothing in how partitions are found here: they are
// kept in the order of their values, with or without an index.
func (e *Embedded) CreatePartitionIndex(ctx context.Context, database, table string, index PartitionIndex) error {
	return e.withLockedTable(ctx, "indexing catalog table", database, table, func(tx *meta.Tx, t *storedTable) error {
		have, err := indexesOf(ctx, tx, t)
		if err != nil {
			return err
		}
		return addIndex(ctx, tx, t, have, index)
	})
}

// addIndex checks the index in Glue's order: keys, number, name, and then whether another index has the same keys.
func addIndex(ctx context.Context, tx *meta.Tx, t *storedTable, have []PartitionIndex, index PartitionIndex) error {
	var c checks
	c.line("partitionIndex.indexName", index.IndexName, 1, maxName)
	if len(index.Keys) == 0 {
		c.fail("1 validation error detected: Value at 'partitionIndex.keys' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	index.Keys = slices.Clone(index.Keys)
	for i, key := range index.Keys {
		at := slices.IndexFunc(t.PartitionKeys, func(column Column) bool { return strings.EqualFold(column.Name, key) })
		if at < 0 {
			c.fail("IndexKeys not a part of PartitionColumns. Verify the indexKeys : [%s]", key)
			continue
		}
		index.Keys[i] = t.PartitionKeys[at].Name
		if slices.Contains(index.Keys[:i], index.Keys[i]) {
			c.fail("The key %s stands twice in the index.", key)
		}
	}
	if c.err != nil {
		return c.err
	}
	if len(have) >= MaxPartitionIndexes {
		return refuse(ErrLimitExceeded, "Partition index limit exceeded. Maximum: %d", MaxPartitionIndexes)
	}
	for _, other := range have {
		if other.IndexName == index.IndexName {
			return refuse(ErrAlreadyExists, "Partition Index %s already exists with the same name.", index.IndexName)
		}
	}
	for _, other := range have {
		if slices.Equal(other.Keys, index.Keys) {
			return refuse(ErrAlreadyExists, "Partition Index %s already exists with the same keys.", other.IndexName)
		}
	}
	body, err := encode(index, "index", index.IndexName)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO catalog_partition_index (table_id, name, body) VALUES (?, ?, ?)`, t.id, index.IndexName, body)
	return err
}

// GetPartitionIndexes returns a table and its indexes, ordered by name.
func (e *Embedded) GetPartitionIndexes(ctx context.Context, database, table string) (*Table, []PartitionIndex, error) {
	database, table = strings.ToLower(database), strings.ToLower(table)
	const op = "reading the indexes of catalog table"
	t, err := readTable(ctx, e.db, database, table)
	if err != nil {
		return nil, nil, classed(op, database+"."+table, err)
	}
	indexes, err := indexesOf(ctx, e.db, t)
	return &t.Table, indexes, classed(op, database+"."+table, err)
}

// DeletePartitionIndex removes an index from a table.
func (e *Embedded) DeletePartitionIndex(ctx context.Context, database, table, name string) error {
	return e.withLockedTable(ctx, "removing an index of catalog table", database, table, func(tx *meta.Tx, t *storedTable) error {
		res, err := tx.Exec(ctx, `DELETE FROM catalog_partition_index WHERE table_id = ? AND name = ?`, t.id, name)
		return affected(res, err, refuse(ErrNotFound, "Index with the given indexName : %s does not exist.", name))
	})
}

func indexesOf(ctx context.Context, q meta.Querier, t *storedTable) ([]PartitionIndex, error) {
	return collect(ctx, q, func(row scanner) (index PartitionIndex, err error) {
		var body []byte
		if err := row.Scan(&body); err != nil {
			return index, err
		}
		if err := json.Unmarshal(body, &index); err != nil {
			return index, fmt.Errorf("decoding a partition index: %w", err)
		}
		return index, nil
	}, `SELECT body FROM catalog_partition_index WHERE table_id = ? ORDER BY name`, t.id)
}
