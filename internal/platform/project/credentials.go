package project

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What Mixpanel is known to answer to wrong credentials.
const (
	BadCredentials = "Invalid credentials"
	BadUsername    = "Not a valid service account username"
	BadSecret      = "Unauthorized, invalid project secret. See docs for more information: " +
		"https://developer.mixpanel.com/reference/authentication#project-secret"
	BadProject = "Mismatch between project secret's project ID and URL project ID"
)

// Credentials are the parts of an Authorization header. User is not empty.
type Credentials struct{ User, Password string }

// ParseBasic reads an Authorization header with Basic credentials, in base64 as RFC 7617 says, or plain as Mixpanel takes them too
// (Mixpanel, "Service accounts").
func ParseBasic(header string) (Credentials, bool) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(scheme, "Basic") || value == "" {
		return Credentials{}, false
	}
	// A colon is in no base64 text.
	if !strings.Contains(value, ":") {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			decoded, err = base64.RawStdEncoding.DecodeString(value)
		}
		// A token or secret that stands there plain is often base64 too, but of no text.
		if err == nil && utf8.Valid(decoded) && bytes.IndexFunc(decoded, unicode.IsControl) < 0 {
			value = string(decoded)
		}
	}
	user, password, _ := strings.Cut(value, ":")
	return Credentials{user, password}, user != ""
}

// Denied is credentials that do not hold. Message is what Mixpanel is known to answer, Status the HTTP status that goes with it.
type Denied struct {
	Status  int
	Message string
}

// Error returns the message.
func (d *Denied) Error() string { return d.Message }

// Accounts finds service accounts; a Registry does. Account returns ErrNotFound where there is none.
type Accounts interface {
	Account(ctx context.Context, username string) (*ServiceAccount, error)
}

// LogIn returns the service account that the credentials are of, or a *Denied. wanted is the project that the request is for, 0 for
// the account's own. What the account's role allows is for the caller to decide.
func LogIn(ctx context.Context, accounts Accounts, login Credentials, wanted int64, now time.Time) (*ServiceAccount, error) {
	account, err := accounts.Account(ctx, login.User)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, &Denied{http.StatusUnauthorized, BadUsername}
	case err != nil:
		return nil, fmt.Errorf("looking up a service account: %w", err)
	case !account.SecretMatches(login.Password):
		return nil, &Denied{http.StatusUnauthorized, BadCredentials}
	case !account.Expires.IsZero() && !now.Before(account.Expires):
		return nil, &Denied{http.StatusUnauthorized, "Service account has expired"}
	case wanted != 0 && wanted != account.ProjectID:
		return nil, &Denied{http.StatusForbidden, fmt.Sprintf("Service account %s is not a project member of project %d", account.Username, wanted)}
	}
	return account, nil
}
