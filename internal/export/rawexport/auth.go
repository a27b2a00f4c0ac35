package rawexport

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/platform/project"
)

// What Mixpanel is known to answer to wrong credentials.
const (
	noCredentials  = "Unable to authenticate request"
	badCredentials = "Invalid credentials"
	badUsername    = "Not a valid service account username"
	badSecret      = "Unauthorized, invalid project secret. See docs for more information: " +
		"https://developer.mixpanel.com/reference/authentication#project-secret"
	badProject = "Mismatch between project secret's project ID and URL project ID"
)

// basic reads an Authorization header with Basic credentials, in base64 as RFC 7617 says, or plain as Mixpanel takes them too.
func basic(header string) (user, password string, ok bool) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(scheme, "Basic") || value == "" {
		return "", "", false
	}
	// A colon is in no base64 text.
	if !strings.Contains(value, ":") {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			decoded, err = base64.RawStdEncoding.DecodeString(value)
		}
		// A secret that stands there plain is often base64 too, but of no text.
		if err == nil && utf8.Valid(decoded) && bytes.IndexFunc(decoded, unicode.IsControl) < 0 {
			value = string(decoded)
		}
	}
	user, password, _ = strings.Cut(value, ":")
	return user, password, user != ""
}

// authorize returns the project that a request may read. projectID is the parameter project_id, which may be empty: accounts and secrets
// belong to one project.
func (s *server) authorize(ctx context.Context, header, projectID string) (*project.Project, error) {
	user, password, ok := basic(header)
	if !ok {
		return nil, bad(noCredentials)
	}
	var wanted int64
	if projectID != "" {
		var err error
		if wanted, err = strconv.ParseInt(projectID, 10, 64); err != nil {
			return nil, bad("project_id is invalid: must be a number")
		}
	}
	if password != "" {
		return s.account(ctx, user, password, wanted)
	}
	p, err := s.Projects.BySecret(ctx, user)
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, unauthorized(badSecret)
	case err != nil:
		return nil, fmt.Errorf("looking up a project: %w", err)
	case wanted != 0 && wanted != p.ID:
		return nil, unauthorized(badProject)
	}
	return p, nil
}

func (s *server) account(ctx context.Context, user, password string, wanted int64) (*project.Project, error) {
	account, err := s.Projects.Account(ctx, user)
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, unauthorized(badUsername)
	case err != nil:
		return nil, fmt.Errorf("looking up a service account: %w", err)
	case !account.SecretMatches(password):
		return nil, unauthorized(badCredentials)
	case !account.Expires.IsZero() && !s.Now().Before(account.Expires):
		return nil, unauthorized("Service account has expired")
	case wanted != 0 && wanted != account.ProjectID:
		return nil, &refusal{
			code:    http.StatusForbidden,
			message: fmt.Sprintf("Service account %s is not a project member of project %d", account.Username, wanted),
		}
	}
	p, err := s.Projects.ByID(ctx, account.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("looking up the project of service account %q: %w", account.Username, err)
	}
	return p, nil
}

func unauthorized(message string) *refusal {
	return &refusal{code: http.StatusUnauthorized, message: message}
}
