package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/query/pgwire"
)

// SetLogin lets clients log in as a user by a name and a password that expire, as the temporary credentials of Redshift do. The name may be another
// one than the user's: GetClusterCredentials gives "IAM:ann" for the user ann. A login of the name is replaced; the user's own password stays.
func (e *Engine) SetLogin(ctx context.Context, name, user, password string, expires time.Time) error {
	_, err := e.meta.Exec(ctx, `INSERT INTO query_login (folded, user_name, password, expires_ms) VALUES (?, ?, ?, ?)
		ON CONFLICT (folded) DO UPDATE SET user_name = excluded.user_name, password = excluded.password, expires_ms = excluded.expires_ms`,
		strings.ToLower(name), user, pgwire.HashPassword(name, password), expires.UnixMilli())
	if err == nil {
		// Those that nobody can use are of no use either.
		_, err = e.meta.Exec(ctx, `DELETE FROM query_login WHERE expires_ms < ?`, time.Now().UnixMilli())
	}
	if err != nil {
		return fmt.Errorf("storing the login %q: %w", name, err)
	}
	return nil
}

// login returns the user that a name logs in as, and the password's stored form; "" for a name that has no login that is still good.
func (e *Engine) login(ctx context.Context, name string) (user, password string, err error) {
	err = e.meta.QueryRow(ctx, `SELECT user_name, password FROM query_login WHERE folded = ? AND expires_ms >= ?`, strings.ToLower(name), time.Now().UnixMilli()).
		Scan(&user, &password)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the login %q: %w", name, err)
	}
	return user, password, nil
}
