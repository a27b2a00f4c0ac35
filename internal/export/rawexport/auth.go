package rawexport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/refract-io/refract/internal/platform/project"
)

// noCredentials is what Mixpanel's export is known to answer to a request without credentials.
const noCredentials = "Unable to authenticate request"

// authorize returns the project that a request may read. projectID is the parameter project_id, which may be empty: accounts and secrets
// belong to one project.
func (s *server) authorize(ctx context.Context, header, projectID string) (*project.Project, error) {
	login, ok := project.ParseBasic(header)
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
	if login.Password != "" {
		return s.account(ctx, login, wanted)
	}
	p, err := s.Projects.BySecret(ctx, login.User)
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

func (s *server) account(ctx context.Context, login project.Credentials, wanted int64) (*project.Project, error) {
	account, err := project.LogIn(ctx, s.Projects, login, wanted, s.Now())
	if denied, ok := errors.AsType[*project.Denied](err); ok {
		return nil, &refusal{code: denied.Status, message: denied.Message}
	}
	if err != nil {
		return nil, err
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
