package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/refract-io/refract/internal/query/engine"
	"github.com/refract-io/refract/internal/verify"
)

// sqlCounter counts rows and values by SQL over a connection like any user's.
type sqlCounter struct {
	engine            *engine.Engine
	address, password string
}

// CountByPath implements verify.SQL.
func (s sqlCounter) CountByPath(ctx context.Context, database, table string) (map[string]int64, error) {
	counts := map[string]int64{}
	err := s.query(ctx, database, table, `"$path", count(*)`, ` GROUP BY 1`, func(rows pgx.Rows) error {
		var path string
		var n int64
		_, err := pgx.ForEachRow(rows, []any{&path, &n}, func() error {
			counts[path] = n
			return nil
		})
		return err
	})
	return counts, err
}

// countedColumns is how many columns are counted by one query.
const countedColumns = 500

// CountValues implements verify.SQL.
func (s sqlCounter) CountValues(ctx context.Context, database, table string, columns []string) ([]int64, error) {
	values := make([]int64, 0, len(columns))
	for part := range slices.Chunk(columns, countedColumns) {
		counts := make([]string, len(part))
		targets := make([]any, len(part))
		numbers := make([]int64, len(part))
		for i, name := range part {
			counts[i], targets[i] = `count(`+pgx.Identifier{name}.Sanitize()+`)`, &numbers[i]
		}
		err := s.query(ctx, database, table, strings.Join(counts, ", "), "", func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, targets, func() error { return nil })
			return err
		})
		if err != nil {
			return nil, err
		}
		values = append(values, numbers...)
	}
	return values, nil
}

// query selects from a catalog table.
func (s sqlCounter) query(ctx context.Context, database, table, what, more string, read func(pgx.Rows) error) (err error) {
	schema, err := s.schemaOf(ctx, database)
	if err != nil {
		return err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(sqlAdmin, s.password), Host: s.address, Path: "/" + sqlDatabase}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return fmt.Errorf("connecting to count rows: %w", errors.New(strings.ReplaceAll(err.Error(), s.password, "***")))
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	rows, err := conn.Query(ctx, `SELECT `+what+` FROM `+pgx.Identifier{schema, table}.Sanitize()+more)
	if err == nil {
		err = read(rows)
	}
	if err != nil {
		return fmt.Errorf("counting in %s.%s: %w", schema, table, err)
	}
	return nil
}

// schemaOf returns an external schema that shows the catalog database.
func (s sqlCounter) schemaOf(ctx context.Context, database string) (string, error) {
	schemas, err := s.engine.Schemas(ctx, sqlDatabase)
	if err != nil {
		return "", fmt.Errorf("listing external schemas: %w", err)
	}
	if name, ok := chooseSchema(schemas, database); ok {
		return name, nil
	}
	return "", fmt.Errorf("%w %s", verify.ErrNoSchema, database)
}

// chooseSchema prefers a schema that is read without a role, as those are that pipelines are attached by: whether a role may read a table
// says nothing about the rows that are there.
func chooseSchema(schemas []*engine.ExternalSchema, database string) (name string, ok bool) {
	for _, e := range schemas {
		if !strings.EqualFold(e.GlueDatabase, database) {
			continue
		}
		if e.Role() == "" {
			return e.Name, true
		}
		if !ok {
			name, ok = e.Name, true
		}
	}
	return name, ok
}
