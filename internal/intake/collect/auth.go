package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/refract-io/refract/internal/platform/project"
)

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
	login, ok := project.ParseBasic(header)
	if header == "" && apiKey != "" {
		login, ok = project.Credentials{User: apiKey}, true
	}
	if !ok {
		return nil, unauthorized(project.BadCredentials)
	}
	if login.Password != "" {
		return c.account(ctx, login, wanted)
	}
	p, err := c.config.Projects.ByToken(ctx, login.User)
	if errors.Is(err, project.ErrNotFound) {
		p, err = c.config.Projects.BySecret(ctx, login.User)
	}
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, unauthorized(project.BadSecret)
	case err != nil:
		return nil, fmt.Errorf("looking up a project: %w", err)
	case wanted != 0 && wanted != p.ID:
		return nil, unauthorized(project.BadProject)
	}
	return p, nil
}

func (c *Collector) account(ctx context.Context, login project.Credentials, wanted int64) (*project.Project, error) {
	account, err := project.LogIn(ctx, c.config.Projects, login, wanted, c.config.Now())
	if denied, ok := errors.AsType[*project.Denied](err); ok {
		return nil, &refusal{code: denied.Status, message: denied.Message}
	}
	if err != nil {
		return nil, err
	}
	if account.Role != project.Owner && account.Role != project.Admin {
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
