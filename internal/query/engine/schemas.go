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
	s := ExternalSchema{Database: database, Name: schema, GlueDatabase: glueDatabase, Owner: e.admin, Options: "{}"}
	_, err := e.createSchema(ctx, s, true, true)
	if err != nil {
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

// createSchema stores an external schema. It reports false when one of its name exists and ifNotExists is given.
func (e *Engine) createSchema(ctx context.Context, s ExternalSchema, ifNotExists, createGlue bool) (bool, error) {
	switch {
	case len(s.Name) > 127:
		return false, failure(rsql.StateInvalidParameter, "a schema name must have at most 127 bytes")
	case strings.HasPrefix(s.Name, "pg_"):
		return false, failure("42939", "unacceptable schema name \"%s\"", s.Name)
	case s.Name == publicSchema || s.Name == informationSchema:
		return false, failure(stateDuplicateSchema, "schema \"%s\" already exists", s.Name)
	}
	if createGlue {
		err := e.catalog.CreateDatabase(ctx, catalog.Database{Name: s.GlueDatabase})
		if err != nil && !errors.Is(err, catalog.ErrAlreadyExists) {
			return false, fmt.Errorf("creating the catalog database %s: %w", s.GlueDatabase, err)
		}
	}
	done, err := e.meta.Exec(ctx, `INSERT INTO query_schema (database_name, name, glue_database, owner, options, created_ms) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, s.Database, s.Name, s.GlueDatabase, s.Owner, s.Options, time.Now().UnixMilli())
	if err != nil {
		return false, fmt.Errorf("storing schema %q: %w", s.Name, err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("storing schema %q: %w", s.Name, err)
	}
	if n == 0 && !ifNotExists {
		return false, failure(stateDuplicateSchema, "schema \"%s\" already exists", s.Name)
	}
	return n > 0, nil
}

// dropSchema removes an external schema with its grants. The catalog database stays.
func (e *Engine) dropSchema(ctx context.Context, s *ExternalSchema) error {
	return e.meta.InTx(ctx, func(tx *meta.Tx) error {
		for _, q := range []string{
			`DELETE FROM query_grant WHERE database_name = ? AND schema_name = ?`,
			`DELETE FROM query_schema WHERE database_name = ? AND name = ?`,
		} {
			if _, err := tx.Exec(ctx, q, s.Database, s.Name); err != nil {
				return fmt.Errorf("dropping schema %q: %w", s.Name, err)
			}
		}
		return nil
	})
}

const schemaColumns = `id, database_name, name, glue_database, owner, options`

func scanSchema(row interface{ Scan(...any) error }) (*ExternalSchema, error) {
	var s ExternalSchema
	err := row.Scan(&s.ID, &s.Database, &s.Name, &s.GlueDatabase, &s.Owner, &s.Options)
	return &s, err
}

// externalSchema finds a schema; there being none is an error with Redshift's text.
func (e *Engine) externalSchema(ctx context.Context, database, name string) (*ExternalSchema, error) {
	s, err := scanSchema(e.meta.QueryRow(ctx, `SELECT `+schemaColumns+` FROM query_schema WHERE database_name = ? AND name = ?`, database, name))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, failure(rsql.StateUndefinedSchema, "schema \"%s\" does not exist", name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading schema %q: %w", name, err)
	}
	return s, nil
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
