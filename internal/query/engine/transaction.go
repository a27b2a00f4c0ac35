package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/rsql"
)

// change is a change of the warehouse's definitions. A session keeps those of its transaction to itself until it commits, so that nobody else
// sees them, a rollback is to forget them, and the metadata is locked for no longer than it takes to write them down.
type change interface {
	// external does what belongs to the data catalog, which is no part of the metadata's transactions. It may be repeated.
	external(ctx context.Context, e *Engine) error
	// apply writes the change down. It fails with a conflict if another transaction has changed what it is about.
	apply(ctx context.Context, tx *meta.Tx) error
}

// commit makes changes permanent: all of them or none, but for what was done to the data catalog before the writing failed.
func (e *Engine) commit(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	for _, c := range changes {
		if err := c.external(ctx, e); err != nil {
			return err
		}
	}
	return e.meta.InTx(ctx, func(tx *meta.Tx) error {
		for _, c := range changes {
			if err := c.apply(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// conflict is what a transaction fails with that another one was faster than. 1023 is Redshift's number of it.
func conflict(schema string) error {
	return &rsql.Error{SQLState: stateSerialization, Message: "1023", Detail: "Serializable isolation violation on schema - " + schema}
}

func isConflict(err error) bool {
	e, ok := errors.AsType[*rsql.Error](err)
	return ok && e.SQLState == stateSerialization
}

// unstored is where the numbers of schemas begin that are not committed; the metadata gives them others.
const unstored = 1 << 28

// schemaCreation is an external schema that is to be, with the catalog's database if need be.
type schemaCreation struct {
	schema         *ExternalSchema
	createDatabase bool
}

func (c schemaCreation) external(ctx context.Context, e *Engine) error {
	if !c.createDatabase {
		return nil
	}
	err := e.catalog.CreateDatabase(ctx, catalog.Database{Name: c.schema.GlueDatabase})
	if err != nil && !errors.Is(err, catalog.ErrAlreadyExists) {
		return fmt.Errorf("creating the catalog database %s: %w", c.schema.GlueDatabase, err)
	}
	return nil
}

func (c schemaCreation) apply(ctx context.Context, tx *meta.Tx) error {
	return storeSchema(ctx, tx, c.schema)
}

// schemaDrop is an external schema that is to go, with its grants and, if asked for, the catalog's database.
type schemaDrop struct {
	schema       *ExternalSchema
	dropDatabase bool
}

func (c schemaDrop) external(ctx context.Context, e *Engine) error {
	if !c.dropDatabase {
		return nil
	}
	err := e.catalog.DeleteDatabase(ctx, c.schema.GlueDatabase)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return fmt.Errorf("dropping the catalog database %s: %w", c.schema.GlueDatabase, err)
	}
	return nil
}

func (c schemaDrop) apply(ctx context.Context, tx *meta.Tx) error {
	return removeSchema(ctx, tx, c.schema)
}

// privilegeChange is a privilege that is given or taken. schema is that of the grant; nil for one on a database.
type privilegeChange struct {
	grant  grant
	schema *ExternalSchema
	revoke bool
	// optionOnly takes the right to grant the privilege, and leaves the privilege.
	optionOnly bool
}

func (c privilegeChange) external(context.Context, *Engine) error { return nil }

func (c privilegeChange) apply(ctx context.Context, tx *meta.Tx) error {
	if c.schema != nil {
		// Its owner gave the privilege on this schema, not on another one that has taken its name since.
		if err := sameSchema(ctx, tx, c.schema); err != nil {
			return err
		}
	}
	switch {
	case c.optionOnly:
		return removeGrantOption(ctx, tx, c.grant)
	case c.revoke:
		return removeGrant(ctx, tx, c.grant)
	}
	return storeGrant(ctx, tx, c.grant)
}

// schemas lists the external schemas of the session's database by name, as its transaction sees them.
func (s *Session) schemas(ctx context.Context) ([]*ExternalSchema, error) {
	out, err := s.engine.Schemas(ctx, s.database)
	if err != nil {
		return nil, err
	}
	remove := func(name string) {
		out = slices.DeleteFunc(out, func(e *ExternalSchema) bool { return e.Name == name })
	}
	for _, c := range s.changes {
		switch c := c.(type) {
		case schemaCreation:
			remove(c.schema.Name)
			out = append(out, c.schema)
		case schemaDrop:
			remove(c.schema.Name)
		}
	}
	slices.SortFunc(out, func(a, b *ExternalSchema) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// externalSchema finds a schema of the session's database; there being none is an error with Redshift's text.
func (s *Session) externalSchema(ctx context.Context, name string) (*ExternalSchema, error) {
	for _, c := range slices.Backward(s.changes) {
		switch c := c.(type) {
		case schemaCreation:
			if c.schema.Name == name {
				return c.schema, nil
			}
		case schemaDrop:
			if c.schema.Name == name {
				return nil, noSchema(name)
			}
		}
	}
	return s.engine.externalSchema(ctx, s.database, name)
}

// holds reports whether the user has the privilege on a schema (or database, for an empty name) by a grant.
func (s *Session) holds(ctx context.Context, u *User, database, schema, privilege string) (bool, error) {
	grantees, err := s.engine.holders(ctx, u, database, schema, privilege)
	if err != nil {
		return false, err
	}
	for _, c := range s.changes {
		switch c := c.(type) {
		case schemaCreation:
			if schema == c.schema.Name && database == c.schema.Database {
				grantees = nil
			}
		case schemaDrop:
			if schema == c.schema.Name && database == c.schema.Database {
				grantees = nil
			}
		case privilegeChange:
			g := c.grant
			if c.optionOnly || g.database != database || g.schema != schema || g.privilege != privilege || g.grantee != public && g.grantee != strings.ToLower(u.Name) {
				continue
			}
			grantees = slices.DeleteFunc(grantees, func(name string) bool { return name == g.grantee })
			if !c.revoke {
				grantees = append(grantees, g.grantee)
			}
		}
	}
	return len(grantees) > 0, nil
}

// requireUsage checks that the user may use an external schema: superusers, its owner and those with USAGE.
func (s *Session) requireUsage(ctx context.Context, e *ExternalSchema) error {
	if s.user.Superuser || strings.EqualFold(s.user.Name, e.Owner) {
		return nil
	}
	ok, err := s.holds(ctx, s.user, e.Database, e.Name, "usage")
	if err == nil && !ok {
		err = failure(rsql.StateInsufficientPriv, "permission denied for schema %s", e.Name)
	}
	return err
}

// requireCreate checks that the user may create schemas in the session's database.
func (s *Session) requireCreate(ctx context.Context) error {
	if s.user.Superuser {
		return nil
	}
	ok, err := s.holds(ctx, s.user, s.database, "", "create")
	if err == nil && !ok {
		err = failure(rsql.StateInsufficientPriv, "permission denied for database %s", s.database)
	}
	return err
}
