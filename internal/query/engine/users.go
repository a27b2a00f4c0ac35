package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/meta"
	"github.com/refract-io/refract/internal/query/pgwire"
	"github.com/refract-io/refract/internal/query/rsql"
)

// User is a database user. Names are compared without regard to case, as in Redshift's default.
type User struct {
	ID        int64
	Name      string
	Superuser bool
	// Expires ends the password's validity; zero never does. Temporary credentials expire.
	Expires  time.Time
	password string
}

// sysID is the user's number in pg_user; the first user of a cluster has 100.
func (u *User) sysID() int64 { return 99 + u.ID }

// noPassword is stored for users that can't log in by password.
const noPassword = ""

// CreateUser adds a user, or gives an existing one a new password and expiry (zero for none). An empty password means that the user does not log
// in with one, as users of IAM identities. superuser is taken for new users only.
func (e *Engine) CreateUser(ctx context.Context, name, password string, superuser bool, expires time.Time) error {
	if name == "" || len(name) > 127 {
		return failure(rsql.StateInvalidParameter, "a user name must have 1 to 127 bytes")
	}
	stored := noPassword
	if password != "" {
		stored = pgwire.HashPassword(name, password)
	}
	super, until := 0, int64(0)
	if superuser {
		super = 1
	}
	if !expires.IsZero() {
		until = expires.UnixMilli()
	}
	_, err := e.meta.Exec(ctx, `INSERT INTO query_user (name, folded, password, superuser, expires_ms, created_ms) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (folded) DO UPDATE SET password = excluded.password, expires_ms = excluded.expires_ms`,
		name, strings.ToLower(name), stored, super, until, time.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("storing user %q: %w", name, err)
	}
	return nil
}

// EnsureUser adds a user without a password unless it exists: Redshift makes the user of an IAM identity ("IAM:name", "IAMR:role") at its first connection.
func (e *Engine) EnsureUser(ctx context.Context, name string) error {
	_, err := e.user(ctx, name)
	if !errors.Is(err, pgwire.ErrNoUser) {
		return err
	}
	return e.CreateUser(ctx, name, "", false, time.Time{})
}

const userColumns = `id, name, password, superuser, expires_ms`

func scanUser(row interface{ Scan(...any) error }) (*User, error) {
	var u User
	var super, until int64
	if err := row.Scan(&u.ID, &u.Name, &u.password, &super, &until); err != nil {
		return nil, err
	}
	u.Superuser = super != 0
	if until != 0 {
		u.Expires = time.UnixMilli(until)
	}
	return &u, nil
}

// user finds a user, or gives pgwire.ErrNoUser.
func (e *Engine) user(ctx context.Context, name string) (*User, error) {
	u, err := scanUser(e.meta.QueryRow(ctx, `SELECT `+userColumns+` FROM query_user WHERE folded = ?`, strings.ToLower(name)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, pgwire.ErrNoUser
	}
	if err != nil {
		return nil, fmt.Errorf("reading user %q: %w", name, err)
	}
	return u, nil
}

// users lists all users by id.
func (e *Engine) users(ctx context.Context) ([]*User, error) {
	return list(ctx, e.meta, scanUser, `SELECT `+userColumns+` FROM query_user ORDER BY id`)
}

// list reads all rows of a metadata query.
func list[T any](ctx context.Context, q meta.Querier, scan func(interface{ Scan(...any) error }) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading metadata: %w", err)
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
