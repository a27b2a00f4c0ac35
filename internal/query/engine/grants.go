package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/query/rsql"
)

// public is the grantee that stands for every user.
const public = "public"

// grant is a privilege on a schema, or on the database when schema is empty.
type grant struct {
	database, schema, grantee, privilege string
	grantable                            bool
}

func (e *Engine) storeGrant(ctx context.Context, g grant) error {
	option := 0
	if g.grantable {
		option = 1
	}
	_, err := e.meta.Exec(ctx, `INSERT INTO query_grant (database_name, schema_name, grantee, privilege, grantable) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (database_name, schema_name, grantee, privilege) DO UPDATE SET grantable = excluded.grantable`,
		g.database, g.schema, g.grantee, g.privilege, option)
	if err != nil {
		return fmt.Errorf("storing a grant: %w", err)
	}
	return nil
}

func (e *Engine) removeGrant(ctx context.Context, g grant) error {
	_, err := e.meta.Exec(ctx, `DELETE FROM query_grant WHERE database_name = ? AND schema_name = ? AND grantee = ? AND privilege = ?`,
		g.database, g.schema, g.grantee, g.privilege)
	if err != nil {
		return fmt.Errorf("removing a grant: %w", err)
	}
	return nil
}

// holds reports whether the user has the privilege on a schema (or database, for an empty name) by a grant.
func (e *Engine) holds(ctx context.Context, u *User, database, schema, privilege string) (bool, error) {
	var n int
	err := e.meta.QueryRow(ctx, `SELECT count(*) FROM query_grant WHERE database_name = ? AND schema_name = ? AND privilege = ? AND grantee IN (?, ?)`,
		database, schema, privilege, strings.ToLower(u.Name), public).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading grants of %q: %w", u.Name, err)
	}
	return n > 0, nil
}

// requireUsage checks that the user may use an external schema: superusers, its owner and those with USAGE.
func (e *Engine) requireUsage(ctx context.Context, u *User, s *ExternalSchema) error {
	if u.Superuser || strings.EqualFold(u.Name, s.Owner) {
		return nil
	}
	ok, err := e.holds(ctx, u, s.Database, s.Name, "usage")
	if err == nil && !ok {
		err = failure(rsql.StateInsufficientPriv, "permission denied for schema %s", s.Name)
	}
	return err
}

// requireCreate checks that the user may create schemas in a database.
func (e *Engine) requireCreate(ctx context.Context, u *User, database string) error {
	if u.Superuser {
		return nil
	}
	ok, err := e.holds(ctx, u, database, "", "create")
	if err == nil && !ok {
		err = failure(rsql.StateInsufficientPriv, "permission denied for database %s", database)
	}
	return err
}
