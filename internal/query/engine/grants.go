package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/platform/meta"
)

// public is the grantee that stands for every user.
const public = "public"

// grant is a privilege on a schema, or on the database when schema is empty.
type grant struct {
	database, schema, grantee, privilege string
	grantable                            bool
}

func storeGrant(ctx context.Context, q meta.Querier, g grant) error {
	option := 0
	if g.grantable {
		option = 1
	}
	_, err := q.Exec(ctx, `INSERT INTO query_grant (database_name, schema_name, grantee, privilege, grantable) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (database_name, schema_name, grantee, privilege) DO UPDATE SET grantable = excluded.grantable`,
		g.database, g.schema, g.grantee, g.privilege, option)
	if err != nil {
		return fmt.Errorf("storing a grant: %w", err)
	}
	return nil
}

func removeGrant(ctx context.Context, q meta.Querier, g grant) error {
	_, err := q.Exec(ctx, `DELETE FROM query_grant WHERE database_name = ? AND schema_name = ? AND grantee = ? AND privilege = ?`,
		g.database, g.schema, g.grantee, g.privilege)
	if err != nil {
		return fmt.Errorf("removing a grant: %w", err)
	}
	return nil
}

func removeGrantOption(ctx context.Context, q meta.Querier, g grant) error {
	_, err := q.Exec(ctx, `UPDATE query_grant SET grantable = 0 WHERE database_name = ? AND schema_name = ? AND grantee = ? AND privilege = ?`,
		g.database, g.schema, g.grantee, g.privilege)
	if err != nil {
		return fmt.Errorf("removing a grant option: %w", err)
	}
	return nil
}

// holders are those of the user and PUBLIC that the privilege on a schema (or database, for an empty name) is granted to.
func (e *Engine) holders(ctx context.Context, u *User, database, schema, privilege string) ([]string, error) {
	return list(ctx, e.meta, func(row interface{ Scan(...any) error }) (grantee string, err error) {
		err = row.Scan(&grantee)
		return grantee, err
	}, `SELECT grantee FROM query_grant WHERE database_name = ? AND schema_name = ? AND privilege = ? AND grantee IN (?, ?)`,
		database, schema, privilege, strings.ToLower(u.Name), public)
}
