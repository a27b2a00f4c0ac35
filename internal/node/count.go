package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/refract-io/refract/internal/query/engine"
)

// sqlCounter counts rows by SQL over a connection like any user's.
type sqlCounter struct {
	engine            *engine.Engine
	address, password string
}

// CountByPath implements verify.SQL.
func (s sqlCounter) CountByPath(ctx context.Context, database, table string) (counts map[string]int64, err error) {
	schema, err := s.schemaOf(ctx, database)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(sqlAdmin, s.password), Host: s.address, Path: "/" + sqlDatabase}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("connecting to count rows: %w", errors.New(strings.ReplaceAll(err.Error(), s.password, "***")))
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	rows, err := conn.Query(ctx, `SELECT "$path", count(*) FROM `+pgx.Identifier{schema, table}.Sanitize()+` GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("counting the rows of %s.%s: %w", schema, table, err)
	}
	counts = map[string]int64{}
	var path string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&path, &n}, func() error {
		counts[path] = n
		return nil
	}); err != nil {
		return nil, fmt.Errorf("counting the rows of %s.%s: %w", schema, table, err)
	}
	return counts, nil
}

// schemaOf returns the external schema that shows the catalog database.
func (s sqlCounter) schemaOf(ctx context.Context, database string) (string, error) {
	schemas, err := s.engine.Schemas(ctx, sqlDatabase)
	if err != nil {
		return "", fmt.Errorf("listing external schemas: %w", err)
	}
	for _, e := range schemas {
		if strings.EqualFold(e.GlueDatabase, database) {
			return e.Name, nil
		}
	}
	return "", fmt.Errorf("no external schema shows catalog database %s", database)
}
