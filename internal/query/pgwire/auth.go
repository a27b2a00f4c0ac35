package pgwire

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgproto3"
)

// HashPassword returns a password in the form Backend.Secret gives it: "md5" and the hex MD5 of password and user name, as
// pg_shadow stores it. MD5 challenges need exactly this hash.
func HashPassword(user, password string) string { return md5Hex(password + user) }

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return "md5" + hex.EncodeToString(sum[:])
}

// authenticate asks for the password and checks it. Unknown users are asked too, so that they can't be told apart.
func (c *conn) authenticate(ctx context.Context, user string) error {
	refused := fatal(codeAuth, fmt.Sprintf("password authentication failed for user %q", user))
	stored, err := c.server.Backend.Secret(ctx, user)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNoUser) {
		return fmt.Errorf("looking up user %q: %w", user, err)
	}
	var salt [4]byte
	if !c.encrypted {
		// A failure of rand.Read ends the process.
		rand.Read(salt[:])
		c.send(&pgproto3.AuthenticationMD5Password{Salt: salt})
	} else {
		c.send(&pgproto3.AuthenticationCleartextPassword{})
	}
	if err := c.flush(); err != nil {
		return err
	}
	msg, err := c.in.Receive()
	if err != nil {
		return err
	}
	answer, ok := msg.(*pgproto3.PasswordMessage)
	if !ok {
		return fatal(codeProtocol, fmt.Sprintf("expected password response, got message %T", msg))
	}
	var want, got string
	if c.encrypted {
		want, got = stored, HashPassword(user, answer.Password)
	} else {
		if known {
			want = md5Hex(stored[len("md5"):] + string(salt[:]))
		}
		got = answer.Password
	}
	if !known || subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
		return refused
	}
	c.send(&pgproto3.AuthenticationOk{})
	return nil
}
