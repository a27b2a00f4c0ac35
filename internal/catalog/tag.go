package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// MaxTags is the greatest number of tags of a database or table.
const MaxTags = 50

const (
	maxTagKey   = 128
	maxTagValue = 256
)

// GetTags returns the tags of a database, or of a table if table is not empty.
func (e *Embedded) GetTags(ctx context.Context, database, table string) (map[string]string, error) {
	t := tagged(database, table)
	tags, err := t.read(ctx, e.db)
	return tags, classed("reading the tags of catalog resource", t.name(), err)
}

// ChangeTags adds or replaces the tags in add and takes those of remove away, of a database, or of a table if table is not empty.
func (e *Embedded) ChangeTags(ctx context.Context, database, table string, add map[string]string, remove []string) error {
	t := tagged(database, table)
	var c checks
	c.tags("tagsToAdd", add)
	c.batch("tagsToRemove", len(remove), MaxTags)
	if c.err != nil {
		return c.err
	}
	err := e.db.InTx(ctx, func(tx *meta.Tx) error {
		if err := t.lock(ctx, tx); err != nil {
			return err
		}
		tags, err := t.read(ctx, tx)
		if err != nil {
			return err
		}
		maps.Copy(tags, add)
		for _, key := range remove {
			delete(tags, key)
		}
		if c.tags("tags", tags); c.err != nil {
			return c.err
		}
		return t.write(ctx, tx, tags)
	})
	return classed("changing the tags of catalog resource", t.name(), err)
}

func (c *checks) tags(member string, tags map[string]string) {
	c.batch(member, len(tags), MaxTags)
	for key, value := range tags {
		c.text(member+".key", key, 1, maxTagKey)
		c.text(member+"."+key, value, 0, maxTagValue)
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			c.fail("Tag keys that begin with aws: are reserved: %s", key)
		}
	}
}

// resource is a database, or a table if table is not empty.
type resource struct{ database, table string }

func tagged(database, table string) resource {
	return resource{strings.ToLower(database), strings.ToLower(table)}
}

func (r resource) name() string {
	if r.table == "" {
		return r.database
	}
	return r.database + "." + r.table
}

func (r resource) lock(ctx context.Context, tx *meta.Tx) error {
	if r.table == "" {
		return lockDatabase(ctx, tx, r.database)
	}
	_, err := lockTable(ctx, tx, r.database, r.table)
	return err
}

func (r resource) read(ctx context.Context, q meta.Querier) (map[string]string, error) {
	var text []byte
	var err error
	if r.table == "" {
		err = q.QueryRow(ctx, `SELECT tags FROM catalog_database WHERE name = ?`, r.database).Scan(&text)
	} else {
		err = q.QueryRow(ctx, `SELECT t.tags FROM catalog_table t JOIN catalog_database d ON d.id = t.database_id WHERE d.name = ? AND t.name = ?`,
			r.database, r.table).Scan(&text)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows) && r.table == "":
		return nil, noDatabase(r.database)
	case errors.Is(err, sql.ErrNoRows):
		return nil, missingTable(ctx, q, r.database, r.table)
	case err != nil:
		return nil, err
	}
	tags := map[string]string{}
	if err := json.Unmarshal(text, &tags); err != nil {
		return nil, fmt.Errorf("decoding tags: %w", err)
	}
	return tags, nil
}

func (r resource) write(ctx context.Context, tx *meta.Tx, tags map[string]string) error {
	if r.table == "" {
		_, err := tx.Exec(ctx, `UPDATE catalog_database SET tags = ? WHERE name = ?`, tagText(tags), r.database)
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE catalog_table SET tags = ? WHERE name = ? AND database_id = (SELECT id FROM catalog_database WHERE name = ?)`,
		tagText(tags), r.table, r.database)
	return err
}

// tagText returns the JSON object in which tags are kept.
func tagText(tags map[string]string) string {
	if len(tags) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(tags) // texts always encode
	return string(text)
}
