package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/rsql"
)

// ExternalSchema is an external schema of a database: a name for a database of the data catalog.
type ExternalSchema struct {
	ID                                  int64
	Database, Name, GlueDatabase, Owner string
	// Options is the JSON that svv_external_schemas shows as esoptions.
	Options string
}

// oid is the schema's number in pg_namespace.
func (s *ExternalSchema) oid() int64 { return firstSchemaOID + s.ID }

// AttachSchema creates the external schema in the database for the catalog database, with both databases if need be, as its
// superuser's CREATE EXTERNAL SCHEMA IF NOT EXISTS would. It is idempotent; a schema of that name over another catalog database is
// an error, as IF NOT EXISTS would leave it as it is.
func (e *Engine) AttachSchema(ctx context.Context, database, schema, glueDatabase string) error {
	database, schema, glueDatabase = strings.ToLower(database), strings.ToLower(schema), strings.ToLower(glueDatabase)
	if err := e.createDatabase(ctx, database, e.admin); err != nil {
		return err
	}
	if err := checkSchemaName(schema); err != nil {
		return err
	}
	s := &ExternalSchema{Database: database, Name: schema, GlueDatabase: glueDatabase, Owner: e.admin, Options: "{}"}
	if err := e.commit(ctx, []change{schemaCreation{s, true}}); err != nil && !isConflict(err) {
		return err
	}
	got, err := e.externalSchema(ctx, database, schema)
	if err != nil {
		return err
	}
	if got.GlueDatabase != glueDatabase {
		return failure(stateDuplicateSchema, "schema \"%s\" already exists over the catalog database \"%s\", not \"%s\"", schema, got.GlueDatabase, glueDatabase)
	}
	return nil
}

// createDatabase adds a database unless it exists.
func (e *Engine) createDatabase(ctx context.Context, name, owner string) error {
	if name == "" || len(name) > 127 {
		return failure(rsql.StateInvalidParameter, "a database name must have 1 to 127 bytes")
	}
	_, err := e.meta.Exec(ctx, `INSERT INTO query_database (name, owner, created_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, name, owner, time.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("storing database %q: %w", name, err)
	}
	return nil
}

// database is a database of the cluster.
type database struct {
	name, owner string
}

func scanDatabase(row interface{ Scan(...any) error }) (database, error) {
	var d database
	err := row.Scan(&d.name, &d.owner)
	return d, err
}

func (e *Engine) databases(ctx context.Context) ([]database, error) {
	return list(ctx, e.meta, scanDatabase, `SELECT name, owner FROM query_database ORDER BY created_ms, name`)
}

// checkSchemaName refuses names that no new schema can have.
func checkSchemaName(name string) error {
	switch {
	case len(name) > 127:
		return failure(rsql.StateInvalidParameter, "a schema name must have at most 127 bytes")
	case strings.HasPrefix(name, "pg_"):
		return failure("42939", "unacceptable schema name \"%s\"", name)
	case name == publicSchema || name == informationSchema:
		return failure(stateDuplicateSchema, "schema \"%s\" already exists", name)
	}
	return nil
}

// storeSchema stores an external schema. One of its name is a conflict.
func storeSchema(ctx context.Context, tx *meta.Tx, s *ExternalSchema) error {
	done, err := tx.Exec(ctx, `INSERT INTO query_schema (database_name, name, glue_database, owner, options, created_ms) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, s.Database, s.Name, s.GlueDatabase, s.Owner, s.Options, time.Now().UnixMilli())
	var n int64
	if err == nil {
		n, err = done.RowsAffected()
	}
	if err != nil {
		return fmt.Errorf("storing schema %q: %w", s.Name, err)
	}
	if n == 0 {
		return conflict(s.Name)
	}
	return nil
}

// sameSchema fails with a conflict if the schema is no longer the one of its name. The number alone does not tell, as the metadata may give it again;
// that of one which the transaction has stored itself is another one by now.
func sameSchema(ctx context.Context, tx *meta.Tx, s *ExternalSchema) error {
	now, err := scanSchema(tx.QueryRow(ctx, `SELECT `+schemaColumns+` FROM query_schema WHERE database_name = ? AND name = ?`, s.Database, s.Name))
	if err == nil && s.ID >= unstored {
		now.ID = s.ID
	}
	if errors.Is(err, sql.ErrNoRows) || err == nil && *now != *s {
		return conflict(s.Name)
	}
	if err != nil {
		return fmt.Errorf("reading schema %q: %w", s.Name, err)
	}
	return nil
}

// removeSchema removes an external schema with its grants. One that is no longer there is a conflict.
func removeSchema(ctx context.Context, tx *meta.Tx, s *ExternalSchema) error {
	if err := sameSchema(ctx, tx, s); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM query_grant WHERE database_name = ? AND schema_name = ?`,
		`DELETE FROM query_schema WHERE database_name = ? AND name = ?`,
	} {
		if _, err := tx.Exec(ctx, q, s.Database, s.Name); err != nil {
			return fmt.Errorf("dropping schema %q: %w", s.Name, err)
		}
	}
	return nil
}

const schemaColumns = `id, database_name, name, glue_database, owner, options`

func scanSchema(row interface{ Scan(...any) error }) (*ExternalSchema, error) {
	var s ExternalSchema
	err := row.Scan(&s.ID, &s.Database, &s.Name, &s.GlueDatabase, &s.Owner, &s.Options)
	return &s, err
}

// externalSchema finds a schema that is committed; there being none is an error with Redshift's text.
func (e *Engine) externalSchema(ctx context.Context, database, name string) (*ExternalSchema, error) {
	s, err := scanSchema(e.meta.QueryRow(ctx, `SELECT `+schemaColumns+` FROM query_schema WHERE database_name = ? AND name = ?`, database, name))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, noSchema(name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading schema %q: %w", name, err)
	}
	return s, nil
}

// requireEmpty refuses to drop a database of the data catalog that has tables, unless they are to go with it.
func (e *Engine) requireEmpty(ctx context.Context, database string, cascade bool) error {
	if cascade {
		return nil
	}
	tables, err := e.catalog.GetTables(ctx, database)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("listing tables of %s: %w", database, err)
	}
	if len(tables) > 0 {
		return &rsql.Error{
			SQLState: "2BP01", Message: fmt.Sprintf("cannot drop external database \"%s\" because other objects depend on it", database),
			Hint: "Use DROP ... CASCADE to drop the dependent objects too.",
		}
	}
	return nil
}

func noSchema(name string) error {
	return failure(rsql.StateUndefinedSchema, "schema \"%s\" does not exist", name)
}

// Schemas lists the external schemas of a database by name.
func (e *Engine) Schemas(ctx context.Context, database string) ([]*ExternalSchema, error) {
	return list(ctx, e.meta, scanSchema, `SELECT `+schemaColumns+` FROM query_schema WHERE database_name = ? ORDER BY name`, strings.ToLower(database))
}

// schemaOptions is the esoptions text of a schema.
func schemaOptions(iamRole, region string) (string, error) {
	options := map[string]string{}
	if iamRole != "" {
		options["IAM_ROLE"] = iamRole
	}
	if region != "" {
		options["REGION"] = region
	}
	text, err := json.Marshal(options)
	return string(text), err
}

// findDatabase finds a database by name, whatever its case.
func findDatabase(all []database, name string) (string, bool) {
	for _, d := range all {
		if strings.EqualFold(d.name, name) {
			return d.name, true
		}
	}
	return "", false
}
