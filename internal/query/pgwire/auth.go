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

// HashPassword returns a password in the form of Login.Secret: "md5" and the hex MD5 of password and user name, as
// pg_shadow stores it. MD5 challenges need exactly this hash.
func HashPassword(user, password string) string { return md5Hex(password + user) }

func md5Hex(s string) string {
	sum := md5.Sum([]byte(s))
	return "md5" + hex.EncodeToString(sum[:])
}

// authenticate asks for the password, checks it and returns the database user. Unknown users are asked too, so that they can't be told apart.
func (c *conn) authenticate(ctx context.Context, name string) (user string, err error) {
	refused := fatal(codeAuth, fmt.Sprintf("password authentication failed for user %q", name))
	login, err := c.server.Backend.Login(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNoUser) {
		return "", fmt.Errorf("looking up user %q: %w", name, err)
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
		return "", err
	}
	msg, err := c.in.Receive()
	if err != nil {
		return "", err
	}
	answer, ok := msg.(*pgproto3.PasswordMessage)
	if !ok {
		return "", fatal(codeProtocol, fmt.Sprintf("expected password response, got message %T", msg))
	}
	var want, got string
	if c.encrypted {
		want, got = login.Secret, HashPassword(name, answer.Password)
	} else {
		if known {
			want = md5Hex(login.Secret[len("md5"):] + string(salt[:]))
		}
		got = answer.Password
	}
	if !known || subtle.ConstantTimeCompare([]byte(want), []byte(got)) != 1 {
		return "", refused
	}
	c.send(&pgproto3.AuthenticationOk{})
	return login.User, nil
}
