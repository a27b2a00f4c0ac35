package collect

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
	badCredentials = "Invalid credentials"
	badUsername    = "Not a valid service account username"
	badSecret      = "Unauthorized, invalid project secret. See docs for more information: " +
		"https://developer.mixpanel.com/reference/authentication#project-secret"
	badProject = "Mismatch between project secret's project ID and URL project ID"
)

// credentials are the parts of an Authorization header.
type credentials struct {
	user, password string
}

// basic reads an Authorization header with Basic credentials, in base64 as RFC 7617 says, or plain as Mixpanel takes them too.
func basic(header string) (credentials, bool) {
	scheme, value, _ := strings.Cut(strings.TrimSpace(header), " ")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(scheme, "Basic") || value == "" {
		return credentials{}, false
	}
	// A colon is in no base64 text.
	if !strings.Contains(value, ":") {
		decoded, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			decoded, err = base64.RawStdEncoding.DecodeString(value)
		}
		// A token or secret that stands there plain is often base64 too, but of no text.
		if err == nil && isText(decoded) {
			value = string(decoded)
		}
	}
	user, password, _ := strings.Cut(value, ":")
	return credentials{user, password}, user != ""
}

func isText(b []byte) bool {
	return utf8.Valid(b) && bytes.IndexFunc(b, unicode.IsControl) < 0
}

// authorize returns the project that a request to /import is for, or a *refusal. Credentials are a service account's name and
// secret, or the project's token or its secret alone, as the user name or as the parameter api_key of older clients.
func (c *Collector) authorize(ctx context.Context, header, apiKey, projectID string) (*project.Project, error) {
	var wanted int64
	if projectID != "" {
		var err error
		if wanted, err = strconv.ParseInt(projectID, 10, 64); err != nil {
			return nil, &refusal{code: http.StatusBadRequest, message: "project_id is invalid: must be a number"}
		}
	}
	login, ok := basic(header)
	if header == "" && apiKey != "" {
		login, ok = credentials{user: apiKey}, true
	}
	if !ok {
		return nil, unauthorized(badCredentials)
	}
	if login.password != "" {
		return c.account(ctx, login, wanted)
	}
	p, err := c.config.Projects.ByToken(ctx, login.user)
	if errors.Is(err, project.ErrNotFound) {
		p, err = c.config.Projects.BySecret(ctx, login.user)
	}
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

func (c *Collector) account(ctx context.Context, login credentials, wanted int64) (*project.Project, error) {
	account, err := c.config.Projects.Account(ctx, login.user)
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, unauthorized(badUsername)
	case err != nil:
		return nil, fmt.Errorf("looking up a service account: %w", err)
	case !account.SecretMatches(login.password):
		return nil, unauthorized(badCredentials)
	case !account.Expires.IsZero() && !c.config.Now().Before(account.Expires):
		return nil, unauthorized("Service account has expired")
	case wanted != 0 && wanted != account.ProjectID:
		return nil, &refusal{
			code:    http.StatusForbidden,
			message: fmt.Sprintf("Service account %s is not a project member of project %d", account.Username, wanted),
		}
	case account.Role != project.Owner && account.Role != project.Admin:
		return nil, &refusal{
			code:    http.StatusForbidden,
			message: fmt.Sprintf("Service account %s has the role %s: importing needs owner or admin", account.Username, account.Role),
		}
	}
	p, err := c.config.Projects.ByID(ctx, account.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("looking up the project of service account %q: %w", account.Username, err)
	}
	return p, nil
}

func unauthorized(message string) *refusal {
	return &refusal{code: http.StatusUnauthorized, message: message}
}
