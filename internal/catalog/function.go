package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/meta"
)

// ResourceURI is a file that a function's code lies in.
type ResourceURI struct {
	ResourceType string `json:"ResourceType,omitempty"` // JAR, FILE or ARCHIVE
	URI          string `json:"Uri,omitempty"`
}

// FunctionInput is a user-defined function's definition as a caller gives it.
type FunctionInput struct {
	FunctionName string        `json:"FunctionName,omitempty"`
	ClassName    string        `json:"ClassName,omitempty"`
	OwnerName    string        `json:"OwnerName,omitempty"`
	FunctionType string        `json:"FunctionType,omitempty"` // REGULAR_FUNCTION, AGGREGATE_FUNCTION or STORED_PROCEDURE
	OwnerType    string        `json:"OwnerType,omitempty"`    // USER, ROLE or GROUP
	ResourceURIs []ResourceURI `json:"ResourceUris,omitempty"`
}

// UserDefinedFunction is a function as the catalog returns it. The catalog keeps functions for engines that have some; it runs none.
type UserDefinedFunction struct {
	FunctionInput
	DatabaseName string    `json:"DatabaseName"`
	CreateTime   time.Time `json:"CreateTime"`
}

const (
	maxResourceURIs = 1000
	maxURI          = 1024
)

func (c *checks) function(f *FunctionInput) {
	c.line("functionInput.functionName", f.FunctionName, 1, maxName)
	c.line("functionInput.className", f.ClassName, 0, maxName)
	c.line("functionInput.ownerName", f.OwnerName, 0, maxName)
	c.enum("functionInput.functionType", f.FunctionType, "REGULAR_FUNCTION", "AGGREGATE_FUNCTION", "STORED_PROCEDURE")
	c.enum("functionInput.ownerType", f.OwnerType, "USER", "ROLE", "GROUP")
	c.batch("functionInput.resourceUris", len(f.ResourceURIs), maxResourceURIs)
	for _, resource := range f.ResourceURIs {
		c.enum("functionInput.resourceUris.resourceType", resource.ResourceType, "JAR", "FILE", "ARCHIVE")
		c.line("functionInput.resourceUris.uri", resource.URI, 1, maxURI)
	}
}

// enum checks a member that may be left out.
func (c *checks) enum(member, s string, allowed ...string) {
	if s != "" && !slices.Contains(allowed, s) {
		c.fail("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]",
			s, member, strings.Join(allowed, ", "))
	}
}

const functionColumns = `SELECT d.name, f.body, f.created_ms FROM catalog_function f JOIN catalog_database d ON d.id = f.database_id`

// CreateFunction adds a user-defined function to a database. Its name is folded to lower case.
func (e *Embedded) CreateFunction(ctx context.Context, database string, f FunctionInput) error {
	body, err := functionBody(&f)
	if err != nil {
		return err
	}
	return e.withLockedDatabase(ctx, "creating catalog function", database, f.FunctionName, func(tx *meta.Tx, database, _ string) error {
		res, err := tx.Exec(ctx, `INSERT INTO catalog_function (database_id, name, body, created_ms)
			SELECT id, ?, ?, ? FROM catalog_database WHERE name = ? ON CONFLICT DO NOTHING`, f.FunctionName, body, now(), database)
		return affected(res, err, &Error{ErrAlreadyExists, "Function already exists."})
	})
}

// UpdateFunction replaces the definition of the function of this name, which may get another name.
func (e *Embedded) UpdateFunction(ctx context.Context, database, name string, f FunctionInput) error {
	body, err := functionBody(&f)
	if err != nil {
		return err
	}
	return e.withLockedDatabase(ctx, "updating catalog function", database, name, func(tx *meta.Tx, database, name string) error {
		if f.FunctionName != name {
			switch _, err := readFunction(ctx, tx, database, f.FunctionName); {
			case err == nil:
				return refuse(ErrInvalidInput, "Function %s cannot be renamed to %s, which exists.", name, f.FunctionName)
			case !errors.Is(err, ErrNotFound):
				return err
			}
		}
		res, err := tx.Exec(ctx, `UPDATE catalog_function SET name = ?, body = ?
			WHERE name = ? AND database_id = (SELECT id FROM catalog_database WHERE name = ?)`, f.FunctionName, body, name, database)
		return affected(res, err, noFunction(name))
	})
}

// DeleteFunction removes a function from a database.
func (e *Embedded) DeleteFunction(ctx context.Context, database, name string) error {
	return e.withLockedDatabase(ctx, "deleting catalog function", database, name, func(tx *meta.Tx, database, name string) error {
		res, err := tx.Exec(ctx, `DELETE FROM catalog_function WHERE name = ? AND database_id = (SELECT id FROM catalog_database WHERE name = ?)`, name, database)
		return affected(res, err, noFunction(name))
	})
}

// GetFunction returns a function.
func (e *Embedded) GetFunction(ctx context.Context, database, name string) (*UserDefinedFunction, error) {
	database, name = strings.ToLower(database), strings.ToLower(name)
	f, err := readFunction(ctx, e.db, database, name)
	return f, classed("reading catalog function", database+"."+name, err)
}

// GetFunctions returns the functions of a database, or of all databases if database is empty, ordered by database and name.
func (e *Embedded) GetFunctions(ctx context.Context, database string) ([]*UserDefinedFunction, error) {
	database = strings.ToLower(database)
	const order = ` ORDER BY d.name, f.name`
	var all []*UserDefinedFunction
	var err error
	if database == "" {
		all, err = collect(ctx, e.db, scanFunction, functionColumns+order)
	} else {
		all, err = collect(ctx, e.db, scanFunction, functionColumns+` WHERE d.name = ?`+order, database)
		if err == nil && len(all) == 0 {
			err = checkDatabase(ctx, e.db, database)
		}
	}
	return all, classed("listing the functions of catalog database", database, err)
}

// withLockedDatabase calls fn, with the folded names of the database and of a function in it, in a transaction in which nobody else
// changes the database's functions.
func (e *Embedded) withLockedDatabase(ctx context.Context, op, database, function string, fn func(tx *meta.Tx, database, function string) error) error {
	database, function = strings.ToLower(database), strings.ToLower(function)
	err := e.db.InTx(ctx, func(tx *meta.Tx) error {
		if err := lockDatabase(ctx, tx, database); err != nil {
			return err
		}
		return fn(tx, database, function)
	})
	return classed(op, database+"."+function, err)
}

func noFunction(name string) error { return refuse(ErrNotFound, "Function %s not found.", name) }

func readFunction(ctx context.Context, q meta.Querier, database, name string) (*UserDefinedFunction, error) {
	f, err := scanFunction(q.QueryRow(ctx, functionColumns+` WHERE d.name = ? AND f.name = ?`, database, name))
	if errors.Is(err, sql.ErrNoRows) {
		if err := checkDatabase(ctx, q, database); err != nil {
			return nil, err
		}
		return nil, noFunction(name)
	}
	return f, err
}

func functionBody(f *FunctionInput) (string, error) {
	f.FunctionName = strings.ToLower(f.FunctionName)
	var c checks
	if c.function(f); c.err != nil {
		return "", c.err
	}
	return encode(f, "function", f.FunctionName)
}

func scanFunction(row scanner) (*UserDefinedFunction, error) {
	var f UserDefinedFunction
	var body []byte
	var created int64
	if err := row.Scan(&f.DatabaseName, &body, &created); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &f.FunctionInput); err != nil {
		return nil, fmt.Errorf("decoding a function: %w", err)
	}
	f.CreateTime = instant(created)
	return &f, nil
}
